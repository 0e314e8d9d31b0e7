-- Up Migration

ALTER TABLE user_revocations
  -- The user was erased then, milliseconds since the epoch: what was accepted until that moment is not stored any more.
  ADD COLUMN erased_at bigint,
  -- Nothing of that time is left.
  ADD COLUMN erased    boolean NOT NULL DEFAULT false;
