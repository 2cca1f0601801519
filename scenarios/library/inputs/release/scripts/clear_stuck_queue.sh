#!/usr/bin/env bash
# Move poison messages from a stuck MQ queue to its backout queue, and show the depth before and after.
set -euo pipefail
manager="$1" queue="$2"
echo "DISPLAY QLOCAL($queue) CURDEPTH" | runmqsc "$manager"
dmpmqmsg -m "$manager" -I "$queue" -o "$queue.BACKOUT"
echo "DISPLAY QLOCAL($queue) CURDEPTH" | runmqsc "$manager"
