-- Up Migration

-- Optional fields of a message; those of earlier versions have none.
ALTER TABLE offline_messages
  ADD COLUMN thread  text,
  -- When it is of no more use, milliseconds since the epoch by the clock of the gateway that accepted it.
  ADD COLUMN expires bigint,
  -- Its sender asked for a read receipt.
  ADD COLUMN read    boolean,
  -- Its receiver has seen it, though it has not confirmed it: its sender knows, and must not be told `rejected`.
  ADD COLUMN seen    boolean;
CREATE INDEX offline_messages_expires ON offline_messages (expires) WHERE expires IS NOT NULL;
