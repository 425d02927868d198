"""The perf tools as a user runs them: under mpirun, judged by what they print, write and return."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

MPIRUN, BIN, DATA, CORRUPTING = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
NEVER_IN_PLACE = ["alltoall_perf", "sendrecv_perf"]
ROOTED = ["broadcast_perf", "reduce_perf", "gather_perf", "scatter_perf"]
TOOLS = ["all_reduce_perf", "reduce_scatter_perf", "all_gather_perf", *ROOTED, *NEVER_IN_PLACE]
ROW: dict[str, type | tuple[type, ...]] = {
    "size_bytes": int,
    "count": int,
    "type": str,
    "redop": str,
    "codec": str,
    "chosen_codec": str,
    "algorithm": str,
    "in_place": bool,
    "time_us": dict,
    "algbw_gbs": (int, float),
    "busbw_gbs": (int, float),
    "sent_bytes": int,
    "ratio": (int, float),
    "wrong": (int, type(None)),
    "max_abs_error": (int, float, type(None)),
    "error_bound": (int, float, type(None)),
    "baseline": (dict, type(None)),
}


def run(program: str | Path, *arguments: str, ranks: int = 3, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COLL_")}
    environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"} | more
    command = [MPIRUN, "--oversubscribe", "--mca", "mpi_yield_when_idle", "1", "-n", str(ranks), str(BIN / program)]
    process = subprocess.Popen(
        [*command, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=100)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)  # mpirun ends its ranks
        out, err = process.communicate()
        raise AssertionError(f"{process.args} takes too long; so far it printed\n{out}{err}") from None
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def strictly(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


class PerfTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.out = Path(directory.name)

    def test_a_run_that_is_killed_leaves_its_rows(self) -> None:
        files = [f"--json={self.out / 'x'}", f"--csv={self.out / 'y'}"]
        command = [str(BIN / "all_reduce_perf"), "-b", "4K", "-e", "1G", "-n", "20", *files]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            rows = (line for line in process.stdout if line.strip() and not line.startswith("#"))
            next(rows), next(rows), next(rows)  # a size has two; the first size's are in the files by then
            process.kill()
        self.assertGreaterEqual(len(json.loads((self.out / "x").read_text())["rows"]), 2)
        self.assertGreaterEqual(len((self.out / "y").read_text().splitlines()), 3)

    def check_row(self, row: dict[str, Any]) -> None:
        self.assertEqual(list(row), list(ROW))
        for key, kinds in ROW.items():
            self.assertIsInstance(row[key], kinds, key)
        times = row["time_us"]
        self.assertEqual(list(times), ["min", "p50", "p99", "mean"])
        self.assertTrue(0 < times["min"] <= times["p50"] <= times["p99"])
        self.assertTrue(times["min"] <= times["mean"] <= times["p99"] * 1.001)
        self.assertAlmostEqual(row["algbw_gbs"], row["size_bytes"] / times["p50"] / 1e3)
        if row["baseline"] is not None:
            self.assertEqual(list(row["baseline"]), ["name", "p50_us", "speedup"])
            self.assertAlmostEqual(row["baseline"]["speedup"], row["baseline"]["p50_us"] / times["p50"])

    def test_json_csv_and_text_say_the_same(self) -> None:
        for tool in TOOLS:
            files = [f"--json={self.out / tool}.json", f"--csv={self.out / tool}.csv", f"--plot={self.out / tool}.svg"]
            done = run(tool, "-b", "1K", "-e", "64K", "-f", "8", "-n", "4", "-w", "1", "--baseline", "mpi", *files)
            self.assertEqual(done.returncode, 0, done.stderr)
            whole = strictly((self.out / f"{tool}.json").read_text())
            self.assertEqual(list(whole), ["meta", "rows"])
            self.assertEqual(whole["meta"]["nranks"], 3)
            rows = whole["rows"]
            places = [False] if tool in NEVER_IN_PLACE else [False, True]
            self.assertEqual([row["in_place"] for row in rows], places * 3)
            for row in rows:
                self.check_row(row)
                self.assertEqual(row["wrong"], 0)
                self.assertTrue(row["baseline"]["name"].startswith("MPI_"))
            with open(self.out / f"{tool}.csv", newline="", encoding="utf-8") as file:
                lines = list(csv.DictReader(file))
            self.assertEqual([int(line["size_bytes"]) for line in lines], [row["size_bytes"] for row in rows])
            for line, row in zip(lines, rows):
                self.assertTrue(math.isclose(float(line["p50_us"]), row["time_us"]["p50"], rel_tol=1e-5))
            printed = [line.split() for line in done.stdout.splitlines() if line and not line.startswith("#")]
            self.assertEqual([int(line[0]) for line in printed], [row["size_bytes"] for row in rows])
            self.assertIn("Out of bounds values : 0 OK", done.stdout)
            self.assertEqual(done.stderr, "")
            drawn = ElementTree.parse(self.out / f"{tool}.svg").getroot()
            self.assertEqual(len(drawn.findall("{http://www.w3.org/2000/svg}polyline")), 2)  # ours and MPI's

    def test_bus_bandwidth_factors(self) -> None:
        for tool, factor in zip(TOOLS, [4 / 3, 2 / 3, 2 / 3, 1.0, 1.0, 2 / 3, 2 / 3, 2 / 3, 1.0]):
            done = run(tool, "-b", "48K", "-e", "48K", "-n", "2", "--json", str(self.out / "x"), "-c", "0")
            self.assertEqual(done.returncode, 0, done.stderr)
            for row in strictly((self.out / "x").read_text())["rows"]:
                self.check_row(row)
                self.assertIsNone(row["wrong"])
                self.assertEqual(row["size_bytes"], 48 << 10)
                self.assertAlmostEqual(row["busbw_gbs"] / row["algbw_gbs"], factor)

    def test_codecs_on_the_shipped_gradients(self) -> None:
        codecs = ["none", "bf16", "fp16", "int8", "int4:block=64"]
        for tool in TOOLS[:3]:
            flags = [flag for codec in codecs for flag in ("--codec", codec)]
            done = run(
                tool, "-b", "96K", "-e", "96K", "-n", "2", "--input", str(DATA / "gradient.rank%r.f32"), *flags,
                "--json", str(self.out / "x"), "--plot", str(self.out / "x.svg"),
            )  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            rows = strictly((self.out / "x").read_text())["rows"]
            self.assertEqual([row["codec"] for row in rows], codecs * 2)
            for row in rows:
                self.assertEqual(row["wrong"], 0)
                self.assertLessEqual(row["max_abs_error"], row["error_bound"])
                self.assertIsNone(row["baseline"])
            for row, bits in zip(rows, [32, 16, 16, 8 + 16 / 128, 4 + 16 / 64]):
                self.assertAlmostEqual(row["ratio"], 32 / bits, delta=0.05, msg=row["codec"])
            self.assertEqual(len(ElementTree.parse(self.out / "x.svg").getroot().findall(".//*[@rx]")), len(codecs))

    def test_every_type_and_operator_on_a_stream(self) -> None:
        flags = ["-b", "1001", "-e", "1001", "-n", "1", "-w", "0", "-z", "0"]
        done = run("all_reduce_perf", *flags, "-d", "all", "-o", "all")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
        self.assertEqual(len(lines), 12 * 5 * 2)

    def test_types_that_mpi_lacks_have_no_baseline(self) -> None:
        flags = ["-b", "1K", "-e", "1K", "-n", "1", "-d", "bfloat16", "--baseline", "mpi"]
        flags += ["--json", str(self.out / "x")]
        self.assertEqual(run("all_reduce_perf", *flags).returncode, 0)
        self.assertTrue(all(row["baseline"] is None for row in strictly((self.out / "x").read_text())["rows"]))
        self.assertEqual(run("all_gather_perf", *flags).returncode, 0)  # it can be moved as bytes
        self.assertTrue(all(row["baseline"] is not None for row in strictly((self.out / "x").read_text())["rows"]))

    def test_empty_and_single(self) -> None:
        for tool in TOOLS:
            for ranks in (1, 3):
                done = run(tool, "-b", "0", "-e", "16", "-f", "4", "-n", "1", ranks=ranks)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_other_roots(self) -> None:
        for tool in ROOTED:
            done = run(tool, "-b", "4K", "-e", "4K", "-n", "1", "-r", "2", "--baseline", "mpi")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_wrong_result_ends_with_status_1(self) -> None:
        for fault in ("all_ranks", "one_rank"):
            program = CORRUPTING.with_name(f"{CORRUPTING.name}_{fault}")
            done = run(program, "-b", "64K", "-e", "64K", "-n", "1", "--json", str(self.out / "x"))
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            rows = strictly((self.out / "x").read_text())["rows"]
            self.assertEqual([row["wrong"] for row in rows], [1, 1], fault)
            self.assertIn("2 FAILED", done.stdout)
            # Not looked at, it is not found.
            self.assertEqual(run(program, "-b", "64K", "-e", "64K", "-n", "1", "-c", "0").returncode, 0)

    def test_wrong_use_is_said_once_with_status_2(self) -> None:
        cases = {
            ("-b", "1Q"): "1Q is no size",
            ("--codec", "int9"): "int9",
            ("--codec", "int8:nosuch=1"): "nosuch",
            ("--codec", "int8", "-d", "int32"): "int32",
            ("--input", "/nonexistent/%r"): "/nonexistent/0",
            ("--json", "/nonexistent/x"): "cannot write /nonexistent/x",
        }
        for arguments, named in cases.items():
            done = run("all_reduce_perf", "-b", "1K", "-e", "1K", *arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            said = [line for line in done.stderr.splitlines() if line.startswith("all_reduce_perf: ")]
            self.assertEqual(len(said), 1, done.stderr)
            self.assertIn(named, said[0])
            self.assertEqual(done.stdout.replace("-" * 74, "").strip(), "")
        self.assertIn("there are 3 ranks", run("broadcast_perf", "-r", "3").stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
