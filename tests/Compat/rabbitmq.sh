#!/bin/bash
# Runs Debian's rabbitmq-server in the foreground on 127.0.0.1:PORT, all its files in a temporary directory,
# so that the cases of this folder can be held against the broker they describe:
#   tests/Compat/rabbitmq.sh 25672 &   GRANARY_TEST_AMQP_PORT=25672 dotnet test tests/Compat
# With a second port, its management API is there: conformance.sh does both, runs its cases, and ends it.
# ERL_EPMD_PORT and RABBITMQ_DIST_PORT name its other two, by which it is one of Erlang's nodes.
set -euo pipefail

port=${1:?usage: rabbitmq.sh PORT [HTTP-PORT]}
http=${2:-}
home=$(mktemp -d "${TMPDIR:-/tmp}/granary-rabbitmq.XXXXXX")
trap 'rm -rf "$home"' EXIT
cat > "$home/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$port
loopback_users.guest = true
log.console = true
log.console.level = warning
log.file = false
CONF

# Exchange types that are no plugins here.
plugins='rabbitmq_consistent_hash_exchange, rabbitmq_random_exchange, rabbitmq_sharding'
if [ -n "$http" ]; then
    plugins+=', rabbitmq_management'
    printf 'management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = %s\n' "$http" >> "$home/rabbitmq.conf"
fi
echo "[$plugins]." > "$home/enabled_plugins"

# The server script drops root for the user "rabbitmq"; the binary behind it does not.
server=/usr/lib/rabbitmq/bin/rabbitmq-server
export HOME=$home \
    RABBITMQ_NODENAME="granary$port@localhost" \
    RABBITMQ_CONFIG_FILE="$home/rabbitmq" \
    RABBITMQ_MNESIA_BASE="$home/mnesia" \
    RABBITMQ_LOG_BASE="$home/log" \
    RABBITMQ_GENERATED_CONFIG_DIR="$home/config" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$home/enabled_plugins" \
    RABBITMQ_PID_FILE="$home/pid" \
    RABBITMQ_CONF_ENV_FILE=/dev/null \
    RABBITMQ_DIST_PORT="${RABBITMQ_DIST_PORT:-$((port + 20000 > 65000 ? port - 10000 : port + 20000))}" \
    ERL_EPMD_ADDRESS=127.0.0.1 \
    ERL_EPMD_PORT="${ERL_EPMD_PORT:-$((port + 1))}" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
"$server" &
child=$!
stop() {
    kill "$child" 2>/dev/null || true
    wait "$child" || true
    epmd -kill >/dev/null 2>&1 || true # The one on our own port: RabbitMQ leaves it behind.
    rm -rf "$home"
}
trap stop EXIT
trap 'exit 0' INT TERM
wait "$child"
