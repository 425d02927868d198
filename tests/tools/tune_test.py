"""coll_tune as a user runs it: the file it writes, what it says, and that communicators and tools then use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

MPIRUN, BIN = sys.argv[1], Path(sys.argv[2])
CODECS = {"none", "fp16", "bf16", "fp8e4m3", "fp8e5m2", "int8", "int6", "int4"}


class Tune(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_tool(self, program: str, *arguments: str, ranks: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COLL_")}
        environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        environment |= {"XDG_CACHE_HOME": str(self.folder)} | more
        mpirun = [MPIRUN, "--oversubscribe", "--mca", "mpi_yield_when_idle", "1", "-n", str(ranks)] if ranks else []
        command = [*mpirun, str(BIN / program), *arguments]
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, check=False
        )

    def read(self, path: Path) -> dict:
        tuning = json.loads(path.read_text())
        self.assertEqual(tuning["format"], 2)
        self.assertEqual(set(tuning["codecs"]), CODECS)
        figures = [*tuning["core"].values(), *(x for part in ("links", "codecs") for y in tuning[part].values() for x in y.values())]
        self.assertTrue(all(figure > 0 for figure in figures), tuning)
        return tuning

    def test_the_machines_own_file_is_written_shown_and_used(self) -> None:
        done = self.run_tool("coll_tune", "--quick", ranks=2)
        self.assertEqual(done.returncode, 0, done.stderr)
        [path] = (self.folder / "coll").iterdir()
        self.assertIn(f"wrote {path}", done.stdout)
        self.assertEqual(path.stat().st_mode & 0o777, 0o644)
        tuning = self.read(path)
        self.assertEqual(set(tuning["links"]), {"shm"})
        self.assertEqual((tuning["measured"]["ranks"], tuning["measured"]["nodes"]), (2, 1))
        shown = self.run_tool("coll_tune", "--show")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn(str(path), shown.stdout)
        info = json.loads(self.run_tool("coll_info", "--json").stdout)
        self.assertEqual(info["tuning"]["file"], str(path))
        self.assertEqual(info["tuning"]["copy_gbs"], tuning["core"]["copy_gbs"])

    def test_two_nodes_measure_the_network_and_one_rank_neither(self) -> None:
        split = 'export COLL_HOST_ID=node$((OMPI_COMM_WORLD_RANK / 2)); exec "$0" "$@"'
        two, one = self.folder / "two.json", self.folder / "one.json"
        command = [MPIRUN, "--oversubscribe", "--mca", "mpi_yield_when_idle", "1", "-n", "4", "bash", "-c", split]
        environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        done = subprocess.run(
            [*command, str(BIN / "coll_tune"), "--quick", "--output", str(two)],
            env=environment, capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(set(self.read(two)["links"]), {"shm", "net"})
        self.assertEqual(self.run_tool("coll_tune", "--quick", "--output", str(one), ranks=1).returncode, 0)
        self.assertEqual(self.read(one)["links"], {})
        self.assertEqual(sorted(each.name for each in self.folder.iterdir()), ["one.json", "two.json"])

    def test_what_cannot_be_done_is_said(self) -> None:
        (self.folder / "file").write_text("")
        blocked = str(self.folder / "file" / "below.json")
        for arguments, ranks, words in (
            (("--show",), 0, "cannot read"),
            (("--quick", "--output", blocked), 2, blocked),
            (("--quik",), 0, "--quik"),
        ):
            done = self.run_tool("coll_tune", *arguments, ranks=ranks)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(words, done.stderr)
            self.assertEqual(done.stdout, "")

    def test_perf_tools_say_what_auto_came_to(self) -> None:
        output = self.folder / "out.json"
        flags = ("-b", "1M", "-e", "1M", "-n", "2", "-w", "1", "--codec", "auto", "--codec", "auto:rel=0.001", "--json", str(output))
        done = self.run_tool("all_reduce_perf", *flags, ranks=3, COLL_LINKS="shm=1us/1MBs", COLL_TUNING_FILE="none")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("auto>int8", done.stdout)
        rows = json.loads(output.read_text())["rows"]
        self.assertEqual({(row["codec"], row["chosen_codec"]) for row in rows}, {("auto", "int8"), ("auto:rel=0.001", "none")})
        for row in rows:
            self.assertEqual(row["wrong"], 0)
            self.assertEqual(row["ratio"] > 3, row["chosen_codec"] == "int8")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
