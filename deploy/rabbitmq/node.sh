#!/bin/bash
# Starts RabbitMQ with its secrets, which the image itself takes from no file: the password of the user, and the cookie by
# which the nodes of a cluster know each other. RabbitMQ and its tools read the latter from this place only.
set -eu
cookie=/var/lib/rabbitmq/.erlang.cookie
rm -f "$cookie"
install -o rabbitmq -g rabbitmq -m 400 /run/sixfold/cookie "$cookie"
RABBITMQ_DEFAULT_PASS=$(cat /run/sixfold/password)
export RABBITMQ_DEFAULT_PASS
exec docker-entrypoint.sh "$@"
