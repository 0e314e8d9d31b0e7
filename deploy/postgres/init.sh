#!/bin/sh
# Runs once, when the container's database is made: the role of the services, with its password.
set -eu
run() { psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --no-psqlrc --quiet --set ON_ERROR_STOP=1 "$@"; }
run --single-transaction --file /deploy/role.sql
run --set password="$(cat /run/sixfold/services-password)" <<'SQL'
ALTER ROLE sixfold_services PASSWORD :'password';
SQL
