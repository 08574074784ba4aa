"""What breaks a store, and what is said and done about it."""

import json
import subprocess

from tripstore_tools.harness import tripstore


def flip_a_byte(path):
    """Damages a file as a disk would, under the same name and of the same size."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()
    path.write_bytes(data)


def warning(store):
    """What answers of a store say of missing trips."""
    return json.loads(tripstore.cli("regions", "--data-dir", store, "--format", "json").stdout).get("warning")


def lose_catalog(store):
    for path in store.glob("catalog.sqlite*"):
        path.unlink()


def rebuild(store, *flags, check=True):
    return tripstore.cli("rebuild-catalog", "--data-dir", store, *flags, check=check)


def sqlite(store, sql):
    done = subprocess.run(["sqlite3", store / "catalog.sqlite"], input=sql, capture_output=True, text=True, check=True)
    return done.stdout
