#!/bin/sh
# A PostgreSQL that accepts TLS only, with the key and certificate in /etc/witness.
# The data directory dies with the task: this image is for showing a connection, not for keeping data.
set -eu
bin=$(echo /usr/lib/postgresql/*/bin)
data=/var/lib/postgresql/data
if [ ! -s "$data/PG_VERSION" ]; then
    echo "${POSTGRES_PASSWORD:?POSTGRES_PASSWORD must be set}" > /var/lib/postgresql/password
    "$bin/initdb" --pgdata "$data" --username postgres --pwfile /var/lib/postgresql/password \
        --auth scram-sha-256 --no-sync >/dev/null
    rm /var/lib/postgresql/password
    echo 'hostssl all all all scram-sha-256' > "$data/pg_hba.conf"
fi
exec "$bin/postgres" -D "$data" -c listen_addresses='*' -c port=5432 -c ssl=on \
    -c ssl_cert_file=/etc/witness/cert.pem -c ssl_key_file=/etc/witness/key.pem -c ssl_min_protocol_version=TLSv1.3 \
    -c unix_socket_directories=/run/postgresql -c shared_buffers=32MB -c fsync=off
