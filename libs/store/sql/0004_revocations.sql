-- Up Migration

-- Users whose sessions an operator ended. Tokens that were issued before the second of `at` are refused.
CREATE TABLE user_revocations (
  user_id text PRIMARY KEY,
  -- When, milliseconds since the epoch.
  at      bigint NOT NULL
);
