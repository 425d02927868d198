#!/usr/bin/env python3
"""Writes the tables of docs/performance.md again, from the CSV files that ./run bench --keep left.

usage: tables.py [DOCUMENT]
A section between "<!-- table: NAME -->" and "<!-- end -->" is replaced by the table of that name.
"""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

from outcome import size_text, time_text
from ratios import median
from targets import AUTO, AUTO_ADMITS

CODECS = ("none", "bf16", "int8", "int4")  # that auto may choose
ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "perf" / "results"
SECTION = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def read(folder: Path, name: str) -> list[dict]:
    """A CSV file's rows; none where it was not measured."""
    file = folder / f"{name}.csv"
    if not file.exists():
        return []
    with open(file, encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def machine(folder: Path) -> str:
    facts = {row["what"]: row["value"] for row in read(folder, "machine")}
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB; Linux {facts['kernel']}; {facts['mpi']}; "
        f"libcoll at {facts['commit']}, {facts['date']}."
    )


def in_node(folder: Path, name: str) -> str:
    """One line for each size: ours, the MPI library under each setting, and the ratio to the best."""
    rows = read(folder, name)
    settings = list(dict.fromkeys(row["setting"] for row in rows))
    lines = []
    for size in sorted({int(row["size_bytes"]) for row in rows}):
        here = {row["setting"]: row for row in rows if int(row["size_bytes"]) == size}
        worst = min(here.values(), key=lambda row: float(row["ratio"]))
        theirs = [time_text(float(here[s]["mpi_us"])) if s in here else "" for s in settings]
        ours = time_text(float(worst["ours_us"]))
        lines.append([size_text(size), ours, worst["algorithm"], *theirs, f"{float(worst['ratio']):.2f}"])
    return markdown(["size", "libcoll", "algorithm", *(f"MPI, {s}" for s in settings), "MPI's best / libcoll"], lines)


def limits(folder: Path) -> str:
    rows = read(folder, "node_limit")
    methods = list(dict.fromkeys(row["method"] for row in rows))
    ours = {int(row["size_bytes"]): row for row in read(folder, "node_all_reduce") if row["setting"] == "default"}
    shared = {int(row["size_bytes"]): row for row in read(folder, "node_mem_alloc") if row["setting"] == "default"}

    def rate(row: dict | None) -> str:
        return f"{int(row['size_bytes']) / float(row['ours_us']) / 1e3:.2f}" if row else "-"

    lines = []
    for size in sorted({int(row["size_bytes"]) for row in rows}):
        here = {row["method"]: f"{float(row['gbs']):.2f}" for row in rows if int(row["size_bytes"]) == size}
        mpi = f"{size / float(ours[size]['mpi_us']) / 1e3:.2f}" if size in ours else "-"
        cells = [here.get(method, "") for method in methods]
        lines.append([size_text(size), *cells, rate(ours.get(size)), rate(shared.get(size)), mpi])
    heads = [method.replace("_", " ") for method in methods]
    return markdown(["size", *heads, "libcoll", "libcoll, `collMemAlloc`", "Open MPI"], lines)


def on_wire(folder: Path, name: str) -> str:
    """One line for each size and codec, MPI's times from each setting's run."""
    rows = read(folder, name)
    settings = list(dict.fromkeys(row["setting"] for row in rows))
    lines = []
    for size in sorted({int(row["size_bytes"]) for row in rows}):
        for codec in dict.fromkeys(row["codec"] for row in rows):
            here = {r["setting"]: r for r in rows if int(r["size_bytes"]) == size and r["codec"] == codec}
            worst = min(here.values(), key=lambda row: float(row["ratio"]))
            theirs = [time_text(float(here[s]["mpi_us"])) if s in here else "" for s in settings]
            ours = time_text(float(worst["ours_us"]))
            lines.append([size_text(size), f"`{codec}`", ours, *theirs, f"{float(worst['ratio']):.2f}"])
    return markdown(["size", "codec", "libcoll", *(f"MPI, {s}" for s in settings), "MPI's best / libcoll"], lines)


def auto(folder: Path, name: str) -> str:
    """One line for each setting, size and bound: what `auto` came to, beside all that it might have chosen."""
    times: dict[tuple[str, int], dict[str, list[float]]] = {}
    chosen = {}
    for row in read(folder, name):
        size = int(row["size_bytes"])
        times.setdefault((row["setting"], size), {}).setdefault(row["codec"], []).append(float(row["p50_us"]))
        chosen[row["setting"], size, row["codec"]] = row["chosen"]
    lines = []
    for (setting, size), of_codec in sorted(times.items()):
        p50 = {codec: median(runs) for codec, runs in of_codec.items()}
        for spec, admitted in AUTO_ADMITS.items():
            best = min(p50[codec] for codec in admitted)
            others = [time_text(p50[codec]) if codec in admitted else "" for codec in CODECS]
            mine = f"{time_text(p50[spec])} (`{chosen[setting, size, spec]}`)"
            lines.append([setting, size_text(size), f"`{spec}`", *others, mine, f"{p50[spec] / best:.2f}"])
    return markdown(["rates", "size", "asked for", *(f"`{codec}`" for codec in CODECS), "auto", "auto / best"], lines)


def codecs(folder: Path) -> str:
    lines = [
        [f"`{r['codec']}`", r["operation"].replace("_", " "), size_text(int(r["size_bytes"])), r["gbs"], r["memcpy_gbs"], r["ratio"]]
        for r in read(folder, "codecs")
    ]
    return markdown(["codec", "operation", "elements", "GB/s", "memcpy GB/s", "ratio"], lines)


def create(folder: Path) -> str:
    rows = read(folder, "create")
    names = [name for name in rows[0] if name != "nranks"] if rows else []
    lines = [[n.replace("_", " "), " ".join(f"{float(row[n]):.1f}" for row in rows)] for n in names]
    return markdown(["", "five runs"], lines)


def verdicts(folder: Path, wanted: str) -> str:
    """All figures with this verdict, or a count by row where `wanted` is "all"."""
    rows = [row for file in sorted(folder.glob("targets_*.csv")) for row in read(folder, file.stem)]
    if wanted != "all":
        lines = [[r["row"], r["case"], r["target"], r["limit or best other"], r["measured"]] for r in rows if r["verdict"] == wanted]
        return markdown(["row", "case", "target", "held against", "measured"], lines)
    by_row: dict[str, list[str]] = {}
    for row in rows:
        by_row.setdefault(row["row"], []).append(row["verdict"])
    lines = [[name, str(all_.count("met")), str(all_.count("MISSED")), str(all_.count("-"))] for name, all_ in by_row.items()]
    return markdown(["row of the targets", "figures met", "missed", "not in this version"], lines)


def peers(folder: Path, place: str) -> str:
    """One line for each peer, one column for each size: median, fastest and slowest round; the fastest median in bold."""
    rows = [row for row in read(folder, "peers") if row["place"] == place]
    times = {(r["peer"], int(r["size_bytes"])): float(r["p50_us"]) for r in rows if r["p50_us"]}
    spread = {(r["peer"], int(r["size_bytes"])): (r["fastest_round_us"], r["slowest_round_us"]) for r in rows}
    sizes = sorted({size for _, size in times})
    best = {size: min(us for (_, of), us in times.items() if of == size) for size in sizes}
    lines = []
    for name in dict.fromkeys(row["peer"] for row in rows):
        first = next(row for row in rows if row["peer"] == name)
        cells = [peer_cell(times.get((name, size)), best[size], *spread.get((name, size), ("", ""))) for size in sizes]
        lines.append([name, first["version"], *cells, first["note"]])
    return markdown(["", "version", *map(size_text, sizes), "note"], lines)


def peer_cell(us: float | None, best: float, fastest: str, slowest: str) -> str:
    if us is None:
        return "-"
    median = f"**{time_text(us)}**" if us == best else time_text(us)
    return f"{median} ({time_text(float(fastest))} - {time_text(float(slowest))})"


def crossover(folder: Path) -> str:
    rows = read(folder, "crossover")
    names = list(dict.fromkeys(row["codec"] for row in rows))
    lines = []
    for rate in dict.fromkeys(row["rate"] for row in rows):
        here = {row["codec"]: float(row["p50_us"]) for row in rows if row["rate"] == rate}
        best = min(here.values())
        cells = [time_text(here[name]) if name in here else "-" for name in names]
        lines.append([rate, *(f"**{c}**" if here.get(n) == best else c for n, c in zip(names, cells))])
    return markdown(["link rate", *(f"`{name}`" if name != "MPI" else "MPI, ring" for name in names)], lines)


def all_tables() -> dict[str, str]:
    bench = RESULTS / "bench"
    made = {
        "machine": machine(bench),
        "verdicts": verdicts(bench, "all"),
        "missed": verdicts(bench, "MISSED"),
        "node_limit": limits(bench),
        "codecs": codecs(bench),
        "create": create(bench),
        "peers_node": peers(RESULTS, "node"),
        "peers_cluster": peers(RESULTS, "cluster"),
        "crossover": crossover(RESULTS / "crossover"),
    }
    for name in ("all_reduce", "all_reduce_4_ranks", "reduce_scatter", "all_gather", "broadcast", "alltoall"):
        made[f"node_{name}"] = in_node(bench, f"node_{name}")
    for rate in ("1gbit", "500mbit", "10gbit"):
        made[f"wire_{rate}"] = on_wire(bench, f"wire_{rate}")
    for rate in AUTO:
        made[f"auto_{rate}"] = auto(bench, f"auto_{rate}")
    return made


def replaced(text: str, made: dict[str, str]) -> str:
    return SECTION.sub(lambda match: f"{match[1]}{made[match[2]]}\n{match[3]}", text)


def main(argv: list[str]) -> int:
    document = Path(argv[0]) if argv else ROOT / "docs" / "performance.md"
    document.write_text(replaced(document.read_text(encoding="utf-8"), all_tables()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
