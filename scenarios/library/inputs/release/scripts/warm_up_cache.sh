#!/usr/bin/env bash
# Warm up the product catalogue cache after a reboot, so that the first customers do not wait.
set -euo pipefail
while read -r path; do curl --silent --output /dev/null "http://localhost:8080$path"; done < top_pages.txt
