"""What was measured on: figures mean little without it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from pathlib import Path

from measure import ROOT, Table


def first_match(file: str, pattern: str) -> str:
    found = re.search(pattern, Path(file).read_text(encoding="utf-8"), re.MULTILINE)
    return found.group(1).strip() if found else "unknown"


def version_of(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    except OSError:
        return "unknown"
    return done.stdout.splitlines()[0].strip() if done.returncode == 0 and done.stdout else "unknown"


def table() -> Table:
    rows = [
        ["date", time.strftime("%Y-%m-%d", time.gmtime())],
        ["processor", first_match("/proc/cpuinfo", r"^model name\s*:\s*(.*)$")],
        ["cores", len(os.sched_getaffinity(0))],
        ["memory_gib", round(int(first_match("/proc/meminfo", r"^MemTotal:\s*(\d+)")) / (1 << 20))],
        ["kernel", platform.release().split("-")[0]],
        ["mpi", version_of(["mpirun", "--version"])],
        ["commit", version_of(["git", "rev-parse", "--short", "HEAD"])],
    ]
    return Table("machine", ["what", "value"], rows)
