#!/bin/bash
# Ends and starts members of a cluster again and again under load, and checks that nothing confirmed is lost and that no client loses its connection: tests/Cluster's own scenarios, for as long as one wants.
#   soak.sh [chaos|rpc|rolling|gateway-loss|transfers|outbox|gateway-transactions]...   all of them unless told
#   --seed N      the order of events (1); it repeats the choices, not the timing
#   --events N    of the chaos (60): a silo or a gateway is killed, stopped for a while, told to end; the database starts again; links are cut and mended: between two silos,
#                 a silo and the database, a gateway and a silo, a gateway and all silos. Cutting needs root and iproute2
#   --no-cuts     no links are cut: for a machine where one is not root
#   --kinds A,B   these kinds of events alone: silo-kill silo-term silo-stop database gateway-kill gateway-term gateway-stop cut-silos cut-database cut-gateway cut-gateway-off
#   --hang S      how long a stopped member is (30)
#   --rounds N    how often a silo is killed while 1,000 exclusive reply queues wait for answers (200)
#   --kills N     how often a silo or a gateway is killed while transactions move tokens between queues, and a silo or the database while transactions of the database publish (30);
#                 --seed holds for both, too
#   --transfers N how many of those transactions there are to be at least, over all kills (0: as many as there are between them)
#   --queues N    how many queues have transient messages while a gateway is killed, told to end, stopped (3000)
# Builds first. Prints a table of outages, beside the machine's load (while it runs it is in .build/chaos.md); ends with 0 if there was no fault. A limit that was exceeded while the machine had more to do than its processors can is told, and no fault.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=.ci/build.sh
. "$root/.ci/build.sh"

export GRANARY_TEST_CHAOS_SEED=1 GRANARY_TEST_CHAOS_EVENTS=60 GRANARY_TEST_CHAOS_HANG=30 GRANARY_TEST_CHAOS_CUTS=1 GRANARY_TEST_CHAOS_KINDS="" GRANARY_TEST_RPC_ROUNDS=200 GRANARY_TEST_GATEWAY_QUEUES=3000 GRANARY_TEST_TRANSFER_SEED=1 GRANARY_TEST_TRANSFER_KILLS=30 GRANARY_TEST_TRANSFER_COUNT=0
wanted=()
while [ $# -gt 0 ]; do
    case "$1=${2:-}" in
        --seed=[0-9]*) GRANARY_TEST_CHAOS_SEED=$2; GRANARY_TEST_TRANSFER_SEED=$2; shift ;;
        --kills=[0-9]*) GRANARY_TEST_TRANSFER_KILLS=$2; shift ;;
        --transfers=[0-9]*) GRANARY_TEST_TRANSFER_COUNT=$2; shift ;;
        --events=[0-9]*) GRANARY_TEST_CHAOS_EVENTS=$2; shift ;;
        --hang=[0-9]*) GRANARY_TEST_CHAOS_HANG=$2; shift ;;
        --no-cuts=*) GRANARY_TEST_CHAOS_CUTS=0 ;;
        --kinds=[a-z]*) GRANARY_TEST_CHAOS_KINDS=$2; shift ;;
        --rounds=[0-9]*) GRANARY_TEST_RPC_ROUNDS=$2; shift ;;
        --queues=[0-9]*) GRANARY_TEST_GATEWAY_QUEUES=$2; shift ;;
        chaos=*) wanted+=(ChaosTests) ;;
        rpc=*) wanted+=(ReplyQueueTests) ;;
        rolling=*) wanted+=(RollingRestartTests) ;;
        transfers=*) wanted+=(TransferTests) ;;
        outbox=*) wanted+=(OutboxSoakTests Cluster.Tests.OutboxTests) ;;
        gateway-transactions=*) wanted+=(GatewayTransactionTests) ;;
        gateway-loss=*) wanted+=(Gateway_Goes_LeavesTransientMessagesWhereTheyAre) ;;
        *) sed -n '2,16s/^# *//p' "$0" >&2; exit 2 ;;
    esac
    shift
done
[ ${#wanted[@]} -gt 0 ] || wanted=(ChaosTests ReplyQueueTests RollingRestartTests Gateway_Goes_LeavesTransientMessagesWhereTheyAre TransferTests OutboxSoakTests Cluster.Tests.OutboxTests GatewayTransactionTests)

project="$root/tests/Cluster/Granary.Cluster.Tests.csproj"
mkdir -p "$root/.build"
export GRANARY_TEST_CHAOS_TABLE="$root/.build/chaos.md"
: >"$GRANARY_TEST_CHAOS_TABLE"
granary_build_projects "$root/.build/soak.log" "$root/node/Granary.Node.csproj" "$project"

status=0
for one in "${wanted[@]}"; do
    dotnet test "$project" --no-build -c Release --filter "FullyQualifiedName~$one" --logger "console;verbosity=detailed" | sed -n '/^ *\(Failed\|Passed\|Error Message\|Standard Output\)/,$p' || status=1
done
exit $status
