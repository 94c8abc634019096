#!/bin/bash
# Runs amqp091-go's own suite again and again, each time on a fresh node, and counts: tests/Compat/go-suite.sh [RUNS], 20 unless told.
# Builds first. Ends with a summary line, and with 0 if every run passed whole.
set -euo pipefail

runs=${1:-20}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=../../.ci/build.sh
. "$root/.ci/build.sh"

log="$root/.build/go-suite.log"
project="$root/tests/Compat/Granary.Compat.Tests.csproj"
granary_build_projects "$log" "$root/node/Granary.Node.csproj" "$project"

passed=0
for ((run = 1; run <= runs; run++)); do
    began=$SECONDS
    if dotnet test "$project" --no-build -c Release --filter FullyQualifiedName~GoClientSuite >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "run $run of $runs: passed, $((SECONDS - began)) s"
    else
        echo "run $run of $runs: FAILED, $((SECONDS - began)) s"
        sed -n '/Error Message/,/Stack Trace/p' "$log" | head -40
    fi
done
echo "go suite: $passed of $runs runs passed"
[ "$passed" = "$runs" ]
