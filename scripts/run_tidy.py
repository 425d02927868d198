#!/usr/bin/env python3
"""Runs clang-tidy over the library and the tools, in parallel; files that passed are not read again until they change.

usage: run_tidy.py BUILD_DIR    (with a compile_commands.json made for clang)
"""

import concurrent.futures
import hashlib
import json
import os
import subprocess
import sys

import check_includes
import tree

ROOMS = ("src/", "topology/", "collectives/", "compression/", "perf/", "examples/")


def is_multi_target(root, path):
    """Highway compiles such a file once per instruction set, which clang-tidy reports as redefinitions."""
    return "hwy/foreach_target.h" in tree.read(root, path)


def includes(root, path, seen):
    """Adds `path` and all of the project's headers that it includes to `seen`."""
    if path in seen:
        return
    seen.add(path)
    for match in check_includes.INCLUDE.finditer(tree.read(root, path)):
        target = check_includes.resolve(root, path, match.group(1) or match.group(2))
        if target:
            includes(root, target, seen)


def fingerprint(root, path, command):
    seen = set()
    includes(root, path, seen)
    digest = hashlib.sha256(command.encode())
    for name in [".clang-tidy", *sorted(seen)]:
        digest.update(tree.read(root, name).encode())
    return digest.hexdigest()


def tidy(root, build, path, command):
    """What clang-tidy has to say about the file; "" where there is nothing."""
    marker = os.path.join(build, "tidy", fingerprint(root, path, command))
    if os.path.exists(marker):
        return ""
    result = subprocess.run(["clang-tidy", "--quiet", "--warnings-as-errors=*", "-p", build, path], cwd=root,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode == 0:
        open(marker, "w", encoding="utf-8").close()
        return ""
    return result.stdout + result.stderr


def main():
    build = os.path.abspath(sys.argv[1])
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    os.makedirs(os.path.join(build, "tidy"), exist_ok=True)
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = {os.path.relpath(entry["file"], root): entry["command"] for entry in json.load(file)}
    chosen = [path for path in sorted(entries) if path.startswith(ROOMS) and not is_multi_target(root, path)]
    if not chosen:
        sys.exit("run_tidy.py: the compile database lists no file of the library")
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for text in pool.map(lambda path: tidy(root, build, path, entries[path]), chosen):
            if text:
                failed += 1
                print(text, file=sys.stderr)
    print(f"clang-tidy: {len(chosen)} files, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
