"""Ways to run Open MPI that are the best somewhere: what ./run bench holds libcoll against."""

from __future__ import annotations

FORCED = "--mca coll_tuned_use_dynamic_rules 1"

# UCX's point-to-point layer; libcoll joins its ranks by id there, as its MPI transport needs more tags than UCX has.
UCX = "--mca pml ucx --mca pml_ucx_tls any --mca pml_ucx_devices any"

# In a node: name in the tables -> flags of mpirun.
NODE = {
    "default": "",
    "sm": "--mca coll_sm_priority 100",
    "ucx": UCX,
}

# Between nodes.
WIRE = {
    "ring": f"{FORCED} --mca coll_tuned_allreduce_algorithm 4",
    "default": "",
}


def needs_join_by_id(mca: str) -> bool:
    return "pml ucx" in mca
