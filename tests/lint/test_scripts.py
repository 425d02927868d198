"""The checks of scripts/ must see what they look for: each test plants one fault in a small tree."""

import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts"))

import check_includes  # noqa: E402
import check_text  # noqa: E402

GOOD_TREE = {
    "include/coll/coll.h": "#include <stdint.h>\n",
    "src/base/status.hpp": '#include "coll/coll.h"\n',
    "topology/topology.hpp": '#include "base/status.hpp"\n#include <hwloc.h>\n',
    "collectives/plan.hpp": '#include "topology/topology.hpp"\n',
    "compression/codec.hpp": '#include "base/status.hpp"\n',
    "compression/int8/host.cpp": '#include "compression/codec.hpp"\n#include "hwy/highway.h"\n',
    "src/runtime/module.hpp": "\n",
    "src/runtime/executor.cpp": '#include "compression/codec.hpp"\n#include "topology/topology.hpp"\n',
    "src/transport/transport.hpp": "\n",
    "src/transport/mpi/mpi.cpp": '#include <mpi.h>\n#include "runtime/module.hpp"\n#include "transport/transport.hpp"\n',
    "src/transport/shm/shm.hpp": "\n",
    "src/api/api.cpp": '#include "runtime/module.hpp"\n',
    "tests/unit/test.cpp": '#include "compression/codec.hpp"\n#include <mpi.h>\n',
    "README.md": "[the code](src/api/api.cpp#L1) and [the web](https://example.org)\n```\n[not](a_link)\n```\n",
}


class PlantedFaults(unittest.TestCase):
    def problems(self, check, **planted):
        """What `check` says of the good tree with these files (name=(path, text)) planted in it."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in [*GOOD_TREE.items(), *planted.values()]:
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return check(root)

    def expect_one(self, check, path, text, words):
        found = self.problems(check, planted=(path, text))
        self.assertEqual(len(found), 1, found)
        self.assertIn(path, found[0])
        self.assertIn(words, found[0])

    def test_good_tree_passes(self):
        self.assertEqual(self.problems(check_includes.check), [])
        self.assertEqual(self.problems(check_text.check), [])

    def test_siblings(self):
        self.expect_one(check_includes.check, "compression/bad.cpp", '#include "collectives/plan.hpp"\n', "compression")
        self.expect_one(check_includes.check, "collectives/bad.cpp", '#include "compression/codec.hpp"\n', "collectives")
        self.expect_one(check_includes.check, "compression/bad.cpp", '#include "topology/topology.hpp"\n', "topology")

    def test_upwards(self):
        self.expect_one(check_includes.check, "src/base/bad.hpp", '#include "runtime/module.hpp"\n', "base")
        self.expect_one(check_includes.check, "collectives/bad.hpp", '#include "runtime/module.hpp"\n', "collectives")
        self.expect_one(check_includes.check, "include/coll/bad.h", '#include "base/status.hpp"\n', "include")

    def test_relative_paths_are_followed(self):
        self.expect_one(check_includes.check, "src/base/bad.cpp", '#include "../runtime/module.hpp"\n', "base")

    def test_a_header_beside_the_seam(self):
        with_header = ("src/runtime/comm.hpp", "\n")
        found = self.problems(check_includes.check, header=with_header,
                              planted=("src/transport/mpi/bad.cpp", '#include "runtime/comm.hpp"\n'))
        self.assertEqual(len(found), 1, found)

    def test_transports(self):
        self.expect_one(check_includes.check, "src/transport/mpi/bad.cpp", '#include "transport/shm/shm.hpp"\n', "transports")

    def test_heavy_headers(self):
        self.expect_one(check_includes.check, "src/runtime/bad.cpp", "#include <mpi.h>\n", "mpi.h")
        self.expect_one(check_includes.check, "src/runtime/bad.cpp", "  # include <hwloc.h>\n", "hwloc.h")
        self.expect_one(check_includes.check, "collectives/bad.cpp", '#include "hwy/highway.h"\n', "hwy")

    def test_unknown_room(self):
        self.expect_one(check_includes.check, "src/attic/bad.cpp", '#include "base/status.hpp"\n', "attic")

    def test_words(self):
        self.expect_one(check_text.check, "src/api/a.cpp", "// TO" + "DO later\n", "unfinished")
        self.expect_one(check_text.check, "docs/a.md", "run /roo" + "t/x/run\n", "path")
        self.expect_one(check_text.check, "tests/a.cpp", "GTEST_" + "SKIP();\n", "skipped")

    def test_long_file(self):
        self.expect_one(check_text.check, "src/api/a.cpp", "\n" * (check_text.MAX_LINES + 1), "lines")

    def test_broken_link(self):
        self.expect_one(check_text.check, "docs/a.md", "see [this](../src/api/gone.cpp)\n", "gone.cpp")


if __name__ == "__main__":
    unittest.main()
