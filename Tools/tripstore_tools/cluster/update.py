"""An update under load: every process of a cluster is replaced by another version, one after the other, under jobs and queries.

    scripts/cluster test --before FILE    FILE: the program of the version before

Exits with 1 if a request failed, an answer was not of whole jobs, or a trip counts twice or not at all.
"""

import contextlib
import http.client
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

from tripstore_tools.harness import topology, tripstore

JOBS = 12
PAUSE_SECONDS = 3


def main(options):
    after = tripstore.BINARY
    tripstore.BINARY = Path(options.before).resolve()
    with tempfile.TemporaryDirectory(prefix="tripstore-update-") as name:
        folder = Path(name)
        csv = folder / "trips.csv"
        tripstore.cli("generate", "--rows", options.rows, "--seed", 5, "--output", csv)
        with topology.Topology(folder / "cluster", lease_seconds=3, parameters="&rows_per_insert=30000&purge_after_seconds=3") as cluster:
            failures, requests = play(cluster, csv, options.rows, after)
            variables = {key: cluster.members[0].variables[key] for key in ("DATABASE_URL", "CATALOG_URL")}
            found = json.loads(tripstore.cli("verify", "--format=json", check=False, **variables, DATA_DIR=str(folder / "scratch")).stdout)
            if found["missing"] or found["extra"]:
                failures.append(f"the tables differ from the catalog: {found}")
    print("\n".join(failures))
    print(f"{JOBS} jobs of {options.rows:,} trips, {requests} requests besides: {len(failures)} faults")
    sys.exit(1 if failures else 0)


def play(cluster, csv, rows, after):
    """Ingests and queries while all processes are replaced; returns the failures, and the count of queries."""
    failures, jobs, requests, is_over = [], [], [0], threading.Event()

    def ask():
        while not is_over.is_set():
            for path in ("/analytics/weekly-average", "/jobs"):
                requests[0] += 1
                try:
                    answer = cluster.proxy.get(path)
                except (OSError, http.client.HTTPException) as error:
                    failures.append(f"{path}: {error!r}")
                    continue
                if answer.status == 200 and path != "/jobs" and answer.json["total_trips"] % rows:
                    failures.append(f"{answer.json['total_trips']:,} trips are not those of whole jobs")
                elif answer.status not in (200, 404):
                    failures.append(f"{path}: {answer.status} {answer.body[:200]!r}")
            time.sleep(0.05)

    def load():
        for number in range(JOBS):
            with csv.open("rb") as file:
                answer = cluster.proxy.post_csv(file, f"{number}.csv")
            if answer.status != 202:
                failures.append(f"an upload: {answer.status} {answer.body[:200]!r}")
                continue
            jobs.append(answer.json["job_id"])
            if cluster.proxy.wait_for_job(jobs[-1])["status"] != "completed":
                failures.append(f"job {jobs[-1]} did not complete")

    threads = [threading.Thread(target=work, daemon=True) for work in (ask, ask, load)]
    for thread in threads:
        thread.start()
    with contextlib.suppress(AssertionError):
        tripstore.wait_until(lambda: len(jobs) > 2, "some jobs")
    tripstore.BINARY = after
    for member in cluster.members:
        started = time.monotonic()
        cluster.restart(member)
        print(f"{member.name}: {time.monotonic() - started:.1f} s, at job {len(jobs)}", flush=True)
        time.sleep(PAUSE_SECONDS)
    threads[-1].join()
    is_over.set()
    for thread in threads:
        thread.join()
    total = cluster.proxy.get("/analytics/weekly-average").json["total_trips"]
    if total != rows * len(jobs):
        failures.append(f"{total:,} trips of {rows * len(jobs):,}")
    return failures, requests[0]
