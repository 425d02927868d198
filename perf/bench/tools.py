"""Running the perf tools: command lines in, JSON out."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

MPI_AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
TIMEOUT_S = 300
NODES, RANKS_PER_NODE = 4, 2  # of the virtual cluster


class Failed(Exception):
    """A tool did not run, or found its results wrong."""


@dataclass
class Tools:
    """The tools of one build."""

    build: Path
    prefix: list[str] = field(default_factory=list)  # what each measuring command runs under, as in chrt or taskset
    verbose: bool = False
    log: list[str] = field(default_factory=list)  # the commands that were run

    def path(self, name: str) -> str:
        tool = self.build / "bin" / name
        if not tool.exists():
            raise Failed(f"{tool} is not there: ./run build makes it")
        return str(tool)

    def run(self, command: list[str], environment: dict[str, str] | None = None) -> str:
        """Runs it, with more variables in its environment; what it printed."""
        self.log.append(shlex.join(command))
        if self.verbose:
            print(f"    {shlex.join(command)}", flush=True)
        start = time.monotonic()
        try:
            done = subprocess.run(
                [*self.prefix, *command],
                env=dict(os.environ, **MPI_AS_ROOT, **(environment or {})),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=None if self.prefix else TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"{shlex.join(command)}: not done after {TIMEOUT_S} s") from None
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-12:]
            raise Failed("\n    ".join([f"{shlex.join(command)}: status {done.returncode}", *said]))
        if self.verbose:
            print(f"      {time.monotonic() - start:.1f} s", flush=True)
        return done.stdout

    def json_of(self, command: list[str], environment: dict[str, str] | None = None) -> dict:
        """Runs a tool that takes --json; what it wrote there."""
        with tempfile.TemporaryDirectory(prefix="coll_bench.") as folder:
            file = Path(folder) / "rows.json"
            self.run([*command, "--json", str(file)], environment)
            return json.loads(file.read_text(encoding="utf-8"))

    def json_from_output(self, command: list[str]) -> dict:
        """Runs a tool that prints JSON."""
        return json.loads(self.run(command))

    def in_node(self, tool: str, ranks: int, mca: str, flags: str) -> dict:
        oversubscribe = ["--oversubscribe"] if ranks > (os.cpu_count() or 1) else []
        command = ["mpirun", *oversubscribe, "-n", str(ranks), *shlex.split(mca), self.path(tool), *shlex.split(flags)]
        return self.json_of(command)

    def cluster_command(self, tool: str, rate: str, mca: str, flags: str) -> list[str]:
        command = [self.path("coll_cluster"), "--nodes", str(NODES), "--ppn", str(RANKS_PER_NODE), "--rate", rate]
        if mca:
            command += ["--mpirun-arg", mca]
        return [*command, "--", self.path(tool), *shlex.split(flags)]

    def in_cluster(self, tool: str, rate: str, mca: str, flags: str, tuning: str = "") -> dict:
        """`tuning` is the file of coll_tune that counts, "none" for none, "" for the user's own."""
        return self.json_of(self.cluster_command(tool, rate, mca, flags), {"COLL_TUNING_FILE": tuning} if tuning else None)

    def tune_cluster(self, rate: str, file: Path) -> None:
        """Measures such a cluster once, as its users would."""
        self.run(self.cluster_command("coll_tune", rate, "", f"--output {shlex.quote(str(file))}"))

    def knows_flag(self, tool: str, flag: str) -> bool:
        return flag in self.run(["mpirun", "-n", "1", self.path(tool), "--help"])
