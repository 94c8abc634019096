#!/bin/bash
# Sends the same random operations (AMQP, routing, management API) to Granary and to Debian's rabbitmq-server, and tells where they answer otherwise and docs/compatibility.md does not say so.
#   --sequences N  sequences of AMQP operations (3000), and as many times ten requests to the API; tests/Differ alone has 30, and is no part of test.sh
#   --seed N       of the first (1); it repeats the choices, not the timing
#   --walkers N    how many sequences there are at a time (8)
#   --only NAME    a part of a test's name: Amqp, Topics, Headers or Api
# If the test's process fails, .build/differ.PID.dmp shows where; there is none if it was killed.
# Builds first. Each disagreement is made as small as it gets, and stands in .build/differ.txt as soon as it is found. Ends with 0 if there is none.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=.ci/build.sh
. "$root/.ci/build.sh"

export GRANARY_TEST_DIFFER_SEED=1 GRANARY_TEST_DIFFER_SEQUENCES=3000 GRANARY_TEST_DIFFER_WALKERS=8
only=Differ
while [ $# -gt 0 ]; do
    case "$1=${2:-}" in
        --sequences=[0-9]*) GRANARY_TEST_DIFFER_SEQUENCES=$2 ;;
        --seed=[0-9]*) GRANARY_TEST_DIFFER_SEED=$2 ;;
        --walkers=[1-9]*) GRANARY_TEST_DIFFER_WALKERS=$2 ;;
        --only=[A-Z]*) only=$2 ;;
        *) sed -n '2,8s/^# *//p' "$0" >&2; exit 2 ;;
    esac
    shift 2
done

mkdir -p "$root/.build"
export GRANARY_TEST_DIFFER_REPORT="$root/.build/differ.txt"
: >"$GRANARY_TEST_DIFFER_REPORT"
export DOTNET_DbgEnableMiniDump=1 DOTNET_DbgMiniDumpName="$root/.build/differ.%p.dmp"
project="$root/tests/Differ/Granary.Differ.Tests.csproj"
granary_build_projects "$root/.build/differ.log" "$root/node/Granary.Node.csproj" "$project"
exec dotnet test "$project" --no-build -c Release --filter "FullyQualifiedName~$only"
