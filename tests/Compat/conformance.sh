#!/bin/bash
# Runs the cases of Conformance/ against Debian's rabbitmq-server 3.10.8: those that are marked as another version's have to fail there, all others have to pass.
#   tests/Compat/conformance.sh [FILTER]   part of a test's name: Conformance unless told
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

project="$root/tests/Compat/Granary.Compat.Tests.csproj"
dotnet build "$project" -c Release -nodeReuse:false -v quiet

amqp=$(free_port)
http=$(free_port)
"$root/tests/Compat/rabbitmq.sh" "$amqp" "$http" >/dev/null &
broker=$!
trap 'kill "$broker"; wait "$broker" || true' EXIT
for _ in $(seq 600); do
    # The API is the last that is started.
    (exec 3<>"/dev/tcp/127.0.0.1/$http") 2>/dev/null && break
    kill -0 "$broker"
    sleep 0.1
done

GRANARY_TEST_AMQP_PORT=$amqp GRANARY_TEST_HTTP_PORT=$http GRANARY_TEST_BROKER=rabbitmq-3 \
    dotnet test "$project" --no-build -c Release --filter "FullyQualifiedName~${1:-.Conformance.}"
