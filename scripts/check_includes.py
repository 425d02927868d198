#!/usr/bin/env python3
"""Reads every #include of the tree and fails on an arrow that the layout forbids.

Rooms may include downwards only:
api -> runtime -> {collectives, transport, compression, reduce} -> {topology (collectives only)} -> base -> include.
usage: check_includes.py [ROOT]
"""

import os
import re
import sys

import tree

BASE = {"base", "include"}
PARTS = {"collectives", "transport", "compression", "reduce", "device", "topology"} | BASE

# Room: the rooms it may include besides itself.
MAY_INCLUDE = {
    "include": set(),
    "base": {"include"},
    "device": BASE,
    "topology": BASE,
    "reduce": BASE | {"device"},
    "compression": BASE | {"device"},
    "transport": BASE,
    "collectives": BASE | {"topology"},
    "runtime": PARTS,
    "api": PARTS | {"runtime"},
    "examples": {"include"},
    "fortran": {"include"},
}
FREE_ROOMS = {"perf", "tests"}  # measure and test anything

# The seam between the library and the modules beside it: all that a part may see of the runtime.
SEAM = {"src/runtime/bootstrap.hpp", "src/runtime/module.hpp"}
SEAM_USERS = {"transport"}

# Headers of heavy dependencies: the only places that may include them, FREE_ROOMS apart.
EXTERNAL = {
    "mpi.h": ("include/coll/coll_mpi.h", "src/transport/mpi/", "examples/"),
    "ucp/": ("src/transport/ucx/",),
    "ucs/": ("src/transport/ucx/",),
    "hwloc.h": ("topology/",),
    "hwloc/": ("topology/",),
    "hwy/": ("compression/", "src/reduce/", "src/base/simd"),
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
SOURCES = (".c", ".h", ".cpp", ".hpp", ".cu", ".cuh")


def room_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] == "src" and len(parts) > 2 else parts[0]


def resolve(root, path, name):
    """The project's file that `#include "name"` in `path` means, or None."""
    for folder in (os.path.dirname(path), "", "src", "include"):
        candidate = os.path.normpath(os.path.join(folder, name))
        if os.path.isfile(os.path.join(root, candidate)):
            return candidate
    return None


def wrong_arrow(path, target):
    """Why the file `path` may not include the project's file `target`, or None."""
    room, other = room_of(path), room_of(target)
    if room in FREE_ROOMS:
        return None
    if room not in MAY_INCLUDE:
        return f"room {room} is not in the list of {os.path.basename(__file__)}"
    if room == other:
        mine, theirs = os.path.dirname(path), os.path.dirname(target)
        nested = mine.startswith(theirs) or theirs.startswith(mine)
        return "transports do not include each other" if room == "transport" and not nested else None
    if other in MAY_INCLUDE[room] or (target in SEAM and room in SEAM_USERS):
        return None
    return f"{room} may not include {other}"


def wrong_external(path, name):
    """Why `path` may not include the header `name` from outside the project, or None."""
    if room_of(path) in FREE_ROOMS:
        return None
    for prefix, places in EXTERNAL.items():
        if name.startswith(prefix) and not path.startswith(places):
            return f"<{name}> belongs in {' and '.join(places)} only"
    return None


def check(root):
    """The forbidden includes of the tree, one line each."""
    problems = []
    for path in tree.with_suffix(root, *SOURCES):
        text = tree.read(root, path)
        for match in INCLUDE.finditer(text):
            name = match.group(1) or match.group(2)
            target = resolve(root, path, name)
            reason = wrong_arrow(path, target) if target else wrong_external(path, name)
            if reason:
                line = text.count("\n", 0, match.start()) + 1
                problems.append(f"{path}:{line}: includes {target or name}: {reason}")
    return problems


def main():
    problems = check(sys.argv[1] if len(sys.argv) > 1 else ".")
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
