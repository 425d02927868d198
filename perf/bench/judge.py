"""From samples to outcomes: pure, so that made-up samples test it."""

from __future__ import annotations

from collections.abc import Iterable

from outcome import Outcome, size_text, time_text
from ratios import Sample, geometric_mean, median, ours_by_size, worst_by_size
from targets import AUTO, AUTO_ADMITS, CODEC, CODED_WIRE, CREATE_MEMORY, CREATE_TIME, EXACT_WIRE, MEMALLOC_BEST
from targets import MEMALLOC_LIMIT, Target, node_rule


def beside(sample: Sample) -> str:
    return f"MPI {sample.setting}: {time_text(sample.theirs_us)}"


def node_outcomes(row: str, samples: Iterable[Sample]) -> list[Outcome]:
    rule = node_rule(row)
    worst = worst_by_size(samples)
    outcomes = [Outcome(rule["each"], size_text(size), s.ratio, beside(s), s.algorithm) for size, s in worst.items()]
    outcomes.append(Outcome(rule["mean"], "geometric mean", geometric_mean(s.ratio for s in worst.values())))
    for size, s in worst.items():
        if rule["long"].applies_to(size):
            outcomes.append(Outcome(rule["long"], f"{size_text(size)}, long", s.ratio, beside(s)))
    return outcomes


def memalloc_outcomes(samples: list[Sample], limit_us: dict[int, float]) -> list[Outcome]:
    outcomes = []
    for size, s in worst_by_size(samples).items():
        if MEMALLOC_BEST.applies_to(size):
            outcomes.append(Outcome(MEMALLOC_BEST, size_text(size), s.ratio, beside(s)))
    for size, ours in ours_by_size(samples).items():
        if MEMALLOC_LIMIT.applies_to(size) and size in limit_us:
            limit = f"{size / limit_us[size] / 1e3:.3g} GB/s"
            outcomes.append(Outcome(MEMALLOC_LIMIT, size_text(size), limit_us[size] / ours, limit))
    return outcomes


def wire_outcomes(rate: str, samples: list[Sample], limit_us) -> list[Outcome]:
    """`limit_us(size_bytes, codec)` is the wire's."""
    outcomes = of_wire(EXACT_WIRE["limit"], rate, "none", samples, limit_us)
    outcomes += of_best(EXACT_WIRE["best"], rate, "none", samples)
    for codec, by_rate in CODED_WIRE.items():
        for target in by_rate.get(rate, []):
            if "wire" in target.unit:
                outcomes += of_wire(target, rate, codec, samples, limit_us)
            else:
                outcomes += of_best(target, rate, codec, samples)
    return outcomes


def of_wire(target: Target, rate: str, codec: str, samples: list[Sample], limit_us) -> list[Outcome]:
    outcomes = []
    for size, ours in ours_by_size(samples, codec).items():
        if target.applies_to(size):
            limit = limit_us(size, codec)
            case = f"{codec}, {rate}, {size_text(size)}"
            outcomes.append(Outcome(target, case, limit / ours, f"wire: {time_text(limit)}", time_text(ours)))
    return outcomes


def of_best(target: Target, rate: str, codec: str, samples: list[Sample]) -> list[Outcome]:
    worst = worst_by_size(samples, codec)
    return [
        Outcome(target, f"{codec}, {rate}, {size_text(size)}", s.ratio, beside(s), time_text(s.ours_us))
        for size, s in worst.items()
        if target.applies_to(size)
    ]


def auto_outcomes(rate: str, samples: list[Sample]) -> list[Outcome]:
    """`auto` beside the fastest of what its bound admits, exact included: times of one setting's runs together."""
    outcomes = []
    for setting in dict.fromkeys(sample.setting for sample in samples):
        here = [sample for sample in samples if sample.setting == setting]
        for auto, admitted in AUTO_ADMITS.items():
            times = {codec: ours_by_size(here, codec) for codec in admitted}
            chosen = {sample.size_bytes: sample.chosen for sample in here if sample.codec == auto}
            for size, ours in ours_by_size(here, auto).items():
                best = min(admitted, key=lambda codec: times[codec][size])
                limit, note = f"{best}: {time_text(times[best][size])}", f"{time_text(ours)} with {chosen[size]}"
                case = f"{auto.removeprefix('auto:')}, {setting}, {size_text(size)}"
                outcomes.append(Outcome(AUTO[rate], case, ours / times[best][size], limit, note))
    return outcomes


def codec_outcomes(rows: list[dict]) -> list[Outcome]:
    """codec_perf's rows; the operation that is not in the table of targets stays out."""
    names = {"encode": "encode", "decode": "decode", "decode_reduce": "decode and reduce"}
    outcomes = []
    for row in rows:
        if row["operation"] in names:
            case = f"{row['codec']} {names[row['operation']]}, {size_text(row['size_bytes'])}"
            limit = f"memcpy: {row['memcpy_gbs']:.3g} GB/s"
            outcomes.append(Outcome(CODEC, case, row["ratio"], limit, f"{row['gbs']:.3g} GB/s"))
    return outcomes


def create_outcomes(runs: list[dict]) -> list[Outcome]:
    """create_time's runs."""

    def of(key: str) -> float:
        return median(run[key] for run in runs)

    first, further = of("first_ms"), of("further_ms")
    shared = of("first_proportional_mib"), of("further_proportional_mib")
    return [
        Outcome(CREATE_TIME, "first in the process", first),
        Outcome(CREATE_TIME, "further ones", further),
        Outcome(CREATE_MEMORY, "first in the process", of("first_resident_mib"), note=proportional(shared[0])),
        Outcome(CREATE_MEMORY, "further ones", of("further_resident_mib"), note=proportional(shared[1])),
    ]


def proportional(mib: float) -> str:
    return f"{mib:.3g} MiB with shared pages divided by their users"
