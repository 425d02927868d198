#!/usr/bin/env python3
"""Measures libcoll against its targets: one line for each figure, beside the limit measured in the same run.

A benchmark, no test: what misses its target is printed, and the status is 0 unless something did not run or gave wrong
results.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path

import machine
from measure import GROUPS, ROOT, Table
from outcome import HEAD, Outcome, count, line, rows_met, write_csv
from ratios import WrongResult
from tools import Failed, Tools

KEPT = ROOT / "perf" / "results" / "bench"


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__, allow_abbrev=False)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release", metavar="DIR", help="(build/release)")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench", metavar="DIR", help="CSV (build/bench)")
    parser.add_argument("--keep", action="store_true", help="write the CSV files into perf/results/bench, too")
    parser.add_argument("--only", action="append", choices=list(GROUPS), help="this group only; may be repeated")
    parser.add_argument("--prefix", default="", metavar="CMD", help="run each tool under CMD, as in 'chrt -f 1'")
    parser.add_argument("--verbose", action="store_true", help="show the commands")
    return parser.parse_args(argv)


def keep(folders: list[Path], tables: list[Table]) -> None:
    for folder in folders:
        for table in tables:
            write_csv(folder / f"{table.name}.csv", table.head, table.rows)


def targets_table(name: str, outcomes: list[Outcome]) -> Table:
    """One file for each group, so that a group that is measured again replaces its own lines only."""
    return Table(f"targets_{name}", HEAD, [outcome.cells() for outcome in outcomes])


def run(options: argparse.Namespace) -> int:
    tools = Tools(options.build.resolve(), shlex.split(options.prefix), options.verbose)
    folders = [options.out] + ([KEPT] if options.keep else [])
    keep(folders, [machine.table()])
    start, failures, all_outcomes = time.monotonic(), [], []
    print(line(HEAD), flush=True)
    for name in options.only or GROUPS:
        try:
            measured = GROUPS[name](tools)
        except (Failed, WrongResult) as failed:
            failures.append(f"{name}: {failed}")
            print(f"{name}: failed", flush=True)
            continue
        keep(folders, [*measured.tables, targets_table(name, measured.outcomes)])
        all_outcomes += measured.outcomes
        for outcome in measured.outcomes:
            print(line(outcome.cells()), flush=True)
    met, missed, absent = count(all_outcomes)
    rows, rows_missed = rows_met(all_outcomes)
    print(f"\nrows of the table: {rows} met, {rows_missed} missed; figures: {met} met, {missed} missed, {absent} of what")
    print(f"is not in this version. {time.monotonic() - start:.0f} s; CSV: {options.out}", flush=True)
    for failure in failures:
        print(f"bench: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(run(parse(sys.argv[1:])))
