"""The ClickHouse engine beside ClickHouse's own tools: loads beside `clickhouse-client`, queries beside bare SQL.

Two shards of Debian's `clickhouse-server` on loopback share this machine's cores with whoever loads. `clickhouse-client` loads
the same rows already decoded, as Native files, one client for each shard; tripstore reads the CSV.

Nothing is dropped before the end: ext4 looks past the inodes that were freed in the last minutes whenever a file is made, so whoever
loads after a removal pays for it (a fifth of the time). Each load begins when merges have ended and files are written.
"""

import http.client
import os
import shutil
import statistics
import subprocess
import sys
import time

from tripstore_tools.bench import files
from tripstore_tools.bench.contenders import BINARY, Connection, Server, timed_process
from tripstore_tools.bench.loads import fresh
from tripstore_tools.harness import clickhouse  # of the acceptance tests, to which `contenders` leads

COLUMNS = ("region, datasource, origin_longitude, origin_latitude, destination_longitude, destination_latitude, time, week, "
           "origin_cell, destination_cell, job_id, block")
# name: the query over HTTP, and what a person would query from the same tables
QUERIES = {
    "trips a week": ("/analytics/weekly-average", "SELECT week, count() FROM {table} GROUP BY week ORDER BY week FORMAT RowBinary"),
    "trips a week of a region": (
        "/analytics/weekly-average?region=Berlin",
        "SELECT week, count() FROM {table} WHERE region = 'Berlin' GROUP BY week ORDER BY week FORMAT RowBinary"),
    "trips a week of a box": (
        "/analytics/weekly-average?min_lat=52.4&max_lat=52.6&min_lng=13.3&max_lng=13.5",
        "SELECT week, count() FROM {table} WHERE origin_longitude BETWEEN 13.3 AND 13.5 AND origin_latitude BETWEEN 52.4 AND 52.6 "
        "GROUP BY week ORDER BY week FORMAT RowBinary"),
    "50 largest groups": (
        "/trip-groups",
        "SELECT region, bitShiftRight(origin_cell, 35) AS o, bitShiftRight(destination_cell, 35) AS d, "
        "intDiv(time % 86400000000, 3600000000) AS b, count() AS c FROM {table} GROUP BY region, o, d, b WITH TOTALS "
        "ORDER BY c DESC, region, o, d, b LIMIT 50 FORMAT JSONCompact"),
    "regions": (
        "/regions",
        "SELECT region, datasource, count(), min(time), max(time), min(origin_longitude), min(origin_latitude), "
        "max(origin_longitude), max(origin_latitude) FROM {table} GROUP BY region, datasource FORMAT RowBinary"),
}


def measure(made, folder, rounds, rows, repeats):
    client = shutil.which("clickhouse-client")
    if not client or not clickhouse.is_installed():
        sys.exit("This needs clickhouse-server and clickhouse-client: apt-get install them.")
    csv = made.generated(rows)
    measured = {"rows": rows, "tripstore": [], "clickhouse_client": [], "queries": {}}
    with clickhouse.Cluster(folder / "shards", memory_bytes=8_000_000_000) as cluster:
        decoded = decode(client, cluster, csv, folder)
        for number in range(rounds):
            settle(cluster)
            files.warm(csv)
            measured["tripstore"].append(load(cluster, csv, fresh(folder / "store"), f"t{number}"))
            settle(cluster)
            for path in decoded:
                files.warm(path)
            measured["clickhouse_client"].append(client_load(client, cluster, decoded, f"c{number}"))
        settle(cluster)
        measured["queries"] = ask(cluster, folder / "store", f"t{rounds - 1}", repeats)
    return measured


# MARK: Loads

def load(cluster, csv, store, database):
    """Seconds of the whole process."""
    _, figures = timed_process([str(BINARY), "ingest", "--quiet", str(csv), "--data-dir", str(store)],
                               DATABASE_URL=cluster.database_url(database))
    return figures["seconds"]


def decode(client, cluster, csv, folder):
    """Loads the file once and takes the rows of each shard out again as Native."""
    load(cluster, csv, fresh(folder / "decoded"), "decoded")
    paths = []
    for shard in cluster.shards:
        path = folder / f"shard{shard.number}.native"
        with path.open("wb") as target:
            subprocess.run([client, "--port", str(shard.tcp_port), "--query", f"SELECT {COLUMNS} FROM decoded.trips FORMAT Native"],
                           stdout=target, check=True)
        paths.append(path)
    return paths


def client_load(client, cluster, paths, database):
    kinds = ["String"] * 2 + ["Float64"] * 4 + ["Int64", "Int32", "UInt64", "UInt64", "Int64", "UInt64"]
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(COLUMNS.split(", "), kinds, strict=True))
    for shard in cluster.shards:
        shard.query(f"CREATE DATABASE {database}")
        shard.query(f"CREATE TABLE {database}.trips ({columns}) ENGINE = MergeTree PARTITION BY week ORDER BY origin_cell")
    started = time.perf_counter()
    clients = []
    for shard, path in zip(cluster.shards, paths, strict=True):
        clients.append(subprocess.Popen(
            [client, "--port", str(shard.tcp_port), "--query", f"INSERT INTO {database}.trips ({COLUMNS}) FORMAT Native"],
            stdin=path.open("rb")))
    for process in clients:
        if process.wait() != 0:
            sys.exit("clickhouse-client could not load")
    return time.perf_counter() - started


def settle(cluster):
    """Waits until no part is being merged and files are written, which would take processor time from the contender."""
    quiet = 0
    while quiet < 10:
        merging = sum(int(shard.query("SELECT count() FROM system.merges")) for shard in cluster.shards)
        quiet = 0 if merging else quiet + 1
        time.sleep(0.1)
    os.sync()


# MARK: Queries

def ask(cluster, store, database, repeats):
    """Each query and its bare SQL in turn; milliseconds, medians."""
    measured = {}
    with Server(store, store.parent / "clickhouse.log", DATABASE_URL=cluster.database_url(database)) as server:
        connection = Connection(server.port)
        shard = cluster.shards[0]
        bare = http.client.HTTPConnection("127.0.0.1", shard.http_port)
        for name, (path, sql) in QUERIES.items():
            sql = sql.format(table=f"{database}.trips_cluster")
            ours, theirs = [], []
            for _ in range(repeats):
                started = time.perf_counter()
                connection.json(path)
                ours.append(time.perf_counter() - started)
                started = time.perf_counter()
                bare.request("POST", "/", sql.encode())
                answer = bare.getresponse()
                body = answer.read()
                theirs.append(time.perf_counter() - started)
                if answer.status != 200:
                    sys.exit(f"ClickHouse: {body.decode()}")
            measured[name] = {"tripstore_ms": statistics.median(ours[1:]) * 1000, "bare_ms": statistics.median(theirs[1:]) * 1000}
        connection.close()
    return measured


# MARK: Tables

def tables(measured):
    rows = measured["rows"]
    ours, theirs = (statistics.median(measured[name]) for name in ("tripstore", "clickhouse_client"))
    loads = [["load into two shards", "seconds", "rows/s", "÷ clickhouse-client"],
             ["tripstore, from the CSV", f"{ours:.2f}", f"{rows / ours:,.0f}", f"{theirs / ours:.0%}"],
             ["clickhouse-client, rows already decoded", f"{theirs:.2f}", f"{rows / theirs:,.0f}", ""]]
    queries = [["query over two shards", "tripstore, ms", "bare SQL, ms", "ratio"]]
    for name, figures in measured["queries"].items():
        ratio = figures["tripstore_ms"] / figures["bare_ms"]
        queries.append([name, f"{figures['tripstore_ms']:.1f}", f"{figures['bare_ms']:.1f}", f"{ratio:.2f}"])
    return loads, queries
