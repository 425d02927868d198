#!/usr/bin/env bash
# Real gradients, all-reduced over a virtual cluster of 4 nodes with 2 ranks each, links of 1 Gbit/s: libcoll's codecs beside
# MPI_Allreduce. Takes the build directory and, after it, further flags of all_reduce_perf.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
build="$(cd "${1:?usage: demo.sh BUILD_DIR [FLAGS OF all_reduce_perf]}" && pwd)"
shift
out="${DEMO_OUT:-$build}"

progress=off
if [[ -t 2 ]]; then progress=on; fi

# Open MPI's best choice here is its ring; left alone it takes a slower one.
ring='--mca coll_tuned_use_dynamic_rules 1 --mca coll_tuned_allreduce_algorithm 4'

status=0
"$build/bin/coll_cluster" --nodes 4 --ppn 2 --rate 1gbit --mpirun-arg "$ring" -- \
  "$build/bin/all_reduce_perf" -b 16M -e 16M -n 20 -w 2 --place out --baseline mpi \
  --codec none --codec bf16 --codec int8 --codec int4 --input "$here/data/gradient.rank%r.f32" \
  --json "$out/demo.json" --plot "$out/demo.svg" --progress "$progress" "$@" || status=$?
if ((status == 0)); then
  printf '\nThe same as a picture: %s\nand as JSON:          %s\n' "$out/demo.svg" "$out/demo.json"
fi
exit "$status"
