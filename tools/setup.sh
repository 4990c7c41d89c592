#!/usr/bin/env bash
# Makes this checkout ready: system packages, .venv with the locked Python packages, the eBPF objects, the pause program.
# Safe to run again: what is in place is left alone, and a second run takes about a second.
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf '  setup: %s\n' "$*"; }
die() { printf '  setup: %s\n' "$*" >&2; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# command -> the Debian or Ubuntu package that brings it
needed=(clang:clang llvm-strip:llvm bpftool:bpftool ip:iproute2 iptables:iptables nft:nftables openssl:openssl
        dig:bind9-dnsutils gcc:gcc make:make curl:curl ping:iputils-ping ethtool:ethtool)
files=(/usr/include/bpf/bpf_helpers.h:libbpf-dev /usr/include/stdio.h:libc6-dev)

packages() {
    local missing=() entry
    for entry in "${needed[@]}"; do command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}"); done
    for entry in "${files[@]}"; do [ -e "${entry%%:*}" ] || missing+=("${entry##*:}"); done
    command -v dockerd >/dev/null || [ -S /var/run/docker.sock ] || missing+=(docker.io)
    usable_python >/dev/null || missing+=(python3 python3-venv)
    [ ${#missing[@]} = 0 ] && return
    command -v apt-get >/dev/null || die "needs ${missing[*]}; install them with your package manager and run this again"
    say "installing ${missing[*]}"
    as_root apt-get -qq update || say "some package lists could not be refreshed; going on with what there is"
    # Ubuntu has bpftool in linux-tools-common; a package name this system does not know is replaced.
    apt-cache show bpftool >/dev/null 2>&1 || missing=("${missing[@]/bpftool/linux-tools-common}")
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
}

# The newest of the usual interpreters that is recent enough and can make a virtual environment.
usable_python() {
    local candidate
    for candidate in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
        "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
            && { echo "$candidate"; return; }
    done
    return 1
}

python_packages() {
    local mark python
    mark=$(cat requirements.lock pyproject.toml | sha256sum | cut -d' ' -f1)
    [ "$(cat .venv/.sealway-lock 2>/dev/null)" = "$mark" ] && return
    python=$(usable_python) || die "needs Python 3.11 or newer with venv: apt-get install python3 python3-venv"
    say "installing the locked Python packages into .venv"
    "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
    echo "$mark" > .venv/.sealway-lock
}

packages
python_packages
make --no-print-directory -s -C bpf
make --no-print-directory -s -C images/pause
say "ready: .venv/bin/sealway"
