#!/bin/sh
# Makes .env with fresh secrets for docker compose. Nothing has a default password.
set -eu
cd "$(dirname "$0")/.."
if [ -e .env ]; then
  echo ".env is there already; remove it for new secrets (the volumes keep the old ones)" >&2
  exit 1
fi
secret() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
umask 077
for name in AUTH_SECRET POSTGRES_PASSWORD SIXFOLD_DATABASE_PASSWORD SIXFOLD_BROKER_PASSWORD; do
  echo "$name=$(secret)"
done > .env
echo "wrote .env"
