"""The parts of ./run bench that measure nothing: targets, ratios, limits, reading of the tools' JSON."""

import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(sys.argv.pop(1) if len(sys.argv) > 1 else ".").resolve()
sys.path.insert(0, str(ROOT / "perf" / "bench"))

import judge  # noqa: E402
import limits  # noqa: E402
import outcome  # noqa: E402
import ratios  # noqa: E402
import tables  # noqa: E402
import targets  # noqa: E402
from outcome import Outcome  # noqa: E402
from ratios import Sample  # noqa: E402

MIB = 1 << 20


def sample(size, ours, theirs, setting="default", codec="none"):
    return Sample("all_reduce", setting, size, codec, "ring", ours, theirs)


def row(size, ours, theirs, wrong=0, codec="none"):
    """As a perf tool writes it."""
    return {
        "size_bytes": size,
        "codec": codec,
        "algorithm": "ring",
        "wrong": wrong,
        "time_us": {"min": ours / 2, "p50": ours, "p99": ours * 2, "mean": ours},
        "baseline": None if theirs is None else {"name": "MPI_Allreduce", "p50_us": theirs, "speedup": theirs / ours},
    }


class Ratios(unittest.TestCase):
    def test_rows_become_samples(self):
        document = {"meta": {}, "rows": [row(4, 2.0, 1.0), row(8, 5.0, None)]}
        first, second = ratios.samples_of(document, "all_reduce", "sm")
        self.assertEqual((first.size_bytes, first.setting, first.ratio), (4, "sm", 0.5))
        self.assertIsNone(second.ratio)

    def test_wrong_results_are_not_measured(self):
        with self.assertRaises(ratios.WrongResult):
            ratios.samples_of({"rows": [row(4, 2.0, 1.0, wrong=3)]}, "all_reduce", "sm")

    def test_unchecked_rows_are_taken(self):
        self.assertEqual(len(ratios.samples_of({"rows": [row(4, 2.0, 1.0, wrong=None)]}, "all_reduce", "sm")), 1)

    def test_the_best_of_mpi_is_found_by_ratio_within_a_run(self):
        # In the second run everything was slow: its MPI time is the longer one, and yet the better competitor.
        samples = [sample(4, 10, 30, "default"), sample(4, 40, 40, "sm"), sample(4, 1, 1, "sm", codec="int8")]
        self.assertEqual(ratios.worst_by_size(samples)[4].setting, "sm")
        self.assertEqual(ratios.worst_by_size(samples)[4].ratio, 1)

    def test_means(self):
        self.assertAlmostEqual(ratios.geometric_mean([1, 4, 16]), 4)
        self.assertEqual(ratios.median([3, 1, 2]), 2)
        self.assertEqual(ratios.median([4, 1, 2, 3]), 2.5)
        self.assertEqual(ratios.ours_by_size([sample(4, 10, 1), sample(4, 30, 1), sample(4, 20, 1)]), {4: 20})


class Limits(unittest.TestCase):
    def test_wire_limit(self):
        # 16 MiB over 4 nodes: 1.5 times the message at 1 Gbit/s, of which TCP leaves 1448 of 1514 bytes.
        self.assertAlmostEqual(limits.wire_limit_us(16 * MIB, 4, 1e9) / 1e3, 201.326592 * 1514 / 1448, places=6)
        self.assertAlmostEqual(limits.wire_limit_us(16 * MIB, 4, 5e8, 4) / 1e3, 100.663296 * 1514 / 1448, places=6)
        self.assertEqual(limits.wire_limit_us(MIB, 1, 1e9), 0)

    def test_ratios_of_the_committed_codecs(self):
        found = limits.codec_ratios(ROOT / "perf" / "results" / "codecs.csv")
        self.assertEqual(found["none"], 1)
        self.assertAlmostEqual(found["bf16"], 2, places=2)
        self.assertAlmostEqual(found["int8"], 4 * 128 / (128 + 2), delta=0.02)
        self.assertAlmostEqual(found["int4"], 4 * 128 / (64 + 2), delta=0.05)

    def test_best_method(self):
        rows = [
            {"method": method, "size_bytes": size, "time_us": {"p50": time}}
            for method, size, time in [("a", 4, 3.0), ("b", 4, 2.0), ("c", 4, 1.0), ("a", 8, 5.0)]
        ]
        self.assertEqual(limits.best_by_size(rows, ("a", "b")), {4: 2.0, 8: 5.0})


class Targets(unittest.TestCase):
    def test_bounds(self):
        least = targets.Target("row", "figure", 2.0)
        most = targets.Target("row", "figure", 40.0, "ms", at_least=False)
        self.assertTrue(least.is_met(2.0) and not least.is_met(1.99))
        self.assertTrue(most.is_met(40.0) and not most.is_met(40.1))
        self.assertEqual((least.text, most.text), (">= 2 x", "<= 40 ms"))

    def test_the_table_says_what_was_agreed(self):
        rule = targets.node_rule("row")
        self.assertEqual([rule[name].bound for name in ("each", "mean", "long")], [0.95, 2.0, 2.2])
        self.assertEqual((targets.MEMALLOC_BEST.bound, targets.MEMALLOC_LIMIT.bound), (5.0, 0.8))
        self.assertEqual([t.bound for t in targets.CODED_WIRE["int8"]["500mbit"]], [4.0, 0.85])
        self.assertEqual([t.bound for t in targets.CODED_WIRE["int4"]["500mbit"]], [7.0, 0.8])
        self.assertEqual([t.bound for t in targets.CODED_WIRE["int4"]["1gbit"]], [5.0])
        self.assertEqual((targets.CREATE_TIME.bound, targets.CREATE_MEMORY.bound), (40.0, 32.0))
        self.assertFalse(targets.CREATE_TIME.at_least or targets.CREATE_MEMORY.at_least)
        self.assertFalse(any(target.at_least for target in targets.AUTO.values()))


class Judging(unittest.TestCase):
    def verdicts(self, outcomes):
        return [(o.case, round(o.value, 6), o.verdict) for o in outcomes]

    def test_node(self):
        samples = [sample(4, 1, 0.5), sample(16 * MIB, 10, 80), sample(16 * MIB, 10, 20, "sm")]
        self.assertEqual(
            self.verdicts(judge.node_outcomes("row", samples)),
            [
                ("4 B", 0.5, "MISSED"),
                ("16 MiB", 2.0, "met"),
                ("geometric mean", 1.0, "MISSED"),
                ("16 MiB, long", 2.0, "MISSED"),
            ],
        )

    def test_allocated_memory_beside_the_node_limit(self):
        samples = [sample(4 * MIB, 1, 9), sample(16 * MIB, 1000, 5500)]
        found = judge.memalloc_outcomes(samples, {4 * MIB: 1.0, 16 * MIB: 700.0})
        self.assertEqual(self.verdicts(found), [("16 MiB", 5.5, "met"), ("16 MiB", 0.7, "MISSED")])

    def test_wire(self):
        samples = [
            sample(size, ours, theirs, codec=codec)
            for size, ours, theirs, codec in [
                (MIB, 100, 200, "none"),
                (4 * MIB, 100, 105, "none"),
                (MIB, 10, 10, "int8"),
                (4 * MIB, 20, 100, "int8"),
                (4 * MIB, 20, 100, "int4"),
            ]
        ]
        found = judge.wire_outcomes("500mbit", samples, lambda size, codec: 95.0 if codec == "none" else 16.0)
        self.assertEqual(
            self.verdicts(found),
            [
                ("none, 500mbit, 1 MiB", 0.95, "met"),
                ("none, 500mbit, 4 MiB", 0.95, "met"),
                ("none, 500mbit, 1 MiB", 2.0, "met"),
                ("none, 500mbit, 4 MiB", 1.05, "MISSED"),
                ("int8, 500mbit, 4 MiB", 5.0, "met"),
                ("int8, 500mbit, 4 MiB", 0.8, "MISSED"),
                ("int4, 500mbit, 4 MiB", 5.0, "MISSED"),
                ("int4, 500mbit, 4 MiB", 0.8, "met"),
            ],
        )

    def test_auto_beside_the_fastest_of_what_it_may_choose(self):
        times = {"none": 10, "bf16": 12, "int8": 20, "int4": 5, "auto:rel=0.01": 10.6, "auto:rel=0.2": 5.2}
        slower = {codec: 3 * us for codec, us in times.items()}  # another run, whose times say nothing about this one's
        samples = [
            Sample("all_reduce", setting, 4, codec, "ring", us, chosen="none" if codec.startswith("auto") else codec)
            for setting, run in (("tuned", times), ("untuned", slower))
            for codec, us in run.items()
        ]
        found = judge.auto_outcomes("10gbit", samples)
        self.assertEqual([outcome.case.split(",")[1] for outcome in found], [" tuned", " tuned", " untuned", " untuned"])
        for tight, loose in (found[:2], found[2:]):
            self.assertAlmostEqual(tight.value, 1.06)
            self.assertAlmostEqual(loose.value, 1.04)
            self.assertEqual((tight.verdict, loose.verdict), ("MISSED", "met"))
        self.assertEqual((found[0].limit, found[1].limit), ("none: 10 us", "int4: 5 us"))
        self.assertEqual(found[0].note, "10.6 us with none")

    def test_codecs(self):
        rows = [
            {"codec": "int8", "operation": name, "size_bytes": MIB, "ratio": ratio, "gbs": 1.0, "memcpy_gbs": 2.0}
            for name, ratio in (("encode", 0.8), ("decode_reduce", 0.7), ("fused", 0.1))
        ]
        self.assertEqual([o.verdict for o in judge.codec_outcomes(rows)], ["met", "MISSED"])

    def test_creation(self):
        keys = ("first_ms", "further_ms", "first_resident_mib", "further_resident_mib")
        more = {"first_proportional_mib": 5.0, "further_proportional_mib": 1.0}
        runs = [dict(zip(keys, (ms, 10.0, 33.0, 8.0)), **more) for ms in (50.0, 39.0, 38.0)]
        found = judge.create_outcomes(runs)
        self.assertEqual([o.value for o in found], [39.0, 10.0, 33.0, 8.0])
        self.assertEqual([o.verdict for o in found], ["met", "met", "MISSED", "met"])


class Showing(unittest.TestCase):
    def outcomes(self):
        one, two = targets.Target("one", "f", 1.0), targets.Target("two", "f", 1.0)
        return [Outcome(one, "a", 2.0), Outcome(one, "b", 0.5), Outcome(two, "a", 1.0), Outcome(two, "b", None)]

    def test_counts(self):
        self.assertEqual(outcome.count(self.outcomes()), (2, 1, 1))
        self.assertEqual(outcome.rows_met(self.outcomes()), (1, 1))

    def test_what_is_absent_has_no_verdict(self):
        self.assertEqual(self.outcomes()[3].cells()[4:6], ["-", "-"])

    def test_units(self):
        self.assertEqual([outcome.size_text(n) for n in (4, 4096, 16 * MIB, 1 << 30)], ["4 B", "4 KiB", "16 MiB", "1 GiB"])
        self.assertEqual([outcome.time_text(t) for t in (3.25, 25000, 2e6)], ["3.25 us", "25 ms", "2 s"])


class Documents(unittest.TestCase):
    def test_marked_sections_are_replaced_and_nothing_else(self):
        text = "head\n<!-- table: x -->\nold\n<!-- end -->\ntail\n"
        self.assertEqual(tables.replaced(text, {"x": "new"}), "head\n<!-- table: x -->\nnew\n<!-- end -->\ntail\n")

    def test_a_section_without_its_table_is_an_error(self):
        with self.assertRaises(KeyError):
            tables.replaced("<!-- table: y -->\n<!-- end -->\n", {"x": "new"})

    def test_written_csv_is_read_again(self):
        with tempfile.TemporaryDirectory() as folder:
            outcome.write_csv(Path(folder) / "a.csv", ["what", "value"], [["x", "1,5"]])
            self.assertEqual(tables.read(Path(folder), "a"), [{"what": "x", "value": "1,5"}])


if __name__ == "__main__":
    unittest.main()
