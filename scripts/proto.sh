#!/usr/bin/env bash
# Generates the Python stubs from protos/ into the folder named (generated/ by default).
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-generated}
bin=$(cd "${VENV:-.venv}/bin" && pwd)

rm -rf "$out/signaling"
mkdir -p "$out"
mapfile -t files < <(cd protos && find signaling -name '*.proto' | sort)
PATH="$bin:$PATH" "$bin/python" -m grpc_tools.protoc -I protos \
    --python_out="$out" --grpc_python_out="$out" \
    --mypy_out=quiet:"$out" --mypy_grpc_out=quiet:"$out" "${files[@]}"
# protoc writes no packages; without py.typed mypy would not read the stubs
find "$out/signaling" -type d -exec touch {}/__init__.py \;
touch "$out/signaling/py.typed"
