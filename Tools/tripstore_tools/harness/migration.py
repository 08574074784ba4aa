"""Odd trips, a place in a cluster for them, and all that a store says of them: what migrations and backups are checked by."""

import json
import random
import signal
import sqlite3
import subprocess
from pathlib import Path

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.tripstore import TIMEOUT_SECONDS, cli, wait_until

HEADER = "region,origin_coord,destination_coord,datetime,datasource\n"
NAMES = ['"', 'a "quoted" name', "a,b", ",", "'; DROP TABLE trips; --", "\\", "é", "e\u0301", '"\u0301', "🚲 bike", " blank ", "日本", "%s", "None",
         "x" * 1000]
COORDINATES = ["-180", "180", "0", "-0", "5e-324", "-5e-324", "2.2250738585072014e-308", "1e-300", "179.99999999999997", "-90", "90",
               "45.00000000000001", "0.1", "-0.30000000000000004", "12.345678901234567", "1.0000000000000002", "1e-5"]
TIMES = ["0001-01-01 00:00:00", "1969-12-31 23:59:59.999999", "1970-01-01 00:00:00.000001", "9999-12-31 23:59:59.999999",
         "2018-05-28 09:03:40.25", "1900-02-28 12:34:56", "2018-05-28 09:03:40"]
QUERIES = [
    ("/regions", {}), ("/analytics/weekly-average", {"weeks": "active"}), ("/analytics/weekly-average", {"region": "e\u0301", "weeks": "active"}),
    *(("/trip-groups", {"precision": precision, "bucket": bucket, "limit": 10_000, "bucket_minutes": 15})
      for precision in (1, 5, 12) for bucket in ("time_of_day", "absolute"))]
COUNT = "SELECT coalesce(sum(processed_rows), 0)::bigint FROM jobs"


def write_odd_trips(path, rows, seed):
    choice = random.Random(seed)

    def point():
        latitude = choice.choice([value for value in COORDINATES if abs(float(value)) <= 90])
        return f"POINT ({choice.choice(COORDINATES)} {latitude})"

    def field(name):
        return '"' + name.replace('"', '""') + '"'

    lines = [",".join([field(choice.choice(NAMES)), point(), point(), choice.choice(TIMES), field(choice.choice(NAMES))])
             for _ in range(rows)]
    path.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def inspected(data):
    return json.loads(cli("inspect", "--data-dir", data, "--format", "json").stdout)


class Cluster:
    """A place for trips and jobs of its own in the shared servers."""

    def __init__(self, kind, name, folder, shards, catalog, parameters=""):
        self.kind, self.name, self.folder, self.shards, self.catalog = kind, name, folder, shards, catalog
        self.url = shards.database_url(name, parameters)
        self.variables = {"DATABASE_URL": self.url}
        self.data = folder / "clustered"
        if kind == "postgresql":
            catalog.make_database(name)
            self.variables["CATALOG_URL"] = catalog.url(name, "?lease_seconds=3")

    @property
    def flags(self):
        if self.kind == "postgresql":
            return ["--database-url", self.url, "--catalog-url", self.variables["CATALOG_URL"]]
        return ["--database-url", self.url, "--cluster-data-dir", self.data]

    def server(self, name="clustered"):
        return tripstore.Server(self.folder / name, self.folder / f"{name}.log", **self.variables)

    def committed(self):
        return int(self.catalog.query(COUNT, self.name))

    def stored(self):
        return sum(int(self.shards.query(f"SELECT count() FROM {self.name}.trips", shard=number)) for number in range(2))


def said(server):
    """All that a server says of its trips and jobs."""
    jobs = server.get("/jobs", {"limit": 1000})
    bodies = {"jobs": jobs.body}
    for job in jobs.json:
        number, after = job["id"], 0
        while after is not None:
            page = server.get(f"/jobs/{number}/rejects", {"limit": 1000, "after": after})
            bodies[f"rejects of {number} after {after}"] = page.body
            after = page.json["next_after"]
    for query in QUERIES:
        answer = server.get(*query)
        bodies[str(query)] = (answer.status, answer.body)
    return bodies


def same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert one[name] == other[name], name


def interrupted(command, variables, committed, moments):
    """Runs a command again and again, killed each time some more rows are committed; returns how often it was."""
    kills = 0
    for moment in moments:
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env=tripstore.clean_environment(**variables))
        wait_until(lambda: committed() >= moment or process.poll() is not None, "some rows", pause=0.002)
        if process.poll() is not None:
            assert process.returncode == 0, process.communicate()[0]
            break
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=TIMEOUT_SECONDS)
        kills += 1
    return kills


def counted(data):
    """Rows that a catalog in SQLite has committed."""
    path = Path(data) / "catalog.sqlite"
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as database:
            return database.execute("SELECT coalesce(sum(processed_rows), 0) FROM jobs").fetchone()[0]
    except sqlite3.Error:
        return 0


def refusal(*arguments, code=1, **variables):
    done = cli(*arguments, check=False, **variables)
    assert done.returncode == code, done.stderr + done.stdout
    return done.stderr
