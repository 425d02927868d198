#!/usr/bin/env python3
"""Names the kernel that is the furthest from the device's copy at 64 MiB, in codec_perf's CSVs, for ncu.

usage: slowest.py RANKS2.csv RANKS8.csv    prints: codec, ranks, regular expression of the kernel's demangled name
"""

import csv
import sys

# The kernel template's last arguments: messages in flight, and whether the result is a message.
KERNELS = {"encode": r"SumOp,.*\)0,.*\)1>", "decode": r"SumOp,.*\)1,.*\)0>", "decode_reduce": r"SumOp,.*\)[24],.*\)0>",
           "fused": r"SumOp,.*\)[24],.*\)1>", "reduce": r"SumOp,.*\)[24],.*\)0>"}


def slowest(paths, size=64 << 20):
    """(ratio, codec, ranks, operation) of the smallest ratio."""
    rows = []
    for path, ranks in paths:
        with open(path, newline="", encoding="utf-8") as file:
            rows += [(float(row["ratio"]), row["codec"], ranks, row["operation"]) for row in csv.DictReader(file)
                     if int(row["size_bytes"]) == size and row["operation"] in KERNELS]
    return min(rows)


if __name__ == "__main__":
    _, CODEC, RANKS, OPERATION = slowest(list(zip(sys.argv[1:3], (2, 8))))
    print(CODEC, RANKS, KERNELS[OPERATION])
