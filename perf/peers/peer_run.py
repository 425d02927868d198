"""Installs and builds a peer's benchmark, and runs it in the node and in the virtual cluster."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from peer_list import Peer

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HOMES = ROOT / "build" / "peers"
CLUSTER = [sys.executable, str(ROOT / "perf/cluster/coll_cluster.py"), *"--nodes 4 --ppn 2 --rate 1gbit".split()]
MPI_AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
TIMEOUT_S = 40


class Unusable(Exception):
    """A peer cannot be installed, built or run; why."""


@dataclass(frozen=True)
class Batch:
    """Sizes that are measured with the same number of calls."""

    calls: int
    warmup: int
    sizes: tuple[int, ...]


Times = dict[int, float]  # microseconds by size


def command_output(command: list[str], environment: dict[str, str] | None = None) -> tuple[int, str, str]:
    done = subprocess.run(
        command,
        env=dict(os.environ, **MPI_AS_ROOT, **(environment or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def reason(what: str, status: int, said: str) -> str:
    """One line for the table, without this machine's paths."""
    if status == 124:
        return f"{what}: not done after {TIMEOUT_S} s"
    lines = [line.strip() for line in said.splitlines() if re.search(r"error|fail|abort|wrong|not found|unable", line, re.I)]
    first = re.sub(r"(?:/[\w.+-]+)+/", "", lines[0])[:110] if lines else ""
    return f"{what}: status {status}" + (f" ({first})" if first else "")


def must(what: str, command: list[str]) -> str:
    status, out, err = command_output(command)
    if status != 0:
        print(out, err, file=sys.stderr)
        raise Unusable(reason(what, status, err + out))
    return out


class Runner:
    """Runs measuring commands under a prefix."""

    def __init__(self, prefix: list[str]) -> None:
        self.prefix = [*prefix, "timeout", "--kill-after=5", str(TIMEOUT_S)]

    def times(self, command: list[str], environment: dict[str, str], sizes: tuple[int, ...]) -> tuple[Times, str]:
        """By size, and what went wrong, if anything."""
        status, out, err = command_output([*self.prefix, *command], environment)
        found = {int(size): float(us) for size, us in re.findall(r"^(\d+) ([\d.]+)$", out, re.MULTILINE)}
        times = {size: us for size, us in found.items() if size in sizes}
        if status == 0 and len(times) == len(sizes):
            return times, ""
        print(f"    {shlex.join(command)}: status {status}\n{out[-2000:]}{err[-4000:]}", file=sys.stderr)
        missing = "ended badly after measuring" if len(times) == len(sizes) else "ended badly"
        return times, reason(missing, status, err + out)


class Installed:
    """A peer whose benchmark is built."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.home = HOMES / peer.home
        self.program = self.home / Path(peer.source).stem
        self.version = self.install_wheels() if peer.wheels else self.install_debian()
        self.home.mkdir(parents=True, exist_ok=True)
        source = shlex.quote(str(HERE / peer.source))
        text = peer.compile.format(home=shlex.quote(str(self.home)), source=source, out=shlex.quote(str(self.program)))
        must("does not compile", shlex.split(text))

    def install_debian(self) -> str:
        query = ["dpkg-query", "-W", "-f=${Version}", self.peer.debian]
        if command_output(query)[0] != 0:
            as_root = [] if os.geteuid() == 0 else ["sudo"]
            must("apt-get", [*as_root, "apt-get", "install", "-y", "--no-install-recommends", self.peer.debian])
        return must("dpkg-query", query)

    def install_wheels(self) -> str:
        if not (self.home / "bin" / "pip").exists():
            must("venv", [sys.executable, "-m", "venv", str(self.home)])
        must("pip", [str(self.home / "bin" / "pip"), "install", "--quiet", *self.peer.wheels])
        return self.peer.wheels[0].split("==")[1]

    def environment(self, store: str, more: dict[str, str]) -> dict[str, str]:
        settings = {**self.peer.settings, **more}
        return {"GLOO_STORE": store, **{name: value.format(home=self.home) for name, value in settings.items()}}

    def benchmark(self, batch: Batch) -> list[str]:
        numbers = [batch.calls, batch.warmup, *batch.sizes]
        return [str(self.program), *self.peer.before.split(), *map(str, numbers)]

    def in_node(self, runner: Runner, batch: Batch) -> tuple[Times, str]:
        command = [self.peer.launcher.format(home=self.home), *self.peer.launcher_flags.split(), "-n", "2"]
        with tempfile.TemporaryDirectory(prefix="coll_peers.") as store:
            return runner.times([*command, *self.benchmark(batch)], self.environment(store, {}), batch.sizes)

    def in_cluster(self, runner: Runner, batch: Batch) -> tuple[Times, str]:
        flags = ["--mpirun-arg", self.peer.cluster_flags] if self.peer.cluster_flags else []
        with tempfile.TemporaryDirectory(prefix="coll_peers.") as store:
            environment = self.environment(store, self.peer.cluster_settings)
            if self.peer.own_launcher_in_cluster:
                stand_in = Path(store) / "bin"
                stand_in.mkdir()
                (stand_in / "mpirun").symlink_to(HERE / "mpirun_of_peer")
                environment["PATH"] = f"{stand_in}:{os.environ['PATH']}"
                environment["PEER_LAUNCHER"] = self.peer.launcher.format(home=self.home)
            return runner.times([*CLUSTER, *flags, "--", *self.benchmark(batch)], environment, batch.sizes)
