#!/usr/bin/env bash
# tools/test.sh [ARGUMENT...]: the suite, but for tests/clients.
# tools/test.sh clients [ARGUMENT...]: tests/clients alone, which waits for other people's polling most of its time.
set -euo pipefail
cd "$(dirname "$0")/.."
images/build.sh
if [ "${1:-}" = clients ]; then
    shift
    tools/clients.sh || true   # says so itself, and its tests are skipped
    exec .venv/bin/python -m pytest --require tests/clients "$@"
fi
exec .venv/bin/python -m pytest --require --ignore=tests/clients "$@"
