#!/bin/bash
# Installs what the tests need and is missing, builds, runs every test project and ends with one line: "N passed, N failed".
#   --seeds N     runs the grain suites under N seeds, by which calls of grains come late, twice or not at all (1 unless told)
#   --garbage N   mutated AMQP sessions sent to the broker (2000 unless told; a full run takes 100000)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=.ci/build.sh
. "$root/.ci/build.sh"
cd "$root"

seeds=1
export GRANARY_TEST_GARBAGE=${GRANARY_TEST_GARBAGE:-2000}
while [ $# -gt 0 ]; do
    case "$1=${2:-}" in
        --seeds=[0-9]*) seeds=$2 ;;
        --garbage=[0-9]*) GRANARY_TEST_GARBAGE=$2 ;;
        *)
            sed -n '2,4s/^# //p' "$0" >&2
            exit 2
            ;;
    esac
    shift 2
done

results="$root/.build/results"
passed=0
failed=0

# Debian packages of the clients that tests/Compat runs, and of what other suites need; "file package", the file telling that it is there.
needed=(
    "/usr/lib/python3/dist-packages/pika python3-pika"
    "/usr/bin/amqp-publish amqp-tools"
    "/usr/bin/go golang-go"
    "/usr/share/gocode/src/github.com/rabbitmq/amqp091-go golang-github-rabbitmq-amqp091-go-dev"
    "/usr/share/gocode/src/go.uber.org/goleak golang-uber-goleak-dev"
    "/usr/bin/ruby ruby"
    "/usr/share/doc/ruby-bunny ruby-bunny"
    "/usr/lib/python3/dist-packages/celery python3-celery"
    "/usr/lib/python3/dist-packages/aio_pika python3-aio-pika"
    "/usr/bin/php php-cli"
    "/usr/share/php/PhpAmqpLib php-amqplib"
    "/usr/share/java/amqp-client.jar librabbitmq-client-java"
    "/usr/lib/python3/dist-packages/grpc python3-grpcio"
    "/usr/bin/openssl openssl"
    "/usr/lib/postgresql/15/bin/postgres postgresql-15"
    "/usr/sbin/pgbouncer pgbouncer"
    "/usr/sbin/haproxy haproxy"
    "/usr/lib/rabbitmq/bin/rabbitmqctl rabbitmq-server"
    "/usr/bin/protoc protobuf-compiler"
    "/usr/bin/grpc_python_plugin protobuf-compiler-grpc"
    "/usr/bin/chromium chromium"
    "/usr/bin/promtool prometheus"
)

install_missing() {
    local missing=() entry policy=/usr/sbin/policy-rc.d made=no
    for entry in "${needed[@]}"; do
        [ -e "${entry% *}" ] || missing+=("${entry#* }")
    done
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    command -v javac >/dev/null || missing+=(default-jdk-headless)
    [ ${#missing[@]} -gt 0 ] || return 0

    echo "Installing ${missing[*]}"
    # Nothing that is installed for a test may start a service.
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
        made=yes
    fi
    local status=0
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"; } \
        >"$root/.build/apt.log" 2>&1 || status=$?
    [ "$made" = no ] || rm -f "$policy"
    [ "$status" = 0 ] || { tail -20 "$root/.build/apt.log" >&2; echo "Not all of it could be installed; the cases that need it will fail." >&2; }
}

# Adds up what one TRX file counted. A suite that ended badly without a failed test (a crash, a time-out) counts as one failed.
count() { # folder status name
    local counters p=0 f=0
    counters=$(find "$1" -name '*.trx' -exec grep -ho '<Counters [^>]*>' {} + 2>/dev/null || true)
    p=$(sed -n 's/.* passed="\([0-9]*\)".*/\1/p' <<<"$counters" | head -1)
    f=$(sed -n 's/.* failed="\([0-9]*\)".*/\1/p' <<<"$counters" | head -1)
    p=${p:-0}
    f=${f:-0}
    if [ "$2" != 0 ] && [ "$f" = 0 ]; then
        echo "$3 ended with $2 without saying which test failed"
        f=1
    fi
    passed=$((passed + p))
    failed=$((failed + f))
}

run_suite() { # project label
    local folder status=0 left_out=()
    folder="$results/$2"
    mkdir -p "$folder"
    echo "== $2"
    find "$(dirname "$1")/bin" -name unannounced.log -delete
    case $2 in
        # Members that go and come back for minutes: soak.sh.
        Granary.Cluster.Tests) left_out=(--filter 'FullyQualifiedName!~.Chaos.') ;;
        # What calls of grains do not concern has been run without a seed (tests/Testing/Unkind/TestSeed.cs).
        *-seed-*) left_out=(--filter 'Seed!=none') ;;
    esac
    timeout -k 30 1500 dotnet test "$1" --no-build -c Release "${left_out[@]}" --logger trx --results-directory "$folder" >"$folder/log" 2>&1 || status=$?
    sed -n '/^ *\(Failed\|Passed!\|Skipped!\|No test\)/p; /Error Message/,+5p' "$folder/log" | cut -c1-300 | head -80 || true
    find "$(dirname "$1")/bin" -name unannounced.log -exec head -40 {} + | cut -c1-300
    count "$folder" "$status" "$2"
}

mkdir -p "$root/.build"
rm -rf "$results"
install_missing

echo "== build"
if ! dotnet build Cluster.sln -c Release -m:2 -nodeReuse:false >"$root/.build/build.log" 2>&1; then
    grep -E 'error' "$root/.build/build.log" | sort -u | head -40
    echo "The build failed."
    echo "0 passed, 1 failed"
    exit 1
fi
granary_stamp "$root" >"$root/.build/node-stamp"

# Naming and language rules are errors of the build; layout is checked here, on what the tests leave of the cores. What comes of it is in a file: in half an hour of tests the
# shell may start another process under the same number, and then knows no more how this one ended.
rm -f "$root/.build/format.status"
{
    status=0
    nice -n 19 dotnet format whitespace Cluster.sln --no-restore --verify-no-changes >"$root/.build/format.log" 2>&1 || status=$?
    echo "$status" >"$root/.build/format.status"
} &
layout=$!

mapfile -t projects < <(sed -n 's/^Project(.*= "[^"]*", "\(tests[^"]*\.csproj\)".*/\1/p' Cluster.sln | tr '\134' / | LC_ALL=C sort)
for project in "${projects[@]}"; do
    grep -q '<IsTestProject>true</IsTestProject>' "$project" || continue
    # Random, beside RabbitMQ, and what it finds is for somebody to look at: differ.sh.
    [ "$project" != tests/Differ/Granary.Differ.Tests.csproj ] || continue
    run_suite "$project" "$(basename "$project" .csproj)"
done

for ((seed = 1; seed <= seeds; seed++)); do
    for suite in Silo Gateway; do
        GRANARY_TEST_SEED=$seed run_suite "tests/$suite/Granary.$suite.Tests.csproj" "Granary.$suite.Tests-seed-$seed"
    done
done

wait "$layout" 2>/dev/null || true
if [ "$(cat "$root/.build/format.status" 2>/dev/null)" != 0 ]; then
    echo "Layout differs from .editorconfig (dotnet format whitespace mends it):"
    head -20 "$root/.build/format.log"
    failed=$((failed + 1))
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
