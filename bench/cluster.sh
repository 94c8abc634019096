#!/usr/bin/env bash
# Compares a cluster with one process on PostgreSQL, on this machine: the same load to both in turn (A B A B ...), with one and two gateways and one and three silos.
# Prints a Markdown table: messages a second, ratios, and the processor time of a message in gateways, silos and PostgreSQL.
#   bench/cluster.sh [--pairs N] [--seconds S] [--only "1 1,3 2"] [--queues N]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=../.ci/ports.sh
. .ci/ports.sh

pairs=3 seconds=4 shapes="1 1,3 1,1 2,3 2" queues=4
while [ $# -gt 0 ]; do
  case "$1=${2:-}" in
    --pairs=[1-9]*) pairs=$2 ;;
    --seconds=[1-9]*) seconds=$2 ;;
    --only=[1-9]*) shapes=$2 ;;
    --queues=[1-9]*) queues=$2 ;;
    *) sed -n '2,4s/^# *//p' "$0" >&2; exit 2 ;;
  esac
  shift 2
done

work=$(mktemp -d "${TMPDIR:-/tmp}/granary-bench.XXXXXX")
one="" cluster=""
end() { [ -z "$1" ] || { kill -TERM "$1" 2>/dev/null && wait "$1" 2>/dev/null; } || true; }
cleanup() {
  trap - EXIT INT TERM
  end "$cluster"
  end "$one"
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

dotnet build bench/Granary.Bench.csproj -c Release -o "$work/bench" -nodeReuse:false -v quiet --nologo >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
bench=$work/bench/Granary.Bench

field() { sed -n "s/.*\"$1\":\([-0-9.eE+]*\).*/\1/p"; }
median() { sort -g | awk '{ v[NR] = $1 } END { if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2; else print "-" }'; }
cpu_of() { # pids: what they have used, children included
  local pid sum=0
  for pid in "$@"; do sum=$(awk -v a="$sum" -v b="$("$bench" usage --pid "$pid" | field cpu_seconds)" 'BEGIN { printf "%.3f", a + b }'); done
  echo "$sum"
}
start() { # name silos gateways: leaves the script's pid in started, and what it says in $work/name
  ./cluster.sh "$2" "$3" >"$work/$1" 2>"$work/$1.err" &
  started=$!
  until grep -qx ready "$work/$1"; do
    kill -0 "$started" 2>/dev/null || { cat "$work/$1.err" >&2; exit 1; }
    sleep 0.2
  done
}
pids() { sed -n "s/^$2[^ ]* pid=\([0-9]*\).*/\1/p" "$work/$1"; }

# run PORTS OPTIONS...: the same load to each port at once; leaves deliveries a second and their number.
run() {
  local ports=$1 port jobs=()
  shift
  rm -f "$work"/run.*
  for port in $ports; do
    "$bench" --port "$port" --duration "$seconds" --prefix "bench$port" --json "$@" >"$work/run.$port" &
    jobs+=($!)
  done
  wait "${jobs[@]}"
  rate=$(cat "$work"/run.* | field consumed_per_s | awk '{ n += $1 } END { print n }')
  count=$(cat "$work"/run.* | field consumed | awk '{ n += $1 } END { print n }')
}
share() { awk -v a="$1" -v b="$2" -v n="$count" 'BEGIN { printf "%.2f\n", n ? (b - a) * 1e6 / n : 0 }'; }

loads=(
  "1 KiB persistent, confirms, acks|--size 1024 --persistent --confirm-window 1000 --ack-batch 50 --prefetch 500"
  "16 B transient|--size 16"
)
free_port; single=$port
free_port; grpc=$port
free_port; http=$port
free_port; metrics=$port
bench/on-postgres.sh --amqp-port "$single" --grpc-port "$grpc" --http-port "$http" --metrics-port "$metrics" --data "$work/one" >"$work/one.log" 2>&1 &
one=$!
until "$bench" check --port "$single" 2>/dev/null; do
  kill -0 "$one" 2>/dev/null || { tail -20 "$work/one.log" >&2; exit 1; }
  sleep 0.5
done

echo "$(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg), $(date -u +%F); $pairs pairs of $seconds s each, $queues queues at each gateway; medians."
echo
echo "| load | silos | gateways | one process /s | cluster /s | ratio | us/message: gateways | silos | PostgreSQL | one process with its PostgreSQL |"
echo "|---|---|---|---|---|---|---|---|---|---|"
IFS=, read -ra all <<<"$shapes"
for shape in "${all[@]}"; do
  read -r silos gateways <<<"$shape"
  start cluster "$silos" "$gateways"
  cluster=$started
  ports=$(sed -n 's/^gateway-.* amqp=\([0-9]*\).*/\1/p' "$work/cluster")
  for load in "${loads[@]}"; do
    read -ra options <<<"${load#*|} --queues $queues --producers $queues --consumers $queues"
    rm -f "$work"/of.*
    for pair in $(seq -- -2 "$pairs"); do
      before=$(cpu_of "$one")
      run "$single" "${options[@]}"
      base=$rate
      # The first three warm both up: a new cluster is compiled as well as it gets only then.
      [ "$pair" -le 0 ] || { echo "$rate" >>"$work/of.one"; share "$before" "$(cpu_of "$one")" >>"$work/of.one.cpu"; }
      declare -A used=()
      for kind in gateway silo postgres; do used[$kind]=$(cpu_of $(pids cluster $kind)); done
      run "$ports" "${options[@]}"
      [ "$pair" -gt 0 ] || continue
      echo "$rate" >>"$work/of.cluster"
      awk -v a="$rate" -v b="$base" 'BEGIN { printf "%.3f\n", b ? a / b : 0 }' >>"$work/of.ratio"
      for kind in gateway silo postgres; do share "${used[$kind]}" "$(cpu_of $(pids cluster $kind))" >>"$work/of.$kind"; done
    done
    of() { median <"$work/of.$1"; }
    echo "| ${load%%|*} | $silos | $gateways | $(of one) | $(of cluster) | $(of ratio) | $(of gateway) | $(of silo) | $(of postgres) | $(of one.cpu) |"
  done
  end "$cluster"
  cluster=""
done
