# shellcheck shell=bash
# Network namespaces for cluster.sh: one for each process, all on one bridge, so that the link between two of them can be cut. The addresses are of this machine alone.
# A cut is of one direction: what is sent there reaches nobody, and nobody says so, as with a cable that is out. Both directions are two cuts.
#   ip -n NAMESPACE neigh replace ADDRESS lladdr 02:00:00:00:00:01 dev eth0 nud permanent
#   ip -n NAMESPACE neigh del ADDRESS dev eth0
# Names have the pid of the script, so that what a killed one has left is known, and removed at the next start.

network="" network_size=1

# Sets network.
network_open() {
    [ "$(id -u)" = 0 ] || { echo "--namespaces needs root" >&2; exit 1; }
    command -v ip >/dev/null || { echo "ip is not installed: apt-get install iproute2" >&2; exit 1; }
    network=$(
        set -e
        exec 9>/run/granary-network.lock
        flock 9
        network_clear
        for ((number = 0; number < 256; number++)); do
            if ip -o -4 address | grep -q " 10\.214\.$number\."; then continue; fi
            ip link add "granary$$" type bridge
            ip address add "10.214.$number.1/24" dev "granary$$"
            ip link set "granary$$" up
            echo "10.214.$number"
            exit
        done
        echo "No network is free: ip link show type bridge" >&2
        exit 1
    )
}

# Sets namespace and address.
network_add() { # name
    network_size=$((network_size + 1))
    namespace="granary-$$-$1" address="$network.$network_size"
    ip netns add "$namespace"
    ip link add "gr$$-$network_size" type veth peer name eth0 netns "$namespace"
    ip link set "gr$$-$network_size" master "granary$$" up
    ip -n "$namespace" link set lo up
    ip -n "$namespace" address add "$address/24" dev eth0
    ip -n "$namespace" link set eth0 up
}

# With the processes that are in it.
network_remove() { # pid of its script
    local one
    for one in $(ip netns list | grep -o "^granary-$1-[^ ]*"); do
        ip netns pids "$one" | xargs -r kill -KILL 2>/dev/null || true
        ip netns delete "$one" || true
    done
    ip link delete "granary$1" 2>/dev/null || true
}

network_clear() {
    local pid
    for pid in $( (ip netns list | sed -n 's/^granary-\([0-9]*\)-.*/\1/p'; ip -o link show type bridge | sed -n 's/^[0-9]*: granary\([0-9]*\):.*/\1/p') | sort -u); do
        grep -qa cluster.sh "/proc/$pid/cmdline" 2>/dev/null || network_remove "$pid"
    done
}
