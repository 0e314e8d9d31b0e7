#!/bin/sh
# Creates a broker user for Sixfold that may do what Sixfold does and nothing else, in a virtual host of its own:
#
#   deploy/rabbitmq/user.sh <user> <virtual host> < <file with the password>
#
# Run it where rabbitmqctl works; again to change the password. The user has no tag: it cannot log in to the
# management pages. With it, AMQP_URL is amqps://<user>:<password>@<node>:5671/<virtual host>.
set -eu
user=${1:?name of the user is missing}
vhost=${2:?name of the virtual host is missing}
password=$(cat)

rabbitmqctl --quiet add_vhost "$vhost"
printf '%s' "$password" | rabbitmqctl --quiet add_user "$user" 2>/dev/null ||
  printf '%s' "$password" | rabbitmqctl --quiet change_password "$user"

# Configure, write, read. amq.default is the default exchange: through it, whoever may publish reaches every queue of
# the virtual host. That is why nothing else should live there.
rabbitmqctl --quiet set_permissions --vhost "$vhost" "$user" \
  '^sixfold\.' '^(sixfold\.|amq\.default$)' '^sixfold\.'
