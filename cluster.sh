#!/bin/bash
# Starts a cluster on this machine, on loopback: PostgreSQL, N silos and M gateways, each a process of its own. Ends all of them with itself.
#   cluster.sh N M [--json] [--data FOLDER] [--connection STRING] [--tls FOLDER] [--with NAME=OPTIONS]... [--nodes FOLDER] [--proxies NETWORKS] [--namespaces]
# Prints a line for each process when it is ready (kind, pid, ports), and "ready" (with --json, all of it as one line of JSON). PostgreSQL is Debian's
# (postgresql-15), in a folder of its own that goes with the cluster; with --connection one that runs already is used instead. --data keeps the logs.
# SIGUSR1 starts again what has ended meanwhile, on the ports it had, and prints its line anew when it is ready (with --json a line of JSON for each).
# With --tls the members know each other by FOLDER's silo.pem, silo.key and ca.pem. --with gives one of them options of its own, such as silo-2=--bind=::1.
# With --nodes a file FOLDER/NAME, read each time NAME is started, has the path of the Granary.Node.dll that it is to be: of another version, say.
# With --proxies each gateway has a port more, for proxies in these networks (--proxy-port).
# With --namespaces (root, Linux) each process has a network of its own, on a bridge, and links between two of them can be cut: .ci/namespaces.sh says how. They have
# certificates then (made here without --tls), and clients that log in as guest are in the namespace of their gateway: ip netns exec NAMESPACE …
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=.ci/build.sh
. "$root/.ci/build.sh"
# shellcheck source=.ci/ports.sh
. "$root/.ci/ports.sh"
# shellcheck source=.ci/namespaces.sh
. "$root/.ci/namespaces.sh"
usage() { sed -n '2,11s/^# *//p' "$0" >&2; exit 2; }

silos="" gateways="" json=false data="" connection="" nodes="" proxies="" tls=() namespaces=false
declare -A with=()
while [ $# -gt 0 ]; do
    case $1 in
        --json) json=true ;;
        --data) data=${2:?}; shift ;;
        --connection) connection=${2:?}; shift ;;
        --tls) tls=(--silo-certificate "${2:?}/silo.pem" --silo-key "$2/silo.key" --silo-ca "$2/ca.pem"); shift ;;
        --nodes) nodes=${2:?}; shift ;;
        --proxies) proxies=${2:?}; shift ;;
        --with) with[${2%%=*}]=${2#*=}; shift ;;
        --namespaces) namespaces=true ;;
        [0-9]*) if [ -z "$silos" ]; then silos=$1; elif [ -z "$gateways" ]; then gateways=$1; else usage; fi ;;
        *) usage ;;
    esac
    shift
done

# Nothing spreads clients over its gateways.
export GRANARY_DRAIN_TIME=${GRANARY_DRAIN_TIME:-0}
[[ $silos =~ ^[1-9][0-9]?$ && $gateways =~ ^[0-9][0-9]?$ ]] || usage
# A database elsewhere is out of reach from there.
! $namespaces || [ -z "$connection" ] || usage
! $namespaces || export GRANARY_DEFAULT_PASS=${GRANARY_DEFAULT_PASS:-guest}

keep=false
if [ -n "$data" ]; then mkdir -p "$data"; keep=true; else data=$(mktemp -d "${TMPDIR:-/tmp}/granary-cluster.XXXXXX"); fi
data=$(cd "$data" && pwd)
names=() postgres="" postgres_port="" again=false
declare -A lines=() objects=() ports=() pid_of=() address_of=() namespace_of=()

# A process that ended long ago has a number that may be somebody else's by now: whose child it is tells.
runs() { # pid
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    [[ ${stat##*)} == " "[!Z]" $$ "* ]]
}

# Asks again and again: what ends while a signal interrupts the shell's "wait" is never seen to end by another one (bash 5.2).
until_ended() { # pid
    while runs "$1"; do sleep 0.05; done
}

cleanup() {
    trap - EXIT INT TERM
    local member
    for member in "${pid_of[@]}"; do ! runs "$member" || kill -TERM "$member" 2>/dev/null || true; done
    for member in "${pid_of[@]}"; do until_ended "$member"; done
    [ -z "$postgres" ] || ! runs "$postgres" || { kill -INT "$postgres" 2>/dev/null || true; until_ended "$postgres"; }
    ! $namespaces || network_remove $$
    $keep || rm -rf "$data"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'again=true' USR1

# Where a process is: sets inside (what it is started by), host (where it is reached) and place, the latter two for people and for programs.
locate() { # name
    inside=() host=127.0.0.1 place="" place_json=""
    $namespaces || return 0
    if [ -z "${address_of[$1]:-}" ]; then
        network_add "$1"
        address_of[$1]=$address namespace_of[$1]=$namespace
    fi
    host=${address_of[$1]}
    inside=(nsenter "--net=/run/netns/${namespace_of[$1]}")
    place=" address=$host namespace=${namespace_of[$1]}"
    place_json=",\"address\":\"$host\",\"namespace\":\"${namespace_of[$1]}\""
}

make_certificates() {
    command -v openssl >/dev/null || { echo "openssl is not installed: apt-get install openssl" >&2; exit 1; }
    mkdir -p "$data/tls"
    (
        cd "$data/tls"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=granary members" -keyout ca.key -out ca.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=granary silo" -keyout silo.key -out silo.csr
        printf 'subjectAltName=DNS:granary-silo\nextendedKeyUsage=serverAuth,clientAuth\n' >silo.ext
        openssl x509 -req -in silo.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile silo.ext -out silo.pem
    ) >"$data/tls.log" 2>&1 || { cat "$data/tls.log" >&2; exit 1; }
    tls=(--silo-certificate "$data/tls/silo.pem" --silo-key "$data/tls/silo.key" --silo-ca "$data/tls/ca.pem")
}

start_postgres() {
    local bin=${GRANARY_TEST_POSTGRES_BIN:-/usr/lib/postgresql/15/bin} as=() inside host place place_json
    [ -x "$bin/postgres" ] || { echo "PostgreSQL is not installed: apt-get install postgresql-15" >&2; exit 1; }
    mkdir -p "$data/postgres"
    if [ "$(id -u)" = 0 ]; then
        # It does not run as root, and has to reach its folder.
        as=(setpriv --reuid=postgres --regid=postgres --init-groups)
        chown postgres "$data/postgres"
        chmod a+x "$data"
    fi
    locate postgres
    if [ -z "$postgres_port" ]; then
        (cd /; "${as[@]}" "$bin/initdb" --no-sync -D "$data/postgres/data" -U granary -A trust) >"$data/postgres.log" 2>&1
        ! $namespaces || echo "host all all $network.0/24 trust" >>"$data/postgres/data/pg_hba.conf"
        free_port; postgres_port=$port
        connection="Host=$host;Port=$port;Username=granary;Database=postgres"
        names+=(postgres)
    fi
    (cd /; exec "${inside[@]}" "${as[@]}" "$bin/postgres" -D "$data/postgres/data" -c listen_addresses="$host" -c port="$postgres_port" -c unix_socket_directories="$data/postgres") >>"$data/postgres.log" 2>&1 &
    postgres=$!
    for _ in $(seq 300); do
        "$bin/pg_isready" -q -h "$host" -p "$postgres_port" && break
        kill -0 "$postgres" 2>/dev/null || { tail -20 "$data/postgres.log" >&2; exit 1; }
        sleep 0.1
    done
    lines[postgres]="postgres pid=$postgres port=$postgres_port$place"
    objects[postgres]="{\"kind\":\"postgres\",\"name\":\"postgres\",\"pid\":$postgres,\"port\":$postgres_port$place_json}"
}

start_node() { # kind number
    local name="$1-$2" node silo http metrics amqp="" grpc="" proxy="" options=() inside host place place_json
    if [ -z "${ports[$name]:-}" ]; then
        for _ in silo http metrics amqp grpc proxy; do free_port; ports[$name]+="$port "; done
        names+=("$name")
    fi
    read -r silo http metrics amqp grpc proxy <<<"${ports[$name]}"
    options=(--role "$1" --store postgres --connection "$connection" --data "$data/$name" --silo-port "$silo" --http-port "$http" --metrics-port "$metrics" "${tls[@]}")
    [ "$1" != gateway ] || options+=(--amqp-port "$amqp" --grpc-port "$grpc")
    if [ "$1" != gateway ] || [ -z "$proxies" ]; then proxy=""; else options+=(--proxy-port "$proxy" --proxy-networks "$proxies"); fi
    locate "$name"
    # Whoever reaches the bridge may log in as guest: nobody but this machine does.
    ! $namespaces || options+=(--bind 0.0.0.0 --advertise "$host" --default-user guest)
    # shellcheck disable=SC2206 # Options are words.
    options+=(${with[$name]:-})
    node=$(granary_node "$root")
    if [ -f "$nodes/$name" ]; then node=$(<"$nodes/$name"); fi
    "${inside[@]}" dotnet "$node" "${options[@]}" >>"$data/$name.log" 2>&1 &
    pid_of[$name]=$!
    local said="silo=$silo http=$http metrics=$metrics" more=""
    if [ "$1" = gateway ]; then
        said="amqp=$amqp grpc=$grpc $said"
        more=",\"amqp\":$amqp,\"grpc\":$grpc"
        [ -z "$proxy" ] || { said="proxy=$proxy $said"; more+=",\"proxy\":$proxy"; }
    fi
    lines[$name]="$name pid=$! $said$place log=$data/$name.log"
    objects[$name]="{\"kind\":\"$1\",\"name\":\"$name\",\"pid\":$!,\"silo\":$silo,\"http\":$http,\"metrics\":$metrics$more$place_json,\"log\":\"$data/$name.log\"}"
}

# One that nobody has waited for yet is there, as a zombie.
has_ended() { # pid
    [ ! -e "/proc/$1" ] || grep -q ') Z ' "/proc/$1/stat" 2>/dev/null
}

start_what_ended() {
    local name
    for name in "${names[@]}"; do
        if [ "$name" = postgres ]; then
            has_ended "$postgres" || continue
            start_postgres
        else
            has_ended "${pid_of[$name]}" || continue
            start_node "${name%-*}" "${name#*-}"
            await "$name"
        fi
        if $json; then echo "${objects[$name]}"; else echo "${lines[$name]}"; fi
    done
}

# Asks by the shell's own means: programs for it, many times a second, would take the cores that the members start on.
is_ready() ( # host port
    line=""
    exec 3<>"/dev/tcp/$1/$2" && printf 'GET /health/ready HTTP/1.0\r\n\r\n' >&3 && read -r -t 2 line <&3
    [[ $line == *" 200 "* ]]
) 2>/dev/null

await() { # name
    local host=${address_of[$1]:-127.0.0.1} http
    read -r _ http _ <<<"${ports[$1]}"
    for _ in $(seq 600); do
        if is_ready "$host" "$http"; then return; fi
        kill -0 "${pid_of[$1]}" 2>/dev/null || { tail -20 "$data/$1.log" >&2; echo "cluster.sh: $1 ended while it started" >&2; exit 1; }
        sleep 0.1
    done
    tail -20 "$data/$1.log" >&2
    echo "cluster.sh: $1 is not ready after 60 s" >&2
    exit 1
}

granary_build_node "$root"
if $namespaces; then
    network_open
    [ ${#tls[@]} -gt 0 ] || make_certificates
fi
[ -n "$connection" ] || start_postgres
# The first one makes the schema; the others start at the same time.
start_node silo 1
await silo-1
for ((i = 2; i <= silos; i++)); do start_node silo "$i"; done
for ((i = 1; i <= gateways; i++)); do start_node gateway "$i"; done
for name in "${names[@]}"; do [ "$name" = postgres ] || await "$name"; done
if $json; then
    all=""
    for name in "${names[@]}"; do all+="${all:+,}${objects[$name]}"; done
    echo "{\"connection\":\"$connection\",\"processes\":[$all]}"
else
    for name in "${names[@]}"; do echo "${lines[$name]}"; done
    echo "ready"
fi

# Until it is told to stop. That one of them ends is no reason to: tests kill them. Nothing is ever written to the pipe. It does not "wait" for a
# program that sleeps: that misses what ends while a signal interrupts it (bash 5.2), and once, for whatever reason, a member that had ended was not started again.
exec {quiet}<> <(:)
while true; do
    if $again; then
        again=false
        start_what_ended
        continue
    fi
    read -r -t 0.2 -u "$quiet" || true
done
