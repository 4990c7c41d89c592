#!/usr/bin/env bash
# tools/test.sh: the suite, but for tests/clients. What needs the Docker Engine mostly waits, the rest computes: side by side.
# tools/test.sh ARGUMENT...: the tests that pytest's arguments choose, in one run.
# tools/test.sh clients [ARGUMENT...]: tests/clients alone, which waits for other people's polling most of its time.
set -euo pipefail
cd "$(dirname "$0")/.."
images/build.sh
suite() { .venv/bin/python -m pytest --require --ignore=tests/clients "$@"; }

if [ "${1:-}" = clients ]; then
    shift
    tools/clients.sh || true   # says so itself, and its tests are skipped
    exec .venv/bin/python -m pytest --require tests/clients "$@"
fi
if [ $# -gt 0 ]; then
    suite "$@"
    exit
fi

log=$(mktemp)
echo "  test: what needs no Docker Engine runs beside the rest; its output comes last"
suite -m "not docker" >"$log" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null || true; rm -f "$log"' EXIT
status=0
suite -m docker || status=$?
wait "$beside" || status=$?
cat "$log"
exit "$status"
