"""Two tables of a GPU run: each kernel beside the device's copy and PyTorch, at 64 MiB and more, and allreduces of
ranks that share the GPU beside the time that their bytes need; and what misses its targets. Whatever was not measured,
or not to its end, is left out of them."""

import csv

COPY_SHARE = 0.9  # of the device's copy bandwidth, from 64 MiB
FUSED_SPEEDUP = 1.8  # over decode, reduce and encode one after the other
FROM_BYTES = 64 << 20
LENT_SHARE = 0.7  # of the time that an allreduce's bytes need at the device's copy bandwidth
PINNED_SHARE = 0.85  # ... that its messages need at the rate of pinned memory, both ways
JUDGED_BYTES = 256 << 20  # exact allreduces of so many, between two ranks
OF_NEED = "of what its bytes need"
# Where messages are: in memory of collMemAllocDevice(), copied for their receivers, or in pinned memory.
WAYS = ("buffers", "device", "pinned")
RUNS = (("ranks2", 2), ("ranks8", 8), ("bfloat16", 2), ("long", 2))


def read(path):
    """The whole rows of a file; none where it is not there."""
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]


def measured(folder):
    return [dict(row, ranks=ranks) for name, ranks in RUNS for row in read(folder / f"measure_{name}.csv")]


def key(row):
    return row["size_bytes"], row["type"], row["codec"], row["ranks"]


def speedup_of(row, separate):
    """Over the operations one after the other; None where these have not been measured."""
    return float(separate[key(row)]["p50_us"]) / float(row["p50_us"]) if key(row) in separate else None


def judge(row, speedup):
    """What the row misses, in words; "" where it meets its targets."""
    missed = []
    if row["wrong"] not in ("", "0"):
        missed.append(f"{row['wrong']} bytes differ")
    if row["operation"] != "separate" and float(row["ratio"]) < COPY_SHARE:
        missed.append(f"< {COPY_SHARE} of the copy")
    if row["operation"] == "fused" and speedup is None:
        missed.append("no separate operations beside it")
    elif row["operation"] == "fused" and speedup < FUSED_SPEEDUP:
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
        speedup = speedup_of(row, separate) if row["operation"] == "fused" else None
        missed = judge(row, speedup)
        misses += missed != ""
        alike = int(row["size_bytes"]) == FROM_BYTES and row["type"] == "float" and row["ranks"] == 2
        peer = peers.get((row["codec"], row["operation"]), "") if alike else ""
        lines.append(f"{int(row['size_bytes']) >> 20:>6} {row['type']:9} {row['codec']:6} {row['ranks']:>5} {row['operation']:13} "
                     f"{float(row['p50_us']):>9.1f} {float(row['gbs']):>7.0f} {float(row['memcpy_gbs']):>7.0f} "
                     f"{float(row['ratio']):>5.2f} {f'{speedup:.2f}' if speedup else '':>7} {peer:>10}  {missed}".rstrip())
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
    pinned = max((float(row["each_way_gbs"]) for row in read(folder / "peers_pcie.csv")), default=None)
    copy = max((float(row["memcpy_gbs"]) for row in kernels if int(row["size_bytes"]) == JUDGED_BYTES), default=None)
    rows = []
    for ranks in (2, 4):
        for way in WAYS:
            for row in read(folder / f"allreduce_{ranks}_{way}.csv"):
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
        missed.append(f"< {due} {OF_NEED}")
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
    if any(OF_NEED in line for line in lines):
        lines.append("Ranks are processes that have the GPU in turn, by slices of time, unless MPS runs: "
                     "shares may be missed for that, too.")
    return lines, misses


def write(path, rows):
    """Whether there was something to write: the file of an earlier run stays else."""
    if not rows:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return True


def report(folder, kernels_csv, collectives_csv):
    """Both tables' lines; what is missed or was not measured, in words; and which CSVs, of all rows, were written."""
    rows = measured(folder)
    reduced = collectives(folder, rows)
    written = [path for path, made in ((kernels_csv, rows), (collectives_csv, reduced)) if write(path, made)]
    peers = {(row["codec"], row["operation"]): row["p50_us"] for row in read(folder / "peers_torch_peers.csv")}
    lines, problems = [], []
    both = (("kernel", rows, table(rows, peers)), ("allreduce", reduced, collective_table(reduced)))
    for what, found, (text, misses) in both:
        lines += [*text, ""]
        if not found:
            problems.append(f"tables: no {what} was measured")
        elif misses:
            problems.append(f"tables: {misses} rows of the {what}s miss something")
    return lines, problems, written
