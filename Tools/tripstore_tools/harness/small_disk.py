"""A disk of some megabytes, which a test may fill; and what is on it."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder, megabytes, kind="tmpfs"):
    """A file system in memory, or ext4 in a file, at a folder; the test is skipped where none may be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if kind == "ext4":
        if not shutil.which("mkfs.ext4"):
            pytest.skip("needs mkfs.ext4")
        image = folder.with_name("disk.image")
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
        command = ["mount", "-o", "loop", str(image), str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def free_bytes(folder):
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def fill(path, leaving=0):
    """Writes a file until so many bytes are free."""
    with open(path, "ab", buffering=0) as file:
        while (left := free_bytes(path.parent) - leaving) > 0:
            try:
                file.write(bytes(min(left, 1 << 20)))
            except OSError:
                break


def bytes_below(folder):
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
