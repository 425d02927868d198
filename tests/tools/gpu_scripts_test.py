"""The parts of perf/gpu that measure nothing: the tables, their judgement, which kernel is the slowest, the sweep."""

import csv
import importlib.machinery
import importlib.util
import re
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(sys.argv.pop(1) if len(sys.argv) > 1 else ".").resolve()
sys.path.insert(0, str(ROOT / "perf" / "gpu"))

import packages  # noqa: E402
import slowest  # noqa: E402
import summary  # noqa: E402
from gpu_machine import SLEEPS, Machine, is_running, pid_in  # noqa: E402


def load_sweep():
    loader = importlib.machinery.SourceFileLoader("sweep", str(ROOT / "perf" / "gpu" / "sweep"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("sweep", loader))
    loader.exec_module(module)
    return module


def row(operation, us, ratio, codec="int8", size=64 << 20, wrong="0", ranks=2):
    return {"size_bytes": str(size), "type": "float", "codec": codec, "operation": operation, "p50_us": str(us), "gbs": "3000",
            "memcpy_gbs": "3100", "ratio": str(ratio), "wrong": wrong, "ranks": ranks}


class Summary(unittest.TestCase):
    def judged(self, rows):
        lines, misses = summary.table(rows, {("int8", "encode"): "99.5"})
        return "\n".join(lines), misses

    def test_what_meets_its_targets_misses_nothing(self):
        text, misses = self.judged([row("encode", 10, 0.95), row("fused", 10, 0.9), row("separate", 40, 0.3)])
        self.assertEqual(misses, 0)
        self.assertIn("4.00", text)  # the speed-up
        self.assertIn("99.5", text)  # PyTorch

    def test_slow_kernels_wrong_bytes_and_small_speedups_are_missed(self):
        for rows, word in (([row("encode", 10, 0.89)], "of the copy"), ([row("encode", 10, 0.95, wrong="3")], "3 bytes differ"),
                           ([row("fused", 10, 0.95), row("separate", 17, 0.9)], "one after the other")):
            text, misses = self.judged(rows)
            self.assertEqual(misses, 1)
            self.assertIn(word, text)

    def test_a_fused_kernel_without_separate_operations_is_missed(self):
        self.assertEqual(self.judged([row("fused", 10, 0.95)])[1], 1)

    def test_small_sizes_are_not_judged(self):
        self.assertEqual(self.judged([row("encode", 10, 0.1, size=4096)])[1], 0)


def write(folder, name, rows):
    path = Path(folder) / name
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


class Collectives(unittest.TestCase):
    SIZE = 256 << 20

    def judged(self, us_of_way):
        with tempfile.TemporaryDirectory() as folder:
            write(folder, "peers_pcie.csv", [{"each_way_gbs": "50"}])
            for way, us in us_of_way.items():
                write(folder, f"allreduce_2_{way}.csv", [{"size_bytes": self.SIZE, "sent_bytes": self.SIZE, "codec": "none",
                                                           "algorithm": "direct", "p50_us": us, "wrong": "0"}])
            rows = summary.collectives(Path(folder), [dict(row("encode", 1, 1, size=self.SIZE), memcpy_gbs="4000")])
        lines, misses = summary.collective_table(rows)
        return {each["way"]: float(each["share"]) for each in rows}, misses, lines[-1]

    def test_what_its_bytes_need(self):
        us = self.SIZE / 4000 / 1e3  # of one buffer at the rate of copies, which counts what is read and what is written
        due = {"buffers": 5 * us, "device": 8 * us, "pinned": 2 * self.SIZE / 50 / 1e3}
        shares, misses, last = self.judged(due)
        for way, share in shares.items():
            self.assertAlmostEqual(share, 1, places=3, msg=way)
        self.assertEqual((set(shares), misses), (set(due), 0))
        self.assertNotIn("slices of time", last)

    def test_what_takes_longer_is_missed_and_it_is_said_why_that_may_be(self):
        _, misses, last = self.judged({"buffers": 1e9, "device": 1e9, "pinned": 1e9})
        self.assertEqual(misses, 3)
        self.assertIn("slices of time", last)


class Report(unittest.TestCase):
    def test_files_that_are_empty_or_end_early_give_the_rows_that_they_have(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "measure_ranks8.csv").touch()
            path = write(folder, "measure_ranks2.csv", [row("separate", 40, 0.3), row("encode", 10, 0.95)])
            path.write_text(path.read_text(encoding="utf-8").rstrip()[:-20], encoding="utf-8")
            lines, problems, written = summary.report(folder, folder / "gpu.csv", folder / "gpu_collectives.csv")
            self.assertEqual(sum("int8" in line for line in lines), 1)
            self.assertEqual(problems, ["tables: no allreduce was measured"])
            self.assertEqual(written, [folder / "gpu.csv"])


class Packages(unittest.TestCase):
    def test_plug_ins_and_headers_are_where_debian_has_them(self):
        env = packages.environment(Path("/p"), [Path("/b/src/api")])
        self.assertEqual(env["OPAL_LIBDIR"], "/p/usr/lib/x86_64-linux-gnu/openmpi/lib")
        self.assertTrue(env["LD_LIBRARY_PATH"].startswith("/b/src/api:/p/usr/lib/x86_64-linux-gnu:"))
        self.assertTrue(env["CPLUS_INCLUDE_PATH"].startswith("/p/usr/include:"))
        self.assertEqual(packages.launcher(Path("/p")), "/p/usr/bin/orterun")

    def test_without_packages_all_is_the_systems(self):
        self.assertNotIn("OPAL_LIBDIR", packages.environment(None))
        self.assertEqual((packages.configure_options(None), packages.launcher(None)), ([], "mpirun"))


class Slowest(unittest.TestCase):
    def test_the_smallest_ratio_of_a_kernel_is_found(self):
        due = row("fused", 1, 0.7, codec="int4", ranks=8)
        rows = [row("encode", 1, 0.9), row("separate", 1, 0.1), row("encode", 1, 0.2, size=4096), due,
                dict(row("encode", 1, 0.3), type="bfloat16")]
        self.assertIs(slowest.slowest(rows), due)
        self.assertIsNone(slowest.slowest(rows[1:3]))

    def test_expressions_fit_the_names_of_kernels(self):
        name = "void coll::device::hop_on_device<(int)2, coll::device::HopKernel<F, coll::device::Float32, coll::device::SumOp, (int)2, (bool)1>>(T2)"
        fits = {operation for operation, regex in slowest.KERNELS.items() if re.search(regex, name)}
        self.assertEqual(fits, {"fused"})


class Sweep(unittest.TestCase):
    def test_a_row_takes_the_place_of_its_capability(self):
        sweep = load_sweep()
        self.assertEqual(sweep.with_row("{80, 256, 8}, { 90, 256, 8 }", 90, 512, 4), "{ 80, 256, 8 }, { 90, 512, 4 }")
        self.assertEqual(sweep.with_row("{80, 256, 8}", 100, 128, 2), "{ 80, 256, 8 }, { 100, 128, 2 }")

    def test_the_table_in_the_tree_can_be_read(self):
        sweep = load_sweep()
        with open(sweep.TABLE, encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(sweep.with_row(text, 90, 1, 1).endswith("{ 90, 1, 1 }"))
        self.assertIn(sweep.number_in_table(text), sweep.BYTES_IN_FLIGHT)

    def test_a_build_is_the_tables_unless_a_sweep_has_built_others(self):
        sweep = load_sweep()
        table = "#define COLL_TUNED_BYTES_IN_FLIGHT 64\n"
        self.assertEqual(sweep.number_built("A:STRING=1\nCOLL_CUDA_BYTES_IN_FLIGHT:STRING=\n", table), 64)
        self.assertIsNone(sweep.number_built("COLL_CUDA_BYTES_IN_FLIGHT:STRING=128\n", table))
        self.assertEqual((sweep.numbers(64), sweep.numbers(None)), ([64, 32, 128], [32, 64, 128]))


# What codec_perf tells of a grid: 256 threads are the fastest, and of those 4 blocks.
GRID = """
import sys
threads, blocks = (int(sys.argv[sys.argv.index(option) + 1]) for option in ("--threads", "--blocks-per-sm"))
ratio = 0.9 - 0.1 * (threads != 256) - 0.1 * (blocks != 4)
with open(sys.argv[sys.argv.index("--csv") + 1], "w") as file:
    file.write(f"operation,ratio\\nencode,{ratio}\\nseparate,0.1\\n")
"""


class SweepRuns(unittest.TestCase):
    def machine(self, codec_perf):
        machine = Machine(ROOT)
        self.addCleanup(machine.close)
        machine.program("codec_perf", codec_perf)
        machine.builds()
        cache = machine.folder / "tree/build/gpu/CMakeCache.txt"
        cache.write_text("COLL_CUDA_BYTES_IN_FLIGHT:STRING=\n", encoding="utf-8")
        return machine

    def swept(self, cmake, seconds):
        """Status, output and table of a sweep whose builds are `cmake`."""
        machine = self.machine(GRID)
        machine.tool("cmake", cmake)
        process = machine.start("--seconds", str(seconds), script="sweep")
        output = process.communicate(timeout=60)[0]
        return process.returncode, output, (machine.folder / "tree/src/device/tuned.hpp").read_text(encoding="utf-8")

    def test_all_grids_of_all_builds_for_the_machines_gpu(self):
        status, output, table = self.swept("import sys; print('cmake', *sys.argv[1:])", 60)
        self.assertEqual(status, 0, output)
        self.assertIn("COLL_CUDA_ARCHITECTURES=90-real", output)
        self.assertEqual([output.count(f"COLL_CUDA_BYTES_IN_FLIGHT={number} ") for number in (32, 64, 128)], [1, 0, 1])
        self.assertEqual(output.count("of the copy"), 36)
        self.assertIn("{ 90, 256, 4 }", table)

    def test_a_build_that_there_is_no_time_for_leaves_what_was_found(self):
        status, output, table = self.swept("import time; time.sleep(60)", 15)
        self.assertEqual(status, 1, output)
        self.assertIn("not got to, or not to all grids of: 32, 128 bytes in flight", output)
        self.assertIn("{ 90, 256, 4 }", table)
        self.assertIn("COLL_TUNED_BYTES_IN_FLIGHT 64", table)

    def test_told_to_end_it_leaves_nothing_running(self):
        machine = self.machine(SLEEPS)
        process = machine.start(script="sweep")
        self.assertIn("FAILED: told to end by SIGTERM", machine.end(process, "sweep"))
        self.assertEqual(process.returncode, 1)
        self.assertFalse(is_running(pid_in(machine.log("sweep"))))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
