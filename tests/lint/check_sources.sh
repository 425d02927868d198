#!/usr/bin/env bash
# Configuring fails where a source file is in no target, and only there.
# usage: check_sources.sh CMAKE SOURCE_DIR WORK_DIR
set -euo pipefail
cmake="$1" source="$2" work="$3"

rm -rf "$work"
mkdir -p "$work/project/room"
cp "$source/tests/lint/sources/CMakeLists.txt" "$work/project/"
echo 'add_custom_target(parts SOURCES listed.cpp)' >"$work/project/room/CMakeLists.txt"
touch "$work/project/room/listed.cpp"
configure() { "$cmake" -S "$work/project" -B "$work/build" -D "CHECKED_MODULES=$source/cmake" 2>&1; }

configure || { echo "a tree with every source listed does not configure"; exit 1; }
touch "$work/project/room/forgotten.cpp"
if output="$(configure)"; then
  echo "an unlisted source was not noticed"
  exit 1
fi
grep -q 'room/forgotten.cpp' <<<"$output" || { echo "the message does not name the file: $output"; exit 1; }
echo 'coll_built_elsewhere(forgotten.cpp)' >>"$work/project/room/CMakeLists.txt"
configure || { echo "a source that is built elsewhere was reported"; exit 1; }
