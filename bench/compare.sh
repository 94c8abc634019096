#!/usr/bin/env bash
# Compares Granary with Debian's rabbitmq-server on this machine: the same load to both in turn (A B A B ...), never at once.
# Prints a Markdown table. Both brokers run on loopback, on free ports, with their files in a temporary folder.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=../.ci/ports.sh
. .ci/ports.sh

pairs=3 seconds=4 only="" command=./run.sh rabbit_only=false keep=false
usage() {
  cat <<'TEXT'
bench/compare.sh [options]
  --pairs N         pairs of runs per scenario (3)
  --seconds S       length of one run (4)
  --only A,B,...    these scenarios only; see --list
  --list            list the scenarios
  --granary COMMAND starts the broker instead of ./run.sh; gets --amqp-port, --grpc-port, --http-port, --metrics-port and --data
                    (bench/on-postgres.sh starts it on a PostgreSQL)
  --rabbitmq-only   the reference figures alone
  --keep            keep the temporary folder (logs of both brokers)
TEXT
}

# name | load | tool | figure (several: one row each) | at most so many messages | options for both | for RabbitMQ | for Granary
# blast is amqpblast.c (counted in messages); bench is Granary.Bench (counted in seconds); grpc is the same, over AMQP to RabbitMQ and over gRPC to Granary.
scenarios=(
  "transient-16|16 B transient, no ack, 1 producer 1 consumer 1 queue|blast|consumed/s||-s 16||"
  "transient-16-4|same, 4 producers 4 consumers 4 queues|blast|consumed/s||-s 16 -P 4 -C 4 -q 4||"
  "transient-1k|same, 1 KiB, 1:1:1|blast|consumed/s||-s 1024||"
  "tls-1k|1 KiB transient in TLS, no ack, 1:1:1|blast|consumed/s||-T -s 1024||"
  "tls-1k-persistent|1 KiB persistent in TLS, confirms, acks, consumer keeping up|blast|consumed/s||-T -s 1024 -d -c 1000 -a 50 -f 500||"
  "publish-16|16 B publish only|blast|published/s|5000000|-s 16 -C 0||"
  "drain-16|16 B, drain of a backlog|blast|consumed/s|5000000|-s 16 -l||"
  "fanout-10|fan-out to 10 queues, 100 B, deliveries|bench|consumed_per_s||--size 100 --exchange-type fanout --queues 10 --consumers 10||"
  "priority|16 B transient, no ack, priorities 0 to 9 in turn|blast|consumed/s||-s 16 -x 9||"
  "priority-drain|same, drain of a backlog|blast|consumed/s|2000000|-s 16 -x 9 -l||"
  "priority-1k-persistent|1 KiB persistent, priorities 0 to 9 in turn, confirms, acks, consumer keeping up|blast|consumed/s||-s 1024 -x 9 -d -c 1000 -a 50 -f 500||"
  "topic-1000|one connection, topic exchange, keys spread over 1,000 queues, 100 B, consumed|bench|consumed_per_s||--size 100 --exchange-type topic --queues 1000||"
  "topic-1000-publish|same, publish only|bench|published_per_s||--size 100 --exchange-type topic --queues 1000 --consumers 0||"
  "confirms-memory|1 KiB, confirms (window 1000), ack every 50, prefetch 500; in memory, RabbitMQ durable and persistent|blast|consumed/s||-s 1024 -c 1000 -a 50 -f 500|-d|"
  "confirms-transient|same, both in memory|blast|consumed/s||-s 1024 -c 1000 -a 50 -f 500||"
  "packets|16 B transient, one message per packet|bench|consumed_per_s||--one-per-packet||"
  "persistent-1k|1 KiB persistent, confirms, acks, consumer keeping up|blast|consumed/s||-s 1024 -d -c 1000 -a 50 -f 500||"
  "persistent-1k-publish|1 KiB persistent, publish only, confirms|blast|confirmed/s|1000000|-s 1024 -d -c 1000 -C 0||"
  "persistent-1k-drain|1 KiB persistent, drain of a backlog, acks|blast|consumed/s|500000|-s 1024 -d -c 1000 -a 50 -f 500 -l||"
  "persistent-1k-single|1 KiB persistent, one confirm waited for each|blast|confirmed/s||-s 1024 -d -c 1 -C 0||"
  "hash-4|16 B transient, no ack, x-consistent-hash exchange over 4 queues with a consumer each, 4,096 keys|blast|consumed/s||-s 16 -X x-consistent-hash -q 4 -C 4||"
  "delayed|100 B persistent, confirms, acks, each delayed by a second (not counted); x-delayed-message; RabbitMQ without its plugin, so a queue with x-message-ttl that dead-letters|blast|consumed/s||-s 100 -d -c 1000 -a 50 -f 500|-W 1000|-D 1000"
  "deduplication|100 B persistent, confirms, acks, each with a message-id of its own; x-message-deduplication; RabbitMQ without its plugin, so the same to a plain queue|blast|consumed/s||-s 100 -d -c 1000 -a 50 -f 500 -U||-B x-message-deduplication"
  "tx-publish|100 B persistent, publish only, in transactions of 100|blast|published/s|1000000|-s 100 -d -C 0 -M 100||"
  "tx-move|100 B persistent, from queue to queue: 100 published and as many acknowledged in each transaction (RabbitMQ's is not atomic over queues)|blast|consumed/s|200000|-s 100 -d -l -f 300 -M 100 -m||"
  "stream-3|100 B persistent, backlog read by three readers of a stream, all three together; RabbitMQ a fanout exchange and three classic queues|blast|consumed/s|5000000|-s 100 -d -c 20000 -a 500 -f 2000 -C 3 -l|-X fanout -q 3|-A stream -O first"
  "stream-3-live|same, readers keeping up|blast|consumed/s|5000000|-s 100 -d -c 20000 -a 500 -f 2000 -C 3|-X fanout -q 3|-A stream -O next"
  "large-16k|16 KiB transient, no ack, 1:1:1|blast|consumed/s||-s 16384||"
  "large-128k|same, 128 KiB|blast|consumed/s||-s 131072||"
  "large-1m|same, 1 MB|blast|consumed/s||-s 1000000||"
  "large-10m|same, 10 MB|blast|consumed/s||-s 10000000||"
  "large-16k-persistent|16 KiB persistent, confirms (window 200), acks, consumer keeping up|blast|consumed/s||-s 16384 -d -c 200 -a 50 -f 200||"
  "large-128k-persistent|same, 128 KiB (window 50)|blast|consumed/s||-s 131072 -d -c 50 -a 10 -f 50||"
  "large-1m-persistent|same, 1 MB (window 10)|blast|consumed/s||-s 1000000 -d -c 10 -a 2 -f 10||"
  "large-10m-persistent|same, 10 MB (window 4)|blast|consumed/s||-s 10000000 -d -c 4 -a 1 -f 4||"
  "large-1m-publish|1 MB persistent, publish only, confirms (window 10)|blast|confirmed/s|1500|-s 1000000 -d -c 10 -C 0||"
  "confirms-16-publish|16 B transient, confirms (window 10,000), publish only, by Granary.Bench|bench|published_per_s||--size 16 --confirm-window 10000 --consumers 0||"
  "confirms-16|same, consumed|bench|consumed_per_s||--size 16 --confirm-window 10000||"
  "confirms-1k-publish|1 KiB transient, confirms (window 10,000), publish only, by Granary.Bench|bench|published_per_s||--size 1024 --confirm-window 10000 --consumers 0||"
  "confirms-1k|same, consumed|bench|consumed_per_s||--size 1024 --confirm-window 10000||"
  "grpc-16-publish|16 B transient, confirms (window 10,000), publish only, Granary over gRPC|grpc|published_per_s||--size 16 --confirm-window 10000 --consumers 0||"
  "grpc-16|same, consumed|grpc|consumed_per_s||--size 16 --confirm-window 10000||"
  "grpc-1k-publish|1 KiB transient, confirms (window 10,000), publish only, Granary over gRPC|grpc|published_per_s||--size 1024 --confirm-window 10000 --consumers 0||"
  "grpc-1k|same, consumed|grpc|consumed_per_s||--size 1024 --confirm-window 10000||"
  "latency|16 B transient at 1,000/s, one per packet|bench|latency_p50_us latency_p99_us||--rate 1000 --one-per-packet||"
)

fail() { echo "compare.sh: $*" >&2; exit 1; }
while [ $# -gt 0 ]; do
  case $1 in
    --pairs) pairs=${2:?}; shift ;;
    --seconds) seconds=${2:?}; shift ;;
    --only) only=${2:?}; shift ;;
    --granary) command=${2:?}; shift ;;
    --rabbitmq-only) rabbit_only=true ;;
    --keep) keep=true ;;
    --list) for s in "${scenarios[@]}"; do IFS='|' read -r name load _ <<<"$s"; printf '%-22s %s\n' "$name" "$load"; done; exit 0 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
[[ $pairs =~ ^[1-9][0-9]*$ && $seconds =~ ^[1-9][0-9]*$ ]] || { usage >&2; exit 2; }
for wanted in ${only//,/ }; do
  [[ $(printf '%s\n' "${scenarios[@]}") =~ (^|$'\n')"$wanted|" ]] || fail "no scenario '$wanted': see --list"
done

rabbit_home=/usr/lib/rabbitmq/bin
[ -x $rabbit_home/rabbitmq-server ] || fail "rabbitmq-server is not installed: apt-get install rabbitmq-server (its own service can stay stopped)"
command -v gcc >/dev/null || fail "gcc is not installed: apt-get install gcc libc6-dev"
[ -e /usr/include/openssl/ssl.h ] || fail "OpenSSL's headers are not installed: apt-get install libssl-dev"
command -v dotnet >/dev/null || fail "the .NET SDK is not installed"
$rabbit_only || [ -x "$command" ] || fail "$command is missing: it starts the broker"

work=$(mktemp -d "${TMPDIR:-/tmp}/granary-compare.XXXXXX")
rabbit_pid="" granary_pid="" epmd_port=""

# A process and all its descendants.
tree() {
  local pid child
  for pid in "$@"; do
    echo "$pid"
    for child in $(cat /proc/"$pid"/task/*/children 2>/dev/null); do tree "$child"; done
  done
}
end_tree() {
  [ -n "$1" ] || return 0
  local pids pid
  pids=$(tree "$1")
  kill -TERM $pids 2>/dev/null || true
  for _ in $(seq 100); do
    local alive=""
    for pid in $pids; do kill -0 "$pid" 2>/dev/null && alive="$alive $pid"; done
    [ -n "$alive" ] || return 0
    sleep 0.2
  done
  kill -KILL $alive 2>/dev/null || true
}
cleanup() {
  trap - EXIT INT TERM
  end_tree "$rabbit_pid"
  end_tree "$granary_pid"
  # The port mapper is a daemon of its own; on this port it serves our node alone.
  [ -z "$epmd_port" ] || ERL_EPMD_PORT=$epmd_port epmd -kill >/dev/null 2>&1 || true
  if $keep; then echo "logs: $work" >&2; else rm -rf "$work"; fi
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

start_rabbit() {
  local home=$work/rabbitmq dist_port
  mkdir -p "$home/home" "$home/mnesia" "$home/log"
  free_port; rabbit_port=$port
  free_port; rabbit_tls=$port
  free_port; dist_port=$port
  free_port; epmd_port=$port
  printf '%s\n' "listeners.tcp.1 = 127.0.0.1:$rabbit_port" "listeners.ssl.1 = 127.0.0.1:$rabbit_tls" "ssl_options.certfile = $work/tls.pem" "ssl_options.keyfile = $work/tls.key" \
    >"$home/rabbitmq.conf"
  echo "[rabbitmq_consistent_hash_exchange]." >"$home/enabled_plugins"
  setsid env HOME="$home/home" RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_NODENAME="compare$$@localhost" \
    RABBITMQ_MNESIA_BASE="$home/mnesia" RABBITMQ_LOG_BASE="$home/log" RABBITMQ_CONFIG_FILE="$home/rabbitmq.conf" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$home/enabled_plugins" RABBITMQ_DIST_PORT="$dist_port" \
    ERL_EPMD_PORT="$epmd_port" ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
    $rabbit_home/rabbitmq-server >"$work/rabbitmq.out" 2>&1 </dev/null &
  rabbit_pid=$!
  await RabbitMQ "$rabbit_port" "$rabbit_pid" 120 "$work/rabbitmq.out"
}
start_granary() {
  local http metrics
  free_port; granary_port=$port
  free_port; granary_tls=$port
  free_port; granary_grpc=$port
  free_port; http=$port
  free_port; metrics=$port
  setsid "$command" --amqp-port "$granary_port" --grpc-port "$granary_grpc" --http-port "$http" --metrics-port "$metrics" --data "$work/granary" \
    --amqp-tls-port "$granary_tls" --tls-certificate "$work/tls.pem" --tls-key "$work/tls.key" \
    >"$work/granary.out" 2>&1 </dev/null &
  granary_pid=$!
  await Granary "$granary_port" "$granary_pid" 600 "$work/granary.out"
}
await() {
  local until=$((SECONDS + $4))
  until "$bench" check --port "$2" 2>/dev/null; do
    kill -0 "$3" 2>/dev/null || { tail -20 "$5" >&2; fail "$1 ended while it started"; }
    [ $SECONDS -lt $until ] || { tail -20 "$5" >&2; fail "$1 takes no connections after $4 s"; }
    sleep 0.5
  done
}

field() { sed -n "s/.*\"$1\":\([-0-9.eE+]*\).*/\1/p"; }
cpu_of() { "$bench" usage --pid "$1" | field cpu_seconds; }

# once BROKER LENGTH: one run of the current scenario; leaves figures in the array values, and the broker's CPU per message in cpu.
# LENGTH is in messages for blast, in seconds for bench.
once() {
  local broker=$1 length=$2 port pid options producers=1 before after out key at
  case $broker in
    rabbitmq) port=$rabbit_port pid=$rabbit_pid options="$both $for_rabbit" ;;
    granary) port=$granary_port pid=$granary_pid options="$both $for_granary" ;;
  esac
  values=() cpu=""
  if [ "$tool" != blast ]; then
    at="--port $port"
    [ "$tool/$broker" != grpc/granary ] || at="--uri grpc://guest:guest@127.0.0.1:$granary_grpc/%2F"
    out=$("$bench" $at --broker-pid "$pid" --duration "$length" --prefix compare --json $options) || return 1
    for key in $figures; do values+=("$(field "$key" <<<"$out")"); done
    cpu=$(field broker_cpu_us_per_message <<<"$out")
    return 0
  fi

  case $options/$broker in -T*/rabbitmq) port=$rabbit_tls ;; -T*/granary) port=$granary_tls ;; esac
  [[ $options =~ -P\ ([0-9]+) ]] && producers=${BASH_REMATCH[1]}
  before=$(cpu_of "$pid")
  out=$("$work/amqpblast" -p "$port" -N compare -t 60 -n $((length / producers)) $options) || return 1
  after=$(cpu_of "$pid")
  for key in $figures; do values+=("$(awk -v key="$key" '{ for (i = 1; i < NF; i++) if ($i == key) print $(i + 1) }' <<<"$out")"); done
  cpu=$(awk -v a="$before" -v b="$after" -v n="$length" 'BEGIN { printf "%.3f", (b - a) * 1e6 / n }')
}

# How long a run has to be on this broker; the runs made to find out warm it up.
length_for() {
  length=$seconds
  if [ "$tool" != blast ]; then once "$1" 2; return; fi
  local size=1024 least
  [[ $both =~ -s\ ([0-9]+) ]] && size=${BASH_REMATCH[1]}
  least=$((100000000 / size)); least=$((least < 10 ? 10 : least > 1000 ? 1000 : least))
  length=$((2 * least))
  for step in 0.5 1 "$seconds"; do
    once "$1" "$length" || return 1
    length=$(awk -v rate="${values[0]}" -v s="$step" -v most="${most:-0}" -v least="$least" 'BEGIN { n = rate * s; if (n < least) n = least; if (most && n > most) n = most; printf "%d", n }')
  done
}

median() { sort -g | awk '{ v[NR] = $1 } END { if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
pretty() { awk '{ if ($1 >= 1000) { s = sprintf("%.0f", $1); while (match(s, /^[0-9]+[0-9][0-9][0-9]/)) s = substr(s, 1, RLENGTH - 3) "," substr(s, RLENGTH - 2); print s } else if ($1 >= 100) printf "%.0f\n", $1; else printf "%.3g\n", $1 }'; }
column() { if [ -s "$1" ]; then median <"$1" | pretty; else echo "${2:--}"; fi; }
row() {
  local id=$1 label=$2 ratio=- broker
  for broker in $brokers; do
    grep -v nan "$work/all.$id.$broker" >"$work/$id.$broker" 2>/dev/null || true
  done
  if ! $rabbit_only; then
    paste "$work/all.$id.rabbitmq" "$work/all.$id.granary" 2>/dev/null | awk '$1 + 0 > 0 && $2 + 0 > 0 { print $2 / $1 }' | sort -g >"$work/$id.ratio" || true
    if [ -s "$work/$id.ratio" ]; then
      ratio="$(column "$work/$id.ratio") [$(head -1 "$work/$id.ratio" | pretty)-$(tail -1 "$work/$id.ratio" | pretty)]"
    fi
  fi
  echo "| $label | $(column "$work/$id.rabbitmq" failed) | $(column "$work/$id.granary" "$($rabbit_only || echo failed)") | $ratio | $3 | $4 |"
}

awk '{ if ($1 > 1) print "compare.sh: the machine is busy (load " $1 "): expect wide ranges" }' /proc/loadavg >&2
echo "compare.sh: building the load generators" >&2
dotnet build bench/Granary.Bench.csproj -c Release -o "$work/bench" -nodeReuse:false -v quiet --nologo >"$work/build.out" 2>&1 || { cat "$work/build.out" >&2; fail "the load generator does not build"; }
bench=$work/bench/Granary.Bench
gcc -O2 -pthread -w -DTLS -o "$work/amqpblast" bench/amqpblast.c -lssl -lcrypto
gcc -O2 -pthread -w -o "$work/relay" bench/relay.c
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout "$work/tls.key" -out "$work/tls.pem" 2>/dev/null
start_rabbit
brokers=rabbitmq
$rabbit_only || { start_granary; brokers="rabbitmq granary"; }

echo "$(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), Linux $(uname -r), $(date -u +%F); $pairs pairs of $seconds s each; medians, ratio with its range."
echo
echo "| load | RabbitMQ /s | Granary /s | ratio | RabbitMQ CPU us/message | Granary CPU us/message |"
echo "|---|---|---|---|---|---|"
failed=false
for s in "${scenarios[@]}"; do
  IFS='|' read -r name load tool figures most both for_rabbit for_granary <<<"$s"
  case ,$only, in ,, | *,"$name",*) ;; *) continue ;; esac
  declare -A lengths=()
  for broker in $brokers; do
    echo "compare.sh: $name: warming up $broker" >&2
    if length_for "$broker"; then lengths[$broker]=$length; else failed=true; echo "compare.sh: $name failed on $broker" >&2; fi
  done
  for pair in $(seq "$pairs"); do
    for broker in $brokers; do
      # What failed while warming up is not tried again.
      [ -n "${lengths[$broker]:-}" ] || continue
      sleep 0.5
      if ! once "$broker" "${lengths[$broker]}"; then
        failed=true
        values=() cpu=""
        echo "compare.sh: $name failed on $broker" >&2
      fi
      index=0
      for figure in $figures; do
        # A failed run is an empty line in its place, so that pairs stay pairs.
        echo "${values[index]:-nan}" >>"$work/all.$name.${figure//\//_}.$broker"
        index=$((index + 1))
      done
      [ -z "$cpu" ] || echo "$cpu" >>"$work/$name.cpu.$broker"
      echo "compare.sh: $name $pair/$pairs $broker: ${values[*]:-failed}" >&2
    done
  done
  for figure in $figures; do
    id=$name.${figure//\//_}
    label=$load
    case $figure in latency_p50_us) label="$load: p50 (us, less is better)" ;; latency_p99_us) label="$load: p99 (us, less is better)" ;; esac
    row "$id" "$label" "$(column "$work/$name.cpu.rabbitmq")" "$(column "$work/$name.cpu.granary")"
  done
done
case ,$only, in
  ,, | *,large-*)
    # What large messages could reach at best: sockets alone, and the disk alone.
    echo
    echo "A relay without a broker: $("$work/relay"). The disk: $(dd if=/dev/zero of="$work/disk" bs=1M count=512 conv=fdatasync 2>&1 | sed -n 's/.*, //p') written and synced once."
    ;;
esac
$failed && fail "some runs failed; the reasons are above"
exit 0
