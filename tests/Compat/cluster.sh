#!/bin/bash
# Runs suites of clients against the first gateway of a cluster: tests/Compat/cluster.sh [--haproxy|--lose-gateway] [SILOS GATEWAYS [SUITE]...], 3 and 2 unless told.
# SUITE is tutorials, go, celery or all (a run of every compatibility test that needs no node of its own); the first three unless told. Builds first.
# With --haproxy AMQP clients reach both gateways through HAProxy, with the better one of the configurations in docs/operations.md.
# With --lose-gateway, too, and one gateway, in turn, is killed 4 s after each suite began. A suite that fails then, since its clients do not connect again, is run once more with the gateway that is left.
# Ends with 0 if every one passed.
set -euo pipefail

haproxy=false loses=false
[ "${1:-}" != --haproxy ] || { haproxy=true; shift; }
[ "${1:-}" != --lose-gateway ] || { haproxy=true loses=true; shift; }
silos=${1:-3} gateways=${2:-2}
shift $(($# < 2 ? $# : 2))
suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=(tutorials go celery)
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=../../.ci/build.sh
. "$root/.ci/build.sh"
mkdir -p "$root/.build"
log="$root/.build/compat-cluster.log" cluster="" proxy="" said=""

cleanup() {
    trap - EXIT INT TERM
    [ -z "$proxy" ] || kill "$proxy" 2>/dev/null || true
    [ -z "$cluster" ] || { kill -TERM "$cluster" 2>/dev/null && wait "$cluster"; } || true
    [ -z "$said" ] || rm -f "$said" "$said.cfg"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

granary_build_projects "$log" "$root"/{node/Granary.Node,tests/Compat/Granary.Compat.Tests,tests/Compat/RabbitMqClient6/Granary.RabbitMqClient6.Tests,tests/Compat/RabbitMqClient7/Granary.RabbitMqClient7.Tests}.csproj

said=$(mktemp "${TMPDIR:-/tmp}/granary-compat.XXXXXX")
"$root/cluster.sh" "$silos" "$gateways" --proxies 127.0.0.1 >"$said" &
cluster=$!
until grep -qx ready "$said"; do
    kill -0 "$cluster" 2>/dev/null || { echo "cluster.sh: the cluster did not start" >&2; exit 1; }
    sleep 0.2
done

port_of() { # gateway kind
    sed -n "s/^gateway-$1 .*\\b$2=\\([0-9]*\\).*/\\1/p" "$said"
}

start_haproxy() {
    local changes=() i
    # shellcheck source=.ci/ports.sh
    . "$root/.ci/ports.sh"
    free_port
    for i in 1 2; do
        changes+=(-e "/server gateway-$i /{ s/10[.0-9]*:[0-9]*/127.0.0.1:$(port_of $i proxy)/; s/check port [0-9]*/check port $(port_of $i http)/; }")
    done
    awk '/^```haproxy$/ { block++; next } /^```$/ && block == 2 { exit } block == 2' "$root/docs/operations.md" |
        sed -e 's/maxconn .*/maxconn 2000/' -e "s/bind :5672/bind 127.0.0.1:$port/" "${changes[@]}" >"$said.cfg"
    /usr/sbin/haproxy -db -f "$said.cfg" &
    proxy=$!
    until (exec 3<>/dev/tcp/127.0.0.1/"$port") 2>/dev/null; do
        kill -0 "$proxy" 2>/dev/null || { echo "HAProxy did not start" >&2; exit 1; }
        sleep 0.1
    done
    GRANARY_TEST_AMQP_PORT=$port
}

GRANARY_TEST_AMQP_PORT=$(port_of 1 amqp)
GRANARY_TEST_GRPC_PORT=$(port_of 1 grpc)
! $haproxy || start_haproxy
export GRANARY_TEST_AMQP_PORT GRANARY_TEST_GRPC_PORT

# The gateway that is killed next.
victim=1
kill_later() {
    sleep 4
    kill -KILL "$(sed -n "s/^gateway-$victim .*\\bpid=\([0-9]*\).*/\1/p" "$said" | tail -1)"
}

start_again() {
    local told
    told=$(grep -c "^gateway-$victim " "$said")
    kill -USR1 "$cluster"
    until [ "$(grep -c "^gateway-$victim " "$said")" -gt "$told" ]; do
        kill -0 "$cluster" 2>/dev/null || { echo "cluster.sh: gateway-$victim did not start again" >&2; exit 1; }
        sleep 0.2
    done
    victim=$((3 - victim))
}

run() { # name project [filter]
    if ! $loses; then
        try "$@" || status=1
        return
    fi

    kill_later &
    local killer=$!
    try "$@" || { echo "once more, without gateway-$victim:"; wait "$killer"; try "$@" || status=1; }
    wait "$killer"
    start_again
}

status=0
try() { # name project [filter]
    local began=$SECONDS
    if dotnet test "$root/tests/Compat/$2" --no-build -c Release ${3:+--filter "$3"} >"$log" 2>&1; then
        echo "$1: $(grep -o 'Passed: *[0-9]*' "$log" | tr -s ' '), $((SECONDS - began)) s"
    else
        echo "$1: FAILED, $((SECONDS - began)) s"
        sed -n '/^ *Failed /p; /Error Message/,/Stack Trace/p' "$log" | cut -c1-300 | head -60
        return 1
    fi
}
compat=Granary.Compat.Tests.csproj six=RabbitMqClient6/Granary.RabbitMqClient6.Tests.csproj seven=RabbitMqClient7/Granary.RabbitMqClient7.Tests.csproj
for suite in "${suites[@]}"; do
    case $suite in
        tutorials)
            run "tutorials, RabbitMQ.Client 7" $seven FullyQualifiedName~Tutorials
            run "tutorials, RabbitMQ.Client 6" $six
            run "tutorials, pika" $compat FullyQualifiedName~PikaTests
            ;;
        go) run "amqp091-go's suite" $compat FullyQualifiedName~GoClientSuite ;;
        celery) run "Celery" $compat FullyQualifiedName~CeleryTests ;;
        all)
            run "RabbitMQ.Client 7" $seven
            run "RabbitMQ.Client 6" $six
            run "other clients" $compat 'FullyQualifiedName~Clients|FullyQualifiedName~Protocol'
            ;;
        *) sed -n '2,5s/^# //p' "$0" >&2; exit 2 ;;
    esac
done
exit $status
