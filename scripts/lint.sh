#!/usr/bin/env bash
# The one lint script, for people and CI alike.
# usage: scripts/lint.sh [--fix] [BUILD_DIR]   (configured with the ci preset, whose compile database clang-tidy reads)
# --fix formats the sources first.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
export PYTHONDONTWRITEBYTECODE=1
fix=0
if [[ ${1:-} == --fix ]]; then
  fix=1
  shift
fi
build="${1:-build/ci}"

files() { python3 -c 'import sys; sys.path.insert(0, "scripts"); import tree
print("\n".join(tree.with_suffix(".", *sys.argv[1:])))' "$@"; }

step() { printf -- '-- %s\n' "$*"; }

[[ -f $build/compile_commands.json ]] || cmake --preset ci -B "$build" >/dev/null

step "format"
mapfile -t sources < <(files .c .h .cpp .hpp .cu .cuh)
if ((fix)); then clang-format -i "${sources[@]}"; fi
clang-format --dry-run -Werror "${sources[@]}"

step "shell scripts"
mapfile -t scripts < <(
  files .sh
  files "" | while read -r file; do
    [[ $(basename "$file") == *.* ]] || ! head -c 64 "$file" | head -n 1 | grep -aqE '^#!.*\b(ba)?sh\b' || echo "$file"
  done
)
shellcheck "${scripts[@]}"

step "include arrows"
python3 scripts/check_includes.py

step "words, lengths, links"
python3 scripts/check_text.py

step "public headers as C99 and C++"
scripts/check_headers.sh

step "clang-tidy"
python3 scripts/run_tidy.py "$build"
