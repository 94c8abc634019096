#!/bin/bash
# Starts one node in the foreground, silo and gateway in one process with files on disk unless options say otherwise.
# All options go to the node: "./run.sh --help" lists them. Builds first when sources have changed since the last build, and only then.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=.ci/build.sh
. "$root/.ci/build.sh"

granary_build_node "$root"
exec dotnet "$(granary_node "$root")" "$@"
