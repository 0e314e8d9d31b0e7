-- Up Migration

-- Every copy was in a mailbox at some time, so that the sender may have been told `stored`, and then another one went live.
ALTER TABLE device_messages ADD COLUMN waited boolean NOT NULL DEFAULT false;
