"""The groups of measurements: each runs tools and gives outcomes and the rows of its CSV file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import judge
import settings
from limits import RATES, best_by_size, codec_ratios, wire_limit_us
from outcome import ABSENT, Outcome
from ratios import Sample, WrongResult, samples_of
from targets import AUTO_ADMITS, EXACT_NODE, MEMALLOC_BEST, MEMALLOC_LIMIT, OTHERS
from tools import NODES, Tools

ROOT = Path(__file__).resolve().parents[2]

# Small messages are cheap to repeat; long ones get the 20 calls that a median needs, and 256 MiB its own run.
NODE_SIZES = ("-b 4 -e 4M -f 4 -n 50 -w 10", "-b 16M -e 256M -f 4 -n 20 -w 3")
FOUR_SIZES = ("-b 4 -e 4M -f 16 -n 30 -w 5", "-b 16M -e 64M -f 4 -n 20 -w 2")
WIRE_SIZES = "-b 1M -e 16M -f 4 -n 20 -w 2"
FAST_SIZES = "-b 256K -e 64M -f 4 -n 20 -w 3"
AUTO_SIZES = ("-b 4K -e 256K -f 4 -n 400 -w 20", "-b 1M -e 16M -f 4 -n 40 -w 3")

SAMPLE_HEAD = ["what", "setting", "size_bytes", "codec", "algorithm", "ours_us", "mpi_us", "ratio"]


@dataclass
class Table:
    """One CSV file."""

    name: str
    head: list[str]
    rows: list[list] = field(default_factory=list)


@dataclass
class Measured:
    outcomes: list[Outcome]
    tables: list[Table]


def sample_table(name: str, samples: list[Sample]) -> Table:
    table = Table(name, SAMPLE_HEAD)
    for s in samples:
        ratio = "" if s.ratio is None else f"{s.ratio:.4g}"
        table.rows.append([s.what, s.setting, s.size_bytes, s.codec, s.algorithm, s.ours_us, s.theirs_us, ratio])
    return table


def node_samples(tools: Tools, what: str, ranks: int, sizes: tuple[str, ...], more: str = "") -> list[Sample]:
    samples = []
    for setting, mca in settings.NODE.items():
        for flags in sizes:
            join = "id" if settings.needs_join_by_id(mca) else "mpi"
            flags = f"{flags} --place out --baseline mpi --join {join} {more}"
            document = tools.in_node(f"{what}_perf", ranks, mca, flags)
            samples += samples_of(document, what, setting)
    return samples


def all_reduce(tools: Tools) -> Measured:
    samples = node_samples(tools, "all_reduce", 2, NODE_SIZES)
    return Measured(judge.node_outcomes(EXACT_NODE, samples), [sample_table("node_all_reduce", samples)])


def four_ranks(tools: Tools) -> Measured:
    """To be read, not judged: twice as many ranks as cores."""
    samples = node_samples(tools, "all_reduce", 4, FOUR_SIZES)
    return Measured([], [sample_table("node_all_reduce_4_ranks", samples)])


def other(what: str) -> Callable[[Tools], Measured]:
    def measure(tools: Tools) -> Measured:
        samples = node_samples(tools, what, 2, NODE_SIZES)
        return Measured(judge.node_outcomes(OTHERS[what], samples), [sample_table(f"node_{what}", samples)])

    return measure


def node_limit(tools: Tools) -> list[dict]:
    return tools.json_of([tools.path("node_limit"), *"-b 4M -e 256M -f 4 -n 20 -w 3".split()])["rows"]


def mem_alloc(tools: Tools) -> Measured:
    rows = node_limit(tools)
    table = Table("node_limit", ["method", "size_bytes", "p50_us", "gbs"])
    table.rows = [[row["method"], row["size_bytes"], row["time_us"]["p50"], f"{row['gbs']:.4g}"] for row in rows]
    if not tools.knows_flag("all_reduce_perf", "--memory"):
        absent = [Outcome(target, "", None, note=ABSENT) for target in (MEMALLOC_BEST, MEMALLOC_LIMIT)]
        return Measured(absent, [table])
    samples = node_samples(tools, "all_reduce", 2, NODE_SIZES[1:], "--memory coll")
    limit_us = best_by_size(rows, ("shared_stream", "shared_plain"))
    return Measured(judge.memalloc_outcomes(samples, limit_us), [table, sample_table("node_mem_alloc", samples)])


def wire(rate: str) -> Callable[[Tools], Measured]:
    def measure(tools: Tools) -> Measured:
        ratios = codec_ratios(ROOT / "perf/results/codecs.csv")
        flags = f"{WIRE_SIZES} --place out --baseline mpi --codec none --codec int8 --codec int4"
        samples = []
        for setting, mca in settings.WIRE.items():
            samples += samples_of(tools.in_cluster("all_reduce_perf", rate, mca, flags), "all_reduce", setting)

        def limit_us(size_bytes: int, codec: str) -> float:
            return wire_limit_us(size_bytes, NODES, RATES[rate], ratios[codec])

        return Measured(judge.wire_outcomes(rate, samples, limit_us), [sample_table(f"wire_{rate}", samples)])

    return measure


def fast_wire(tools: Tools) -> Measured:
    """To be read, not judged: the cores are the limit."""
    flags = f"{FAST_SIZES} --place out --baseline mpi --codec none --codec bf16 --codec int8"
    samples = samples_of(tools.in_cluster("all_reduce_perf", "10gbit", settings.WIRE["ring"], flags), "all_reduce", "ring")
    return Measured([], [sample_table("wire_10gbit", samples)])


def auto(rate: str, untuned: bool) -> Callable[[Tools], Measured]:
    """Codec auto by the rates that coll_tune measures there first, and by the defaults where they know the link's rate."""

    def measure(tools: Tools) -> Measured:
        samples: list[Sample] = []
        with tempfile.TemporaryDirectory(prefix="coll_bench.") as folder:
            file = Path(folder) / "tuning.json"
            tools.tune_cluster(rate, file)
            for setting, tuning in (("tuned", str(file)), *([("untuned", "none")] if untuned else [])):
                for flags in auto_flags():
                    document = tools.in_cluster("all_reduce_perf", rate, "", flags, tuning)
                    samples += samples_of(document, "all_reduce", setting)
            figures = tuning_table(f"auto_{rate}_tuning", json.loads(file.read_text(encoding="utf-8")))
        table = Table(f"auto_{rate}", ["setting", "size_bytes", "codec", "chosen", "algorithm", "p50_us"])
        table.rows = [[s.setting, s.size_bytes, s.codec, s.chosen, s.algorithm, s.ours_us] for s in samples]
        return Measured(judge.auto_outcomes(rate, samples), [table, figures])

    return measure


def auto_flags() -> list[str]:
    """Runs in both orders of the codecs, since a call meets what the one before it left in the caches."""
    codecs = [*dict.fromkeys(codec for admitted in AUTO_ADMITS.values() for codec in admitted), *AUTO_ADMITS]
    orders = [" ".join(f"--codec {codec}" for codec in order) for order in (codecs, codecs[::-1])]
    return [f"{sizes} --place out {order}" for sizes in AUTO_SIZES for order in orders]


def tuning_table(name: str, tuning: dict) -> Table:
    """What coll_tune found, on which the choices rest."""
    table = Table(name, ["what", "figure", "value"])
    for part in ("links", "codecs"):
        table.rows += [[what, key, f"{value:.4g}"] for what, keys in tuning[part].items() for key, value in keys.items()]
    table.rows += [["core", key, f"{value:.4g}"] for key, value in tuning["core"].items()]
    return table


def codecs(tools: Tools) -> Measured:
    command = [tools.path("codec_perf")]
    for codec in ("bf16", "fp16", "fp8e4m3", "fp8e5m2", "int8", "int6", "int4"):
        command += ["--codec", codec]
    rows = tools.json_of(command)["rows"]
    for row in rows:
        if row["wrong"]:
            raise WrongResult(f"codec_perf: {row['codec']} {row['operation']}: {row['wrong']} wrong elements")
    table = Table("codecs", ["codec", "operation", "size_bytes", "gbs", "memcpy_gbs", "ratio"])
    table.rows = [
        [r["codec"], r["operation"], r["size_bytes"], f"{r['gbs']:.4g}", f"{r['memcpy_gbs']:.4g}", f"{r['ratio']:.4g}"]
        for r in rows
    ]
    return Measured(judge.codec_outcomes(rows), [table])


def create(tools: Tools) -> Measured:
    command = ["mpirun", "--oversubscribe", "--mca", "mpi_yield_when_idle", "1", "-n", "8", tools.path("create_time")]
    runs = [tools.json_from_output(command) for _ in range(5)]
    table = Table("create", list(runs[0]), [list(run.values()) for run in runs])
    return Measured(judge.create_outcomes(runs), [table])


GROUPS: dict[str, Callable[[Tools], Measured]] = {
    "all_reduce": all_reduce,
    "four_ranks": four_ranks,
    "reduce_scatter": other("reduce_scatter"),
    "all_gather": other("all_gather"),
    "broadcast": other("broadcast"),
    "alltoall": other("alltoall"),
    "mem_alloc": mem_alloc,
    "wire_1gbit": wire("1gbit"),
    "wire_500mbit": wire("500mbit"),
    "wire_10gbit": fast_wire,
    "auto_10gbit": auto("10gbit", untuned=True),
    "auto_1gbit": auto("1gbit", untuned=False),  # the virtual link says that it has 10 Gbit/s
    "codecs": codecs,
    "create": create,
}
