"""The installed tree, as a program sees it: what its headers declare, and how programs are compiled against it."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

STRICT = ["-Wall", "-Wextra", "-pedantic", "-Werror"]


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """What the command prints; a failure shows it all."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


@dataclass
class Tree:
    prefix: Path
    libdir: str
    mpiexec: str
    work: Path
    objects: list[Path] = field(default_factory=list)

    def package(self, *arguments: str) -> list[str]:
        os.environ["PKG_CONFIG_PATH"] = str(self.prefix / self.libdir / "pkgconfig")
        return run("pkg-config", *arguments, "coll").split()

    @property
    def fortran(self) -> Path:
        return Path(self.package("--variable=fortrandir")[0])

    def on_ranks(self, ranks: int, *command: str | Path) -> str:
        mpirun = [self.mpiexec, "--oversubscribe", "--mca", "mpi_yield_when_idle", "1", "-n", str(ranks)]
        return run(*mpirun, *command)

    def compile(self, compiler: list[str], source: Path, *flags: str) -> Path:
        """The object of a source."""
        target = self.work / f"{source.stem}.{compiler[0]}.o"
        run(*compiler, *STRICT, *flags, *self.package("--cflags"), "-c", source, "-o", target, cwd=self.work)
        return target

    def link(self, linker: str, program: str, *objects: Path) -> Path:
        target = self.work / program
        flags = [*self.package("--libs"), f"-Wl,-rpath,{self.prefix / self.libdir}"]
        run(linker, *objects, "-o", target, *flags, cwd=self.work)
        return target

    def compile_fortran_modules(self) -> list[Path]:
        """The objects of the modules; what uses them is compiled in the same folder."""
        strict = ["mpifort", "-std=f2018", "-O2"]
        modules = [self.compile(strict, self.fortran / f"{name}.f90") for name in ("coll", "coll_mpi")]
        return [*modules, self.compile(["gcc", "-std=c99"], self.fortran / "coll_mpi_handle.c")]

    # ---- headers ---------------------------------------------------------------------------------

    def declarations(self) -> str:
        """All public headers, preprocessed, without what they include of others."""
        names = sorted(path.name for path in (self.prefix / "include/coll").glob("*.h"))
        everything = self.work / "everything.c"
        everything.write_text("".join(f"#include <coll/{name}>\n" for name in names), encoding="utf-8")
        own, text = False, []
        for line in run("gcc", "-E", *self.package("--cflags"), everything).splitlines():
            if line.startswith("#"):
                own = "/include/coll/" in line
            elif own:
                text.append(line)
        return " ".join(" ".join(text).split())

    def prototypes(self) -> dict[str, tuple[str, list[str]]]:
        """Return type and parameters' types of every function but the twins."""
        found = {}
        for result, name, parameters in re.findall(r"([\w ]+?\*?) ?\b(coll[A-Z]\w*) ?\(([^()]*)\);", self.declarations()):
            types = [re.sub(r"\b\w+$", "", word.strip()).strip() for word in parameters.split(",")]
            found[name] = (result.split("))) ")[-1].strip(), [] if parameters.strip() == "void" else types)
        return found

    def functions(self) -> set[str]:
        """Every function of the headers, twins among them."""
        text = self.declarations()
        twins = re.findall(r"__typeof__ ?\(coll\w+\) (p\w+)", text)
        return set(re.findall(r"\b(p?coll[A-Z]\w*) ?\((?!\*)", re.sub(r"__typeof__ ?\(\w+\)", "", text))) | set(twins)


def symbols_needed(*objects: Path) -> set[str]:
    """What the objects want of other objects and libraries."""
    return {line.split()[-1] for line in run("nm", "-u", *objects).splitlines() if " U " in line}


def symbols_exported(library: Path) -> set[str]:
    lines = run("nm", "-D", "--defined-only", library).splitlines()
    return {line.split()[-1].split("@")[0] for line in lines if line.split()[-2] in "TW"}
