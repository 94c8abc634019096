#!/usr/bin/env bash
# Starts the broker on a PostgreSQL of its own (a temporary folder, a free port, the server's defaults), for compare.sh --granary bench/on-postgres.sh.
# Ends with whichever ends first, and takes the other with it. Options are the broker's.
set -euo pipefail
cd "$(dirname "$0")/.."

programs=${GRANARY_TEST_POSTGRES_BIN:-/usr/lib/postgresql/15/bin}
[ -x "$programs/postgres" ] || { echo "on-postgres.sh: $programs/postgres is missing: apt-get install postgresql-15" >&2; exit 1; }
folder=$(mktemp -d "${TMPDIR:-/tmp}/granary-postgres.XXXXXX")
server="" broker=""
cleanup() {
  trap - EXIT INT TERM
  [ -z "$broker" ] || { kill -TERM "$broker" 2>/dev/null; wait "$broker" 2>/dev/null; } || true
  [ -z "$server" ] || { kill -INT "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true
  rm -rf "$folder"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# PostgreSQL does not run as root.
as=()
if [ "$(id -u)" = 0 ]; then
  chown postgres "$folder"
  as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
port=$((20000 + RANDOM % 12000))
"${as[@]}" "$programs/initdb" -D "$folder/data" -A trust -U granary >"$folder/initdb.log"
"${as[@]}" "$programs/postgres" -D "$folder/data" -p "$port" -k "$folder" -c listen_addresses=127.0.0.1 >"$folder.log" 2>&1 &
server=$!
for _ in $(seq 100); do
  "$programs/pg_isready" -q -h 127.0.0.1 -p "$port" && break
  sleep 0.1
done

./run.sh --store postgres --connection "Host=127.0.0.1;Port=$port;Username=granary;Database=postgres" "$@" &
broker=$!
wait "$broker"
