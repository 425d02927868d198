"""perf/gpu/run on a machine whose GPU is none: its steps, what stops them, and that what was measured is kept."""

import os
import sys
import tarfile
import time
import unittest
from pathlib import Path

ROOT = Path(sys.argv.pop(1) if len(sys.argv) > 1 else ".").resolve()
sys.path.insert(0, str(ROOT / "perf" / "gpu"))

from gpu_machine import ALL_REDUCE_PERF, CODEC_PERF, SLEEPS, Machine, is_running, pid_in  # noqa: E402
import session  # noqa: E402
import steps  # noqa: E402


class RunTest(unittest.TestCase):
    def setUp(self):
        self.machine = Machine(ROOT)
        self.addCleanup(self.machine.close)

    def expect(self, arguments, status, *words):
        found, output = self.machine.run(*arguments)
        self.assertEqual(found, status, output)
        for each in words:
            self.assertIn(each, output)
        return output


class Steps(RunTest):
    def test_all_pass_in_their_order_and_all_is_kept(self):
        archive = self.machine.archive()
        output = self.expect(["--archive", archive], 0)
        headings = [line.split()[1] for line in output.splitlines() if line.startswith("== ")]
        self.assertEqual(headings, [*steps.STEPS, "tables"])
        self.assertTrue(output.endswith("\n\nall passed, all targets met\n"), output)
        with tarfile.open(archive) as kept:
            names = kept.getnames()
        logs = [f"results/{step}.log" for step in steps.STEPS]
        for name in [*logs, "results/measure_long.csv", "gpu.csv", "gpu_collectives.csv"]:
            self.assertIn(name, names)

    def test_chosen_ones_run_in_the_order_of_all(self):
        output = self.expect(["conformance", "kernels"], 0)
        self.assertLess(output.index("== kernels"), output.index("== conformance"))
        self.assertNotIn("== measure", output)

    def test_ranks_are_started_by_the_packages_launcher(self):
        self.expect(["processes"], 0, *(f"orterun of the packages -np {ranks} --oversubscribe" for ranks in (2, 4)))

    def test_what_fails_keeps_no_other_from_running(self):
        self.machine.program("codec_perf", CODEC_PERF + "file = open(sys.argv[sys.argv.index('--csv') + 1], 'a')\n"
                             "file.write('67108864,float,int8'); file.close(); sys.exit(3)")
        output = self.expect([], 1, "codec_perf, ranks2: exit status 3", "== ncu")
        self.assertRegex(output.rpartition("== tables")[2], r"\n +64 float +int8 +2 fused")
        self.assertIn("\nFAILED: codec_perf, ranks8: exit status 3\n", output.rpartition("== tables")[2])
        self.assertIn("int8", (self.machine.folder / "tree/perf/results/gpu.csv").read_text(encoding="utf-8"))

    def test_what_was_not_measured_is_missed(self):
        for target, what in (("codec_perf", "kernel"), ("all_reduce_perf", "allreduce")):
            self.machine.program(target, "import os; os.kill(os.getpid(), 11)")
            self.expect([], 1, "ended by signal 11", f"\nFAILED: tables: no {what} was measured\n")

    def test_an_archive_that_cannot_be_written_is_one_more_failure(self):
        self.expect(["--archive", self.machine.gpu / "run/results.tar.gz", "kernels", "conformance"], 1,
                    "FAILED: archive:", "== conformance")

    def test_an_error_of_a_step_itself_is_one_more_failure(self):
        (self.machine.gpu / "slowest.py").write_text("", encoding="utf-8")
        self.expect(["kernels", "ncu"], 1, "FAILED: ncu: AttributeError")


class Time(RunTest):
    def test_what_hangs_is_ended_and_the_rest_has_no_time(self):
        self.machine.program("cuda_mpi_test", SLEEPS)
        begin = time.monotonic()
        output = self.expect(["--seconds", "14", "measure", "tables", "processes", "conformance"], 1,
                             *(f"collectives, {what}: not run: no time left"
                               for what in ("4 processes", "ranks as threads")))
        self.assertLess(time.monotonic() - begin, 14)
        self.assertRegex(output, r"\nFAILED: collectives, 2 processes: took longer than \d s\n")
        self.assertRegex(output.rpartition("== tables")[2], r"\n +64 float +int8 +2 fused")
        self.assertFalse(is_running(pid_in(self.machine.log("processes"))))  # not of its launcher's group

    def test_told_to_end_it_keeps_what_there_is(self):
        self.machine.program("cuda_mpi_test", SLEEPS)
        archive = self.machine.archive()
        run = self.machine.start("--programs", self.machine.folder / "programs", "--archive", archive)
        output = self.machine.end(run, "processes")
        self.assertEqual(run.returncode, 1, output)
        for words in ("FAILED: told to end by SIGTERM", "FAILED: conformance: not run", "FAILED: ncu: not run"):
            self.assertIn(words, output.rpartition("== tables")[2])
        self.assertFalse(is_running(pid_in(self.machine.log("processes"))))
        with tarfile.open(archive) as kept:
            self.assertIn(b"Slow.Test", kept.extractfile("results/processes.log").read())
            self.assertIn(b"told to end", kept.extractfile("results/tables.log").read())
            self.assertIn("gpu_collectives.csv", kept.getnames())

    def test_what_does_not_heed_the_first_signal_is_killed(self):
        self.machine.results.mkdir(parents=True)
        one = session.Session(self.machine.results, 60)
        one.begin("stubborn")
        grace, session.GRACE_SECONDS = session.GRACE_SECONDS, 1
        self.addCleanup(setattr, session, "GRACE_SECONDS", grace)
        program = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPS
        ended = one.run("stubborn", [sys.executable, "-c", program], 1)
        self.assertIsNone(ended.status)
        self.assertEqual(one.failed, ["stubborn: took longer than 1 s"])
        self.assertFalse(is_running(pid_in(self.machine.log("stubborn"))))


class Machines(RunTest):
    def test_without_a_gpu_it_ends_with_77(self):
        self.machine.program("cuda_test", "import sys; sys.exit(77)")
        self.machine.tool("nvidia-smi", "import sys; sys.exit(9)")
        output = self.expect([], 77)
        self.assertTrue(output.endswith("\nnothing can be measured without a GPU\n"), output)

    def test_a_gpu_that_tests_do_not_find_is_a_failure(self):
        self.machine.program("cuda_test", "import sys; sys.exit(77)")
        self.expect(["kernels"], 1, "found no GPU, though nvidia-smi shows one")

    def test_a_filter_that_fits_no_test_is_a_failure(self):
        self.machine.program("cuda_conformance_test", "print('[  PASSED  ] 0 tests.')")
        self.expect(["conformance"], 1, "ranks as threads: ran no test")

    def test_it_builds_for_the_machines_gpu(self):
        self.machine.builds()
        run = self.machine.start("build")
        output = run.communicate(timeout=60)[0]
        self.assertEqual(run.returncode, 0, output)
        self.assertIn("COLL_CUDA_ARCHITECTURES=90-real", output)
        self.assertRegex(output, r"cmake --build .* cuda_mpi_test")

    def test_nothing_runs_where_nothing_was_built(self):
        self.machine.builds()
        self.machine.tool("cmake", "import sys; sys.exit('--build' in sys.argv)")
        run = self.machine.start("build", "kernels")
        output = run.communicate(timeout=60)[0]
        self.assertEqual(run.returncode, 1, output)
        self.assertIn("FAILED: kernels: not run", output)
        self.assertNotIn("[  PASSED  ]", output)


class Judgements(RunTest):
    def test_ranks_that_cannot_open_each_others_memory_measure_no_other_way(self):
        self.machine.program("all_reduce_perf", ALL_REDUCE_PERF + "import os\n"
                             "with open(os.environ['COLL_DEBUG_FILE'], 'a') as file:\n"
                             "    file.write(\"messages of rank 0's kernels come by pinned memory: no IPC here\\n\")\n")
        output = self.expect(["allreduce", "tables"], 1)
        for ranks in (2, 4):
            for way in ("buffers", "device"):
                self.assertIn(f"\nFAILED: all_reduce_perf, {ranks} ranks, messages: {way}: "
                              "messages came by pinned memory: no IPC here\n", output)
        written = self.machine.folder / "tree/perf/results/gpu_collectives.csv"
        rows = written.read_text(encoding="utf-8").splitlines()[1:]
        self.assertEqual({row.split(",")[1] for row in rows}, {"pinned"})

    def test_the_words_are_the_librarys(self):
        self.assertIn(steps.PINNED, (ROOT / "src/runtime/device_peers.cpp").read_text(encoding="utf-8"))

    def test_what_a_sanitizer_found_and_why_it_found_nothing(self):
        for text, words in (("import sys; print('SUMMARY: 2 errors'); sys.exit(9)", "memcheck: found errors"),
                            ("import sys; print('========= Error: Device not supported'); sys.exit(9)",
                             "memcheck: could not run: Error: Device not supported"),
                            ("import sys; sys.exit(77)", "memcheck: could not run: the program finds no GPU in it"),
                            ("pass", "memcheck: could not run: it says nothing of what it has looked at"),
                            ("import sys; print('SUMMARY: 0'); sys.exit(1)", "memcheck: exit status 1")):
            self.machine.tool("compute-sanitizer", text)
            self.expect(["sanitize"], 1, f"\nFAILED: {words}\n")

    def test_a_sanitizer_that_takes_too_long_has_found_nothing(self):
        self.machine.tool("compute-sanitizer", SLEEPS)
        output = self.expect(["--seconds", "7", "sanitize"], 1, "racecheck: not run: no time left")
        self.assertRegex(output, r"\nFAILED: memcheck: took longer than \d s\n")
        self.assertNotIn("found errors", output)

    def test_ncu_leaves_the_clocks_alone_and_its_errors_are_failures(self):
        self.expect(["measure", "ncu"], 0, "--clock-control none", r"regex:SumOp,.*\)[24],.*\)1>")
        self.machine.tool("ncu", "print('==ERROR== ERR_NVGPUCTRPERM')")
        self.expect(["ncu"], 1, "FAILED: ncu, int8 fused: ==ERROR== ERR_NVGPUCTRPERM")


if __name__ == "__main__":
    os.chdir(ROOT)
    unittest.main(argv=sys.argv[:1])
