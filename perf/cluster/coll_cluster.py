#!/usr/bin/env python3
"""coll_cluster: a virtual cluster on one Linux machine, for one MPI program.

The cluster lives in namespaces of its own: a switch (a bridge, where mpirun runs) and one network namespace per node,
each with veth links to the switch whose rate is set at both ends. Nodes have their own host name, processes, IPC and
/dev/shm. Nothing outside is named or touched, and everything goes away with the process that holds it, however it ends.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

SUBNETS = "10.213"  # exist inside the namespaces only; one for each link of a node
SUBNET = f"{SUBNETS}.0"  # of the first links
MAX_NODES = 200
MAX_NICS = 8
PREFIX = "coll_cluster."
NEEDED = {  # program -> Debian package
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
    "hostname": "hostname",
    "ip": "iproute2",
    "tc": "iproute2",
    "mpirun": "openmpi-bin",
}
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INSIDE = "--inside"  # first argument of the process that builds the cluster, within the namespaces


class Failure(Exception):
    """Something a person has to read; the program ends with `status`."""

    def __init__(self, message: str, status: int = 3) -> None:
        super().__init__(message)
        self.status = status


class Interrupted(Exception):
    """A signal that ends the run."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


@dataclass(frozen=True)
class Cluster:
    """What was asked for."""

    ppn: list[int]  # ranks of each node
    rates: list[str]  # of each node's links; "none": as fast as the machine is
    shm_size: str
    mpirun_args: list[str]
    timeout_s: float | None
    program: list[str]
    nics: int = 1  # links of each node, each with the node's rate

    @property
    def ranks(self) -> int:
        return sum(self.ppn)


# ---- arguments -----------------------------------------------------------------------------------


def node_count(options: argparse.Namespace) -> int:
    """As --nodes says, else as many as a list names, else 2."""
    if options.nodes is not None:
        return options.nodes
    return max([text.count(",") + 1 for text in (options.ppn, options.rate) if "," in text], default=2)


def for_each_node(option: str, text: str, nodes: int) -> list[str]:
    """One value for all nodes, or one for each."""
    values = text.split(",")
    if len(values) == 1:
        values *= nodes
    if len(values) != nodes:
        raise Failure(f"{option} {text} names {len(values)} nodes, but there are {nodes}", 2)
    return values


def parse_ppn(text: str, nodes: int) -> list[int]:
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", text):
        raise Failure(f"--ppn {text}: give ranks per node, one number or one for each node (2 or 2,1,3)", 2)
    return [int(part) for part in for_each_node("--ppn", text, nodes)]


def parse_rates(text: str, nodes: int) -> list[str]:
    one = r"(none|[1-9]\d*(\.\d+)?[kmg]bit)"
    if not re.fullmatch(rf"{one}(,{one})*", text):
        raise Failure(f"--rate {text}: give a number with kbit, mbit or gbit, or none; or one for each node", 2)
    return for_each_node("--rate", text, nodes)


def parse(argv: list[str]) -> tuple[argparse.Namespace, Cluster | None]:
    split = argv.index("--") if "--" in argv else len(argv)
    own, program = list(argv[:split]), argv[split + 1 :]
    for at in range(len(own) - 1, 0, -1):  # argparse takes "--mca ..." for an option of ours
        if own[at - 1] == "--mpirun-arg":
            own[at - 1 : at + 1] = [f"--mpirun-arg={own[at]}"]
    parser = argparse.ArgumentParser(
        prog="coll_cluster",
        description="Runs an MPI program on a virtual cluster: namespaces on this machine, links with a set rate.",
        usage="coll_cluster [--nodes N] [--ppn R[,R...]] [--rate RATE[,RATE...]] [options] -- PROGRAM ARGS...",
        epilog="Exit status: the program's; 2 wrong use, 3 no cluster here, 124 time-out, 128+n signal n.",
        allow_abbrev=False,
    )
    parser.add_argument("--nodes", type=int, metavar="N", help="nodes (default 2, or as many as a list names)")
    parser.add_argument("--ppn", default="1", metavar="R[,R...]", help="ranks per node, or of each node (default 1)")
    parser.add_argument(
        "--rate", default="1gbit", metavar="RATE[,RATE...]",
        help="of each link, each way: 500mbit, ... or none; or of the links of each node (default 1gbit)",
    )  # fmt: skip
    parser.add_argument("--nics", type=int, default=1, metavar="K", help="links of each node, each in a subnet of its own (default 1)")
    parser.add_argument("--shm-size", default="50%", metavar="SIZE", help="of each node's /dev/shm: 64m (default 50%%)")
    parser.add_argument("--mpirun-arg", action="append", default=[], metavar="ARG", help="for mpirun; may be repeated")
    parser.add_argument("--timeout", type=float, metavar="S", help="end the run after S seconds, with status 124")
    parser.add_argument("--dry-run", action="store_true", help="print the commands, run nothing")
    parser.add_argument("--cleanup", action="store_true", help="remove what killed runs have left, then end")
    options = parser.parse_args(own)
    if options.cleanup:
        return options, None
    if not program:
        raise Failure("no program: give it after --, as in: coll_cluster --nodes 4 --ppn 2 -- ./program", 2)
    if not re.fullmatch(r"[1-9]\d*[kmg%]?", options.shm_size):
        raise Failure(f"--shm-size {options.shm_size}: give bytes, or a number with k, m, g or %", 2)
    if options.timeout is not None and options.timeout <= 0:
        raise Failure(f"--timeout {options.timeout:g}: give seconds above 0", 2)
    if not 1 <= options.nics <= MAX_NICS:
        raise Failure(f"--nics {options.nics}: 1 to {MAX_NICS} links are possible", 2)
    mpirun_args = [word for text in options.mpirun_arg for word in shlex.split(text)]
    nodes = node_count(options)
    if not 1 <= nodes <= MAX_NODES:
        raise Failure(f"--nodes {nodes}: 1 to {MAX_NODES} nodes are possible", 2)
    ppn, rates = parse_ppn(options.ppn, nodes), parse_rates(options.rate, nodes)
    return options, Cluster(ppn, rates, options.shm_size, mpirun_args, options.timeout, program, options.nics)


# ---- the cluster as commands ---------------------------------------------------------------------


def link_commands(cluster: Cluster, node: int, nic: int, enter: str) -> list[list[str]]:
    """One link of a node: its device, and a port of the switch."""
    device, port = f"eth{nic}", f"port{node}" if nic == 0 else f"port{node}.{nic}"
    commands = [
        shlex.split(f"{enter} ip link add {device} type veth peer name {port} netns 1"),
        shlex.split(f"{enter} ip address add {SUBNETS}.{nic}.{node + 1}/24 dev {device}"),
    ]
    if cluster.rates[node] != "none":
        shape = f"root tbf rate {cluster.rates[node]} burst 128kb latency 20ms"
        commands += [
            shlex.split(f"{enter} tc qdisc add dev {device} {shape}"),
            shlex.split(f"tc qdisc add dev {port} {shape}"),
        ]
    # Each device answers for its own address alone, though all are ports of one switch.
    quiet = f"for key in arp_ignore=1 arp_announce=2; do echo ${{key#*=}} > /proc/sys/net/ipv4/conf/{device}/${{key%=*}}; done"
    if cluster.nics > 1:
        commands.append([*shlex.split(enter), "sh", "-c", quiet])
    return [
        *commands,
        shlex.split(f"{enter} ip link set {device} up"),
        shlex.split(f"ip link set {port} master switch up"),
    ]


def network_commands(cluster: Cluster, work: Path) -> list[list[str]]:
    """Builds switch and nodes; runs in the switch's network namespace, whose first process has the id 1."""
    commands = [
        shlex.split("ip link set lo up"),
        shlex.split("ip link add switch type bridge stp_state 0"),
        shlex.split(f"ip address add {SUBNET}.254/24 dev switch"),
        shlex.split("ip link set switch up"),
    ]
    for node in range(len(cluster.ppn)):
        netns = work / f"n{node}.net"
        enter = f"nsenter --net={netns}"
        commands += [shlex.split(f"unshare --net={netns} true"), shlex.split(f"{enter} ip link set lo up")]
        for nic in range(cluster.nics):
            commands += link_commands(cluster, node, nic, enter)
    return commands + [shlex.split(f"mount --bind {work}/hosts /etc/hosts"), shlex.split("hostname switch")]


def hosts_text(cluster: Cluster) -> str:
    names = [f"{SUBNET}.{node + 1} n{node}" for node in range(len(cluster.ppn))]
    return "\n".join(["127.0.0.1 localhost", f"{SUBNET}.254 switch", *names]) + "\n"


def agent_text(cluster: Cluster, work: Path) -> str:
    """What mpirun calls in place of ssh, with the node's name and a command."""
    return f"""node=$1
shift
exec nsenter --net={work}/$node.net unshare --uts --ipc --mount --pid --fork --kill-child --mount-proc sh -c '
  hostname "$1" && mount -t tmpfs -o size={cluster.shm_size} tmpfs /dev/shm || exit 1
  # The interfaces of this node in /sys; some containers do not allow it.
  mount -t sysfs sysfs /sys 2>/dev/null && mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null
  shift
  exec sh -c "$*"' sh "$node" "$@"
"""


def mpirun_command(cluster: Cluster, work: Path, environment: dict[str, str]) -> list[str]:
    hosts = ",".join(f"n{node}:{ranks}" for node, ranks in enumerate(cluster.ppn))
    command = ["mpirun", "--mca", "plm_rsh_agent", f"sh {work}/agent", "--mca", "plm_rsh_no_tree_spawn", "1"]
    command += ["--leave-session-attached"]  # a daemon that forks away would end its node's process namespace
    command += ["--mca", "orte_tmpdir_base", str(work), "--mca", "oob_tcp_if_include", f"{SUBNET}.0/24"]
    links = ",".join(f"{SUBNETS}.{nic}.0/24" for nic in range(cluster.nics))
    command += ["--mca", "btl_tcp_if_include", links, "--mca", "hwloc_base_binding_policy", "none"]
    if cluster.ranks > (os.cpu_count() or 1):
        command += ["--mca", "mpi_yield_when_idle", "1"]
    for name in sorted(environment):
        if name.startswith("COLL_"):
            command += ["-x", name]
    return command + ["--host", hosts, "-n", str(cluster.ranks), *cluster.mpirun_args, *cluster.program]


def namespaces_command(inside: list[str]) -> list[str]:
    become_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    kinds = ["--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return ["unshare", *become_root, *kinds, *inside]


def print_commands(cluster: Cluster) -> None:
    work = Path(tempfile.gettempdir()) / f"{PREFIX}PID"
    print(shlex.join(namespaces_command(["sh"])), "# all that follows runs inside")
    print(f"cat > {work}/hosts <<END\n{hosts_text(cluster)}END")
    print(f"cat > {work}/agent <<'END'\n{agent_text(cluster, work)}END")
    for command in network_commands(cluster, work):
        print(shlex.join(command))
    print(shlex.join(mpirun_command(cluster, work, dict(os.environ))))


# ---- inside: builds the cluster and runs the program ---------------------------------------------


def run_step(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip() or f"status {done.returncode}"
        raise Failure(
            f"cannot build the cluster: {shlex.join(command)}: {said}\n"
            "The kernel must have bridge, veth and sch_tbf (modprobe bridge veth sch_tbf)."
        )


def watch(control: int) -> None:
    """Passes on the signals that the outer process writes; its end, however it came, ends the cluster."""

    def follow() -> None:
        while True:
            word = os.read(control, 1)
            os.kill(os.getpid(), word[0] if word else signal.SIGHUP)
            if not word:
                return

    threading.Thread(target=follow, daemon=True).start()


def ignore_signals() -> None:
    for signum in ENDING:
        signal.signal(signum, signal.SIG_IGN)


def raise_on_signals() -> None:
    def interrupt(signum: int, _frame: FrameType | None) -> None:
        ignore_signals()
        raise Interrupted(signum)

    for signum in ENDING:
        signal.signal(signum, interrupt)


def run_program(command: list[str], timeout_s: float | None) -> int:
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    program = subprocess.Popen(command, env=environment)
    try:
        status = program.wait(timeout_s)
    except (Interrupted, subprocess.TimeoutExpired):
        program.terminate()  # mpirun tells its ranks
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(5)  # later, the end of this process ends it
        raise
    return status if status >= 0 else 128 - status


def inside(work: Path, control: int, cluster: Cluster) -> int:
    """The first process of the cluster's process namespace: when it ends, the kernel ends all the others."""
    try:
        raise_on_signals()
        watch(control)
        (work / "hosts").write_text(hosts_text(cluster))
        (work / "agent").write_text(agent_text(cluster, work))
        for node in range(len(cluster.ppn)):
            (work / f"n{node}.net").touch()
        for command in network_commands(cluster, work):
            run_step(command)
        return run_program(mpirun_command(cluster, work, dict(os.environ)), cluster.timeout_s)
    except subprocess.TimeoutExpired:
        raise Failure(f"time-out: the program ran for more than {cluster.timeout_s:g} s and was ended", 124) from None
    except Interrupted as interrupted:
        return 128 + interrupted.signum
    finally:
        ignore_signals()
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)  # all but this process
        for netns in work.glob("*.net"):
            subprocess.run(["umount", "--lazy", str(netns)], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(work, ignore_errors=True)


# ---- outside: what is needed, starting, cleaning up ----------------------------------------------


def check_requirements() -> None:
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        packages = " ".join(sorted({NEEDED[name] for name in missing}))
        raise Failure(f"not found: {', '.join(missing)}; on Debian: apt-get install {packages}")
    version = subprocess.run(["mpirun", "--version"], capture_output=True, text=True, check=False).stdout
    if "Open MPI" not in version:
        raise Failure("mpirun is not Open MPI's; on Debian: apt-get install openmpi-bin")
    probe = subprocess.run(namespaces_command(["true"]), capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        raise Failure(
            f"no right to make namespaces ({probe.stderr.strip()}).\n"
            "Run it as root; or allow it to users (sysctl -w user.max_user_namespaces=10000 and, where there is such a\n"
            "setting, kernel.unprivileged_userns_clone=1);\n"
            "in a container, start that with --privileged or with --cap-add SYS_ADMIN --cap-add NET_ADMIN."
        )


def clean_up() -> int:
    """Removes directories whose run is gone; a running one holds a lock on its own."""
    removed = 0
    for work in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            with open(work / "lock", encoding="ascii") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(work)
                removed += 1
        except OSError as error:
            print(f"coll_cluster: {work} stays: {error.strerror}", file=sys.stderr)
    return removed


def start(argv: list[str]) -> int:
    """Holds the cluster's process and its directory; hands signals in and the status out."""
    read_end, write_end = os.pipe()

    def hand_in(signum: int, _frame: FrameType | None) -> None:
        os.write(write_end, bytes([signum]))

    for signum in ENDING:
        signal.signal(signum, hand_in)
    work = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}."))
    try:
        with open(work / "lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            me = [sys.executable, os.path.abspath(__file__), INSIDE, str(work), str(read_end), *argv]
            run = subprocess.Popen(namespaces_command(me), pass_fds=[read_end])
            os.close(read_end)
            status = run.wait()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return status if status >= 0 else 128 - status


def main(argv: list[str]) -> int:
    os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    if argv[:1] == [INSIDE]:
        cluster = parse(argv[3:])[1]
        assert cluster is not None
        return inside(Path(argv[1]), int(argv[2]), cluster)
    options, cluster = parse(argv)
    if options.cleanup:
        print(f"removed {clean_up()} leftover(s)")
        return 0
    assert cluster is not None
    if options.dry_run:
        print_commands(cluster)
        return 0
    check_requirements()
    return start(argv)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Failure as failure:
        print(f"coll_cluster: {failure}", file=sys.stderr)
        sys.exit(failure.status)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
