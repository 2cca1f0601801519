#!/usr/bin/env bash
# Restart the payment gateway one instance at a time, so that customers notice nothing.
set -euo pipefail
for instance in pay-1 pay-2 pay-3 pay-4; do
    ssh "$instance" sudo systemctl restart payment-gateway
    until curl --silent --fail "http://$instance:8080/health"; do sleep 5; done
done
