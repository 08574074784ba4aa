"""The contenders: tripstore as it is used, and each peer in a process of its own; how to start, load and query them.

tripstore loads from the command line and answers over HTTP, on one kept-alive connection; two queries that the catalog
answers are queried as `sql_queries.sql` shows, in SQLite. Nothing is subtracted for HTTP. Peers answer inside their process
(peers.py).
"""

import json
import os
import resource
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

from tripstore_tools import REPOSITORY
from tripstore_tools.harness.tripstore import BINARY, Server, clean_environment

PEER_PYTHON = os.environ.get("TRIPSTORE_PEERS_PYTHON", str(REPOSITORY / ".venv-bench/bin/python"))
PEER_COMMAND = [PEER_PYTHON, "-m", "tripstore_tools.bench.peers"]


# MARK: Processes

def memory(process):
    """Peak of a running process's memory, and its anonymous memory now; nothing if it is gone."""
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:
        return None
    kibibytes = dict(line.split()[:2] for line in lines if line.startswith(("VmHWM", "RssAnon")))
    return (int(kibibytes["VmHWM:"]) * 1024, int(kibibytes["RssAnon:"]) * 1024) if len(kibibytes) == 2 else None


def watch_memory(process, peaks):
    """Keeps the largest values in `peaks` until the process is gone."""
    while process.returncode is None and (values := memory(process)):
        peaks[:] = map(max, peaks, values)
        time.sleep(0.01)


def timed_process(command, **environment):
    """Runs a command to its end; returns what it printed and what the system counted.

    The peak is `ru_maxrss`, which has what the process maps as well. A process inherits that of the one that started it, so
    if it is not above our own it is meaningless, and the largest of samples taken every 10 ms replaces it, as it does for
    anonymous memory.
    """
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(**environment))
    peaks = [0, 0]
    watch = threading.Thread(target=watch_memory, args=(process, peaks))
    watch.start()
    errors = []
    reader = threading.Thread(target=lambda: errors.append(process.stderr.read()))
    reader.start()
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.join()
    reader.join()
    if process.returncode != 0:
        sys.exit(f"{command} ended with {process.returncode}\n{output.decode()}{errors[0].decode()}")
    is_inherited = usage.ru_maxrss <= resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return output.decode(), {
        "seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": peaks[0] if is_inherited else usage.ru_maxrss * 1024, "peak_anonymous_bytes": peaks[1]}


# MARK: tripstore

class Connection:
    """One kept-alive HTTP connection, with as little as possible between the clock and the socket."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, target):
        """Milliseconds from the request to the last byte of the answer, its status and its body."""
        request = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        started = time.perf_counter()
        self.socket.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.receive()
        head, _, body = received.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
        parts, missing = [body], int(fields["content-length"]) - len(body)
        while missing > 0:
            parts.append(self.receive())
            missing -= len(parts[-1])
        milliseconds = (time.perf_counter() - started) * 1000
        return milliseconds, int(head.split(b" ", 2)[1]), b"".join(parts)

    def receive(self):
        data = self.socket.recv(1 << 20)
        if not data:
            sys.exit("the server closed the connection")
        return data

    def json(self, target):
        _, status, body = self.get(target)
        if status != 200:
            sys.exit(f"{target}: {status} {body.decode()}")
        return json.loads(body)

    def close(self):
        self.socket.close()


def catalog_sql(name):
    """One of the queries of sql_queries.sql."""
    text = (REPOSITORY / "sql_queries.sql").read_text()
    return text.split(f"-- name: {name}\n")[1].split("-- name:")[0]


class TripstoreSession:
    """A server that has just opened the store."""

    def __init__(self, store, binary=BINARY):
        self.server = Server(store, Path(store).parent / f"{Path(store).name}.log")
        self.server.binary = binary
        self.server.start()
        self.connection = Connection(self.server.port)
        self.catalog = sqlite3.connect(f"file:{store}/catalog.sqlite?mode=ro", uri=True)
        self.wait_for_rollup(Path(store) / "rollups")

    def wait_for_rollup(self, folder):
        """The first server after a load builds the rollup; a peer builds its index while it loads."""
        started = time.monotonic()
        enough = sum(region["trips"] for region in self.connection.json("/regions")["regions"]) >= 256 << 10
        while enough and not any(folder.glob("*.rollup")) and time.monotonic() - started < 120:
            time.sleep(0.05)

    def ask(self, query):
        kind = query["kind"]
        if kind in ("latest", "regions_of"):
            return self.ask_catalog(query)
        path, parameters = as_request(query)
        target = path + ("?" + urllib.parse.urlencode(parameters) if parameters else "")
        milliseconds, status, body = self.connection.get(target)
        if status != 200:
            sys.exit(f"{target}: {status} {body.decode()}")
        answer = json.loads(body)
        if kind == "weeks":
            return milliseconds, [[week["week_start"], week["trips"]] for week in answer["weeks"] if week["trips"]]
        fields = ("region", "origin_geohash", "destination_geohash", "time_bucket_start", "trip_count")
        return milliseconds, [[group[field] for field in fields] for group in answer["groups"]]

    def ask_catalog(self, query):
        if query["kind"] == "latest":
            sql = catalog_sql("latest_datasource_of_top_regions")
        else:
            name = query["datasource"].replace("'", "''")
            sql = catalog_sql("regions_of_cheap_mobile").replace("'cheap_mobile'", f"'{name}'")
        started = time.perf_counter()
        rows = self.catalog.execute(sql).fetchall()
        milliseconds = (time.perf_counter() - started) * 1000
        if query["kind"] == "latest":
            return milliseconds, [list(row) for row in rows]
        return milliseconds, sorted(region for region, in rows)

    def close(self):
        self.catalog.close()
        self.connection.close()
        self.server.stop()


def as_request(query):
    """A query of two kinds as the API's path and parameters."""
    if query["kind"] == "weeks":
        return "/analytics/weekly-average", query["where"]
    own = {"limit": query["limit"], "precision": query["precision"], "bucket_minutes": query["minutes"]}
    return "/trip-groups", query["where"] | own


class Tripstore:
    """A build of the program."""

    def __init__(self, name="tripstore", binary=BINARY):
        self.name, self.binary = name, binary

    def load(self, csvs, store, prefix=()):
        """Loads files with one call of the program; returns the figures of the whole process."""
        _, figures = timed_process([*prefix, str(self.binary), "ingest", *map(str, csvs), "--data-dir", str(store)])
        return figures | {"bytes": segment_bytes(store)}

    def settle(self, store):
        """A load leaves nothing for later."""

    def open(self, store):
        return TripstoreSession(store, self.binary)


def segment_bytes(store):
    return sum(path.stat().st_size for path in Path(store, "segments").glob("*.parquet"))


def segment_count(store):
    return len(list(Path(store, "segments").glob("*.parquet")))


# MARK: Peers

class PeerSession:
    """A peer's process that has just opened its store."""

    def __init__(self, name, store):
        self.process = subprocess.Popen([*PEER_COMMAND, name, "serve", str(store)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.line()

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args} ended with {self.process.wait()}")
        return line

    def ask(self, query):
        self.process.stdin.write(json.dumps(query) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.line())
        return answer["milliseconds"], answer["answer"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Peer:
    def __init__(self, name):
        self.name = name

    def load(self, csvs, store, prefix=()):
        """Loads one file; wall and processor time without starting Python and importing the library."""
        csv, = csvs
        output, figures = timed_process([*prefix, *PEER_COMMAND, self.name, "load", str(csv), str(store)])
        return figures | json.loads(output.splitlines()[-1])

    def settle(self, store):
        """Work that the peer postpones until after a load; its figures, or nothing."""
        if self.name != "chdb":
            return None
        output, _ = timed_process([*PEER_COMMAND, self.name, "settle", str(store)])
        return json.loads(output.splitlines()[-1])

    def open(self, store):
        return PeerSession(self.name, store)


PEERS = [Peer(name) for name in ("duckdb", "duckdb-sorted", "polars", "datafusion", "chdb")]
