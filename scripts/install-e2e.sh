#!/usr/bin/env bash
# Installs what `make e2e` needs on Debian 12, as root: Node.js with npm, iproute2
# for a network of the tests' own, and the packages of tests/e2e/node.
set -euo pipefail
cd "$(dirname "$0")/../tests/e2e/node"

missing=()
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v ip >/dev/null || missing+=(iproute2)
if ((${#missing[@]} > 0)); then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq --yes --no-install-recommends "${missing[@]}"
fi

# nothing to do while the lock file is the one that was installed
installed=node_modules/.installed.sha256
if ! sha256sum --check --status "$installed" 2>/dev/null; then
    npm ci --ignore-scripts --loglevel=error
    sha256sum package-lock.json >"$installed"
fi
