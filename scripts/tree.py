"""The files of the project: what git tracks or would track, or all of them where there is no git."""

import os
import subprocess

SKIPPED_FOLDERS = {".git", "build", "install", ".cache", "__pycache__"}


def files(root):
    """Paths relative to root, sorted."""
    try:
        command = ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "."]
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
        found = [path for path in listed if path and os.path.isfile(os.path.join(root, path))]
    except (OSError, subprocess.CalledProcessError):
        found = []
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
            found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(set(found))


def with_suffix(root, *suffixes):
    return [path for path in files(root) if path.endswith(suffixes)]


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()
