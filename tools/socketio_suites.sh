#!/usr/bin/env bash
# usage: tools/socketio_suites.sh CHECKOUT [BUILD-DIR] - the official suites against build/sio_echo.
#
# CHECKOUT is a clone of github.com/socketio/socket.io. Its suites are run from a copy and never
# committed here: engine.io-protocol v4 (25 tests), socket.io-protocol v5 (32), and the tests of
# socket.io-client (111), whose support server is played by `sio_echo --client-suite`.
# Rule: ports 3000 and 3210 (constants of the suites) must be free; what was started is ended.
set -euo pipefail
[ $# -ge 1 ] || { sed -n 2p "$0" && exit 2; }
checkout=$(readlink -f "$1")
cd "$(dirname "$0")/.."
echo_program=$(readlink -f "${2:-build}/sio_echo")
work=$(mktemp -d)
server=

stop() { [ -z "$server" ] || { kill "$server" && wait "$server" || true; } && server=; }
trap 'stop; rm -rf "$work"' EXIT

# start PORT FLAG...: the server, once it listens.
start() {
    "$echo_program" --port "$@" >"$work/log" 2>&1 &
    server=$!
    for _ in $(seq 50); do
        grep -q '"port"' "$work/log" && return
        sleep 0.1
    done
    cat "$work/log" && exit 1
}

protocol_suite() { # NAME FOLDER FLAG...
    local name=$1 folder=$2
    shift 2
    cp -r "$checkout/docs/$folder" "$work/suite"
    (cd "$work/suite" && npm ci --no-audit --no-fund >/dev/null 2>&1)
    start 3000 "$@"
    echo "== $name"
    (cd "$work/suite" && npx mocha --exit --reporter dot test-suite.js) || failed=1
    stop
    rm -rf "$work/suite"
}

client_suite() {
    cp -r "$checkout/packages/socket.io-client" "$work/suite"
    (cd "$work/suite" && npm i --no-save --no-audit --no-fund typescript@6.0.3 tsx@4.20.6 mocha@10.6.0 \
        expect.js@0.3.1 has-cors@1.1.0 text-blob-builder@0.0.1 base64-arraybuffer@1.0.2 rimraf@6 \
        @sinonjs/fake-timers@15 @types/node@24 @types/mocha@10 @types/expect.js@0.3.32 >/dev/null 2>&1
        npx tsc && npx tsc -p tsconfig.esm.json && bash ./postcompile.sh) || true
    start 3210 --client-suite
    echo "== socket.io-client"
    (cd "$work/suite" && npx mocha --import=tsx --timeout 4000 --exit --reporter dot test/index.ts) || failed=1
    stop
}

failed=0
protocol_suite engine.io-protocol engine.io-protocol/v4-test-suite --engine-only
protocol_suite socket.io-protocol socket.io-protocol/v5-test-suite
client_suite
exit $failed
