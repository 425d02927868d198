"""What was measured for a target, as lines, as CSV, and as a count."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from targets import Target

ABSENT = "not in this version"


@dataclass(frozen=True)
class Outcome:
    """A figure beside its target; `value` None: there is nothing to measure yet, and `note` says why."""

    target: Target
    case: str  # size, codec, rate
    value: float | None
    limit: str = ""  # what it is held against, measured
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "-"
        return "met" if self.target.is_met(self.value) else "MISSED"

    def cells(self) -> list[str]:
        value = "-" if self.value is None else f"{self.value:.3g}"
        return [self.target.row, self.case, self.target.text, self.limit, value, self.verdict, self.note]


HEAD = ["row", "case", "target", "limit or best other", "measured", "verdict", "note"]
WIDTHS = [48, 32, 22, 24, 9, 7, 0]


def line(cells: list[str]) -> str:
    return " ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS)).rstrip()


def count(outcomes: Iterable[Outcome]) -> tuple[int, int, int]:
    """Met, missed, nothing to measure."""
    verdicts = [outcome.verdict for outcome in outcomes]
    return verdicts.count("met"), verdicts.count("MISSED"), verdicts.count("-")


def rows_met(outcomes: Iterable[Outcome]) -> tuple[int, int]:
    """Rows of the table that are met in each of their lines, and those that are missed in one."""
    by_row: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.value is not None:
            by_row.setdefault(outcome.target.row, []).append(outcome.verdict)
    missed = sum("MISSED" in verdicts for verdicts in by_row.values())
    return len(by_row) - missed, missed


def write_csv(path: Path, head: list[str], rows: Iterable[Iterable]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def size_text(size_bytes: int) -> str:
    for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size_bytes >= 1 << shift:
            return f"{size_bytes / (1 << shift):g} {unit}"
    return f"{size_bytes} B"


def time_text(us: float) -> str:
    if us >= 1e4:
        return f"{us / 1e3:.3g} ms" if us < 1e6 else f"{us / 1e6:.3g} s"
    return f"{us:.4g} us"
