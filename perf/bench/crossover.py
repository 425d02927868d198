#!/usr/bin/env python3
"""Where compression begins to pay: exact and coded allreduce of 16 MiB against the rate of the links between 4 nodes.

Writes perf/results/crossover/crossover.csv and docs/crossover.svg; a rate that was measured replaces its own lines only.
"""

from __future__ import annotations

import argparse
import csv
import shlex
import sys
from pathlib import Path

import settings
from limits import RATES, wire_limit_us
from measure import ROOT
from outcome import write_csv
from ratios import samples_of
from svg import Chart, Series, draw
from tools import Tools

SIZE = 16 << 20
CODECS = ("none", "bf16", "int8", "int4")
HEAD = ["rate", "codec", "calls", "p50_us", "wire_limit_us"]
TABLE = ROOT / "perf" / "results" / "crossover" / "crossover.csv"
PICTURE = ROOT / "docs" / "crossover.svg"
NAMES = {"MPI": "Open MPI, ring", "none": "exact"}


def calls_for(rate: str) -> int:
    """20, and fewer where a call takes seconds: a run is to stay below a minute."""
    return max(5, min(20, int(RATES[rate] / 1e8 * 5)))


def measure(tools: Tools, rate: str) -> list[list]:
    calls = calls_for(rate)
    flags = f"-b {SIZE} -e {SIZE} -n {calls} -w 1 --place out --baseline mpi "
    flags += " ".join(f"--codec {codec}" for codec in CODECS)
    samples = samples_of(tools.in_cluster("all_reduce_perf", rate, settings.WIRE["ring"], flags), "all_reduce", "ring")
    limit = round(wire_limit_us(SIZE, 4, RATES[rate]), 1)
    rows = [[rate, "MPI", calls, samples[0].theirs_us, limit]]
    return rows + [[rate, sample.codec, calls, sample.ours_us, limit] for sample in samples]


def known() -> dict[str, list[list]]:
    """What was measured before, by rate."""
    rows: dict[str, list[list]] = {}
    if TABLE.exists():
        with open(TABLE, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                rows.setdefault(row["rate"], []).append(list(row.values()))
    return rows


def picture(rows: list[list]) -> str:
    series = {name: Series(NAMES.get(name, name), [], grey=name == "MPI") for name in ("MPI", *CODECS)}
    limit = Series("wire limit, exact", [], grey=True, dashed=True)
    for rate, codec, _calls, p50, wire in rows:
        series[codec].points.append((RATES[rate], float(p50)))
        if codec == "MPI":
            limit.points.append((RATES[rate], float(wire)))
    ticks = [(RATES[rate], f"{RATES[rate] / 1e9:g}") for rate in dict.fromkeys(row[0] for row in rows)]
    chart = Chart(
        "Allreduce of 16 MiB of float32 by link rate",
        "8 ranks on 4 virtual nodes of one machine with 2 cores; medians, in turn with Open MPI",
        "rate of each node's link, Gbit/s (log)",
        "time of a call (log)",
        ticks,
    )
    return draw(chart, [limit, *series.values()])


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="crossover.py", description=__doc__)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release", metavar="DIR")
    parser.add_argument("--rate", action="append", choices=list(RATES), help="this rate only; may be repeated")
    parser.add_argument("--prefix", default="", metavar="CMD", help="run the tool under CMD")
    parser.add_argument("--draw", action="store_true", help="measure nothing, draw what the table holds")
    options = parser.parse_args(argv)
    tools = Tools(options.build.resolve(), shlex.split(options.prefix), verbose=True)
    rows = known()
    for rate in [] if options.draw else options.rate or RATES:
        rows[rate] = measure(tools, rate)
        write_csv(TABLE, HEAD, [row for each in RATES for row in rows.get(each, [])])
    PICTURE.write_text(picture([row for rate in RATES for row in rows.get(rate, [])]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
