"""Every function that the installed headers declare is exported, used and checked by a program in C, C++ and Fortran, and listed
in docs/api.md. The list of functions is taken from the headers, so a new one makes this fail until all of that is there.

usage: functions_test.py PREFIX LIBDIR MPIEXEC SOURCE_DIR WORK_DIR CMAKE
"""

from __future__ import annotations

import re
import shutil
import sys
import unittest
from pathlib import Path

from installed import Tree, symbols_exported, symbols_needed

PREFIX, LIBDIR, MPIEXEC, SOURCE, WORK = sys.argv[1:6]
PROGRAMS = Path(SOURCE) / "tests/install/every"
RANKS = 2
WORKS = f"every function works on {RANKS} ranks"

# Names that a Fortran program calls, where they differ from C's: the specific procedures of a generic one.
SPECIFIC = {"collcomminitmpi_f08": "collcomminitmpi", "collcomminitmpi_handle": "collcomminitmpi"}
VARIABLES = {"collnobuffer"}


class FunctionsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        shutil.rmtree(WORK, ignore_errors=True)
        Path(WORK).mkdir(parents=True)
        cls.tree = Tree(Path(PREFIX), LIBDIR, MPIEXEC, Path(WORK))
        cls.twins = {name for name in cls.tree.functions() if name.startswith("pcoll")}
        cls.functions = cls.tree.functions() - cls.twins

    def called(self, *objects: Path) -> set[str]:
        return {name for name in symbols_needed(*objects) if re.match(r"p?coll[A-Z]", name)}

    def runs(self, linker: str, program: str, *objects: Path) -> None:
        linked = self.tree.link(linker, program, *objects)
        self.assertIn(WORKS, self.tree.on_ranks(RANKS, linked))

    def test_the_headers_are_understood(self) -> None:
        for name in ("collAllReduce", "collCommInitMPI", "collGetErrorString", "collGroupStart"):
            self.assertIn(name, self.functions)
        self.assertGreaterEqual(len(self.functions), 49)
        self.assertEqual(set(self.tree.prototypes()), self.functions)

    def test_every_function_has_a_twin(self) -> None:
        self.assertEqual(self.twins, {f"p{name}" for name in self.functions})

    def test_libraries_export_what_the_headers_declare(self) -> None:
        exported: set[str] = set()
        for library in ("libcoll.so", "libcoll_mpi.so"):
            exported |= symbols_exported(self.tree.prefix / LIBDIR / library)
        modules = {name for name in exported if re.match(r"p?collModule", name)}
        self.assertEqual(exported - modules, self.functions | self.twins)

    def test_c(self) -> None:
        program = self.tree.compile(["gcc", "-std=c99"], PROGRAMS / "every_function.c")
        self.assertEqual(self.called(program), self.functions)
        self.runs("gcc", "every_c", program)

    def test_cxx(self) -> None:
        source = Path(WORK) / "every_function.cpp"
        shutil.copy(PROGRAMS / "every_function.c", source)
        program = self.tree.compile(["g++", "-std=c++11"], source)
        self.assertEqual(self.called(program), self.functions)
        self.runs("g++", "every_cxx", program)

    def test_twins(self) -> None:
        renamed = "".join(f"#define {name} p{name}\n" for name in sorted(self.functions))
        (Path(WORK) / "twins.h").write_text(renamed, encoding="utf-8")
        source = Path(WORK) / "every_twin.c"
        shutil.copy(PROGRAMS / "every_function.c", source)
        program = self.tree.compile(["gcc", "-std=c99"], source, "-DTWINS")
        self.assertEqual(self.called(program), self.twins)
        self.runs("gcc", "every_twin", program)

    def test_fortran(self) -> None:
        modules = self.tree.compile_fortran_modules()
        self.assertEqual(self.called(*modules), self.functions)
        program = self.tree.compile(["mpifort", "-std=f2018", "-O2"], PROGRAMS / "every_function.f90")
        procedures = [re.match(r"__coll(?:_mpi)?_MOD_(coll[a-z]\w*)", name) for name in symbols_needed(program)]
        called = {SPECIFIC.get(found[1], found[1]) for found in procedures if found}
        self.assertEqual(called - VARIABLES, {name.lower() for name in self.functions})
        self.runs("mpifort", "every_fortran", program, *modules)

    def test_every_function_is_documented(self) -> None:
        text = (self.tree.prefix / "share/doc/coll/api.md").read_text(encoding="utf-8")
        listed = set(re.findall(r"`(coll[A-Z]\w*)\(", text))
        self.assertEqual(listed, self.functions)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
