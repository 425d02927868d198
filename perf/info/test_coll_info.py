#!/usr/bin/env python3
"""Runs coll_info as a user would: text, JSON, good and bad environments, and the generated document.

usage: test_coll_info.py PROGRAM ENVIRONMENT_MD
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

PROGRAM, DOCUMENT = sys.argv[1:3]


def run(*arguments, **variables):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COLL_")}
    clean["XDG_CACHE_HOME"] = "/nonexistent"  # the machine may have been tuned
    return subprocess.run([PROGRAM, *arguments], env={**clean, **variables}, capture_output=True, text=True, timeout=30)


def run_json(*arguments, **variables):
    done = run("--json", *arguments, **variables)
    return done, json.loads(done.stdout)


class CollInfo(unittest.TestCase):
    def test_text_shows_each_part(self):
        done = run()
        self.assertEqual(done.returncode, 0, done.stderr)
        for part in ("Versions", "libcoll", "hwloc", "Highway", "This node", "Codecs", "int4", "Algorithms", "Transports", "shm",
                     "Environment variables"):
            self.assertIn(part, done.stdout)

    def test_versions_say_what_is_there_and_what_is_not(self):
        versions = run_json()[1]["versions"]
        self.assertNotIn("not usable", versions["MPI"])
        self.assertTrue(versions["MPI"])
        self.assertRegex(versions["CUDA"], r"^not in this build$|^not usable: .*(driver|load)|^[0-9]+\.[0-9]+ \(the driver")
        self.assertEqual("CUDA kernels" in versions, versions["CUDA"][0].isdigit())
        self.assertRegex(versions["NVTX"], r"^not in this build$|^ranges of calls and their stages$")
        self.assertRegex(versions["UCX"], r"^not in this build$|^[0-9]+\.[0-9]+\.[0-9]+, (not )?CUDA-aware$")

    def test_every_variable_has_value_and_source(self):
        done, info = run_json(COLL_CHECK="2", COLL_BUFFSIZE="65536")
        self.assertEqual(done.returncode, 0, done.stderr)
        variables = {one["name"]: one for one in info["variables"]}
        self.assertEqual((variables["COLL_CHECK"]["value"], variables["COLL_CHECK"]["source"]), ("2", "environment"))
        self.assertEqual((variables["COLL_BUFFSIZE"]["value"], variables["COLL_BUFFSIZE"]["source"]), ("64K", "environment"))
        self.assertEqual((variables["COLL_CODEC"]["value"], variables["COLL_CODEC"]["source"]), ("none", "default"))
        self.assertEqual(info["errors"], [])

    def test_unknown_variables_are_warned_about(self):
        done, info = run_json(COLL_ALGOS="ring")
        self.assertEqual(done.returncode, 0)
        self.assertIn("did you mean COLL_ALGO?", info["warnings"][-1] + done.stderr)
        self.assertIn("warning: COLL_ALGOS", done.stderr)

    def test_refused_values_fail(self):
        for name, value in (("COLL_CHECK", "7"), ("COLL_ALGO", "nonesuch"), ("COLL_TRANSPORT", "pigeon"), ("COLL_CODEC", "zip"),
                            ("COLL_LINKS", "net=fast"), ("COLL_TIMEOUT_MS", "soon"), ("COLL_TUNING_FILE", "/no/such/file"),
                            ("COLL_TOPO_FILE", "/no/such/file")):
            with self.subTest(name):
                done, info = run_json(**{name: value})
                self.assertEqual(done.returncode, 1)
                self.assertEqual(len(info["errors"]), 1, info["errors"])
                self.assertIn(value, done.stderr)

    def test_topology(self):
        done = run("--topo", COLL_LINKS="net=50us/0.12GBs")
        self.assertIn("link net: 50 us, 0.12 GB/s", done.stdout)
        topology = run_json("--topo")[1]
        self.assertEqual(topology["nranks"], 1)
        self.assertGreaterEqual(topology["nodes"][0]["cores"], 1)

    def test_tuning_file_is_named_with_its_values(self):
        tuning = {"format": 2, "libcoll": run_json()[1]["versions"]["libcoll"], "links": {"net": {"latency_us": 7, "bandwidth_gbs": 3}},
                  "core": {"copy_gbs": 21, "kernel_copy_gbs": 24, "reduce_gbs": 22, "network_cpu_gbs": 23}, "codecs": {"int8": {"encode_gbs": 5, "decode_gbs": 6}}}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(tuning, file)
            file.flush()
            done, info = run_json(COLL_TUNING_FILE=file.name)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(info["tuning"]["file"], file.name)
            self.assertEqual((info["tuning"]["copy_gbs"], info["tuning"]["links"]["net"]["bandwidth_gbs"]), (21, 3))
            self.assertEqual(info["tuning"]["codecs"]["int8"], {"encode_gbs": 5, "decode_gbs": 6})
            self.assertIn(f"tuning file: {file.name}", run(COLL_TUNING_FILE=file.name).stdout)
        self.assertEqual(run_json(COLL_TUNING_FILE="none")[1]["tuning"]["file"], "")

    def test_env_lists_every_variable(self):
        text = run("--env", COLL_CHECK="2").stdout
        self.assertRegex(text, r"(?m)^variable +value +default +source +scope$")
        self.assertRegex(text, r"(?m)^COLL_CHECK +2 +1 +environment +uniform$")
        self.assertRegex(text, r"(?m)^COLL_TOPO_FILE +- +- +default +local$")
        variables = run_json("--env")[1]
        self.assertEqual(variables, run_json()[1]["variables"])
        self.assertEqual(len(variables) + 1, len(text.splitlines()))

    def test_files_are_written_and_read_again(self):
        with tempfile.TemporaryDirectory() as folder:
            svg, xml = os.path.join(folder, "node.svg"), os.path.join(folder, "node.xml")
            done = run("--svg", svg, "--xml", xml, "--ranks", "2")
            self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
            root = ElementTree.parse(svg).getroot()
            self.assertTrue(root.tag.endswith("svg"))
            self.assertIn("2 ranks on 1 node", "".join(root.itertext()))
            described, found = run_json("--topo", COLL_TOPO_FILE=xml)[1], run_json("--topo")[1]
            self.assertEqual(described["nodes"][0]["domains"], found["nodes"][0]["domains"])
            self.assertEqual(run("--svg", os.path.join(folder, "none", "node.svg")).returncode, 1)

    def test_document_is_up_to_date(self):
        with open(DOCUMENT, encoding="utf-8") as file:
            self.assertEqual(run("--env-markdown").stdout, file.read(), "run scripts/gen_env_docs")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
