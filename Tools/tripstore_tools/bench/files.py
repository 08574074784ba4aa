"""The CSV files that are measured: made by `tripstore generate`, and variants of them that differ in one thing.

Files are made under another name and renamed when they are whole and synced, so that a folder that is kept has no half files.
"""

import os
import subprocess
import sys
from pathlib import Path

from tripstore_tools.bench.contenders import BINARY


class Files:
    """The files in a folder; each is made on first use."""

    def __init__(self, folder, seed):
        self.folder = Path(folder)
        self.seed = seed

    def generated(self, rows):
        """Realistic trips in order of time."""
        def make(target):
            command = [str(BINARY), "generate", "--rows", str(rows), "--seed", str(self.seed), "--output", str(target)]
            subprocess.run(command, check=True)

        return self.made(f"trips-{rows}-{self.seed}.csv", make)

    def variant(self, rows, name):
        """Generated trips with other columns or in another order; see `variants`."""
        source = self.generated(rows)

        def make(target):
            subprocess.run([sys.executable, "-m", "tripstore_tools.bench.files", str(source), str(target), name], check=True)

        return self.made(f"{source.stem}-{name}.csv", make)

    def pieces(self, count, rows_each):
        """A generated file cut into files of some rows, each with the header."""
        source = self.generated(count * rows_each)
        folder = self.folder / f"{source.stem}-in-{count}"
        if not folder.exists():
            unfinished = folder.with_suffix(".tmp")
            unfinished.mkdir(exist_ok=True)
            with source.open("rb") as file:
                header = file.readline()
                for index in range(count):
                    rows = [file.readline() for _ in range(rows_each)]
                    (unfinished / f"part-{index:05}.csv").write_bytes(header + b"".join(rows))
            os.sync()
            unfinished.rename(folder)
        return sorted(folder.glob("*.csv"))

    def made(self, name, make):
        path = self.folder / name
        if not path.exists():
            print(f"  makes {name}", file=sys.stderr, flush=True)
            unfinished = path.with_suffix(".tmp")
            make(unfinished)
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())
            unfinished.rename(path)
        return path


def warm(csv):
    """Reads a file once, so that all contenders find it in the page cache."""
    with Path(csv).open("rb") as file:
        while file.read(1 << 24):
            pass


def cool(csv):
    """Asks the kernel to drop a file's pages; it does, as they are synced, though the disk of a virtual machine may still have
    them in its own host's memory."""
    with Path(csv).open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


# MARK: Variants, made by DuckDB in a process of their own

def uniform(low, span):
    """A number of a row and a salt, evenly spread, the same in every run; with the digits of a double."""
    return f"{low} + {span} * (hash(row * 8 + {{}})::DOUBLE / 18446744073709551616.0)"


LONGITUDE, LATITUDE = uniform(-180, 360), uniform(-90, 180)


def point(longitude, latitude, salt):
    return f"'POINT (' || ({longitude.format(salt)})::VARCHAR || ' ' || ({latitude.format(salt + 1)})::VARCHAR || ')'"


def variants(name):
    """SQL for the columns that differ and for the order."""
    kind, _, number = name.partition("-")
    if kind == "shuffled":
        return {}, "hash(row)"
    if kind == "regions":
        return {"region": f"'Region ' || (hash(row) % {number})"}, "row"
    if kind == "datasources":
        return {"datasource": f"'datasource ' || (hash(row) % {number})"}, "row"
    if kind == "uniform":
        return {"origin_coord": point(LONGITUDE, LATITUDE, 0), "destination_coord": point(LONGITUDE, LATITUDE, 2)}, "row"
    if kind == "clustered":
        # All in one square kilometre: one geohash cell of precision 5.
        near = uniform(14.42, 0.01), uniform(50.08, 0.01)
        return {"origin_coord": point(*near, 0), "destination_coord": point(*near, 2)}, "row"
    sys.exit(f"no variant is called {name}")


def make_variant(source, target, name):
    import duckdb

    columns, order = variants(name)
    select = ", ".join(f"{columns.get(column, column)} AS {column}" for column in (
        "region", "origin_coord", "destination_coord", "datetime", "datasource"))
    duckdb.execute(
        f"COPY (SELECT {select} FROM (SELECT *, row_number() OVER () AS row FROM read_csv('{source}', header = true,"
        f" all_varchar = true)) ORDER BY {order}) TO '{target}' (HEADER, DELIMITER ',')")


if __name__ == "__main__":
    make_variant(*sys.argv[1:])
