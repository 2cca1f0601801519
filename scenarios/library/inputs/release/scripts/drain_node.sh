#!/usr/bin/env bash
# Drain a Kubernetes worker node before patching: cordon it, evict its pods, wait until none is left.
# Usage: drain_node.sh NODE
set -euo pipefail
node="$1"
kubectl cordon "$node"
kubectl drain "$node" --ignore-daemonsets --delete-emptydir-data --timeout=15m
kubectl get pods --all-namespaces --field-selector "spec.nodeName=$node"
