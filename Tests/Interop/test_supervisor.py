"""`scripts/cluster`: ends what answers no more, and does not take another program for its own."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from tripstore_tools.harness import topology, tripstore
from tripstore_tools.harness.tripstore import TIMEOUT_SECONDS, free_port, wait_until

pytestmark = pytest.mark.skipif(topology.missing() is not None, reason=topology.missing() or "")


def run(*arguments):
    return subprocess.run([sys.executable, "-m", "tripstore_tools.cluster", *map(str, arguments)], capture_output=True, text=True, check=False,
                          timeout=TIMEOUT_SECONDS, env=os.environ | {"TRIPSTORE": str(tripstore.BINARY)})


def test_a_port_in_use_is_said_with_who_has_it(tmp_path):
    """Found: it started, and took the other program for its proxy."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        done = run("up", "--folder", tmp_path / "cluster", "--port", holder.getsockname()[1])
    assert done.returncode != 0 and f"(process {os.getpid()})" in done.stderr and "--port" in done.stderr, done.stderr
    assert not (tmp_path / "cluster/log").exists()


def test_what_hangs_is_ended_and_started_again(tmp_path):
    folder = tmp_path / "cluster"
    done = run("up", "--folder", folder, "--port", free_port(), "--shards", 1, "--apis", 2, "--workers", 1, "--hang-seconds", 4)
    assert done.returncode == 0, done.stderr
    try:
        before = rows(folder)
        victims = ["api 1", "worker 1", "shard 0", "PostgreSQL"]
        for name in victims:
            os.kill(before[name]["pid"], signal.SIGSTOP)

        def is_well():
            now = rows(folder)
            return all(row["state"] == "ready" and (row["restarts"] > 0 or name not in victims) for name, row in now.items())
        wait_until(is_well, "all parts to be back", pause=0.5)
    finally:
        run("down", "--purge", "--folder", folder)


def rows(folder):
    """Parts of the cluster by name, as `status` shows them."""
    lines = run("status", "--folder", folder).stdout.splitlines()[3:]
    found = {}
    for line in lines:
        name, address, pid, state, restarts = [word for word in line.split("  ") if word]
        found[name.strip()] = {"pid": int(pid), "state": state.strip(), "restarts": int(restarts), "address": address}
    return found
