#!/usr/bin/env bash
# Checks every source without changing it: Swift and C format, the plugin header under every compiler and language
# that a plugin author may use, and the syntax of the scripts.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
check() {
    echo "mooring: lint: $1"
    shift
    "$@" || failed=1
}

plugin_header() {
    local status=0 compiler language header
    for compiler in gcc clang; do
        for language in c11:c c17:c c++17:c++; do
            for header in Sources/PluginABI/include/mooring/*.h; do
                echo "#include <mooring/$(basename "$header")>" |
                    "$compiler" -std="${language%:*}" -x "${language#*:}" -ISources/PluginABI/include \
                        -Wall -Wextra -Wpedantic -Werror -fsyntax-only - || status=1
            done
        done
    done
    return "$status"
}

shell_syntax() {
    local status=0 script
    for script in .ci/run scripts/*.sh; do
        bash -n "$script" || status=1
    done
    return "$status"
}

# Parses without leaving compiled files behind.
python_syntax() {
    python3 - "$@" <<'PYTHON'
import ast, sys
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as source:
        ast.parse(source.read(), path)
PYTHON
}

sources() {
    find Sources Plugins Tests \( -name .build -prune \) -o -type f \( "$@" \) -print | sort
}

mapfile -t c_files < <(sources -name '*.c' -o -name '*.h')
mapfile -t python_files < <(sources -name '*.py')

check "Swift format" swift format lint --strict --recursive Package.swift Sources Plugins Tests
[ "${#c_files[@]}" -eq 0 ] || check "C format" clang-format --dry-run -Werror "${c_files[@]}"
check "plugin header as C11, C17 and C++17" plugin_header
check "shell syntax" shell_syntax
[ "${#python_files[@]}" -eq 0 ] || check "Python syntax" python_syntax "${python_files[@]}"
exit "$failed"
