-- Up Migration

-- Presence. UNLOGGED: a crash of Postgres empties it, and the gateways announce their sessions again.
CREATE UNLOGGED TABLE sessions (
  user_id text NOT NULL,
  device  text NOT NULL,
  session text NOT NULL,
  gateway text NOT NULL,
  -- When it logged in, milliseconds since the epoch by its gateway's clock.
  since   bigint NOT NULL,
  PRIMARY KEY (user_id, device)
);
CREATE INDEX sessions_gateway ON sessions (gateway);

-- Names the time since presence was last emptied. UNLOGGED like the sessions, so that it goes with them.
CREATE UNLOGGED TABLE presence (
  one  boolean PRIMARY KEY DEFAULT true CHECK (one),
  name uuid NOT NULL DEFAULT gen_random_uuid()
);

-- Gateway epochs and their leases. Logged: it is how the queue of a gateway is found that died while all was down.
CREATE TABLE gateways (
  gateway   text PRIMARY KEY,
  last_seen timestamptz NOT NULL DEFAULT now(),
  -- Counts the times that the lease lapsed and came back.
  lapses    integer NOT NULL DEFAULT 0,
  -- The epoch is over for good; its queue is being removed.
  removed   boolean NOT NULL DEFAULT false
);

-- Messages and receipts of one mailbox are handed out in the order of this one sequence.
CREATE SEQUENCE mailbox_key;

CREATE TABLE offline_messages (
  recipient text NOT NULL,
  key       bigint NOT NULL DEFAULT nextval('mailbox_key'),
  sender    text NOT NULL,
  id        text NOT NULL,
  -- JSON as the sender wrote it. Not jsonb: that would change it, and refuses U+0000.
  body      text NOT NULL,
  at        bigint NOT NULL,
  seq       bigint,
  stored_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (recipient, key),
  UNIQUE (recipient, sender, id)
);
CREATE INDEX offline_messages_stored_at ON offline_messages (stored_at);

-- `recipient` gets the receipt: it is the sender of the message. `peer` is whom the message was for.
CREATE TABLE offline_receipts (
  recipient text NOT NULL,
  key       bigint NOT NULL DEFAULT nextval('mailbox_key'),
  id        text NOT NULL,
  peer      text NOT NULL,
  state     text NOT NULL,
  reason    text,
  at        bigint NOT NULL,
  stored_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (recipient, key),
  UNIQUE (recipient, peer, id)
);
-- Whom a confirmation that is dealt with again may have left without a hint.
CREATE INDEX offline_receipts_peer ON offline_receipts (peer);
CREATE INDEX offline_receipts_stored_at ON offline_receipts (stored_at);
