#!/usr/bin/env bash
# Installs the Debian packages that one purpose needs, and does nothing when all of them are there.
#
#   scripts/install-packages.sh run|test|lint|bench
#
# Needs root or sudo, and only when something is missing. Services that a package brings (docker-registry, nginx) are
# neither started nor enabled: the tests start what they need, on loopback, on ports of their own.
set -euo pipefail

usage() {
    echo "usage: $0 run|test|lint|bench" >&2
    exit 64
}

# What the server and its plugins compile against.
run=(pkg-config libssl-dev libcurl4-openssl-dev libxml2-dev libyaml-dev)
# The clients and the peer that the tests drive, and the tools that look into the built files.
test=("${run[@]}" skopeo podman buildah crun fuse-overlayfs uidmap curl openssl docker-registry
    binutils gcc g++ util-linux python3-venv)
lint=("${run[@]}" clang-format gcc g++ python3)
bench=("${run[@]}" docker-registry nginx-light curl openssl python3 gcc libc6-dev)

case "${1:-}" in
run) wanted=("${run[@]}") ;;
test) wanted=("${test[@]}") ;;
lint) wanted=("${lint[@]}") ;;
bench) wanted=("${bench[@]}") ;;
*) usage ;;
esac

# The Swift toolchain brings a clang; some installations keep it out of PATH.
if [ "$1" = lint ] && ! command -v clang >/dev/null; then
    wanted+=(clang)
fi

installed() {
    # A line for each architecture that has it.
    dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

missing=()
for package in "${wanted[@]}"; do
    installed "$package" || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "mooring: this machine has no apt-get; install the equivalents of: ${missing[*]}" >&2
    exit 69
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "mooring: root or sudo is needed to install: ${missing[*]}" >&2
        exit 77
    fi
    as_root=(sudo)
fi

# While this file says 101, Debian's maintainer scripts start no service. A policy that is there already stays.
policy=/usr/sbin/policy-rc.d
remove_policy() { :; }
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
    remove_policy() { "${as_root[@]}" rm -f "$policy"; }
fi
trap remove_policy EXIT

echo "mooring: installing ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0)
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${missing[@]}"

# Nor shall they start at the next boot, unless they were here before us.
if command -v systemctl >/dev/null; then
    for package in "${missing[@]}"; do
        case "$package" in
        docker-registry) "${as_root[@]}" systemctl --quiet disable docker-registry.service || true ;;
        nginx-light) "${as_root[@]}" systemctl --quiet disable nginx.service || true ;;
        esac
    done
fi
