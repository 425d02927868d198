#!/usr/bin/env python3
"""Two tables of a GPU run: each kernel beside the device's copy and PyTorch, at 64 MiB and more, and allreduces of ranks
that share the GPU beside the time that their bytes need; and whether the targets are met. Writes all rows as CSV. Exit
status 1 where a target is missed or a result is wrong.

usage: summary.py FOLDER KERNELS.csv COLLECTIVES.csv    FOLDER: the CSVs of perf/gpu/run
"""

import csv
import os
import sys

COPY_SHARE = 0.9  # of the device's copy bandwidth, from 64 MiB
FUSED_SPEEDUP = 1.8  # over decode, reduce and encode one after the other
FROM_BYTES = 64 << 20
LENT_SHARE = 0.7  # of the time that an allreduce's bytes need at the device's copy bandwidth
PINNED_SHARE = 0.85  # ... that its messages need at the rate of pinned memory, both ways
JUDGED_BYTES = 256 << 20  # exact allreduces of so many, between two ranks
WAYS = ("buffers", "device", "pinned")  # where messages are: in memory of collMemAllocDevice(), copied for their receivers, ...
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


def needed_us(row, ranks, way, copy_gbs, pinned_gbs):
    """Microseconds that the allreduce's bytes take: inputs read, outputs written, messages written and read once; in
    the buffers results alone are read twice, which are half of the messages. None where the rate is not known."""
    elements, messages = 2 * ranks * int(row["size_bytes"]), ranks * int(row["sent_bytes"])
    if way == "pinned":
        return messages / pinned_gbs / 1e3 if pinned_gbs else None  # each way
    lent = row["codec"] == "none" and way == "buffers"
    return (elements + (messages / 2 if lent else 2 * messages)) / copy_gbs / 1e3 if copy_gbs else None


def collectives(folder, kernels):
    """Rows of allreduces, with the share of their time that their bytes need."""
    pinned = max((float(row["each_way_gbs"]) for row in read(os.path.join(folder, "pcie.csv"))), default=None)
    copy = max((float(row["memcpy_gbs"]) for row in kernels if int(row["size_bytes"]) == JUDGED_BYTES), default=None)
    rows = []
    for ranks in (2, 4):
        for way in WAYS:
            for row in read(os.path.join(folder, f"all_reduce_{ranks}_{way}.csv")):
                us = needed_us(row, ranks, way, copy, pinned)
                rows.append({"ranks": ranks, "way": way, "needed_us": f"{us:.2f}" if us else "",
                             "share": f"{us / float(row['p50_us']):.3f}" if us else "", **row})
    return rows


def judge_collective(row):
    missed = [] if row["wrong"] in ("", "0") else [f"{row['wrong']} elements out of bounds"]
    judged = row["ranks"] == 2 and row["codec"] == "none" and int(row["size_bytes"]) == JUDGED_BYTES
    due = PINNED_SHARE if row["way"] == "pinned" else LENT_SHARE
    if judged and not row["share"]:
        missed.append("no copy beside it")
    elif judged and float(row["share"]) < due:
        missed.append(f"< {due} of what its bytes need")
    return ", ".join(missed)


def collective_table(rows):
    lines = [f"{'bytes':>10} {'ranks':>5} {'messages':8} {'codec':6} {'algorithm':11} {'us':>9} {'needed us':>9} {'share':>5}  missed"]
    misses = 0
    for row in rows:
        missed = judge_collective(row)
        misses += missed != ""
        lines.append(f"{row['size_bytes']:>10} {row['ranks']:>5} {row['way']:8} {row['codec']:6} {row['algorithm']:11} "
                     f"{float(row['p50_us']):>9.1f} "
                     f"{row['needed_us']:>9} {row['share']:>5}  {missed}".rstrip())
    return lines, misses


def write(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main():
    folder, kernels_csv, collectives_csv = sys.argv[1:4]
    rows = measured(folder)
    if not rows:
        sys.exit("summary.py: nothing was measured")
    peers = {(row["codec"], row["operation"]): row["p50_us"] for row in read(os.path.join(folder, "torch.csv"))}
    write(kernels_csv, rows)
    lines, misses = table(rows, peers)
    print("\n".join(lines))
    reduced = collectives(folder, rows)
    if not reduced:
        sys.exit("summary.py: no allreduce was measured")
    write(collectives_csv, reduced)
    lines, late = collective_table(reduced)
    print("\n" + "\n".join(lines))
    return 1 if misses + late else 0


if __name__ == "__main__":
    sys.exit(main())
