#!/usr/bin/env bash
# tools/engine.sh with COMMAND...: runs a command with a Docker Engine there; where none runs, starts one
# and stops it afterwards. The command's exit status is ours.
set -euo pipefail
say() { printf '  engine: %s\n' "$*"; }
log=/var/log/sealway-dockerd.log
started=

running() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

start() {
    running && return
    [ "$(id -u)" = 0 ] || { echo "  engine: no Docker Engine answers; run this as root, or start one: sudo systemctl start docker" >&2; exit 1; }
    if [ -d /run/systemd/system ]; then
        say "starting docker.service"
        systemctl start docker.service
        started=systemd
    else
        say "starting a Docker Engine (log: $log)"
        setsid dockerd >>"$log" 2>&1 </dev/null &
        started=$!
        export SEALWAY_OWN_ENGINE=$log   # the suite may restart this one
    fi
    for _ in $(seq 150); do running && return; sleep 0.2; done
    echo "  engine: it does not answer; its log ends:" >&2
    tail -5 "$log" >&2
    exit 1
}

stop() {
    case "$started" in
        '') ;;
        systemd) say "stopping docker.service, as it was found"; systemctl stop docker.service docker.socket ;;
        *) engine_pid=$(cat /var/run/docker.pid 2>/dev/null || echo "$started")
           say "stopping the Docker Engine that was started"
           kill "$engine_pid" 2>/dev/null || true
           for _ in $(seq 100); do kill -0 "$engine_pid" 2>/dev/null || break; sleep 0.2; done ;;
    esac
}

[ "${1:-}" = with ] || { echo "usage: tools/engine.sh with COMMAND..." >&2; exit 2; }
shift
trap stop EXIT
start
"$@"
