#!/bin/bash
# Starts a cluster on this machine, on loopback: PostgreSQL, N silos and M gateways, each a process of its own. Ends all of them with itself.
#   cluster.sh N M [--json] [--data FOLDER] [--connection STRING] [--tls FOLDER] [--with NAME=OPTIONS]...
# Prints a line for each process when it is ready (kind, pid, ports), and "ready" (with --json, all of it as one line of JSON). PostgreSQL is Debian's
# (postgresql-15), in a folder of its own that goes with the cluster; with --connection one that runs already is used instead. --data keeps the logs.
# With --tls the members know each other by FOLDER's silo.pem, silo.key and ca.pem. --with gives one of them options of its own, such as silo-2=--bind=::1.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=.ci/build.sh
. "$root/.ci/build.sh"
# shellcheck source=.ci/ports.sh
. "$root/.ci/ports.sh"
usage() { sed -n '2,6s/^# *//p' "$0" >&2; exit 2; }

silos="" gateways="" json=false data="" connection="" tls=()
declare -A with=()
while [ $# -gt 0 ]; do
    case $1 in
        --json) json=true ;;
        --data) data=${2:?}; shift ;;
        --connection) connection=${2:?}; shift ;;
        --tls) tls=(--silo-certificate "${2:?}/silo.pem" --silo-key "$2/silo.key" --silo-ca "$2/ca.pem"); shift ;;
        --with) with[${2%%=*}]=${2#*=}; shift ;;
        [0-9]*) if [ -z "$silos" ]; then silos=$1; elif [ -z "$gateways" ]; then gateways=$1; else usage; fi ;;
        *) usage ;;
    esac
    shift
done

# Nothing spreads clients over its gateways.
export GRANARY_DRAIN_TIME=${GRANARY_DRAIN_TIME:-0}
[[ $silos =~ ^[1-9][0-9]?$ && $gateways =~ ^[0-9][0-9]?$ ]] || usage

keep=false
if [ -n "$data" ]; then mkdir -p "$data"; keep=true; else data=$(mktemp -d "${TMPDIR:-/tmp}/granary-cluster.XXXXXX"); fi
data=$(cd "$data" && pwd)
pids=() lines=() objects=() postgres="" pause=""

cleanup() {
    trap - EXIT INT TERM
    [ -z "$pause" ] || kill "$pause" 2>/dev/null || true
    [ ${#pids[@]} -eq 0 ] || kill -TERM "${pids[@]}" 2>/dev/null || true
    [ ${#pids[@]} -eq 0 ] || wait "${pids[@]}" 2>/dev/null || true
    [ -z "$postgres" ] || { kill -INT "$postgres" 2>/dev/null || true; wait "$postgres" 2>/dev/null || true; }
    $keep || rm -rf "$data"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

start_postgres() {
    local bin=${GRANARY_TEST_POSTGRES_BIN:-/usr/lib/postgresql/15/bin} as=()
    [ -x "$bin/postgres" ] || { echo "PostgreSQL is not installed: apt-get install postgresql-15" >&2; exit 1; }
    mkdir -p "$data/postgres"
    if [ "$(id -u)" = 0 ]; then
        # It does not run as root, and has to reach its folder.
        as=(setpriv --reuid=postgres --regid=postgres --init-groups)
        chown postgres "$data/postgres"
        chmod a+x "$data"
    fi
    (cd /; "${as[@]}" "$bin/initdb" -D "$data/postgres/data" -U granary -A trust) >"$data/postgres.log" 2>&1
    free_port
    (cd /; exec "${as[@]}" "$bin/postgres" -D "$data/postgres/data" -c listen_addresses=127.0.0.1 -c port="$port" -c unix_socket_directories="$data/postgres") >>"$data/postgres.log" 2>&1 &
    postgres=$!
    connection="Host=127.0.0.1;Port=$port;Username=granary;Database=postgres"
    for _ in $(seq 300); do
        "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" && break
        kill -0 "$postgres" 2>/dev/null || { tail -20 "$data/postgres.log" >&2; exit 1; }
        sleep 0.1
    done
    lines+=("postgres pid=$postgres port=$port")
    objects+=("{\"kind\":\"postgres\",\"pid\":$postgres,\"port\":$port}")
}

start_node() { # kind number
    local name="$1-$2" silo http metrics amqp grpc options=()
    free_port; silo=$port
    free_port; http=$port
    free_port; metrics=$port
    options=(--role "$1" --store postgres --connection "$connection" --data "$data/$name" --silo-port "$silo" --http-port "$http" --metrics-port "$metrics" "${tls[@]}")
    if [ "$1" = gateway ]; then
        free_port; amqp=$port
        free_port; grpc=$port
        options+=(--amqp-port "$amqp" --grpc-port "$grpc")
    fi
    # shellcheck disable=SC2206 # Options are words.
    options+=(${with[$name]:-})
    dotnet "$(granary_node "$root")" "${options[@]}" >"$data/$name.log" 2>&1 &
    pids+=($!)
    local ports="silo=$silo http=$http metrics=$metrics" more=""
    if [ "$1" = gateway ]; then
        ports="amqp=$amqp grpc=$grpc $ports"
        more=",\"amqp\":$amqp,\"grpc\":$grpc"
    fi
    lines+=("$name pid=$! $ports log=$data/$name.log")
    objects+=("{\"kind\":\"$1\",\"name\":\"$name\",\"pid\":$!,\"silo\":$silo,\"http\":$http,\"metrics\":$metrics$more,\"log\":\"$data/$name.log\"}")
    await "$!" "$http" "$name"
}

await() { # pid port name
    for _ in $(seq 600); do
        if (exec 3<>/dev/tcp/127.0.0.1/"$2" && printf 'GET /health/ready HTTP/1.0\r\n\r\n' >&3 && head -1 <&3 | grep -q ' 200 ') 2>/dev/null; then return; fi
        kill -0 "$1" 2>/dev/null || { tail -20 "$data/$3.log" >&2; echo "cluster.sh: $3 ended while it started" >&2; exit 1; }
        sleep 0.1
    done
    tail -20 "$data/$3.log" >&2
    echo "cluster.sh: $3 is not ready after 60 s" >&2
    exit 1
}

granary_build_node "$root"
[ -n "$connection" ] || start_postgres
for ((i = 1; i <= silos; i++)); do start_node silo "$i"; done
for ((i = 1; i <= gateways; i++)); do start_node gateway "$i"; done
if $json; then
    (IFS=,; echo "{\"connection\":\"$connection\",\"processes\":[${objects[*]}]}")
else
    printf '%s\n' "${lines[@]}"
    echo "ready"
fi

# Until it is told to stop. That one of them ends is no reason to: tests kill them.
while true; do
    sleep 3600 </dev/null >/dev/null 2>&1 &
    pause=$!
    wait "$pause"
done
