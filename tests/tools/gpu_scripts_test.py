"""The parts of perf/gpu that measure nothing: which kernel is the slowest, the table and its judgement, the tuned numbers."""

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

import slowest  # noqa: E402
import summary  # noqa: E402


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
            write(folder, "pcie.csv", [{"each_way_gbs": "50"}])
            for way, us in us_of_way.items():
                write(folder, f"all_reduce_2_{way}.csv", [{"size_bytes": self.SIZE, "sent_bytes": self.SIZE, "codec": "none",
                                                           "algorithm": "direct", "p50_us": us, "wrong": "0"}])
            rows = summary.collectives(folder, [dict(row("encode", 1, 1, size=self.SIZE), memcpy_gbs="4000")])
        return {each["way"]: float(each["share"]) for each in rows}, summary.collective_table(rows)[1]

    def test_what_its_bytes_need(self):
        us = self.SIZE / 4000 / 1e3  # of one buffer at the rate of copies, which counts what is read and what is written
        due = {"buffers": 5 * us, "device": 8 * us, "pinned": 2 * self.SIZE / 50 / 1e3}
        shares, misses = self.judged(due)
        for way, share in shares.items():
            self.assertAlmostEqual(share, 1, places=3, msg=way)
        self.assertEqual((set(shares), misses), (set(due), 0))

    def test_what_takes_longer_is_missed(self):
        self.assertEqual(self.judged({"buffers": 1e9, "device": 1e9, "pinned": 1e9})[1], 3)


class Slowest(unittest.TestCase):
    def test_the_smallest_ratio_of_a_kernel_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            two = write(folder, "2.csv", [row("encode", 1, 0.9), row("separate", 1, 0.1), row("encode", 1, 0.2, size=4096)])
            eight = write(folder, "8.csv", [row("fused", 1, 0.7, codec="int4")])
            self.assertEqual(slowest.slowest([(two, 2), (eight, 8)]), (0.7, "int4", 8, "fused"))

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
            self.assertTrue(sweep.with_row(file.read(), 90, 1, 1).endswith("{ 90, 1, 1 }"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
