#!/usr/bin/env bash
# Request a new TLS certificate from the internal authority, install it and reload the proxy.
set -euo pipefail
host="$1"
openssl req -new -newkey rsa:3072 -nodes -keyout "$host.key" -out "$host.csr" -subj "/CN=$host"
curl --fail --data-binary "@$host.csr" "https://ca.example.org/sign" -o "$host.crt"
install -m 600 "$host.key" "$host.crt" /etc/proxy/tls/
systemctl reload haproxy
