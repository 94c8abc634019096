# shellcheck shell=bash
# Free ports on loopback, for scripts that start several servers.

granary_ports_taken=" "

# Sets port. Below the range from which the system takes ports for outgoing connections, and above those of the tests (FreePort.cs).
free_port() {
    while true; do
        port=$((28000 + RANDOM % 4000))
        case $granary_ports_taken in *" $port "*) continue ;; esac
        if ! (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null; then granary_ports_taken="$granary_ports_taken$port "; return; fi
    done
}
