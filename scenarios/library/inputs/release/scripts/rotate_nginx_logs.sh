#!/usr/bin/env bash
# Rotate and compress the access logs of the web tier, keep fourteen days.
# Usage: rotate_nginx_logs.sh [LOG_FOLDER]
set -euo pipefail
folder="${1:-/var/log/nginx}"
for file in "$folder"/*.log; do
    mv "$file" "$file.$(date +%F)"
    gzip "$file.$(date +%F)"
done
nginx -s reopen
find "$folder" -name '*.gz' -mtime +14 -delete
