"""Every installed tool has a man page without faults, which names the options that its --help prints, and no others.

usage: man_test.py PREFIX LIBDIR MPIEXEC SOURCE_DIR WORK_DIR CMAKE
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

from installed import run

PREFIX = Path(sys.argv[1])
PAGES = PREFIX / "share/man/man1"
TOOLS = sorted(path.name for path in (PREFIX / "bin").iterdir())


def options_of_help(text: str) -> set[str]:
    """The options at the start of a line, as CLI11 and argparse print them."""
    starts = re.findall(r"^  ((?:-\w(?: \w+)?, ?)?--[a-z][\w-]*|-\w(?=[ ,]))", text, re.MULTILINE)
    return {option for start in starts for option in re.findall(r"(?<!\S)--?[\w-]+", start.replace(",", " "))}


def options_of_page(text: str) -> set[str]:
    """The options that the page has an item for."""
    items = re.findall(r"^\.It ((?:Fl|, Fl).*)$", text, re.MULTILINE)
    return {f"-{option}" for item in items for option in re.findall(r"\bFl (\S+)", item)}


def complaints(*command: str | Path) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          env=dict(os.environ, MANPATH=str(PREFIX / "share/man")))  # fmt: skip
    # Pages that others refer to are found by their files; nobody has made an index of them.
    return "".join(line for line in done.stdout.splitlines(True) if "outdated mandoc.db lacks" not in line)


class ManTest(unittest.TestCase):
    def test_every_tool_has_a_page_and_every_page_a_tool(self) -> None:
        self.assertIn("coll_cluster", TOOLS)
        self.assertEqual(sorted(path.stem for path in PAGES.iterdir()), TOOLS)

    def test_pages_are_without_faults(self) -> None:
        for tool in TOOLS:
            page = PAGES / f"{tool}.1"
            self.assertEqual(complaints("mandoc", "-T", "lint", "-W", "style", page), "")
            self.assertEqual(complaints("groff", "-mandoc", "-ww", "-z", "-T", "utf8", page), "")

    def test_a_fault_is_seen(self) -> None:
        page = Path(sys.argv[5]).with_suffix(".1")
        page.write_text((PAGES / "coll_info.1").read_text(encoding="utf-8") + ".Xr coll_nosuch 1\n", encoding="utf-8")
        self.assertIn("coll_nosuch", complaints("mandoc", "-T", "lint", "-W", "style", page))

    def test_pages_have_the_options_of_the_tools(self) -> None:
        for tool in TOOLS:
            said = options_of_help(run(PREFIX / "bin" / tool, "--help"))
            self.assertIn("--help", said, tool)
            self.assertEqual(options_of_page((PAGES / f"{tool}.1").read_text(encoding="utf-8")), said, tool)

    def test_pages_name_their_tool(self) -> None:
        for tool in TOOLS:
            shown = run("mandoc", "-T", "ascii", PAGES / f"{tool}.1")
            self.assertRegex(re.sub(".\b", "", shown), rf"NAME\n +{tool} - \w")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
