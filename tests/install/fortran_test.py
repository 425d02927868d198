"""The Fortran modules say what the C headers say, are seen by C tools, and carry the Jacobi solver of the examples.

usage: fortran_test.py PREFIX LIBDIR MPIEXEC SOURCE_DIR WORK_DIR CMAKE
"""

from __future__ import annotations

import re
import shutil
import struct
import sys
import unittest
from pathlib import Path

from installed import Tree, run

PREFIX, LIBDIR, MPIEXEC, SOURCE, WORK, CMAKE = sys.argv[1:7]
HERE = Path(SOURCE) / "tests/install"
NX, NY, ITERATIONS = 23, 17, 120


HANDLES = {"collComm_t", "collCodec_t", "collStream_t"}
KINDS = {"size_t": "long", "uint64_t": "long", "long": "long", "double": "double", "char": "char", "colluniqueid": "id"}


def kind_of(c_type: str) -> str:
    """A C type as gfortran names its counterpart; enumerations are int."""
    if "*" in c_type or "[" in c_type or c_type in HANDLES:
        return "pointer"
    return KINDS.get(c_type.strip().lower(), "int")


def serial_jacobi() -> tuple[list[float], float]:
    """The inner points, x first, and the last change."""
    exact = [[(i / (NX + 1)) ** 2 - (j / (NY + 1)) ** 2 for i in range(NX + 2)] for j in range(NY + 2)]
    old = [[0.0 if 0 < i <= NX and 0 < j <= NY else exact[j][i] for i in range(NX + 2)] for j in range(NY + 2)]
    change = 0.0
    for _ in range(ITERATIONS):
        new = [row[:] for row in old]
        for j in range(1, NY + 1):
            for i in range(1, NX + 1):
                new[j][i] = 0.25 * (old[j][i - 1] + old[j][i + 1] + old[j - 1][i] + old[j + 1][i])
        change = sum((new[j][i] - old[j][i]) ** 2 for j in range(1, NY + 1) for i in range(1, NX + 1)) ** 0.5
        old = new
    return [old[j][i] for j in range(1, NY + 1) for i in range(1, NX + 1)], change


class FortranTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls) -> None:
        shutil.rmtree(WORK, ignore_errors=True)
        Path(WORK).mkdir(parents=True)
        cls.work = Path(WORK)
        cls.tree = Tree(Path(PREFIX), LIBDIR, MPIEXEC, cls.work)
        cls.modules = cls.tree.compile_fortran_modules()
        cls.c_view = run("gfortran", "-fc-prototypes", "-fsyntax-only", cls.tree.fortran / "coll.f90", cwd=cls.work)

    def test_parameters_are_those_of_c(self) -> None:
        seen = {}
        for result, name, parameters in re.findall(r"^(\w+ \*?)(coll\w+) \((.*)\);$", self.c_view, re.MULTILINE):
            plain = re.sub(r"/\*.*?\*/", "", parameters)
            seen[name] = (kind_of(result), [kind_of(re.sub(r"\w+ *$", "", word)) for word in plain.split(",") if word.strip()])
        wanted = {}
        for name, (result, parameters) in self.tree.prototypes().items():
            if name != "collCommInitMPI":
                wanted[name] = (kind_of(result), [kind_of(word) for word in parameters])
        self.assertEqual(seen, wanted)

    def test_structures_are_those_of_c(self) -> None:
        def fields(text: str, declared: str) -> dict[str, list[tuple[str, str]]]:
            found = {}
            for body, name in re.findall(declared, text):
                members = []
                for line in filter(None, map(str.strip, body.split(";"))):
                    kind, names = re.match(r"(.*?[ *])((?:\w+(?:\[\w+\])?(?:, )?)+)$", line).groups()
                    members += [(kind_of(kind.strip()), member) for member in names.split(", ")]
                found[name.lower()] = members
            return found

        wanted = fields(self.tree.declarations(), r"typedef struct \{([^}]*)\} (coll\w+);")
        seen = fields(" ".join(self.c_view.split()), r"typedef struct coll\w+ \{([^}]*)\} (coll\w+);")
        self.assertEqual(set(seen) - set(wanted), {name.lower() for name in HANDLES})
        for name, members in wanted.items():
            self.assertEqual(seen[name], members, name)

    def test_constants_are_those_of_c(self) -> None:
        header = (self.tree.prefix / "include/coll/coll.h").read_text(encoding="utf-8")
        names = re.findall(r"^#define (COLL_[A-Z_]+) [(\d]", header, re.MULTILINE)
        for body in re.findall(r"typedef enum \{([^}]*)\}", self.tree.declarations()):
            names += [member.split("=")[0].strip() for member in body.split(",")]
        self.assertGreaterEqual(len(names), 60)
        c_lines = "".join(f'  printf("{name} %d\\n", (int){name});\n' for name in names)
        f_lines = "".join(f'  print "(a, i0)", "{name} ", {name}\n' for name in names)
        c_source, f_source = self.work / "constants_c.c", self.work / "constants_f.f90"
        includes = "#include <coll/coll.h>\n#include <stdio.h>\n"
        c_source.write_text(f"{includes}int main(void) {{\n{c_lines}}}\n", encoding="utf-8")
        f_source.write_text(f"program constants\n  use coll\n{f_lines}end program\n", encoding="utf-8")
        by_c = self.tree.link("gcc", "constants_c", self.tree.compile(["gcc", "-std=c99"], c_source))
        by_f = self.tree.link("mpifort", "constants_f", self.tree.compile(["mpifort"], f_source), *self.modules)
        self.assertEqual(run(by_f).splitlines(), run(by_c).splitlines())

    def test_c_tools_see_the_calls_of_fortran(self) -> None:
        tool = self.tree.compile(["gcc", "-std=c99"], HERE / "every/tool.c")
        program = self.tree.compile(["mpifort", "-O2"], HERE / "every/every_function.f90")
        linked = self.tree.link("mpifort", "watched", program, tool, *self.modules)
        self.assertRegex(self.tree.on_ranks(2, linked), r"the tool saw [4-9] calls of collAllReduce\n")

    def test_the_program_in_the_document_runs(self) -> None:
        document = (self.tree.prefix / "share/doc/coll/fortran.md").read_text(encoding="utf-8")
        source = self.work / "document.f90"
        source.write_text(re.search(r"```fortran\n(.*?)```", document, re.DOTALL)[1], encoding="utf-8")
        program = self.tree.link("mpifort", "document", self.tree.compile(["mpifort"], source), *self.modules)
        self.assertEqual(self.tree.on_ranks(2, program), "")

    def test_jacobi_is_what_a_serial_run_gives(self) -> None:
        build = self.work / "consumer"
        run(CMAKE, "-S", HERE / "fortran_consumer", "-B", build, "-D", f"CMAKE_PREFIX_PATH={self.tree.prefix}",
            "-D", f"EXAMPLES={self.tree.prefix}/share/doc/coll/examples")  # fmt: skip
        run(CMAKE, "--build", build)
        points, change = serial_jacobi()
        for ranks in (1, 2, 4, 6):
            file = self.work / f"grid.{ranks}"
            out = self.tree.on_ranks(ranks, build / "jacobi", str(NX), str(NY), str(ITERATIONS), file)
            found = struct.unpack(f"={NX * NY}d", file.read_bytes())
            self.assertLess(max(abs(a - b) for a, b in zip(found, points, strict=True)), 1e-13, ranks)
            printed = re.findall(r"iteration (\d+): change +(\S+)\n", out)
            self.assertEqual([at for at, _ in printed], ["100", str(ITERATIONS)], out)
            self.assertAlmostEqual(float(printed[-1][1]) / change, 1, places=11)

    def test_jacobi_says_what_fails(self) -> None:
        program = self.work / "consumer/jacobi"
        if not program.exists():
            self.test_jacobi_is_what_a_serial_run_gives()
        with self.assertRaisesRegex(AssertionError, r"rank 0: [^:]*argument[^:]*: collCommInitMPI: .*nosuchcodec"):
            self.tree.on_ranks(1, "-x", "COLL_CODEC=nosuchcodec", program)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
