#!/usr/bin/env python3
"""Fails on unfinished work, paths of one machine, files that grew too long and broken links between documents.

usage: check_text.py [ROOT]
"""

import os
import re
import sys

import tree

MAX_LINES = 450
CODE = (".c", ".h", ".cpp", ".hpp", ".cu", ".cuh", ".f90", ".inc", ".py", ".sh", ".cmake", "CMakeLists.txt")
TEXT = CODE + (".md", ".mdoc", ".in", ".json", ".yml", ".yaml", ".map", ".supp", "run")

# Written so that no pattern matches itself.
FORBIDDEN = {
    "unfinished work": re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b"),
    "a skipped test": re.compile(r"\b(?:GTEST_SKI[P]|DISABLE[D]_)"),
    "a path of one machine": re.compile(r"(?<![\w.}])/(?:roo[t]|wor[k]|hom[e]/\w+|Users)/"),
}
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def check_words(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in FORBIDDEN.items():
            if pattern.search(line):
                yield f"{path}:{number}: {what}: {line.strip()}"


def check_length(path, text):
    lines = text.count("\n")
    if lines > MAX_LINES:
        yield f"{path}: {lines} lines, at most {MAX_LINES}"


def check_links(root, path, text):
    for target in LINK.findall(FENCE.sub("", text)):
        file = target.split("#")[0]
        if file and not re.match(r"[a-z]+:", target):
            if not os.path.exists(os.path.join(root, os.path.dirname(path), file)):
                yield f"{path}: link to {target}, which is not there"


def check(root):
    problems = []
    for path in tree.with_suffix(root, *TEXT):
        text = tree.read(root, path)
        problems += check_words(path, text)
        if path.endswith(CODE):
            problems += check_length(path, text)
        if path.endswith(".md"):
            problems += check_links(root, path, text)
    return problems


def main():
    problems = check(sys.argv[1] if len(sys.argv) > 1 else ".")
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
