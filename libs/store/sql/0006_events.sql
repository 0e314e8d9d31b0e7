-- Up Migration

-- Events of facts that a statement decided and nobody could find again after a crash: written together with the fact,
-- published, then deleted. Empty unless EVENTS is set.
CREATE TABLE event_outbox (
  key       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- The instance that publishes it.
  owner     text NOT NULL,
  type      text NOT NULL,
  -- What makes it this fact and no other: its event id is a digest of it.
  fact      text[] NOT NULL,
  fields    jsonb NOT NULL,
  stored_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX event_outbox_owner ON event_outbox (owner, key);
CREATE INDEX event_outbox_stored_at ON event_outbox (stored_at);
