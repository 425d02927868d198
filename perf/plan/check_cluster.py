#!/usr/bin/env python3
"""Predictions of coll_plan beside real runs on the virtual cluster, 4 nodes with 2 ranks, tuned by coll_tune.

Writes perf/results/plan/RATE.csv, what every algorithm took and was predicted to take, and the tuning file beside it;
then the tables of docs/simulator.md.
"""

from __future__ import annotations

import argparse
import csv
import re
import shlex
import sys
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "perf" / "bench"))

from tools import NODES, RANKS_PER_NODE, Failed, Tools  # noqa: E402

RESULTS = ROOT / "perf" / "results" / "plan"
PAGE = ROOT / "docs" / "simulator.md"
RATES = ("1gbit", "500mbit")
CODECS = ("none", "bf16", "int8", "int4")
SIZES = "-b 64K -e 16M -f 4"
SHORTER = "-b 64K -e 1M -f 4"  # of what is not taken, and takes long
WITHIN = 1.25
BURST_BYTES = 128 << 10  # what coll_cluster's links let through before their rate counts


@dataclass
class Case:
    """One size, codec and algorithm."""

    size_bytes: int
    codec: str
    algorithm: str
    taken: int  # 1: by a communicator that may take any
    predicted_us: float
    with_burst_us: float  # the same on links with a burst, which is there again at every call
    p50_us: float = 0

    @property
    def ratio(self) -> float:
        return self.with_burst_us / self.p50_us

    @property
    def close(self) -> bool:
        return 1 / WITHIN <= self.ratio <= WITHIN


def with_burst(predicted_us: float, chunk: dict, net_gbs: float) -> float:
    """Less the time of what passes at once, and no less than the call would take without the link."""
    core_us = chunk["message_us"] + sum(chunk["work_us"].values())
    first_us = chunk["latency_us"] + chunk["relays"] * core_us
    without_us = first_us + (chunk["chunks"] - 1) * max(core_us, first_us / 4)
    spared_us = min(BURST_BYTES / (net_gbs * 1000), chunk["chunks"] * chunk["link_us"])
    return max(predicted_us - spared_us, without_us)


def predict(tools: Tools, tuning: Path) -> list[Case]:
    command = [tools.path("coll_plan"), "--nodes", str(NODES), "--ranks-per-node", str(RANKS_PER_NODE)]
    command += ["--machine", "this", "--one-machine", "--tuning", str(tuning), "-b", "64K", "-e", "16M", "-f", "2"]
    for codec in CODECS:
        command += ["--codec", codec]
    plan = tools.json_of(command)
    net_gbs = plan["cluster"]["links"]["net"]["bandwidth_gbs"]
    cases = []
    for size in plan["sizes"]:
        for entry in size["codecs"]:
            for one in entry["algorithms"]:
                us = one["predicted_us"]
                taken = int(one["algorithm"] == entry["algorithm"])
                burst_us = with_burst(us, one["of_a_chunk"], net_gbs)
                cases.append(Case(size["size_bytes"], entry["codec"], one["algorithm"], taken, us, burst_us))
    return cases


def measure(tools: Tools, rate: str, tuning: Path, flags: str, codecs: list[str], algorithm: str = "") -> dict[tuple, float]:
    """By size, codec and algorithm; "" is the communicator's own choice."""
    words = f"{flags} -w 2 --place out " + " ".join(f"--codec {codec}" for codec in codecs)
    environment = {"COLL_TUNING_FILE": str(tuning)} | ({"COLL_ALGO": algorithm} if algorithm else {})
    rows = tools.json_of(tools.cluster_command("all_reduce_perf", rate, "", words), environment)["rows"]
    wrong = sum(row["wrong"] for row in rows)
    if wrong > 0:
        raise Failed(f"{wrong} wrong results")
    return {(row["size_bytes"], row["codec"], row["algorithm"]): row["time_us"]["p50"] for row in rows}


def measure_all(tools: Tools, rate: str, tuning: Path, cases: list[Case], calls: int) -> None:
    """Keeps the shorter of the medians where a case was measured before: what disturbs a run makes it longer."""
    took = measure(tools, rate, tuning, f"{SIZES} -n {calls}", list(CODECS))
    taken = {(case.size_bytes, case.codec, case.algorithm) for case in cases if case.taken}
    if not set(took) <= taken:
        raise Failed(f"the communicator took what was not predicted: {sorted(set(took) - taken)}")
    for algorithm in sorted({case.algorithm for case in cases}):
        codecs = [codec for codec in CODECS if any((c.algorithm, c.codec) == (algorithm, codec) for c in cases)]
        for case, p50_us in measure(tools, rate, tuning, f"{SHORTER} -n {calls}", codecs, algorithm).items():
            took[case] = min(p50_us, took.get(case, p50_us))
    for case in cases:
        p50_us = took.get((case.size_bytes, case.codec, case.algorithm), 0)
        if p50_us > 0:
            case.p50_us = min(p50_us, case.p50_us or p50_us)


def compare(tools: Tools, rate: str, calls: int, times: int) -> list[Case]:
    RESULTS.mkdir(parents=True, exist_ok=True)
    tuning = RESULTS / f"{rate}.json"
    tools.tune_cluster(rate, tuning)
    cases = predict(tools, tuning)
    for _ in range(times):
        measure_all(tools, rate, tuning, cases, calls)
    return [case for case in cases if case.p50_us > 0]


def write_cases(rate: str, cases: list[Case]) -> None:
    with open(RESULTS / f"{rate}.csv", "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([*(field.name for field in fields(Case)), "ratio"])
        for case in cases:
            rows.writerow([f"{value:.5g}" if isinstance(value, float) else value for value in astuple(case)] + [f"{case.ratio:.2f}"])


def read_cases(rate: str) -> list[Case]:
    with open(RESULTS / f"{rate}.csv", encoding="utf-8", newline="") as file:
        return [
            Case(
                int(row["size_bytes"]), row["codec"], row["algorithm"], int(row["taken"]), float(row["predicted_us"]),
                float(row["with_burst_us"]), float(row["p50_us"]),
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def size_text(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


def time_text(us: float) -> str:
    return f"{us / 1000:.3g} ms" if us >= 1000 else f"{us:.3g} µs"


def table(cases: list[Case]) -> str:
    """What is taken, as Markdown; what is further off than `WITHIN` is bold."""
    lines = ["| size | codec | algorithm | predicted | with bursts | measured | with bursts / measured |", "|---|---|---|---|---|---|---|"]
    for case in cases:
        if case.taken:
            ratio = f"{case.ratio:.2f}" if case.close else f"**{case.ratio:.2f}**"
            cells = [size_text(case.size_bytes), f"`{case.codec}`", case.algorithm]
            cells += [time_text(case.predicted_us), time_text(case.with_burst_us), time_text(case.p50_us), ratio]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def by_algorithm(cases: list[Case]) -> str:
    lines = ["| algorithm | calls | within 25 % | with bursts / measured: least | median | most |", "|---|---|---|---|---|---|"]
    for algorithm in sorted({case.algorithm for case in cases}):
        own = [case for case in cases if case.algorithm == algorithm]
        ratios = [case.ratio for case in own]
        close = sum(case.close for case in own)
        lines.append(f"| {algorithm} | {len(own)} | {close} | {min(ratios):.2f} | {median(ratios):.2f} | {max(ratios):.2f} |")
    return "\n".join(lines)


def verdict(cases: list[Case]) -> str:
    """How far what is taken is from the fastest that was measured, where all were."""
    losses = []
    for case in cases:
        rivals = [c.p50_us for c in cases if (c.size_bytes, c.codec) == (case.size_bytes, case.codec)]
        if case.taken and len(rivals) > 1:
            losses.append(case.p50_us / min(rivals))
    taken = [case for case in cases if case.taken]
    return (
        f"Of what is taken, {sum(case.close for case in taken)} of {len(taken)} are within 25 %. In {losses.count(1)} of {len(losses)} cases in which all "
        f"algorithms were measured it was the fastest; at worst it took {max(losses):.2f} times as long as that."
    )


def write_tables() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for rate in RATES:
        cases = read_cases(rate)
        for name, content in ((rate, f"{table(cases)}\n\n{verdict(cases)}"), (f"{rate} by algorithm", by_algorithm(cases))):
            begin, end = f"<!-- table: {name} -->\n", "<!-- end -->"
            place = re.compile(f"({re.escape(begin)}).*?({re.escape(end)})", re.DOTALL)
            if not place.search(text):
                raise Failed(f"{PAGE} has no place for the table {name}")
            text = place.sub(lambda found, new=content: f"{found[1]}{new}\n{found[2]}", text)
    PAGE.write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release", help="(default build/release)")
    parser.add_argument("--rate", choices=RATES, action="append", help="of the links; may be repeated (default both)")
    parser.add_argument("--calls", type=int, default=9, help="timed calls of each size and codec (default 9)")
    parser.add_argument("--times", type=int, default=1, help="measures all of it so often, and keeps the shortest medians (default 1)")
    parser.add_argument("--prefix", default="", metavar="CMD", help="run each tool under CMD, as in 'chrt -f 1'")
    parser.add_argument("--tables", action="store_true", help="measure nothing; write the tables of docs/simulator.md again")
    options = parser.parse_args()
    tools = Tools(options.build.resolve(), shlex.split(options.prefix), verbose=True)
    try:
        for rate in [] if options.tables else options.rate or RATES:
            cases = compare(tools, rate, options.calls, options.times)
            write_cases(rate, cases)
            print(f"{rate}\n{table(cases)}\n{by_algorithm(cases)}\n{verdict(cases)}", flush=True)
        if all((RESULTS / f"{rate}.csv").exists() for rate in RATES):
            write_tables()
    except Failed as failed:
        print(f"check_cluster: {failed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
