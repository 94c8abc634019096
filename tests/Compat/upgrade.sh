#!/bin/bash
# Upgrades a cluster under load: builds an earlier commit of this repository in a folder of its own, starts two silos and two gateways of it, replaces them one by one by what
# is checked out here, and checks that nothing confirmed is lost and that clients see nothing but their gateway's close.
#   upgrade.sh --from COMMIT   the first that can is the one that keeps users in the store: gateways since then ask silos for them
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=../../.ci/build.sh
. "$root/.ci/build.sh"
if [ "${1:-}" != --from ] || [ $# != 2 ] || ! commit=$(git -C "$root" rev-parse --verify --quiet "$2^{commit}"); then
    sed -n '2,4s/^# *//p' "$0" >&2
    exit 2
fi

earlier=$(mktemp -d "${TMPDIR:-/tmp}/granary-earlier.XXXXXX")
trap 'rm -rf "$earlier"' EXIT
git -C "$root" archive "$commit" | tar -x -C "$earlier"
project="$root/tests/Cluster/Granary.Cluster.Tests.csproj"
granary_build_projects "$root/.build/upgrade.log" "$earlier/node/Granary.Node.csproj" "$root/node/Granary.Node.csproj" "$project"

echo "From $(git -C "$root" log -1 --format='%h %s' "$commit")"
GRANARY_TEST_UPGRADE_FROM=$(granary_node "$earlier") dotnet test "$project" --no-build -c Release --filter FullyQualifiedName~UpgradeTests --logger "console;verbosity=detailed" |
    sed -n '/^ *\(Failed\|Passed\|Error Message\|Standard Output\)/,$p'
