#!/usr/bin/env python3
"""The programs of a GPU run: how they are built, where they lie, and a copy of them for a machine that does not build.

usage: programs.py PROGRAMS    copies what perf/gpu/run has built into a folder of the same layout, stripped
"""

import shutil
import subprocess
import sys
from pathlib import Path

import packages

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "gpu"

# CMake's target: its file in the build folder.
PROGRAMS = {
    "coll_info": "bin/coll_info",
    "codec_perf": "bin/codec_perf",
    "all_reduce_perf": "bin/all_reduce_perf",
    "cuda_test": "tests/cuda/cuda_test",
    "cuda_mpi_test": "tests/mpi/cuda_mpi_test",
    "cuda_conformance_test": "tests/cuda/cuda_conformance_test",
}


def library_folders(folder):
    """Where a build folder has the project's shared libraries."""
    return sorted({library.parent for library in folder.glob("src/**/libcoll*.so.*")})


def environment(unpacked, folder):
    return packages.environment(unpacked, library_folders(folder))


def configure_command(unpacked, architectures, bytes_in_flight=""):
    """Tests read their data from where they are started: the tree's root, wherever that is. Bytes in flight are those
    of src/device/tuned.hpp where none are named."""
    command = ["cmake", "-S", str(ROOT), "-B", str(BUILD), "-G", "Ninja", "-D", "CMAKE_BUILD_TYPE=Release",
               "-D", "COLL_UCX=OFF", "-D", "COLL_WERROR=OFF", "-D", "COLL_DATA_FOLDER=perf/data",
               "-D", f"COLL_CUDA_BYTES_IN_FLIGHT={bytes_in_flight}"]
    if architectures:
        command += ["-D", f"COLL_CUDA_ARCHITECTURES={architectures}"]
    return command + packages.configure_options(unpacked)


def build_command(targets):
    return ["cmake", "--build", str(BUILD), "--target", *targets]


def copy(folder):
    """Programs and libraries, by the names that the loader looks for."""
    files = [BUILD / file for file in PROGRAMS.values()]
    files += [file for file in BUILD.glob("src/**/libcoll*.so.*") if file.is_symlink()]
    for file in files:
        to = folder / file.relative_to(BUILD)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, to)
        subprocess.run(["strip", str(to)], check=True)


if __name__ == "__main__":
    copy(Path(sys.argv[1]).resolve())
