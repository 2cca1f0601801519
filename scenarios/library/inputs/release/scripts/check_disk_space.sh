#!/usr/bin/env bash
# Alert by mail when a file system is more than 85 percent full.
set -euo pipefail
df --output=target,pcent | tail -n +2 | while read -r mount percent; do
    if [ "${percent%\%}" -gt 85 ]; then
        echo "$mount is $percent full" | mail -s "disk space on $(hostname)" operations@example.org
    fi
done
