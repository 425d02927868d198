#!/usr/bin/env bash
# The public headers compile alone, as pedantic C99 and as C++, and coll.h includes nothing but stddef.h and stdint.h.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
read -ra mpi_flags <<<"$(pkg-config --cflags ompi-c 2>/dev/null || mpicc --showme:compile)"

for header in include/coll/*.h; do
  flags=(-fsyntax-only -Wall -Wextra -pedantic -Werror -Iinclude)
  [[ $header == */coll.h ]] || flags+=("${mpi_flags[@]}" -DOMPI_SKIP_MPICXX=1)
  name="${header#include/}"
  echo "#include <$name>" | "${CC:-cc}" -std=c99 -x c "${flags[@]}" -
  echo "#include <$name>" | "${CXX:-c++}" -std=c++11 -x c++ "${flags[@]}" -
done

if grep -E '^ *# *include' include/coll/coll.h | grep -vE '<(stddef|stdint)\.h>'; then
  echo "include/coll/coll.h includes more than stddef.h and stdint.h" >&2
  exit 1
fi
