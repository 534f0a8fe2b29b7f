#!/bin/sh
# The same without Pulumi: runs a command with what infra exports for an environment. Nothing secret is printed or stored.
#
#   examples/consumer/without_pulumi.sh staging sh -c 'psql "$REPORTING_URL"'
set -eu
stack=$1
shift
# Two steps: `eval "$(…)"` would go on, and with nothing, when the command in it fails.
text=$("$(dirname "$0")/../../infra" outputs "$stack" --format env --show-secrets)
eval "$text"
if [ "${CONTRACT_VERSION:-}" != 1 ]; then
    echo "error: contractVersion ${CONTRACT_VERSION:-is not there}: version 1 is missing, which is read here" >&2
    exit 1
fi
REPORTING_DATABASE="$DATABASE_HOST:$DATABASE_PORT/$DATABASE_NAME"
REPORTING_URL="$DATABASE_READ_ONLY_URL&application_name=reports"
export REPORTING_DATABASE REPORTING_URL
exec "$@"
