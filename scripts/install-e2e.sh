#!/usr/bin/env bash
# Installs what `make e2e` needs on Debian 12, as root: Node.js with npm, iproute2
# for networks of the tests' own, coturn, promtool of prometheus, a C++ compiler with gRPC's
# stubs and libraries for examples/cpp, and the packages of tests/e2e/node, clients/web,
# examples/web and examples/node; Chromium with a font.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v ip >/dev/null || missing+=(iproute2)
command -v turnserver >/dev/null || missing+=(coturn)
command -v chromium >/dev/null || missing+=(chromium fonts-dejavu-core)
command -v promtool >/dev/null || missing+=(prometheus)
command -v g++ >/dev/null || missing+=(g++)
command -v protoc >/dev/null || missing+=(protobuf-compiler)
command -v pkg-config >/dev/null || missing+=(pkg-config)
command -v grpc_cpp_plugin >/dev/null || missing+=(protobuf-compiler-grpc)
[[ -e /usr/include/grpcpp/grpcpp.h ]] || missing+=(libgrpc++-dev)
[[ -e /usr/include/google/protobuf/message.h ]] || missing+=(libprotobuf-dev)

# the tests start a coturn of their own, and no Prometheus; the packages would start both for
# the machine
masked=()
for package in coturn prometheus; do
    unit=/etc/systemd/system/$package.service
    if [[ " ${missing[*]} " == *" $package "* && ! -e $unit ]]; then
        masked+=("$package")
        mkdir -p "${unit%/*}"
        ln -s /dev/null "$unit"
    fi
done
if ((${#missing[@]} > 0)); then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq --yes --no-install-recommends "${missing[@]}"
fi
for package in "${masked[@]}"; do
    rm "/etc/systemd/system/$package.service"
    systemctl disable --quiet "$package" || true # where there is no systemd, nothing starts it
done

# nothing to do while the lock file is the one that was installed
for folder in tests/e2e/node clients/web examples/web examples/node; do
    (
        cd "$folder"
        installed=node_modules/.installed.sha256
        if ! sha256sum --check --status "$installed" 2>/dev/null; then
            npm ci --ignore-scripts --loglevel=error
            sha256sum package-lock.json >"$installed"
        fi
    )
done
