"""Processes of a cluster that are started, killed and started again on the ports and the data that they had."""

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import ClassVar

from tripstore_tools.harness.tripstore import TIMEOUT_SECONDS, wait_until


class Process:
    """One process in a folder of its own; it ends with the thread that launched it, however that happens."""

    # What the kernel sends it when that thread ends.
    last_signal = "KILL"
    # The beginning of a command that makes another user of it.
    as_user = ()
    # What is added to its environment.
    variables: ClassVar = {}

    def __init__(self, name, folder):
        self.name = name
        self.folder = Path(folder)
        self.log = self.folder / "output.log"
        self.process = None

    def command(self):
        raise NotImplementedError

    def answers(self):
        """Whether it does its work; may raise OSError."""
        raise NotImplementedError

    def is_alive(self):
        """Whether it answers at all, which one that is frozen does not; may raise OSError."""
        return self.answers()

    def launch(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        # setpriv becomes the process, so its number is the process's own. Another user's would lose the signal, so it is last.
        command = [*self.as_user, "setpriv", "--pdeathsig", self.last_signal, *map(str, self.command())]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd="/", env=os.environ | self.variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def is_ready(self):
        if not self.is_running():
            raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.last_words()}")
        try:
            return self.answers()
        except OSError:
            return False

    def last_words(self):
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""

    def start(self):
        if not self.is_running():
            self.launch()
        wait_until(self.is_ready, self.name)
        return self

    def kill(self):
        """Ends it at once, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=TIMEOUT_SECONDS)

    def stop(self, signal_number=signal.SIGTERM):
        """Asks it to end and waits."""
        if self.is_running():
            self.process.send_signal(signal_number)
        if self.process is not None:
            self.process.wait(timeout=TIMEOUT_SECONDS)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()


@contextlib.contextmanager
def frozen(process):
    """Suspends a process meanwhile: its connections stay open, without answers."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def children_of(process):
    """Numbers of the processes whose parent this one is."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = re.match(r".*\) . (\d+)", path.read_text(errors="replace"), re.DOTALL)
        except OSError:
            continue  # it has ended meanwhile
        if parent and int(parent[1]) == process:
            found.append(int(path.parent.name))
    return found


def peak_memory(process):
    """The most bytes of memory that a process ever had."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())[1]) << 10
