#!/bin/bash
# Runs suites of clients against the first gateway of a cluster: tests/Compat/cluster.sh [SILOS GATEWAYS [SUITE]...], 3 and 2 unless told.
# SUITE is tutorials, go, celery or all (a run of every compatibility test that needs no node of its own); the first three unless told. Builds first.
# Ends with 0 if every one passed.
set -euo pipefail

silos=${1:-3} gateways=${2:-2}
shift $(($# < 2 ? $# : 2))
suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=(tutorials go celery)
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
mkdir -p "$root/.build"
log="$root/.build/compat-cluster.log" cluster="" said=""

cleanup() {
    trap - EXIT INT TERM
    [ -z "$cluster" ] || { kill -TERM "$cluster" 2>/dev/null && wait "$cluster"; } || true
    [ -z "$said" ] || rm -f "$said"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

for part in node/Granary.Node tests/Compat/Granary.Compat.Tests tests/Compat/RabbitMqClient6/Granary.RabbitMqClient6.Tests tests/Compat/RabbitMqClient7/Granary.RabbitMqClient7.Tests; do
    if ! dotnet build "$root/$part.csproj" -c Release -nodeReuse:false >"$log" 2>&1; then
        tail -40 "$log" >&2
        exit 1
    fi
done

said=$(mktemp "${TMPDIR:-/tmp}/granary-compat.XXXXXX")
"$root/cluster.sh" "$silos" "$gateways" >"$said" &
cluster=$!
until grep -qx ready "$said"; do
    kill -0 "$cluster" 2>/dev/null || { echo "cluster.sh: the cluster did not start" >&2; exit 1; }
    sleep 0.2
done
GRANARY_TEST_AMQP_PORT=$(sed -n 's/^gateway-1 .* amqp=\([0-9]*\).*/\1/p' "$said")
GRANARY_TEST_GRPC_PORT=$(sed -n 's/^gateway-1 .* grpc=\([0-9]*\).*/\1/p' "$said")
export GRANARY_TEST_AMQP_PORT GRANARY_TEST_GRPC_PORT

status=0
run() { # name project [filter]
    local began=$SECONDS
    if dotnet test "$root/tests/Compat/$2" --no-build -c Release ${3:+--filter "$3"} >"$log" 2>&1; then
        echo "$1: $(grep -o 'Passed: *[0-9]*' "$log" | tr -s ' '), $((SECONDS - began)) s"
    else
        status=1
        echo "$1: FAILED, $((SECONDS - began)) s"
        sed -n '/^ *Failed /p; /Error Message/,/Stack Trace/p' "$log" | cut -c1-300 | head -60
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
        *) sed -n '2,4s/^# //p' "$0" >&2; exit 2 ;;
    esac
done
exit $status
