#!/bin/bash
# Walks at random over queues with any combination of arguments, in memory, paged out, on files and on PostgreSQL, and checks them against a list: "walks.sh [--operations N] [--seed S]".
# Builds first. A walk that fails names its own seed; "--seed that --operations 1" repeats it alone.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=../../.ci/build.sh
. "$root/.ci/build.sh"

operations=1000000
seed=1
while [ $# -gt 0 ]; do
    case $1 in
        --operations) operations=$2 ;;
        --seed) seed=$2 ;;
        *) echo "walks.sh [--operations N] [--seed S]" >&2; exit 2 ;;
    esac
    shift 2
done

GRANARY_WALK_OPERATIONS=$operations GRANARY_WALK_SEED=$seed \
    dotnet test "$root/tests/Silo/Granary.Silo.Tests.csproj" -c Release --filter "FullyQualifiedName~WideWalkTests"
