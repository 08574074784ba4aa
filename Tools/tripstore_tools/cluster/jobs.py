"""How many small jobs a second a cluster takes in and brings to their end, by the number of its workers, and what one costs PostgreSQL.

    scripts/cluster test --jobs

Each job is a file of its own, uploaded to one API process by several clients at once: put into the store, added to PostgreSQL, claimed,
fetched, loaded into ClickHouse as one block, committed, and removed from the store.
"""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tripstore_tools.harness import topology, tripstore

JOBS, ROWS_EACH, CLIENTS = 200, 5000, 8
WORKERS = (1, 2, 4)


def transactions(cluster):
    return int(cluster.postgresql.query(f"SELECT xact_commit FROM pg_stat_database WHERE datname = '{topology.CATALOG}'"))


def unfinished(api):
    return [job for status in ("pending", "running") for job in api.get("/jobs", {"status": status}).json]


def run(folder, workers, csv):
    """Seconds from the first upload to the end of the last job, and transactions of PostgreSQL a job."""
    with topology.Topology(folder, apis=1, workers=workers) as cluster:
        api, = cluster.apis
        before, start = transactions(cluster), time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(lambda _: api.post_file(csv), range(JOBS)))
        accepted = time.monotonic() - start
        tripstore.wait_until(lambda: not unfinished(api), "all jobs to end", pause=0.1, seconds=600)
        seconds = time.monotonic() - start
        trips = api.get("/analytics/weekly-average").json["total_trips"]
        assert trips == JOBS * ROWS_EACH, f"{trips} trips of {JOBS} files of {ROWS_EACH}"
        # What PostgreSQL counts comes to its statistics a little later.
        time.sleep(2)
        return accepted, seconds, (transactions(cluster) - before) / JOBS


def main(options):
    with tempfile.TemporaryDirectory(prefix="tripstore-jobs-") as folder:
        folder = Path(folder)
        csv = folder / "trips.csv"
        tripstore.cli("generate", "--rows", ROWS_EACH, "--seed", options.seed or 1, "--output", csv)
        print(f"{JOBS} files of {ROWS_EACH:,} trips, {CLIENTS} clients, two shards")
        print("| workers | uploads a second | jobs a second to their end | transactions of PostgreSQL a job |")
        print("| ---: | ---: | ---: | ---: |")
        for workers in WORKERS:
            accepted, seconds, per_job = run(folder / f"workers-{workers}", workers, csv)
            print(f"| {workers} | {JOBS / accepted:.0f} | {JOBS / seconds:.1f} | {per_job:.0f} |", flush=True)
