"""The peers doing tripstore's work, each in the way that suits it: a process of its own that contenders.py starts.

    peers.py NAME load CSV FOLDER     prints {"seconds": …, "cpu_seconds": …, "bytes": …}
    peers.py NAME settle FOLDER       the same for work that a store postpones until after a load: chDB's merging of parts
    peers.py NAME serve FOLDER        answers a query (queries.py) a line with {"milliseconds": …, "answer": …}

Every peer parses what tripstore parses: both POINT texts to two doubles each, the time to a timestamp of microseconds; region
and datasource are kept. A load ends when its files are synced, as ours does. The clock starts when the library is imported and
ends when the answer is here as Python values, so neither the interpreter's start nor a network is in a peer's figures.

    duckdb          a database file, rows in file order
    duckdb-sorted   a database file, rows by geohash cell of precision 6 in Z-order, then by week: our order with the cell
                    first, since DuckDB's zone maps find a box several times faster that way round
    polars          streaming, CSV to one zstd Parquet file, in file order
    datafusion      CSV to a folder of zstd Parquet files (one is slower), in file order
    chdb            ClickHouse MergeTree ordered as duckdb-sorted, zstd (faster and smaller here than the default LZ4), names as
                    LowCardinality, a minmax index on the origin; floats parsed exactly, which is an option of it

Cells are computed on request, as numbers; their text is made after the clock has stopped. Groups of equal count come in
any order and totals are not counted. All of that is in the peers' favour.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

from tripstore_tools.bench.polars_peer import Polars
from tripstore_tools.bench.sql_peers import ChDB, DataFusion, DuckDB, SortedDuckDB

CLASSES = {"duckdb": DuckDB, "duckdb-sorted": SortedDuckDB, "polars": Polars, "datafusion": DataFusion, "chdb": ChDB}


def sync_files(folder):
    """Does what a load of ours has done when it reports its end."""
    for path in [Path(folder), *Path(folder).rglob("*")]:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def timed(peer, work):
    """Does some work until it is on disk; prints what it took."""
    started, cpu_started = time.perf_counter(), cpu_seconds()
    work()
    sync_files(peer.folder)
    seconds, cpu = time.perf_counter() - started, cpu_seconds() - cpu_started
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "bytes": peer.bytes_on_disk()}), flush=True)


def serve(peer):
    print("ready", flush=True)
    for line in sys.stdin:
        query = json.loads(line)
        started = time.perf_counter()
        finish = peer.answer(query)
        milliseconds = (time.perf_counter() - started) * 1000
        print(json.dumps({"milliseconds": milliseconds, "answer": finish()}), flush=True)


def main():
    name, action, *rest = sys.argv[1:]
    peer = CLASSES[name](rest[-1])
    if action == "load":
        timed(peer, lambda: peer.load(rest[0]))
    elif action == "settle":
        timed(peer, peer.settle)
    else:
        serve(peer)
    peer.close()


if __name__ == "__main__":
    main()
