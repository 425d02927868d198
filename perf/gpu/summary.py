#!/usr/bin/env python3
"""One table of a GPU run: each kernel beside the device's copy and PyTorch, at 64 MiB and more, and whether the targets
are met. Writes all rows as CSV. Exit status 1 where a target is missed or a result is wrong.

usage: summary.py FOLDER OUT.csv    FOLDER: the CSVs of perf/gpu/run
"""

import csv
import os
import sys

COPY_SHARE = 0.9  # of the device's copy bandwidth, from 64 MiB
FUSED_SPEEDUP = 1.8  # over decode, reduce and encode one after the other
FROM_BYTES = 64 << 20
RUNS = (("ranks2", 2), ("ranks8", 8), ("bfloat16", 2), ("long", 2))


def read(path):
    if not os.path.exists(path):
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def measured(folder):
    return [dict(row, ranks=ranks) for name, ranks in RUNS for row in read(os.path.join(folder, name + ".csv"))]


def key(row):
    return row["size_bytes"], row["type"], row["codec"], row["ranks"]


def judge(row, separate):
    """What the row misses, in words; "" where it meets its targets."""
    missed = []
    if row["wrong"] not in ("", "0"):
        missed.append(f"{row['wrong']} bytes differ")
    if row["operation"] != "separate" and float(row["ratio"]) < COPY_SHARE:
        missed.append(f"< {COPY_SHARE} of the copy")
    if row["operation"] == "fused" and float(separate[key(row)]["p50_us"]) < FUSED_SPEEDUP * float(row["p50_us"]):
        missed.append(f"< {FUSED_SPEEDUP}x one after the other")
    return ", ".join(missed)


def table(rows, peers):
    """Lines of text, and how many rows miss something."""
    separate = {key(row): row for row in rows if row["operation"] == "separate"}
    lines = [f"{'MiB':>6} {'type':9} {'codec':6} {'ranks':>5} {'operation':13} {'us':>9} {'GB/s':>7} {'copy':>7} {'ratio':>5} "
             f"{'speedup':>7} {'PyTorch us':>10}  missed"]
    misses = 0
    for row in rows:
        if int(row["size_bytes"]) < FROM_BYTES:
            continue
        missed = judge(row, separate)
        misses += missed != ""
        speedup = f"{float(separate[key(row)]['p50_us']) / float(row['p50_us']):.2f}" if row["operation"] == "fused" else ""
        alike = int(row["size_bytes"]) == FROM_BYTES and row["type"] == "float" and row["ranks"] == 2
        peer = peers.get((row["codec"], row["operation"]), "") if alike else ""
        lines.append(f"{int(row['size_bytes']) >> 20:>6} {row['type']:9} {row['codec']:6} {row['ranks']:>5} {row['operation']:13} "
                     f"{float(row['p50_us']):>9.1f} {float(row['gbs']):>7.0f} {float(row['memcpy_gbs']):>7.0f} "
                     f"{float(row['ratio']):>5.2f} {speedup:>7} {peer:>10}  {missed}".rstrip())
    return lines, misses


def main():
    folder, out = sys.argv[1:3]
    rows = measured(folder)
    if not rows:
        sys.exit("summary.py: nothing was measured")
    peers = {(row["codec"], row["operation"]): row["p50_us"] for row in read(os.path.join(folder, "torch.csv"))}
    with open(out, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    lines, misses = table(rows, peers)
    print("\n".join(lines))
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
