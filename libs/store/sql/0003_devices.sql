-- Up Migration

-- Synced devices: each has a mailbox of its own. Logged, unlike sessions: it must survive what presence does not.
CREATE TABLE devices (
  user_id   text NOT NULL,
  device    text NOT NULL,
  -- Its first login with sync, milliseconds since the epoch.
  since     bigint NOT NULL,
  -- When it was last known to have a session.
  last_seen timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, device)
);
CREATE INDEX devices_last_seen ON devices (last_seen);

-- A message for a user with synced devices, once for all of its copies. Only where a device does not have it live.
CREATE TABLE device_messages (
  recipient text NOT NULL,
  sender    text NOT NULL,
  id        text NOT NULL,
  -- All null once there is no copy left, and in a row that only says `delivered`.
  body      text,
  at        bigint,
  seq       bigint,
  thread    text,
  expires   bigint,
  read      boolean,
  -- `to` as sent, JSON: only with what another device of the recipient sent.
  sent_to   text,
  -- The sessions that a live copy went to; and those of them whose copy came back unconfirmed.
  live      text[] NOT NULL DEFAULT '{}',
  back      text[] NOT NULL DEFAULT '{}',
  -- A device confirmed it, so that its sender knows; or there is no sender to tell.
  delivered boolean NOT NULL DEFAULT false,
  -- Devices whose mailbox had no room for it.
  dropped   text[] NOT NULL DEFAULT '{}',
  -- Counts the times that copies may have been added.
  revision  integer NOT NULL DEFAULT 0,
  stored_at timestamptz NOT NULL DEFAULT now(),
  -- Since when it has had no copy: it is deleted after a while.
  idle_at   timestamptz,
  PRIMARY KEY (recipient, sender, id)
);
CREATE INDEX device_messages_stored_at ON device_messages (stored_at) WHERE body IS NOT NULL;
CREATE INDEX device_messages_expires ON device_messages (expires) WHERE expires IS NOT NULL;
CREATE INDEX device_messages_idle_at ON device_messages (idle_at) WHERE idle_at IS NOT NULL;

-- The copies, each in the mailbox of a device. Keys are of the same sequence as those of the user's mailbox.
CREATE TABLE device_copies (
  recipient text NOT NULL,
  device    text NOT NULL,
  key       bigint NOT NULL DEFAULT nextval('mailbox_key'),
  sender    text NOT NULL,
  id        text NOT NULL,
  stored_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (recipient, device, key),
  UNIQUE (recipient, sender, id, device)
);

-- As offline_receipts, for each synced device of the sender.
CREATE TABLE device_receipts (
  recipient text NOT NULL,
  device    text NOT NULL,
  key       bigint NOT NULL DEFAULT nextval('mailbox_key'),
  id        text NOT NULL,
  peer      text NOT NULL,
  state     text NOT NULL,
  reason    text,
  at        bigint NOT NULL,
  stored_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (recipient, device, key),
  UNIQUE (recipient, device, peer, id)
);
CREATE INDEX device_receipts_peer ON device_receipts (peer);
CREATE INDEX device_receipts_stored_at ON device_receipts (stored_at);

-- How many copies a device did not get. Handed out under its key, a row counts no further.
CREATE TABLE device_missed (
  recipient text NOT NULL,
  device    text NOT NULL,
  key       bigint NOT NULL DEFAULT nextval('mailbox_key'),
  count     integer NOT NULL,
  handed    boolean NOT NULL DEFAULT false,
  PRIMARY KEY (recipient, device, key)
);
CREATE UNIQUE INDEX device_missed_counting ON device_missed (recipient, device) WHERE NOT handed;
