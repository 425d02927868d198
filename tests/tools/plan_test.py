"""coll_plan as a user runs it: tables, files, errors, what communicators predict, and 100,000 ranks in little memory.

usage: plan_test.py MPIRUN BIN_DIR SANITIZED
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from xml.etree import ElementTree

MPIRUN, BIN = sys.argv[1], Path(sys.argv[2])
SANITIZED = sys.argv[3] == "1"  # takes more address space than any limit allows
MOST_BYTES = 2 << 30
SVG = "{http://www.w3.org/2000/svg}"


def plan(*arguments: str, limited: bool = False) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))

    return subprocess.run(
        [str(BIN / "coll_plan"), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200, check=False,
        preexec_fn=limit if limited and not SANITIZED else None,
    )  # fmt: skip


class Plan(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_well(self, *arguments: str, limited: bool = False) -> str:
        done = plan(*arguments, limited=limited)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def json_of(self, *arguments: str) -> dict:
        file = self.folder / "plan.json"
        self.run_well(*arguments, "--json", str(file))
        return json.loads(file.read_text(encoding="utf-8"))

    def test_the_table_marks_one_of_each_row(self) -> None:
        said = self.run_well("--nodes", "4", "--ranks-per-node", "2", "-b", "1K", "-e", "1M")
        for word in ("4 nodes x 2 ranks", "allreduce of float, sum", "codec none", "codec int4", "hier_direct", "what is taken", "of latency"):
            self.assertIn(word, said)
        exact = said.split("codec none\n")[1].split("\n\n")[0].splitlines()
        self.assertEqual(len(exact), 1 + 6)
        for row in exact[1:]:
            self.assertEqual(row.count("*"), 1, row)

    def test_json_holds_the_choice_and_its_parts(self) -> None:
        read = self.json_of("--func", "allgather", "-b", "64K", "-e", "4M", "-f", "8", "--codec", "none", "--codec", "auto")
        self.assertEqual([size["size_bytes"] for size in read["sizes"]], [64 << 10, 512 << 10, 4 << 20])
        self.assertEqual(read["cluster"]["ranks"], 32)
        for size in read["sizes"]:
            self.assertEqual(size["count"] * 4 * 32, size["size_bytes"])
            for entry in size["codecs"]:
                times = [one["predicted_us"] for one in entry["algorithms"]]
                self.assertEqual(min(times), entry["predicted_us"])
                parts = entry["algorithms"][0]["of_a_chunk"]
                whole = parts["first_us"] + (parts["chunks"] - 1) * parts["next_us"]
                self.assertAlmostEqual(whole / times[0], 1, places=6)

    def test_calls_on_device_memory(self) -> None:
        calls = ("--nodes", "2", "--machine", "server_8_gpus", "--codec", "none", "--codec", "auto", "-b", "1M", "-e", "16M")
        read = self.json_of(*calls, "--memory", "device", "--ranks-per-gpu", "2")
        self.assertEqual(read["cluster"]["memory"], "device")
        self.assertEqual(read["cluster"]["gpu_of_rank"], [0, 0, 1, 1, 2, 2, 3, 3])
        for entry in (entry for size in read["sizes"] for entry in size["codecs"]):
            for one in entry["algorithms"]:
                chunk, device = one["of_a_chunk"], one["device"]
                self.assertGreater(device["steps_us"] + device["staging_us"], 0)
                whole = chunk["first_us"] + (chunk["chunks"] - 1) * chunk["next_us"] + device["staging_us"]
                self.assertAlmostEqual(whole / one["predicted_us"], 1, places=6)
        host = self.json_of(*calls)
        self.assertNotIn("memory", host["cluster"])
        self.assertNotIn("device", host["sizes"][0]["codecs"][0]["algorithms"][0])
        self.assertIn("8 ranks on 8 GPUs of a node; PCIe is not known", self.run_well(*calls, "--memory", "device"))
        for arguments, words in (
            (["--memory", "device"], 'machine "cores" has no GPUs; name one that has, as server_8_gpus'),
            (["--memory", "gpu"], "it is host or device"),
            (["--ranks-per-gpu", "2"], "memory device"),
        ):
            done = plan(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)

    def test_a_described_cluster_and_flags_over_it(self) -> None:
        file = self.folder / "cluster.json"
        file.write_text('{"nodes": 64, "ranks_per_node": 2, "machine": "server_8_gpus", "gbits": 100, "nodes_per_switch": 16, "oversubscription": 4}')
        read = self.json_of("--cluster", str(file), "-b", "1M", "-e", "1M", "--codec", "none", "--nodes", "32")
        self.assertEqual((read["cluster"]["nodes"], read["cluster"]["ranks"]), (32, 64))
        self.assertEqual(read["cluster"]["switches"]["nodes"], 16)
        net = read["cluster"]["links"]["net"]["bandwidth_gbs"]
        self.assertAlmostEqual(read["cluster"]["switches"]["uplink_gbs"], 4 * net)
        self.assertGreater(min(one["of_a_chunk"]["uplink_us"] for one in read["sizes"][0]["codecs"][0]["algorithms"]), 0)

    def test_recorded_machines_are_found_by_name(self) -> None:
        for path in (BIN.parent / "share/coll/machines").iterdir():
            done = plan("--machine", path.stem, "--nodes", "2", "-b", "1M", "-e", "1M", "--codec", "none")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("2 nodes x 8 ranks", done.stdout)
        said = plan("--machine", "nonesuch")
        self.assertEqual(said.returncode, 2)
        self.assertIn("laptop, server_8_gpus, server_8_numa, vm_without_pci", said.stderr)

    def test_pictures_are_svg(self) -> None:
        plot, picture = self.folder / "plot.svg", self.folder / "picture.svg"
        arguments = ("--nodes", "4", "--ranks-per-node", "2", "--codec", "int8", "--codec", "none")
        self.run_well(*arguments, "--plot", str(plot), "--picture", str(picture))
        drawn = ElementTree.parse(plot).getroot()
        self.assertEqual(len(drawn.findall(f"{SVG}polyline")), 2)
        words = [text.text for text in drawn.iter(f"{SVG}text")]
        for word in ("int8", "none", "fastest", "256 MiB"):
            self.assertIn(word, words)
        arrows = [line for line in ElementTree.parse(picture).getroot().findall(f"{SVG}line") if line.get("marker-end")]
        self.assertEqual(len(arrows), 8 * (3 + 1) * 2 + 8 * 3 * 2, "hier_direct: contributions, sums, results, and what is handed on")

    def test_what_cannot_be_done_is_said(self) -> None:
        wrong = self.folder / "wrong.json"
        wrong.write_text('{"node": 4}')
        for arguments, words in (
            (("--func", "allreduec"), "allreduec is none of allreduce, reduce-scatter"),
            (("--codec", "int9"), "int9"),
            (("--codec", "int8", "-d", "int32"), "int8"),
            (("--codec", "auto:abs=1"), "chooses by the data"),
            (("--algo", "rnig"), "rnig"),
            (("--algo", "ring", "--codec", "int8"), "none of these algorithms serves allreduce"),
            (("--root", "32", "--func", "reduce"), "there are ranks 0 to 31"),
            (("--oversubscription", "3"), "nodes per switch"),
            (("--cluster", str(wrong)), 'there is no key "node"'),
            (("--cluster", "/no/such.json"), "/no/such.json"),
            (("--machine", "/no/such.xml"), "/no/such.xml"),
            (("--tuning", "/no/such.json"), "/no/such.json"),
            (("--nodes", "x"), "--nodes"),
            (("-b", "2M", "-e", "1M"), "--minbytes"),
            (("--picture", str(self.folder / "picture.svg"), "--nodes", "5"), "40 ranks are too many to see"),
            (("--json", "/no/such/plan.json"), "/no/such/plan.json"),
        ):
            with self.subTest(arguments):
                done = plan(*arguments)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(words, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_it_predicts_what_a_communicator_does(self) -> None:
        """In its log every rank says what was predicted for the plan that it takes."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COLL_")}
        environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "COLL_TUNING_FILE": "none"}
        environment |= {"COLL_DEBUG": "INFO", "COLL_DEBUG_SUBSYS": "PLAN"}
        codecs = ("--codec", "none", "--codec", "int8", "--codec", "auto")
        sizes = ("-b", "1K", "-e", "4M", "-f", "64")
        command = [MPIRUN, "--oversubscribe", "-n", "2", str(BIN / "all_reduce_perf"), *sizes, "-n", "1", "-w", "0", *codecs]
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = re.findall(r"of (\d+) float\w*, codec (\S+?)(?:>\S+)?: (\S+), (\d+) chunks, predicted ([\d.e+-]+) us", done.stderr)
        logged = {(int(count), codec): (algorithm, float(chunks), float(us)) for count, codec, algorithm, chunks, us in said}
        read = self.json_of("--nodes", "1", "--ranks-per-node", "2", "--machine", "this", *sizes, *codecs)
        for size in read["sizes"]:
            for entry in size["codecs"]:
                chosen = next(one for one in entry["algorithms"] if one["algorithm"] == entry["algorithm"])
                algorithm, chunks, us = logged[size["count"], entry["codec"]]
                self.assertEqual((algorithm, chunks), (entry["algorithm"], chosen["of_a_chunk"]["chunks"]))
                self.assertAlmostEqual(entry["predicted_us"] / us, 1, places=4)

    def test_100000_ranks_take_little_memory(self) -> None:
        sizes = ("-b", "1M", "-e", "1M") if SANITIZED else ("-b", "1K", "-e", "1G", "-f", "32")
        said = self.run_well("--nodes", "12500", "--nodes-per-switch", "32", "--oversubscription", "3", *sizes, limited=True)
        self.assertIn("12500 nodes x 8 ranks", said)
        self.assertIn("the uplink", said)
        if not SANITIZED:
            most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
            self.assertLess(most, MOST_BYTES)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
