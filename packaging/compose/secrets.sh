#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run once by compose.yaml: makes what is absent of keys and certificate. Put your own certificate
# into the volume "tls" as tls.crt and tls.key, and it stays.
set -euo pipefail
umask 077

secrets=/var/lib/kibray/secrets tls=/var/lib/kibray/tls

for name in secret_key service_key; do
    if [ ! -s "$secrets/$name" ]; then
        od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$secrets/$name.new"
        mv "$secrets/$name.new" "$secrets/$name"
    fi
done

if [ ! -s "$tls/tls.crt" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 365 \
        -subj '/CN=localhost' -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1' \
        -keyout "$tls/tls.key" -out "$tls/tls.crt.new" 2>/dev/null
    mv "$tls/tls.crt.new" "$tls/tls.crt"
    printf 'Made a certificate for localhost.\n'
fi
