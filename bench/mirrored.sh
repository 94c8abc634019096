#!/usr/bin/env bash
# What the loss of a node costs clients of RabbitMQ: three nodes of Debian's rabbitmq-server on this machine, all queues mirrored on all of them (ha-mode all), while nodes are killed, told to end
# and stopped for a while. Beside `soak.sh chaos`, for information: the same kind of load, measured in the same way. Prints a Markdown table.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=../.ci/ports.sh
. .ci/ports.sh

rounds=3 hang=30 queues=30 seed=1
usage() {
  cat <<'TEXT'
bench/mirrored.sh [options]
  --rounds N  each kind of event so many times (3)
  --hang S    how long a stopped node is (30)
  --queues N  durable mirrored queues (30), with persistent messages, confirms and acks
  --seed N    chooses the nodes and the order (1)
TEXT
}
fail() { echo "mirrored.sh: $1" >&2; exit 1; }
while [ $# -gt 0 ]; do
  case $1=${2:-} in
    --rounds=[1-9]*) rounds=$2 ;;
    --hang=[1-9]*) hang=$2 ;;
    --queues=[1-9]*) queues=$2 ;;
    --seed=[0-9]*) seed=$2 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift 2
done
[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || fail "rabbitmq-server is not installed"
/usr/bin/python3 -c 'import aio_pika' 2>/dev/null || fail "python3-aio-pika is not installed"

home=$(mktemp -d "${TMPDIR:-/tmp}/granary-mirrored.XXXXXX")
free_port
export ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$port HOME=$home RABBITMQ_CONF_ENV_FILE=/dev/null
cleanup() {
  local file
  for file in "$home"/*/pid; do [ ! -e "$file" ] || kill -KILL "$(<"$file")" 2>/dev/null || true; done
  wait || true
  epmd -kill >/dev/null 2>&1 || true
  rm -rf "$home"
}
trap cleanup EXIT
trap 'exit 143' INT TERM

# What starts a node, and starts it again, is a script of its own in the node's folder: the program that kills it calls it.
amqp=()
for number in 1 2 3; do
  free_port
  amqp+=("$port")
  folder=$home/$number
  mkdir -p "$folder"
  {
    printf 'listeners.tcp.1 = 127.0.0.1:%s\nlog.console = true\nlog.file = false\n' "$port"
    printf 'cluster_partition_handling = pause_minority\ncluster_formation.peer_discovery_backend = classic_config\n'
    for other in 1 2 3; do printf 'cluster_formation.classic_config.nodes.%s = granary%s@localhost\n' "$other" "$other"; done
  } >"$folder/rabbitmq.conf"
  echo '[].' >"$folder/enabled_plugins"
  free_port
  cat >"$folder/start" <<START
#!/bin/bash
export RABBITMQ_NODENAME=granary$number@localhost RABBITMQ_CONFIG_FILE=$folder/rabbitmq RABBITMQ_MNESIA_BASE=$folder/mnesia RABBITMQ_LOG_BASE=$folder/log
export RABBITMQ_GENERATED_CONFIG_DIR=$folder/config RABBITMQ_ENABLED_PLUGINS_FILE=$folder/enabled_plugins RABBITMQ_PID_FILE=$folder/pid RABBITMQ_DIST_PORT=$port
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
rm -f $folder/pid
/usr/lib/rabbitmq/bin/rabbitmq-server >>$folder/log.txt 2>&1 &
exec /usr/lib/rabbitmq/bin/rabbitmqctl -q -n granary$number@localhost wait --timeout 120 $folder/pid >>$folder/log.txt 2>&1
START
  chmod +x "$folder/start"
done

for number in 1 2 3; do "$home/$number/start" || { tail -20 "$home/$number/log.txt" >&2; fail "node $number did not start"; }; done
ctl=(/usr/lib/rabbitmq/bin/rabbitmqctl -q -n granary1@localhost)
[ "$("${ctl[@]}" eval 'length(rabbit_nodes:all_running()).')" = 3 ] || fail "the three nodes have not found each other"
"${ctl[@]}" set_policy mirrored '.*' '{"ha-mode":"all","ha-sync-mode":"automatic"}'
/usr/bin/python3 bench/mirrored.py "$home" "$rounds" "$hang" "$queues" "$seed" "${amqp[@]}"
