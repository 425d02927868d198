"""Where compilers, CMake, the loader and ranks find what perf/gpu/pack has unpacked; the system's own without it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

LIBRARIES = "usr/lib/x86_64-linux-gnu"


def add_option(parser):
    parser.add_argument("--packages", metavar="DIR", type=Path,
                        help="what perf/gpu/pack has unpacked (default: build/gpu-packages, or the system's where "
                        "there is none)")


def chosen(given, root):
    """The folder of the packages, None for the system's."""
    if given is not None and not given.is_dir():
        sys.exit(f"no such folder: {given}")
    folder = given or root / "build" / "gpu-packages"
    return folder.resolve() if folder.is_dir() else None


def before(folders, variable):
    """A search path: the folders, then what the environment has."""
    own = os.environ.get(variable)
    return ":".join([*map(str, folders), *([own] if own else [])])


def environment(packages, libraries=()):
    """The environment of builds, and of programs whose own libraries are in these folders."""
    env = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    folders = list(libraries)
    if packages:
        lib = packages / LIBRARIES
        folders += [lib, lib / "openmpi/lib"]
        headers = [packages / "usr/include", packages / "usr/include/x86_64-linux-gnu"]
        env.update({
            "C_INCLUDE_PATH": before(headers, "C_INCLUDE_PATH"),  # these two are of system headers, which do not warn
            "CPLUS_INCLUDE_PATH": before(headers, "CPLUS_INCLUDE_PATH"),
            "LIBRARY_PATH": before([lib], "LIBRARY_PATH"),
            "PKG_CONFIG_PATH": f"{lib}/pkgconfig:{packages}/usr/share/pkgconfig",
            "PKG_CONFIG_SYSROOT_DIR": str(packages),
            # Debian's Open MPI and PMIx, told where their plug-ins and texts lie now.
            "OPAL_PREFIX": f"{packages}/usr",
            "OPAL_LIBDIR": f"{lib}/openmpi/lib",
            "OPAL_SYSCONFDIR": f"{packages}/etc/openmpi",
            "OPAL_PKGDATADIR": f"{packages}/usr/share/openmpi",
            "PMIX_PKGLIBDIR": f"{lib}/pmix2/lib/pmix",
            "PMIX_PKGDATADIR": f"{lib}/pmix2/share/pmix",
            # Ranks of this machine alone: there need be no ssh and no networks' libraries, and no right to read each
            # other's memory.
            "OMPI_MCA_plm": "isolated",
            "OMPI_MCA_pml": "ob1",
            "OMPI_MCA_btl": "self,vader",
            "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
            "OMPI_MCA_mca_base_component_show_load_errors": "0",
        })
    if folders:
        env["LD_LIBRARY_PATH"] = before(folders, "LD_LIBRARY_PATH")
    return env


def configure_options(packages):
    """CMake's, for what it would look for in the system's folders."""
    if not packages:
        return []
    lib = packages / LIBRARIES
    return ["-D", f"CMAKE_PREFIX_PATH={packages}/usr", "-D", f"PKG_CONFIG_EXECUTABLE={packages}/usr/bin/pkgconf",
            "-D", "MPI_SKIP_COMPILER_WRAPPER=ON", "-D", "MPI_SKIP_GUESSING=ON",
            "-D", f"MPI_C_HEADER_DIR={lib}/openmpi/include", "-D", "MPI_C_LIB_NAMES=mpi",
            "-D", f"MPI_mpi_LIBRARY={lib}/openmpi/lib/libmpi.so", "-D", f"MPIEXEC_EXECUTABLE={launcher(packages)}",
            "-D", f"CMAKE_SHARED_LINKER_FLAGS=-Wl,-rpath-link,{lib}",
            "-D", f"CMAKE_EXE_LINKER_FLAGS=-Wl,-rpath-link,{lib}"]


def launcher(packages):
    """What starts ranks: of the packages, whose library the programs load, or the system's."""
    return str(packages / "usr/bin/orterun") if packages else "mpirun"


def cuda_tool(name):
    """A tool of the CUDA toolkit, which need not be in PATH; None where there is none."""
    toolkit = os.environ.get("CUDA_PATH", "/usr/local/cuda")
    places = [os.environ.get("PATH", ""), f"{toolkit}/bin", f"{toolkit}/compute-sanitizer"]
    return shutil.which(name, path=":".join(places))


def gpus():
    """The compute capabilities of the machine's GPUs ("9.0"), as the driver's tool tells them."""
    try:
        shown = subprocess.run(["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"], capture_output=True,
                               text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return sorted(set(shown.split()))


def architectures():
    """What to build kernels for, as CMake names it: what the environment says, else the machine's; "" if unknown."""
    return os.environ.get("CUDAARCHS") or ";".join(f"{capability.replace('.', '')}-real" for capability in gpus())
