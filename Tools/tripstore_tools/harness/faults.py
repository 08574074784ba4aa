"""A disk that fails, or a world that stops, at the n-th call that changes a file (Tests/Faults/faults.c), and what is under way when it does."""

import json
import os
import shutil
import subprocess

from tripstore_tools.harness import tripstore

SOURCE = tripstore.REPOSITORY / "Tests/Faults/faults.c"
STRIDE = 1 if os.environ.get("TRIPSTORE_FAULTS") == "all" else 41
QUERIES = [["weekly-average"], ["trip-groups", "--precision", 6, "--limit", 1000]]


def build(folder):
    """Compiles the library that programs are run with (LD_PRELOAD); returns its path."""
    path = folder / "faults.so"
    compiler = shutil.which("clang") or shutil.which("cc")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", path, SOURCE, "-ldl"], check=True)
    return path


class Fault:
    """Runs the program on top of the failing file system."""

    def __init__(self, library, folder):
        self.variables = {"LD_PRELOAD": str(library), "FAULT_DIR": str(folder)}

    def run(self, command, **variables):
        return tripstore.cli(*command, check=False, **self.variables, **variables)

    def count(self, command, log):
        done = self.run(command, FAULT_COUNT=str(log))
        assert done.returncode == 0, done.stderr
        return len(log.read_text().splitlines())


def jobs(store):
    done = tripstore.cli("jobs", "--data-dir", store, "--format", "json", check=False)
    return json.loads(done.stdout) if done.returncode == 0 else []


def answers(store):
    return [tripstore.cli(*query, "--format", "json", "--data-dir", store).stdout for query in QUERIES]


class Load:
    """A load; `earlier` ones make it the one that sets off a merge."""

    def __init__(self, earlier):
        self.earlier = earlier

    def prepare(self, store):
        for _ in range(self.earlier):
            tripstore.cli("ingest", tripstore.SAMPLE, "--allow-duplicate", "--data-dir", store)

    def command(self, store):
        return ["ingest", tripstore.SAMPLE, "--allow-duplicate", "--data-dir", store]

    def finish(self, store):
        """What a person does: looks at the jobs, and runs again what is not done."""
        for _ in range(3):
            mine = [job for job in jobs(store) if job["id"] > self.earlier]
            if mine and mine[0]["status"] == "completed":
                # A merge that was cut off is caught up on by the next process that loads; files it left are swept.
                break
            if mine and mine[0]["status"] == "failed":
                tripstore.cli("resume", mine[0]["id"], "--data-dir", store)
            else:
                tripstore.cli(*self.command(store))
        tripstore.cli("jobs", 1000, "--remove", "--data-dir", store, check=False)  # opens for writing: sweeps

    def acknowledged(self, store):
        return [job["status"] for job in jobs(store) if job["id"] > self.earlier] == ["completed"]


class Deletion:
    """The second of four jobs, which share a segment, is deleted."""

    def prepare(self, store):
        Load(4).prepare(store)

    def command(self, store):
        return ["jobs", 2, "--remove", "--data-dir", store]

    def finish(self, store):
        tripstore.cli(*self.command(store))

    def acknowledged(self, store):
        return any(job["id"] == 2 and job["status"] == "deleted" for job in jobs(store))


SCENARIOS = {"first load": Load(0), "load": Load(1), "load and merge": Load(3), "deletion": Deletion()}


def refusing(library, folder, kind, switch):
    """The environment of a process whose changes of files below a folder are refused while the switch file exists."""
    return {"LD_PRELOAD": str(library), "FAULT_DIR": str(folder), "FAULT_KIND": kind, "FAULT_AT": "1", "FAULT_LAST": "all",
            "FAULT_WHILE": str(switch)}
