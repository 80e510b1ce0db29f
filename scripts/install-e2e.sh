#!/usr/bin/env bash
# Installs what `make e2e` needs on Debian 12, as root: Node.js with npm, iproute2
# for networks of the tests' own, coturn, and the packages of tests/e2e/node.
set -euo pipefail
cd "$(dirname "$0")/../tests/e2e/node"

missing=()
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v ip >/dev/null || missing+=(iproute2)
command -v turnserver >/dev/null || missing+=(coturn)

# the tests start a coturn of their own; the package would start one for the machine
turn_service=/etc/systemd/system/coturn.service
masks_turn_service=false
if [[ " ${missing[*]} " == *" coturn "* && ! -e $turn_service ]]; then
    masks_turn_service=true
    mkdir -p "${turn_service%/*}"
    ln -s /dev/null "$turn_service"
fi
if ((${#missing[@]} > 0)); then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq --yes --no-install-recommends "${missing[@]}"
fi
if $masks_turn_service; then
    rm "$turn_service"
    systemctl disable --quiet coturn || true # where there is no systemd, nothing starts it
fi

# nothing to do while the lock file is the one that was installed
installed=node_modules/.installed.sha256
if ! sha256sum --check --status "$installed" 2>/dev/null; then
    npm ci --ignore-scripts --loglevel=error
    sha256sum package-lock.json >"$installed"
fi
