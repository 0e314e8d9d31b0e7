-- A role for `admin` (docs/OPERATIONS.md) that may count mailboxes and see sessions, and read no message. Run this as a
-- superuser in Sixfold's database, after the services have started there for the first time:
--
--   psql --dbname sixfold --single-transaction --file deploy/postgres/operator.sql
--   psql --dbname sixfold --command '\password sixfold_operator'

CREATE ROLE sixfold_operator LOGIN
  NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;

DO $$
BEGIN
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO sixfold_operator', current_database());
  EXECUTE format('ALTER ROLE sixfold_operator IN DATABASE %I SET search_path = sixfold', current_database());
END
$$;

GRANT USAGE ON SCHEMA sixfold TO sixfold_operator;
GRANT SELECT ON sixfold.sessions, sixfold.gateways, sixfold.user_revocations TO sixfold_operator;
GRANT SELECT (recipient, sender, id, stored_at) ON sixfold.offline_messages TO sixfold_operator;
GRANT SELECT (recipient, id, peer, state, reason, stored_at) ON sixfold.offline_receipts TO sixfold_operator;
GRANT SELECT ON sixfold.devices TO sixfold_operator;
GRANT SELECT (recipient, device, sender, id, stored_at) ON sixfold.device_copies TO sixfold_operator;
GRANT SELECT (recipient, device, id, peer, state, reason, stored_at) ON sixfold.device_receipts TO sixfold_operator;
