"""codec_perf as a user runs it, and the committed table of ratios and errors."""

from __future__ import annotations

import csv
import json
import math
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

PROGRAM, ROOT = Path(sys.argv[1]), Path(sys.argv[2])
SMALL = ["-b", "4K", "-e", "64K", "-f", "16", "-n", "3", "-w", "1"]
ROW = [
    "size_bytes", "count", "type", "codec", "isa", "operation", "moved_bytes", "time_us", "gbs", "memcpy_gbs", "ratio",
    "wrong", "max_abs_error", "error_bound",
]  # fmt: skip
OPERATIONS = ["encode", "decode", "decode_reduce", "fused"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(PROGRAM), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=ROOT)


def table(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


class CodecPerfTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.out = Path(directory.name)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        done = run(*arguments, f"--json={self.out / 'x'}")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads((self.out / "x").read_text())["rows"]

    def test_a_run_that_is_killed_leaves_its_rows(self) -> None:
        command = [str(PROGRAM), "-b", "4K", "-e", "1G", "-n", "20", f"--json={self.out / 'x'}", f"--csv={self.out / 'y'}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            assert process.stdout is not None
            rows = (line for line in process.stdout if not line.startswith("#"))
            next(rows), next(rows)  # the first is in the files by then
            process.kill()
        self.assertGreaterEqual(len(json.loads((self.out / "x").read_text())["rows"]), 1)
        self.assertGreaterEqual(len((self.out / "y").read_text().splitlines()), 2)

    def test_a_full_disk_leaves_the_rows_before(self) -> None:
        def fill() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))

        command = [str(PROGRAM), *SMALL, f"--csv={self.out / 'y'}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, preexec_fn=fill)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"cannot write {self.out / 'y'}: File too large", done.stderr)
        lines = (self.out / "y").read_text().splitlines()
        self.assertGreaterEqual(len(lines), 2)
        self.assertEqual({line.count(",") for line in lines}, {lines[0].count(",")})
        self.assertEqual([path.name for path in self.out.iterdir()], ["y"])

    def test_json_csv_and_text_say_the_same(self) -> None:
        done = run(*SMALL, f"--json={self.out / 'x.json'}", f"--csv={self.out / 'x.csv'}")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stderr, "")
        whole = json.loads((self.out / "x.json").read_text())
        self.assertEqual(list(whole), ["meta", "rows"])
        rows = whole["rows"]
        with open(self.out / "x.csv", newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        printed = table(done.stdout)
        self.assertEqual(len(rows), 2 * (1 + 7 * 4))  # two sizes; none reduces, seven codecs do all
        self.assertEqual(len(rows), len(lines))
        self.assertEqual(len(rows), len(printed))
        for row, line, cells in zip(rows, lines, printed):
            self.assertEqual(list(row), ROW)
            self.assertEqual([line["codec"], line["operation"]], [row["codec"], row["operation"]])
            self.assertEqual(cells[3:6], [row["codec"], row["isa"], row["operation"]])
            self.assertTrue(math.isclose(float(line["gbs"]), row["gbs"], rel_tol=1e-5))
            self.assertTrue(math.isclose(row["gbs"], row["moved_bytes"] / row["time_us"]["p50"] / 1e3, rel_tol=1e-9))
            self.assertEqual(row["wrong"], 0)
            self.assertGreater(row["memcpy_gbs"], 0)
            self.assertGreater(row["ratio"], 0)

    def test_moved_bytes_are_those_read_and_written(self) -> None:
        rows = self.rows("-b", "64K", "-e", "64K", "-n", "1", "--ranks", "3", "--codec", "none", "--codec", "bf16")
        self.assertEqual([row["operation"] for row in rows], ["reduce", *OPERATIONS])
        n = 64 << 10
        self.assertEqual([row["moved_bytes"] for row in rows], [4 * n, n * 3 // 2, n * 3 // 2, n * 5 // 2, 2 * n])

    def test_every_instruction_set_errs_alike(self) -> None:
        flags = ["-b", "12K", "-e", "12K", "-n", "1", "-w", "0", "--isa", "all", "--codec", "int8", "--codec", "int4"]
        rows = self.rows(*flags, "--input", "perf/data/gradient.rank%r.f32")
        sets = {row["isa"] for row in rows}
        self.assertGreaterEqual(len(sets), 2)
        for codec in ("int8", "int4"):
            for operation in OPERATIONS:
                of_one = [row for row in rows if (row["codec"], row["operation"]) == (codec, operation)]
                self.assertEqual({row["isa"] for row in of_one}, sets)
                self.assertEqual(len({row["max_abs_error"] for row in of_one}), 1)

    def test_every_type(self) -> None:
        rows = self.rows("-b", "1001", "-e", "1001", "-n", "1", "-w", "0", "-d", "all", "--codec", "none")
        self.assertEqual(len({row["type"] for row in rows}), 12)
        for kind in ("half", "bfloat16", "double", "fp8_e4m3"):
            rows = self.rows("-b", "9K", "-e", "9K", "-n", "1", "-w", "0", "-d", kind)
            self.assertEqual([row["wrong"] for row in rows], [0] * 29, kind)

    def test_wrong_use_ends_with_status_2(self) -> None:
        cases = {
            ("-b", "1Q"): "1Q is no size",
            ("--codec", "int9"): "int9",
            ("--codec", "int8", "-d", "int32"): "int32",
            ("--isa", "avx3"): "avx3",
            ("--memory", "cuda"): "cuda",
            ("--input", "/nonexistent/%r"): "/nonexistent/0",
            ("--json", "/nonexistent/x"): "cannot write /nonexistent/x",
            ("--accuracy",): "--input",
        }
        for arguments, named in cases.items():
            done = run(*SMALL, *arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(named, done.stderr)
            self.assertEqual(done.stdout, "")

    def test_infinities_are_nobodys_fault(self) -> None:
        (self.out / "hard.f32").write_bytes(struct.pack("<5f", 1, math.inf, -math.inf, math.nan, 3e38) * 100)
        rows = self.rows(*SMALL, "--input", str(self.out / "hard.f32"))
        self.assertEqual(sum(row["wrong"] for row in rows), 0)

    def test_committed_accuracy_is_that_of_the_codecs(self) -> None:
        command = (ROOT / "perf/results/README.md").read_text().split("```sh\n")[1].split("```")[0]
        arguments = command.replace("\\\n", " ").split()
        self.assertEqual(arguments[0], "codec_perf")
        at = arguments.index("--csv") + 1
        committed = (ROOT / arguments[at]).read_text()
        arguments[at] = str(self.out / "new.csv")
        done = run(*arguments[1:])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.out / "new.csv").read_text(), committed, "run the command of perf/results/README.md")
        for line in csv.DictReader(committed.splitlines()):
            self.assertLessEqual(float(line["max_error_over_bound"]), 1)
            self.assertLessEqual(float(line["sum_max_error_over_bound"]), 1)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
