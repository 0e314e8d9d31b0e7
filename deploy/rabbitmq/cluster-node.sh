#!/bin/bash
# Starts a node of docker-compose.cluster.yml. The nodes know each other by a common secret, which RabbitMQ and its
# tools read from this file only.
set -eu
cookie=/var/lib/rabbitmq/.erlang.cookie
rm -f "$cookie"
install -o rabbitmq -g rabbitmq -m 400 /dev/stdin "$cookie" <<< "$ERLANG_COOKIE"
unset ERLANG_COOKIE
exec docker-entrypoint.sh "$@"
