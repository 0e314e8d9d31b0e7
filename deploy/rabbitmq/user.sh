#!/bin/sh
# Creates a broker user for Sixfold that may do what Sixfold does and nothing else, in a virtual host of its own:
#
#   deploy/rabbitmq/user.sh <user> <virtual host> < <file with the password>
#
# With `operator` as a third argument, one for the commands of `admin` (docs/OPERATIONS.md): it may read sixfold.dead and
# answers to itself, declare queues for these, and publish to any queue.
#
# Run it where rabbitmqctl works; again to change the password. The user has no tag: it cannot log in to the
# management pages. With it, AMQP_URL is amqps://<user>:<password>@<node>:5671/<virtual host>.
set -eu
user=${1:?name of the user is missing}
vhost=${2:?name of the virtual host is missing}
# Configure, write, read. amq.default is the default exchange: through it, whoever may publish reaches every queue of
# the virtual host. That is why nothing else should live there.
case ${3:-services} in
  services) set -- '^sixfold\.' '^(sixfold\.|amq\.default$)' '^sixfold\.' ;;
  operator) set -- '^sixfold\.admin\.' '^amq\.default$' '^sixfold\.(dead$|admin\.)' ;;
  *) echo "$3 is neither services nor operator" >&2 && exit 1 ;;
esac
password=$(cat)

rabbitmqctl --quiet add_vhost "$vhost"
printf '%s' "$password" | rabbitmqctl --quiet add_user "$user" 2>/dev/null ||
  printf '%s' "$password" | rabbitmqctl --quiet change_password "$user"
rabbitmqctl --quiet set_permissions --vhost "$vhost" "$user" "$@"
