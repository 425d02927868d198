"""From the rows of perf tools to ratios."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """Ours beside theirs, call by call in turn, in one run."""

    what: str  # the collective
    setting: str  # of the MPI library
    size_bytes: int
    codec: str
    algorithm: str
    ours_us: float
    theirs_us: float | None = None
    chosen: str = ""  # what the codec came to, where it is one that chooses

    @property
    def ratio(self) -> float | None:
        return None if self.theirs_us is None else self.theirs_us / self.ours_us


class WrongResult(Exception):
    """A tool measured something whose results were not right."""


def samples_of(document: dict, what: str, setting: str) -> list[Sample]:
    """The rows of a perf tool's JSON."""
    samples = []
    for row in document["rows"]:
        if row["size_bytes"] == 0:  # smaller than an element for each rank: nothing is done
            continue
        if row["wrong"]:
            raise WrongResult(f"{what}, {row['size_bytes']} bytes, {row['codec']}: {row['wrong']} wrong elements")
        theirs = row["baseline"]["p50_us"] if row["baseline"] else None
        codec, ours = row["codec"], row["time_us"]["p50"]
        chosen = row.get("chosen_codec", "")
        samples.append(Sample(what, setting, row["size_bytes"], codec, row["algorithm"], ours, theirs, chosen))
    return samples


def worst_by_size(samples: Iterable[Sample], codec: str = "none") -> dict[int, Sample]:
    """Beside the best choice of the MPI library: of all its settings, the sample with the smallest ratio, by size."""
    worst: dict[int, Sample] = {}
    for sample in samples:
        if sample.codec != codec or sample.ratio is None:
            continue
        if sample.size_bytes not in worst or sample.ratio < worst[sample.size_bytes].ratio:
            worst[sample.size_bytes] = sample
    return dict(sorted(worst.items()))


def ours_by_size(samples: Iterable[Sample], codec: str = "none") -> dict[int, float]:
    """Our median of medians over the runs, in microseconds."""
    times: dict[int, list[float]] = {}
    for sample in samples:
        if sample.codec == codec:
            times.setdefault(sample.size_bytes, []).append(sample.ours_us)
    return {size: median(all_of_size) for size, all_of_size in sorted(times.items())}


def median(values: Iterable[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def geometric_mean(values: Iterable[float]) -> float:
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))
