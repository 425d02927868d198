#!/usr/bin/env bash
# Installs to an empty folder, moves the tree, and builds and runs a C99 and a C++ program that see nothing else.
# usage: install_test.sh CMAKE BUILD_DIR SOURCE_DIR WORK_DIR MPIEXEC LIBDIR
set -euo pipefail
cmake="$1" build="$2" source="$3" work="$4" mpiexec="$5" libdir="$6"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
unset LD_LIBRARY_PATH CPATH LIBRARY_PATH CMAKE_PREFIX_PATH

fail() {
  echo "FAILED: $*"
  exit 1
}
step() { echo "-- $*"; }
on_two_ranks() { "$mpiexec" --oversubscribe --mca mpi_yield_when_idle 1 -n 2 "$@"; }

step "install"
rm -rf "$work"
mkdir -p "$work"
"$cmake" --install "$build" --prefix "$work/first" >"$work/install.log"
mv "$work/first" "$work/moved"
prefix="$work/moved" lib="$work/moved/$libdir"
if grep -rIlF -e "$source" -e "$build" "$prefix"; then fail "installed files name the source or build folder"; fi

step "headers, libraries, packages, documents"
for file in include/coll/coll.h include/coll/coll_mpi.h include/coll/coll_profile.h share/doc/coll/LICENSE \
  bin/coll_info bin/coll_plan bin/coll_cluster bin/all_reduce_perf bin/reduce_scatter_perf bin/all_gather_perf bin/broadcast_perf \
  bin/reduce_perf bin/gather_perf bin/scatter_perf bin/alltoall_perf bin/sendrecv_perf bin/codec_perf bin/overlap_perf; do
  [[ -e $prefix/$file ]] || fail "$file was not installed"
done
others="$(find "$prefix/include" -type f | grep -vcE '/include/coll/coll(_mpi|_profile)?\.h$' || true)"
[[ $others == 0 ]] || fail "more headers were installed than the public ones"

step "C99 program through pkg-config"
export PKG_CONFIG_PATH="$lib/pkgconfig"
[[ $(pkg-config --modversion coll) == 0.1.* ]] || fail "pkg-config does not know the version"
read -ra flags <<<"$(pkg-config --cflags --libs coll)"
cp "$source/examples/allreduce.c" "$work/"
gcc -std=c99 -Wall -Wextra -pedantic -Werror "$work/allreduce.c" -o "$work/allreduce" "${flags[@]}" "-Wl,-rpath,$lib" -lm
on_two_ranks "$work/allreduce" | tee "$work/allreduce.out"
grep -q '^2 ranks, .* 0 outside the bound$' "$work/allreduce.out" || fail "the C99 program's result"

step "C++ program through find_package"
"$cmake" -S "$source/tests/install/consumer" -B "$work/consumer" -D "CMAKE_PREFIX_PATH=$prefix" >"$work/consumer.log"
"$cmake" --build "$work/consumer" >>"$work/consumer.log" || { cat "$work/consumer.log"; fail "the C++ program does not build"; }
on_two_ranks "$work/consumer/with_mpi"
"$work/consumer/without_mpi"
if ldd "$work/consumer/without_mpi" | grep -q libmpi; then fail "a program without MPI loads one"; fi

step "tools find their libraries"
"$prefix/bin/coll_info" >"$work/coll_info.out"
grep -q '0\.1\.' "$work/coll_info.out" || fail "coll_info does not print the version"
"$prefix/bin/coll_plan" --machine laptop -b 1M -e 1M >"$work/coll_plan.out" || fail "coll_plan does not find a recorded machine"
on_two_ranks "$prefix/bin/all_reduce_perf" -b 1K -e 4K -f 2 -n 2 -w 1 >"$work/perf.out"
echo "installed tree works"
