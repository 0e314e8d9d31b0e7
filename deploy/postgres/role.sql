-- The role that routing and ack use: it owns the schema `sixfold` with their tables, and nothing else. Run this once,
-- as a superuser, in a database of Sixfold's own:
--
--   createdb sixfold
--   psql --dbname sixfold --single-transaction --file deploy/postgres/role.sql
--   psql --dbname sixfold --command '\password sixfold_services'
--
-- The services make their tables by themselves, at their first start.

CREATE ROLE sixfold_services LOGIN
  NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;

CREATE SCHEMA sixfold AUTHORIZATION sixfold_services;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

DO $$
BEGIN
  -- By default everybody may connect to every database, and make temporary tables there.
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO sixfold_services', current_database());
  EXECUTE format('ALTER ROLE sixfold_services IN DATABASE %I SET search_path = sixfold', current_database());
END
$$;
