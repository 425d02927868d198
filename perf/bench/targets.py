"""The table of targets as data: what is asked for, and how a measured figure is held against it."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Target:
    """One figure that is asked for."""

    row: str  # of the table, as people read it
    figure: str  # which figure of that row
    bound: float
    unit: str = "x"
    at_least: bool = True
    from_bytes: int = 0  # applies to messages of this size and longer

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def applies_to(self, size_bytes: int) -> bool:
        return size_bytes >= self.from_bytes

    @property
    def text(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.bound:g} {self.unit}"


EXACT_NODE = "exact allreduce in a node, 2 ranks"
MEMALLOC = f"{EXACT_NODE}, collMemAlloc"
OTHERS = {
    "reduce_scatter": "reduce-scatter in a node, 2 ranks",
    "all_gather": "allgather in a node, 2 ranks",
    "broadcast": "broadcast in a node, 2 ranks",
    "alltoall": "alltoall in a node, 2 ranks",
}
OF_BEST, OF_NODE, OF_WIRE = "x best MPI", "of node limit", "of wire limit"


def node_rule(row: str) -> dict[str, Target]:
    """What every exact collective in a node is held against."""
    return {
        "each": Target(row, "each size", 0.95, OF_BEST),
        "mean": Target(row, "geometric mean", 2.0, OF_BEST),
        "long": Target(row, "from 8 MiB", 2.2, OF_BEST, from_bytes=8 * MIB),
    }


MEMALLOC_BEST = Target(MEMALLOC, "from 8 MiB", 5.0, OF_BEST, from_bytes=8 * MIB)
MEMALLOC_LIMIT = Target(MEMALLOC, "from 8 MiB", 0.8, OF_NODE, from_bytes=8 * MIB)

EXACT_WIRE = {
    "limit": Target("exact allreduce, 4 nodes x 2 ranks", "from 1 MiB", 0.9, OF_WIRE, from_bytes=MIB),
    "best": Target("exact allreduce, 4 nodes x 2 ranks", "from 1 MiB", 1.1, OF_BEST, from_bytes=MIB),
}

# Codec -> rate -> targets.
CODED_WIRE = {
    "int8": {
        "1gbit": [Target("int8, 4 nodes x 2 ranks", "from 4 MiB", 4.0, OF_BEST, from_bytes=4 * MIB)],
        "500mbit": [
            Target("int8, 4 nodes x 2 ranks", "from 4 MiB", 4.0, OF_BEST, from_bytes=4 * MIB),
            Target("int8, 4 nodes x 2 ranks", "from 4 MiB", 0.85, OF_WIRE, from_bytes=4 * MIB),
        ],
    },
    "int4": {
        "1gbit": [Target("int4, 4 nodes x 2 ranks", "from 4 MiB", 5.0, OF_BEST, from_bytes=4 * MIB)],
        "500mbit": [
            Target("int4, 4 nodes x 2 ranks", "from 4 MiB", 7.0, OF_BEST, from_bytes=4 * MIB),
            Target("int4, 4 nodes x 2 ranks", "from 4 MiB", 0.8, OF_WIRE, from_bytes=4 * MIB),
        ],
    },
}

# Rate -> target; what auto is held against is the fastest of what its bound admits (compression/auto/FORMAT.md).
AUTO = {
    rate: Target(f"auto, 4 nodes x 2 ranks at {words}", "time over the best choice's", 1.05, "x best", at_least=False)
    for rate, words in (("10gbit", "10 Gbit/s"), ("1gbit", "1 Gbit/s"))
}
AUTO_ADMITS = {
    "auto:rel=0.01": ("none", "bf16", "int8"),
    "auto:rel=0.2": ("none", "bf16", "int8", "int4"),
}

CODEC = Target("codecs on one core", "rate over memcpy's", 0.8, "of memcpy")

CREATE_TIME = Target("creating a communicator, 8 ranks", "beyond MPI_Init", 40.0, "ms", at_least=False)
CREATE_MEMORY = Target("memory of a communicator, 8 ranks", "per rank, at rest", 32.0, "MiB", at_least=False)
