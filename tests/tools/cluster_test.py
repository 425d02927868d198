"""coll_cluster: what it refuses, what it builds, and that nothing is left of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

CLUSTER, ALL_REDUCE_PERF = sys.argv[1:3]
TRANSPORTS = sys.argv[3:]  # between nodes, of this build
SHAPE = """
echo "at $(hostname) rank $OMPI_COMM_WORLD_RANK of $OMPI_COMM_WORLD_SIZE algo $COLL_ALGO" \
  "shm $(($(df -k --output=size /dev/shm | tail -n 1))) net $(ls -x /sys/class/net | tr -s ' ')"
"""
# The ranks' program, then what its node has sent on each of its links.
TRAFFIC = f"""
{ALL_REDUCE_PERF} -b 4M -e 4M -n 2 -w 1 -c 0 >&2 || exit
test "$OMPI_COMM_WORLD_LOCAL_RANK" != 0 ||
  awk -v node=$(hostname) '$1 ~ /^eth/ {{ sub(":", "", $1); print node, $1, $10 }}' /proc/net/dev
"""
NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


def processes(marker: str) -> list[str]:
    """Processes whose command line holds the marker."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if marker in line:
            found.append(line)
    return found


class ClusterTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.temp = Path(directory.name)
        # Every run of this test is known by the directory that its files lie in.
        self.environment = dict(os.environ, TMPDIR=directory.name, COLL_ALGO="ring")
        self.before = self.state()

    def start(self, *arguments: str, command: tuple[str, ...] = (sys.executable, CLUSTER)) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, *arguments], env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def run_it(self, *arguments: str, command: tuple[str, ...] = (sys.executable, CLUSTER)) -> tuple[int, str, str]:
        process = self.start(*arguments, command=command)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def state(self) -> tuple[str, str, list[str]]:
        """What a run could leave on the host besides processes and files."""
        links = sorted(os.listdir("/sys/class/net"))
        mounts = re.findall(r"\S*coll_cluster\S*", Path("/proc/self/mounts").read_text(encoding="utf-8"))
        named = sorted(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else []
        return " ".join(links), " ".join(mounts), named

    def assert_nothing_left(self, marker: str) -> None:
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and (processes(marker) or any(self.temp.iterdir())):
            time.sleep(0.1)
        self.assertEqual(processes(marker), [])
        self.assertEqual(list(self.temp.iterdir()), [])
        self.assertEqual(self.state(), self.before)

    def test_wrong_use(self) -> None:
        cases = {
            ("--nodes", "2"): "no program",
            ("--ppn", "0", "--", "true"): "--ppn 0",
            ("--ppn", "1,x", "--", "true"): "--ppn 1,x",
            ("--nodes", "2", "--ppn", "1,2,3", "--", "true"): "names 3 nodes",
            ("--nodes", "0", "--", "true"): "--nodes 0",
            ("--rate", "fast", "--", "true"): "--rate fast",
            ("--rate", "1gbit,", "--", "true"): "--rate 1gbit,",
            ("--rate", "1gbit,2gbit", "--nodes", "3", "--", "true"): "names 2 nodes",
            ("--rate", "1gbit,2gbit", "--ppn", "1,1,1", "--", "true"): "--rate 1gbit,2gbit names 2 nodes",
            ("--shm-size", "lots", "--", "true"): "--shm-size lots",
            ("--timeout", "-1", "--", "true"): "--timeout",
            ("--nics", "0", "--", "true"): "--nics 0",
            ("--nosuch", "--", "true"): "--nosuch",
        }
        for arguments, named in cases.items():
            status, out, err = self.run_it(*arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertIn(named, err)

    def test_dry_run_prints_the_commands_and_runs_none(self) -> None:
        self.environment["PATH"] = "/nonexistent"  # it needs no tools
        arguments = ["--dry-run", "--ppn", "2,1,3", "--rate", "500mbit", "--mpirun-arg", "--mca x y"]
        status, out, err = self.run_it(*arguments, "--", "prog", "a b")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out.count("tbf rate 500mbit burst 128kb latency 20ms"), 6)  # both ends of three links
        self.assertIn("--host n0:2,n1:1,n2:3 -n 6 --mca x y prog 'a b'", out)
        self.assertIn("-x COLL_ALGO", out)
        self.assertEqual(list(self.temp.iterdir()), [])

    def test_a_rate_for_each_node_at_both_ends(self) -> None:
        status, out, err = self.run_it("--dry-run", "--rate", "1gbit,none,2.5gbit", "--nics", "2", "--", "prog")
        self.assertEqual((status, err), (0, ""))
        shaped = re.findall(r"tc qdisc add dev (\S+) root tbf rate (\S+) burst", out)
        expected = [("eth0", "1gbit"), ("port0", "1gbit"), ("eth1", "1gbit"), ("port0.1", "1gbit"),
                    ("eth0", "2.5gbit"), ("port2", "2.5gbit"), ("eth1", "2.5gbit"), ("port2.1", "2.5gbit")]  # fmt: skip
        self.assertEqual(shaped, expected)
        self.assertIn("--host n0:1,n1:1,n2:1 -n 3 prog", out)

    def test_what_is_missing_is_named(self) -> None:
        self.environment["PATH"] = "/nonexistent"
        status, _, err = self.run_it("--", "true")
        self.assertEqual(status, 3)
        self.assertRegex(err, r"not found: .*mpirun.*apt-get install .*openmpi-bin")

    def test_missing_rights_are_named(self) -> None:
        fake = self.temp / "unshare"
        fake.write_text("#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n")
        fake.chmod(0o755)
        self.environment["PATH"] = f"{self.temp}:{os.environ['PATH']}"
        status, _, err = self.run_it("--", "true")
        self.assertEqual(status, 3)
        self.assertIn("Operation not permitted", err)
        self.assertIn("Run it as root", err)
        fake.unlink()

    def test_ranks_are_placed_and_nodes_are_apart(self) -> None:
        status, out, err = self.run_it("--ppn", "2,1", "--shm-size", "8m", "--", "sh", "-c", SHAPE)
        self.assertEqual(status, 0, err)
        lines = sorted(out.splitlines(), key=lambda line: line.split("rank")[1])
        nodes = ["n0", "n0", "n1"]
        expected = [f"at {node} rank {rank} of 3 algo ring shm 8192 net eth0 lo" for rank, node in enumerate(nodes)]
        self.assertEqual(lines, expected, err)
        self.assert_nothing_left(str(self.temp))

    def test_links_are_in_subnets_of_their_own(self) -> None:
        status, out, err = self.run_it("--nics", "2", "--", "sh", "-c", "hostname; ip -4 -br address show to 10.213.0.0/16")
        self.assertEqual(status, 0, err)
        for address in ("10.213.0.1", "10.213.1.1", "10.213.0.2", "10.213.1.2"):
            self.assertIn(f"{address}/24", out)
        self.assert_nothing_left(str(self.temp))

    def test_links_have_the_rates_of_their_nodes(self) -> None:
        script = 'for dev in eth0 eth1; do echo $(hostname) $(tc qdisc show dev $dev | grep -o "rate [^ ]*"); done'
        status, out, err = self.run_it("--rate", "1gbit,200mbit", "--nics", "2", "--", "sh", "-c", script)
        self.assertEqual(status, 0, err)
        self.assertEqual(sorted(out.splitlines()), ["n0 rate 1Gbit"] * 2 + ["n1 rate 200Mbit"] * 2, err)
        self.assert_nothing_left(str(self.temp))

    def test_both_links_carry_traffic(self) -> None:
        del self.environment["COLL_ALGO"]
        for transport in TRANSPORTS:
            self.environment["COLL_TRANSPORT"] = f"shm,{transport}"
            status, out, err = self.run_it("--nics", "2", "--ppn", "2", "--rate", "none", "--", "sh", "-c", TRAFFIC)
            self.assertEqual(status, 0, err)
            sent = {(node, device): int(count) for node, device, count in map(str.split, out.splitlines())}
            self.assertEqual(sorted(sent), [(node, device) for node in ("n0", "n1") for device in ("eth0", "eth1")], err)
            for link, count in sent.items():  # some 12 MiB in all, of three calls
                self.assertGreater(count, 2 << 20, f"{transport}: {link} of {sent}")
        self.assert_nothing_left(str(self.temp))

    def test_without_root(self) -> None:
        """As an ordinary user and as the root of a user namespace, where the system allows those; else the refusal."""
        script = self.temp / "coll_cluster"  # where every user may read it, as the system's Python
        script.write_bytes(Path(CLUSTER).read_bytes())
        self.temp.chmod(0o777)
        user = AS_NOBODY if os.geteuid() == 0 else ()
        for before in (user, (*user, "unshare", "-Urmn")):
            probe = [*before, "unshare", "-Urmnpf", "--mount-proc", "true"]
            allowed = subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode == 0
            arguments = ("--ppn", "2,1", "--", "sh", "-c", "echo $(hostname) $(id -u)")
            status, out, err = self.run_it(*arguments, command=(*before, "/usr/bin/python3", str(script)))
            if allowed:
                self.assertEqual((status, sorted(out.splitlines())), (0, ["n0 0", "n0 0", "n1 0"]), err)
            else:
                self.assertIn("Run it as root" if before == user else "unshare", err)
                self.assertNotEqual(status, 0)
        script.unlink()
        self.assert_nothing_left(str(self.temp))

    def test_the_exit_status_is_the_programs(self) -> None:
        self.assertEqual(self.run_it("--", "sh", "-c", "exit 7")[0], 7)
        self.assertEqual(self.run_it("--", "/nonexistent/program")[0] in (0, 3), False)
        self.assert_nothing_left(str(self.temp))

    def test_two_clusters_at_once(self) -> None:
        runs = [self.start("--", "sh", "-c", "sleep 1; hostname") for _ in range(2)]
        for process in runs:
            out, err = process.communicate(timeout=60)
            self.assertEqual((process.returncode, sorted(out.split())), (0, ["n0", "n1"]), err)
        self.assert_nothing_left(str(self.temp))

    def test_timeout(self) -> None:
        status, _, err = self.run_it("--timeout", "3", "--", "sleep", "1000")
        self.assertEqual(status, 124, err)
        self.assertIn("time-out", err)
        self.assert_nothing_left(str(self.temp))

    def end_by(self, signum: int, whole_group: bool) -> int:
        markers = [self.temp / f"started.{rank}" for rank in range(2)]
        touch = f"touch {self.temp}/started.$OMPI_COMM_WORLD_RANK"
        process = self.start("--", "sh", "-c", f"{touch}; sleep 1000; true {self.temp}")
        deadline = time.monotonic() + 30
        while not all(marker.exists() for marker in markers) and time.monotonic() < deadline:
            time.sleep(0.05)
        for marker in markers:  # of both ranks: one that started later would leave its file behind
            self.assertTrue(marker.exists(), marker)
            marker.unlink()
        (os.killpg if whole_group else os.kill)(process.pid, signum)
        process.communicate(timeout=60)
        return process.returncode

    def test_ctrl_c_leaves_nothing(self) -> None:
        self.assertEqual(self.end_by(signal.SIGINT, whole_group=True), 130)  # as a terminal does it
        self.assert_nothing_left(str(self.temp))

    def test_sigterm_leaves_nothing(self) -> None:
        self.assertEqual(self.end_by(signal.SIGTERM, whole_group=False), 143)
        self.assert_nothing_left(str(self.temp))

    def test_a_killed_run_goes_with_its_process(self) -> None:
        self.assertEqual(self.end_by(signal.SIGKILL, whole_group=False), -signal.SIGKILL)
        self.assert_nothing_left(str(self.temp))

    def test_cleanup_removes_what_a_killed_run_left_and_nothing_else(self) -> None:
        self.end_by(signal.SIGKILL, whole_group=True)
        deadline = time.monotonic() + 15
        while processes(str(self.temp)) and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(len(list(self.temp.iterdir())), 1)
        running = self.start("--", "sleep", "2")
        time.sleep(1)
        status, out, _ = self.run_it("--cleanup")
        self.assertEqual((status, out), (0, "removed 1 leftover(s)\n"))
        running.communicate(timeout=60)
        self.assertEqual(running.returncode, 0)
        self.assert_nothing_left(str(self.temp))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
