#!/usr/bin/env bash
# Builds the images that the demo and the tests run, without any registry: Debian or Ubuntu packages
# unpacked into a root file system (apt resolves and verifies them), then `docker import`.
#
#   images/build.sh            all of them, those that are missing or whose sources changed
#   images/build.sh witness    just that one
#
# Every service's image holds its own key and certificate, made here. The CA of each is in its image
# (/etc/witness/ca.pem), and all of them together (peers.pem), so that services can verify each other.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$here/build
say() { printf '  images: %s\n' "$*"; }

# rootfs DIR PACKAGE...: the packages and all they need, unpacked into DIR.
rootfs() {
    local root=$1 state; shift
    state=$(mktemp -d)
    mkdir -p "$state/debs/partial" "$root"
    : > "$state/status"
    apt-get -qq -o Dir::State::status="$state/status" -o Dir::Cache::archives="$state/debs" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root \
        -o Debug::NoLocking=1 --no-install-recommends -y --download-only install base-files "$@" >"$state/log" 2>&1 \
        || { cat "$state/log" >&2; return 1; }
    # Merged /usr first: packages ship files under both names.
    mkdir -p "$root"/usr/{bin,sbin,lib,lib64}
    for dir in bin sbin lib lib64; do ln -sfn "usr/$dir" "$root/$dir"; done
    for deb in "$state"/debs/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink \
            --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' \
            --exclude='./usr/share/info/*'
    done
    mkdir -p "$root"/{etc,proc,sys,dev,run,var/tmp} && mkdir -p -m 1777 "$root/tmp"
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n' > "$root/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' > "$root/etc/group"
    ln -sf dash "$root/usr/bin/sh"
    ldconfig -r "$root" 2>/dev/null || true
    rm -rf "$state"
}

# certificate NAME: a CA and a P-256 key with a certificate for NAME.demo.internal, once.
certificate() {
    local dir=$work/tls/$1
    [ -s "$dir/cert.pem" ] && return
    mkdir -p "$dir"
    openssl ecparam -name prime256v1 -genkey -noout -out "$dir/ca-key.pem"
    openssl req -x509 -new -key "$dir/ca-key.pem" -sha256 -days 3650 -subj "/CN=$1 demo CA" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign -out "$dir/ca.pem"
    openssl ecparam -name prime256v1 -genkey -noout -out "$dir/key.pem"
    openssl req -new -key "$dir/key.pem" -subj "/CN=$1.demo.internal" -out "$dir/request.pem"
    openssl x509 -req -in "$dir/request.pem" -CA "$dir/ca.pem" -CAkey "$dir/ca-key.pem" -CAcreateserial \
        -sha256 -days 3649 -out "$dir/cert.pem" -extfile <(printf '%s\n' \
        "subjectAltName=DNS:$1.demo.internal" "extendedKeyUsage=serverAuth" "keyUsage=critical,digitalSignature") 2>/dev/null
    rm -f "$dir/ca-key.pem" "$dir/request.pem"   # the CA signs once: nobody can add another certificate
}

# put_tls ROOT NAME: the service's key, certificate and CAs at /etc/witness.
put_tls() {
    mkdir -p "$1/etc/witness"
    cp "$work/tls/$2"/{ca,cert,key}.pem "$1/etc/witness/"
    cat "$work"/tls/*/ca.pem > "$1/etc/witness/peers.pem"
}

# import NAME ROOT CHANGE...: docker import, marked with the fingerprint of what it was made from.
import() {
    local name=$1 root=$2; shift 2
    local changes=()
    for change in "$@"; do changes+=(--change "$change"); done
    tar -C "$root" --numeric-owner -c . \
        | docker import "${changes[@]}" --change "LABEL sealway.sources=$(sources)" - "sealway/$name:1" >/dev/null
}

# The certificates count as sources: an engine may hold images that another clone made, with other keys.
sources() { cat "$here"/build.sh "$here"/{witness,postgres,nginx}/* "$work"/tls/*/cert.pem | sha256sum | cut -c1-16; }
fresh() {
    [ "$(docker image inspect --format '{{index .Config.Labels "sealway.sources"}}' "sealway/$1:1" 2>/dev/null)" = "$(sources)" ]
}

build_pause() {   # Sealway makes this one itself where it is missing; the tests want it beforehand
    docker image inspect sealway/pause:1 >/dev/null 2>&1 \
        || "$here/../.venv/bin/python" -m sealway.drivers.docker.pause_image | docker load -q >/dev/null
}

build_witness() {   # the base of orders and ledger: Python, pyOpenSSL, a TLS server that tells what it saw
    local base root name
    base=$(mktemp -d)
    rootfs "$base" dash python3-minimal python3-openssl python3-h11 python3-wsproto
    install -D "$here/witness/witness.py" "$base/opt/witness/witness.py"
    for name in orders ledger; do
        put_tls "$base" "$name"
        import "$name" "$base" 'ENTRYPOINT ["/usr/bin/python3", "/opt/witness/witness.py"]' 'EXPOSE 8443'
    done
    rm -rf "$base"
}

build_postgres() {
    local root; root=$(mktemp -d)
    rootfs "$root" dash bash coreutils sed grep libc-bin postgresql ssl-cert tzdata
    printf 'postgres:x:999:999:postgres:/var/lib/postgresql:/bin/bash\n' >> "$root/etc/passwd"
    printf 'postgres:x:999:\n' >> "$root/etc/group"
    put_tls "$root" postgres
    chown 999:999 "$root/etc/witness/key.pem" && chmod 0600 "$root/etc/witness/key.pem"
    mkdir -p "$root/var/lib/postgresql" "$root/run/postgresql"
    chown -R 999:999 "$root/var/lib/postgresql" "$root/run/postgresql"
    install -m 0755 "$here/postgres/start.sh" "$root/opt/start.sh" 2>/dev/null \
        || install -D -m 0755 "$here/postgres/start.sh" "$root/opt/start.sh"
    import postgres "$root" 'ENTRYPOINT ["/opt/start.sh"]' 'USER 999:999' 'EXPOSE 5432' 'ENV LC_ALL=C.UTF-8'
    rm -rf "$root"
}

build_nginx() {
    local root; root=$(mktemp -d)
    rootfs "$root" dash nginx-light
    put_tls "$root" nginx
    install -D -m 0644 "$here/nginx/nginx.conf" "$root/etc/nginx/nginx.conf"
    printf 'www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n' >> "$root/etc/passwd"
    printf 'www-data:x:33:\n' >> "$root/etc/group"
    import nginx "$root" 'ENTRYPOINT ["/usr/sbin/nginx", "-g", "daemon off;"]' 'EXPOSE 8443'
    rm -rf "$root"
}

ensure() {   # ensure GROUP IMAGE...: builds the group when one of its images is missing or stale
    local group=$1 image; shift
    for image in "$@"; do
        if ! fresh "$image"; then
            say "building $* from this system's packages"
            "build_$group"
            return
        fi
    done
}

mkdir -p "$work"
for name in orders ledger postgres nginx; do certificate "$name"; done
case "${1:-all}" in
    pause) build_pause ;;
    witness) ensure witness orders ledger ;;
    postgres) ensure postgres postgres ;;
    nginx) ensure nginx nginx ;;
    all)
        build_pause
        ensure witness orders ledger
        ensure postgres postgres
        ensure nginx nginx
        say "ready: $(docker image ls --format '{{.Repository}}:{{.Tag}}' 'sealway/*' | sort | tr '\n' ' ')"
        ;;
    *) echo "usage: images/build.sh [all|pause|witness|postgres|nginx]" >&2; exit 2 ;;
esac
