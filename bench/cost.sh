#!/usr/bin/env bash
# What figures, rights and policies cost: the same load on one Granary with and without them, in turn (A B B A ...), never at once.
# Prints a Markdown table of the medians of the pairs' ratios, with their ranges. The row "nothing" compares a run with itself: that is the noise.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=../.ci/ports.sh
. .ci/ports.sh

pairs=9 seconds=4 only="" command=./run.sh
usage() {
  cat <<'TEXT'
bench/cost.sh [options]
  --pairs N         pairs of runs for each load and each of the three comparisons (9)
  --seconds S       length of one run (4)
  --only A,B,...    these loads only: transient-16, persistent-1k, topic-1000
  --granary COMMAND starts the broker instead of ./run.sh; gets --amqp-port, --grpc-port, --http-port, --metrics-port and --data
TEXT
}
fail() { echo "cost.sh: $1" >&2; exit 1; }
while [ $# -gt 0 ]; do
  case $1 in
    --pairs | --seconds | --only | --granary)
      [ $# -gt 1 ] || { usage >&2; exit 2; }
      case $1 in --pairs) pairs=$2 ;; --seconds) seconds=$2 ;; --only) only=$2 ;; --granary) command=$2 ;; esac
      shift 2
      ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done
[[ $pairs =~ ^[1-9][0-9]*$ && $seconds =~ ^[1-9][0-9]*$ ]] || { usage >&2; exit 2; }
command -v python3 >/dev/null || fail "python3 is not installed: it asks for the figures"

# name | load | options of Granary.Bench | figure
loads=(
  "transient-16|16 B transient, no ack, 1:1:1|--size 16|consumed_per_s"
  "persistent-1k|1 KiB persistent, confirms, acks|--size 1024 --persistent --confirm-window 1000 --ack-batch 50 --prefetch 500|consumed_per_s"
  "topic-1000|topic exchange, keys spread over 1,000 queues, 100 B|--size 100 --exchange-type topic --queues 1000|consumed_per_s"
)
for wanted in ${only//,/ }; do
  [[ $(printf '%s\n' "${loads[@]}") =~ (^|$'\n')"$wanted|" ]] || fail "no load '$wanted'"
done

work=$(mktemp -d "${TMPDIR:-/tmp}/granary-cost.XXXXXX")
granary_pid="" scraper_pid=""
cleanup() {
  trap - EXIT INT TERM
  [ -z "$scraper_pid" ] || kill -KILL "$scraper_pid" 2>/dev/null || true
  if [ -n "$granary_pid" ]; then
    kill -TERM -- "-$granary_pid" 2>/dev/null || true
    for _ in $(seq 100); do kill -0 -- "-$granary_pid" 2>/dev/null || break; sleep 0.2; done
    kill -KILL -- "-$granary_pid" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

awk '{ if ($1 > 1) print "cost.sh: the machine is busy (load " $1 "): expect wide ranges" }' /proc/loadavg >&2
echo "cost.sh: building the load generator" >&2
dotnet build bench/Granary.Bench.csproj -c Release -o "$work/bench" -nodeReuse:false -v quiet --nologo >"$work/build.out" 2>&1 || { cat "$work/build.out" >&2; fail "the load generator does not build"; }
bench=$work/bench/Granary.Bench

free_port; amqp=$port
free_port; grpc=$port
free_port; http=$port
free_port; metrics=$port
setsid "$command" --amqp-port "$amqp" --grpc-port "$grpc" --http-port "$http" --metrics-port "$metrics" --data "$work/granary" >"$work/granary.out" 2>&1 </dev/null &
granary_pid=$!
until "$bench" check --port "$amqp" 2>/dev/null; do
  kill -0 "$granary_pid" 2>/dev/null || { tail -20 "$work/granary.out" >&2; fail "Granary ended while it started"; }
  sleep 0.5
done

# A vhost with 1,000 policies, none of them for the queues of the loads but one that changes nothing for them; and a user with narrow rights there.
python3 - "$http" <<'PY'
import base64, http.client, json, sys
policies = [{"vhost": "narrow", "name": f"p{i}", "pattern": f"^team-{i}\\.[a-z]+$", "apply-to": "queues", "priority": 5, "definition": {"max-length": 1000}} for i in range(999)]
policies.append({"vhost": "narrow", "name": "all", "pattern": "^cost", "apply-to": "queues", "priority": 0, "definition": {"max-length": 1000000000}})
definitions = {
    "vhosts": [{"name": "narrow"}],
    "users": [{"name": "narrow", "tags": "", "password": "narrow"}],
    "permissions": [{"user": "narrow", "vhost": "narrow", "configure": "^cost[-.a-z0-9]*$", "write": "^(cost[-.a-z0-9]*|amq\\.default)$", "read": "^cost[-.a-z0-9]*$"}],
    "topic_permissions": [{"user": "narrow", "vhost": "narrow", "exchange": "cost.topic", "write": "^[-.a-z0-9]+$", "read": "^[-.a-z0-9#*]+$"}],
    "policies": policies,
}
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
connection.request("POST", "/api/definitions", json.dumps(definitions), {"Authorization": "Basic " + base64.b64encode(b"guest:guest").decode(), "Content-Type": "application/json"})
answer = connection.getresponse()
if answer.status >= 300:
    sys.exit(f"cost.sh: the definitions were refused: {answer.status} {answer.read().decode()}")
PY

# Asks as a Prometheus and an open page do, once a second, over connections that stay. It is there all the time, and stopped where nothing is to be asked: its start would count.
python3 - "$http" "$metrics" >"$work/scraper.out" 2>&1 <<'PY' &
import base64, http.client, sys, time
who = {"Authorization": "Basic " + base64.b64encode(b"guest:guest").decode()}
asked = [(http.client.HTTPConnection("127.0.0.1", int(sys.argv[2])), path, {}) for path in ("/metrics", "/metrics/per-object")]
asked += [(http.client.HTTPConnection("127.0.0.1", int(sys.argv[1])), path, who) for path in ("/api/overview", "/api/queues?page=1&page_size=100", "/api/nodes")]

def ask(connection, path, headers):
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        sys.exit(f"{path} is answered with {answer.status}")

due = time.monotonic()
while True:
    for connection, path, headers in asked:
        try:
            ask(connection, path, headers)
        except (http.client.RemoteDisconnected, ConnectionError):
            # Nobody has asked for long, and the connection was closed.
            connection.close()
            ask(connection, path, headers)
    due = max(due + 1, time.monotonic())
    time.sleep(max(0, due - time.monotonic()))
PY
scraper_pid=$!
disown "$scraper_pid"
scraper_runs=0
scraper() { kill "-$1" "$scraper_pid" 2>/dev/null || fail "the figures could not be asked for: $(cat "$work/scraper.out")"; }
scraper_cpu() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$scraper_pid/stat"; }

field() { sed -n "s/.*\"$1\":\([-0-9.eE+]*\).*/\1/p"; }

# once MODE: one run of the current load; prints its figure.
once() {
  local at="--port $amqp" out
  [ "$1" != rights ] || at="--uri amqp://narrow:narrow@127.0.0.1:$amqp/narrow"
  if [ "$1" = figures ]; then scraper CONT; fi
  out=$("$bench" $at --duration "$seconds" --prefix cost --json $options) || fail "$name failed with $1: $out"
  if [ "$1" = figures ]; then
    scraper STOP
    scraper_runs=$((scraper_runs + 1))
  fi
  field "$figure" <<<"$out" >"$work/figure"
}

median() { sort -g | awk '{ v[NR] = $1 } END { if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
change() { awk '{ printf "%+.1f %%", ($1 - 1) * 100 }'; }

# What is compiled when it is asked for the first time is compiled now.
sleep 3
scraper STOP
scraper_before=$(scraper_cpu)

echo "$(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), Linux $(uname -r), $(date -u +%F); $pairs pairs of $seconds s each; medians of the pairs' ratios, with their range."
echo
echo "| load | without, /s | nothing | figures asked for each second | narrow rights and 1,000 policies |"
echo "|---|---|---|---|---|"
for load in "${loads[@]}"; do
  IFS='|' read -r name label options figure <<<"$load"
  case ,$only, in ,, | *,"$name",*) ;; *) continue ;; esac
  echo "cost.sh: $name" >&2
  # Both vhosts have been used before anything counts.
  once none; once rights; once figures
  rm -f "$work"/ratio.* "$work/base"
  for pair in $(seq "$pairs"); do
    for mode in none figures rights; do
      if [ $((pair % 2)) = 1 ]; then
        once none; base=$(cat "$work/figure"); once "$mode"; with=$(cat "$work/figure")
      else
        once "$mode"; with=$(cat "$work/figure"); once none; base=$(cat "$work/figure")
      fi
      echo "$base" >>"$work/base"
      awk -v a="$base" -v b="$with" 'BEGIN { print b / a }' >>"$work/ratio.$mode"
    done
  done
  row="| $label | $(median <"$work/base" | awk '{ printf "%.0f", $1 }')"
  for mode in none figures rights; do
    row="$row | $(median <"$work/ratio.$mode" | change) [$(sort -g "$work/ratio.$mode" | head -1 | change) to $(sort -g "$work/ratio.$mode" | tail -1 | change)]"
  done
  echo "$row |"
done
echo
awk -v a="$scraper_before" -v b="$(scraper_cpu)" -v runs="$scraper_runs" -v s="$seconds" 'BEGIN { printf "Who asked for the figures took %.1f %% of a core itself.\n", (b - a) * 100 / (runs * s) }'
