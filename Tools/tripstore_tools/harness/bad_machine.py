"""What can be wrong with the machine of one process beside healthy ones: its clock, its disk, its folder. Each ends with the `with` block."""

import contextlib
import shutil
import subprocess

from tripstore_tools import REPOSITORY
from tripstore_tools.harness.small_disk import fill

# What is kept free on a full disk: jobs are not even claimed.
FULL_BYTES = 1 << 20
# There is room, but not for the files: it shows when they are fetched.
SMALL_ROOM_BYTES = 5 << 20


def own_clock(member, folder):
    """Gives a process a clock of its own from its next start on; returns the file with its seconds ahead."""
    library, clock = folder / "clock.so", folder / "clock"
    compiler = shutil.which("clang") or shutil.which("cc")
    source = REPOSITORY / "Tests/Faults/clock.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source, "-ldl"], check=True)
    clock.write_text("0")
    member.variables |= {"LD_PRELOAD": str(library), "CLOCK_FILE": str(clock)}
    return clock


@contextlib.contextmanager
def wrong_clock(clock):
    """A clock of `own_clock` is an hour behind."""
    clock.write_text("-3600")
    try:
        yield
    finally:
        clock.write_text("0")


@contextlib.contextmanager
def full_disk(member, leaving=FULL_BYTES):
    """The small disk that a process's folder is on has so few bytes free."""
    filler = member.data_dir.parent / "filler"
    fill(filler, leaving=leaving)
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def no_folder(member):
    """A process's folder of uploads is gone."""
    folder = member.data_dir / "uploads"
    folder.rename(folder.with_name("hidden"))
    try:
        yield
    finally:
        folder.with_name("hidden").rename(folder)


@contextlib.contextmanager
def read_only_folder(member):
    """A process's folder of uploads can be read and not written, by root neither; needs to be root."""
    folder = str(member.data_dir / "uploads")
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
