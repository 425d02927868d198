"""What cannot be beaten, as arithmetic; what has to be measured for it comes from the perf tools."""

from __future__ import annotations

import csv
from pathlib import Path

FRAME_BYTES, PAYLOAD_BYTES = 1514, 1448  # of a full Ethernet frame of TCP: what the link counts, what it delivers

RATES = {  # bit/s
    "100mbit": 1e8,
    "250mbit": 2.5e8,
    "500mbit": 5e8,
    "1gbit": 1e9,
    "2500mbit": 2.5e9,
    "5gbit": 5e9,
    "10gbit": 1e10,
    "25gbit": 2.5e10,
}


def wire_limit_us(size_bytes: int, nodes: int, bits_per_s: float, ratio: float = 1.0) -> float:
    """An allreduce over `nodes` whose links carry bits_per_s each way: every node sends and receives 2(N-1)/N of the
    message, which a codec makes `ratio` times smaller, and TCP's headers take their part of the link."""
    volume_bits = 2 * (nodes - 1) / nodes * size_bytes * 8 / ratio
    return volume_bits / (bits_per_s * PAYLOAD_BYTES / FRAME_BYTES) * 1e6


def codec_ratios(table: Path, data: str = "weights") -> dict[str, float]:
    """Bytes of elements over bytes of the message, from the committed table of codecs."""
    with open(table, encoding="utf-8", newline="") as file:
        return {row["codec"]: float(row["ratio"]) for row in csv.DictReader(file) if row["data"].startswith(data)}


def best_by_size(rows: list[dict], methods: tuple[str, ...]) -> dict[int, float]:
    """node_limit's rows -> the shortest p50 in microseconds of the named methods, by size."""
    best: dict[int, float] = {}
    for row in rows:
        if row["method"] in methods:
            size, time = row["size_bytes"], row["time_us"]["p50"]
            best[size] = min(time, best.get(size, time))
    return best
