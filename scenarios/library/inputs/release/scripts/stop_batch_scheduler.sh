#!/usr/bin/env bash
# Hold the nightly batch scheduler for maintenance: let running jobs finish, start no new ones.
set -euo pipefail
touch /srv/batch/HOLD
while pgrep --full batch-worker > /dev/null; do sleep 10; done
echo "all workers idle"
