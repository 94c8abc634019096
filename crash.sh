#!/bin/bash
# Kills the broker, or its database, again and again under load, takes queues from a broker that is stopped, or starts a killed one on the same ports,
# or kills it while queues of every kind are used (--features), and checks that nothing confirmed is lost. All options go to the test: "./crash.sh --help" lists them. Builds first. Ends with a summary line, and with 0 if there was no fault; a seed repeats the choices, not the timing.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=.ci/build.sh
. "$root/.ci/build.sh"

project="$root/tests/Crash/Granary.Crash.Tests.csproj"
granary_build_projects "$root/.build/crash.log" "$project"
exec dotnet "$root/tests/Crash/bin/Release/net10.0/Granary.Crash.Tests.dll" "$@"
