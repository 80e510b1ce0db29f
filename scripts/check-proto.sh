#!/usr/bin/env bash
# Fails when generated/ is not what protos/ generate.
set -euo pipefail
cd "$(dirname "$0")/.."
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

scripts/proto.sh "$fresh"
diff --recursive --exclude=__pycache__ generated "$fresh" || {
    echo "generated/ is not current: run make proto" >&2
    exit 1
}
