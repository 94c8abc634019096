#!/bin/bash
# What scripts of RabbitMQ's operators do to a cluster, with its tools, and what they look at: the exit code and lines of the output.
#   operator.sh PART   with URL1 and URL2, the addresses of two members' management
# The parts build on each other: access, queues, member, forgotten, end. Ends with 1 at the first answer that a script would stumble over.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PATH=$here/../../cli/scripts:$PATH GRANARY_DATA=/nonexistent GRANARY_CTL_PASSWORD=guest

fail() { printf 'operator.sh: %s\n' "$*" >&2; exit 1; }

# MEMBER CODE LINES COMMAND...: each of the lines has to be told, as it is.
run() {
    local url=URL$1 code=$2 lines=$3 output line got=0
    shift 3
    output=$(GRANARY_CTL_URL=${!url} "$@" 2>&1 </dev/null) || got=$?
    [ "$got" = "$code" ] || fail "$* ended with $got instead of $code: $output"
    while [ -n "$lines" ] && IFS= read -r line; do
        grep -qxF -e "$line" <<<"$output" || fail "$* did not tell '$line': $output"
    done <<<"$lines"
}

# MEMBER COMMAND...: its output.
tell() {
    local url=URL$1
    shift
    GRANARY_CTL_URL=${!url} "$@" </dev/null
}

node() { tell "$1" rabbitmqctl -q eval 'node().' | tr -d "'"; }

running() { tell 1 rabbitmqctl -q cluster_status --formatter json | /usr/bin/python3 -c 'import json, sys; print("\n".join(json.load(sys.stdin)["running_nodes"]))'; }

access() {
    run 1 0 'Adding vhost "shop" ...' rabbitmqctl add_vhost shop
    run 2 0 '' rabbitmqctl add_vhost shop
    run 1 0 'Adding user "ann" ...' rabbitmqctl add_user ann s3cret
    run 2 70 $'Error:\nUser "ann" already exists' rabbitmqctl add_user ann s3cret
    run 1 0 'Setting tags for user "ann" to [administrator] ...' rabbitmqctl set_user_tags ann administrator
    run 1 0 'Setting permissions for user "ann" in vhost "shop" ...' rabbitmqctl set_permissions -p shop ann '^a\.' '.*' '.*'
    run 2 0 $'user\ttags\nann\t[administrator]\nguest\t[administrator]' rabbitmqctl list_users
    run 2 0 $'name\n/\nshop' rabbitmqctl list_vhosts
    run 2 0 $'user\tconfigure\twrite\tread\nann\t^a\\.\t.*\t.*' rabbitmqctl list_permissions -p shop
    run 2 65 "Virtual host 'nowhere' does not exist" rabbitmqctl list_permissions -p nowhere
    run 1 0 'Changing password for user "ann" ...' rabbitmqctl change_password ann n3w
    run 2 0 Success rabbitmqctl authenticate_user ann n3w
    run 2 65 '' rabbitmqctl authenticate_user ann s3cret
    run 1 0 '' rabbitmqctl set_permissions -p shop guest '.*' '.*' '.*'
    run 1 0 'Plugin configuration unchanged.' rabbitmq-plugins enable rabbitmq_management
    run 1 0 $'rabbitmq_management' rabbitmq-plugins list -E -m -q
    run 1 0 '' rabbitmqctl set_policy -p shop ha-all '^ha\.' '{"ha-mode":"all"}'
    run 1 0 '' rabbitmqctl set_policy -p shop ha-two '^two\.' '{"ha-mode":"exactly","ha-params":2,"ha-sync-mode":"automatic"}'
    run 1 0 '' rabbitmqctl set_policy -p shop ha-nodes '^nodes\.' "{\"ha-mode\":\"nodes\",\"ha-params\":[\"$(node 1)\",\"$(node 2)\"]}"
    run 2 0 $'vhost\tname\tpattern\tapply-to\tdefinition\tpriority\nshop\tha-all\t^ha\\.\tall\t{"ha-mode":"all"}\t0' rabbitmqctl list_policies -p shop
}

queues() {
    run 2 0 $'name\tdurable\tmessages\tpolicy\nha.one\ttrue\t10\tha-all\ntwo.one\ttrue\t10\tha-two\nplain\ttrue\t10\t' rabbitmqctl list_queues -p shop name durable messages policy
    run 1 0 "Synchronising queue 'ha.one' in vhost 'shop' ..." rabbitmqctl sync_queue -p shop ha.one
    run 1 69 $'Error:\nnot_found' rabbitmqctl sync_queue -p shop nowhere
}

member() {
    local one two
    one=$(node 1) two=$(node 2)
    run 2 64 "Error: this command requires the 'rabbit' app to be stopped on the target node. Stop it with 'rabbitmqctl stop_app'." rabbitmqctl reset
    run 2 0 "Stopping rabbit application on node $two ..." rabbitmqctl stop_app
    run 2 69 '' rabbitmq-diagnostics check_running
    run 2 0 "Resetting node $two ..." rabbitmqctl reset
    run 2 0 "Clustering node $two with $one" rabbitmqctl join_cluster --ram "$one"
    run 2 69 '' rabbitmqctl join_cluster rabbit@nowhere
    run 2 0 "Turning $two into a ram node" rabbitmqctl change_cluster_node_type ram
    run 2 0 "Starting node $two ..." rabbitmqctl start_app
    run 2 0 '' rabbitmqctl await_startup
    run 1 0 $'\e[1mRunning Nodes\e[0m\n'"$one"$'\n'"$two" rabbitmqctl cluster_status
    run 1 69 '' rabbitmqctl forget_cluster_node "$two"
    queues
    run 2 0 $'ann\t[administrator]' rabbitmqctl list_users
    echo "$two"
}

# NODE: it has ended.
forgotten() {
    local patience=$((SECONDS + 60))
    while running | grep -qxF "$1"; do [ $SECONDS -lt $patience ] || fail "$1 is still told as running"; done
    run 1 0 "Removing node $1 from the cluster" rabbitmqctl forget_cluster_node "$1"
    ! running | grep -qxF "$1" || fail "$1 is told as running"
}

end() {
    run 1 0 $'ha.one\t10\ntwo.one\t10\nplain\t10' rabbitmqctl list_queues -q -p shop name messages
    run 1 0 'Deleting user "ann" ...' rabbitmqctl delete_user ann
    run 1 67 $'Error:\nUser "ann" does not exist' rabbitmqctl delete_user ann
    run 1 0 'Deleting vhost "shop" ...' rabbitmqctl delete_vhost shop
    run 1 0 $'name\n/' rabbitmqctl list_vhosts
}

"$@"
