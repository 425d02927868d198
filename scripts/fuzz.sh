#!/usr/bin/env bash
# Builds the fuzz targets with clang and runs each for its share of the time; fails where one finds something.
# usage: scripts/fuzz.sh [SECONDS [BUILD_DIR]]   (60 seconds in all, build/fuzz)
# What was found is left in BUILD_DIR/found; replay it with BUILD_DIR/tests/fuzz/fuzz_NAME FILE.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
seconds="${1:-60}"
build="${2:-build/fuzz}"
subjects=(decode round_trip spec)

cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
  -DCOLL_FUZZ=ON >/dev/null
cmake --build "$build" --target "${subjects[@]/#/fuzz_}"

share=$((seconds / ${#subjects[@]}))
((share > 0)) || share=1
mkdir -p "$build/found"
for subject in "${subjects[@]}"; do
  corpus="$build/corpus/$subject" # grows from run to run; the seeds are only read
  mkdir -p "$corpus"
  log="$build/found/$subject.log"
  status=0
  "$build/tests/fuzz/fuzz_$subject" -max_total_time="$share" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -verbosity=1 \
    -artifact_prefix="$build/found/$subject-" "$corpus" "tests/fuzz/corpus/$subject" >"$log" 2>&1 || status=$?
  if ((status != 0)); then
    echo "fuzz_$subject failed; its log:" >&2
    tail -n 60 "$log" >&2
    exit 1
  fi
  printf 'fuzz_%s: %s\n' "$subject" "$(grep -a '^Done' "$log" | tail -n 1)"
done
