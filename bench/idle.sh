#!/bin/bash
# What a process costs while nothing happens: its share of a core, its resident memory and its descriptors.
#   bench/idle.sh PID [SECONDS]    over SECONDS (60), of a process that runs already; wait five minutes after its start
set -euo pipefail

pid=${1:?usage: bench/idle.sh PID [SECONDS]}
seconds=${2:-60}

ticks() { # user and system time; the name in brackets may hold spaces
    sed 's/.*) //' "/proc/$pid/stat" | awk '{ print $12 + $13 }'
}

threads() {
    for task in /proc/"$pid"/task/*; do
        # One that ends meanwhile is left out.
        used=$(sed 's/.*) //' "$task/stat" 2>/dev/null | awk '{ print $12 + $13 }') && name=$(cat "$task/comm" 2>/dev/null) || continue
        printf '%s %s\n' "$used" "$name"
    done | awk '{ n = $1; $1 = ""; sum[$0] += n } END { for (name in sum) print name "\t" sum[name] }' | sort
}

before=$(ticks)
threads >"${TMPDIR:-/tmp}/idle.$$"
sleep "$seconds"
after=$(ticks)
awk -v used=$((after - before)) -v hz="$(getconf CLK_TCK)" -v s="$seconds" 'BEGIN { printf "%.2f %% of a core over %d s\n", 100 * used / hz / s, s }'
awk '/VmRSS/ { printf "%.0f MiB resident\n", $2 / 1024 }' "/proc/$pid/status"
echo "$(ls "/proc/$pid/fd" | wc -l) descriptors, $(ls "/proc/$pid/task" | wc -l) threads; seconds of processor time by thread:"
threads | join -t "$(printf '\t')" "${TMPDIR:-/tmp}/idle.$$" - | awk -F '\t' -v hz="$(getconf CLK_TCK)" '$3 > $2 { printf "  %-18s %.2f\n", $1, ($3 - $2) / hz }'
rm -f "${TMPDIR:-/tmp}/idle.$$"
