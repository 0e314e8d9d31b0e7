#!/bin/sh
# Makes .env with fresh secrets for docker compose, or adds those that it lacks. Nothing has a default password.
set -eu
cd "$(dirname "$0")/.."
secret() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
umask 077
touch .env
for name in AUTH_SECRET POSTGRES_PASSWORD SIXFOLD_DATABASE_PASSWORD SIXFOLD_BROKER_PASSWORD \
  SIXFOLD_ERLANG_COOKIE GRAFANA_PASSWORD; do
  # What is there stays: the volumes keep the passwords that they were made with.
  grep -q "^$name=." .env || echo "$name=$(secret)" >> .env
done
echo ".env has all secrets"
