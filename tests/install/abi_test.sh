#!/usr/bin/env bash
# A shared library exports the C interface alone, has its soname, and needs no more than it may.
# usage: abi_test.sh LIBRARY SONAME NEEDED...   (NEEDED: regular expressions of the libraries that it may need)
set -euo pipefail
library="$1" soname="$2"
shift 2
failed=0

others="$(nm -D --defined-only "$library" | awk '{print $NF}' | sed 's/@.*//' | grep -vE '^p?coll[A-Z]' || true)"
if [[ -n $others ]]; then
  printf 'exports more than the C interface:\n%s\n' "$others"
  failed=1
fi
nm -D --defined-only "$library" | grep -qE ' T coll[A-Z]' || { echo "exports nothing of the C interface"; failed=1; }

while read -r name; do
  nm -D --defined-only "$library" | grep -qE " [TW] p$name(@|\$)" || { echo "$name has no twin p$name"; failed=1; }
done < <(nm -D --defined-only "$library" | awk '{print $NF}' | sed 's/@.*//' | grep -E '^coll[A-Z]' | grep -v '^collModule')

dynamic="$(readelf -dW "$library")"
grep -qF "soname: [$soname]" <<<"$dynamic" || { echo "the soname is not $soname"; failed=1; }
while read -r needed; do
  allowed=0
  for pattern in "$@"; do
    if [[ $needed =~ ^$pattern$ ]]; then allowed=1; fi
  done
  if ((!allowed)); then
    echo "needs $needed"
    failed=1
  fi
done < <(sed -n 's/.*NEEDED.*\[\(.*\)\].*/\1/p' <<<"$dynamic")
if grep -q TEXTREL <<<"$dynamic"; then
  echo "has text relocations"
  failed=1
fi
exit "$failed"
