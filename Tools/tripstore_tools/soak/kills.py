"""Rounds of `kill -9` at random moments of a job over HTTP: nothing acknowledged is lost, nothing is duplicated.

    scripts/kill-test                  twenty rounds
    scripts/kill-test --rounds 300     ten minutes

In each round a new server gets a file of a million trips, is killed at a random moment between the start of the upload and a
little after the end of the job, is restarted and, in every second round, killed and restarted once more. A client that got a job
number must then find all trips of the file, once, without doing anything; whoever got none finds all of them or none, and no
upload left behind. The end: a summary, and exit code 1 where something was wrong.
"""

import argparse
import contextlib
import http.client
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from tripstore_tools.harness import tripstore

QUERIES = ["/analytics/weekly-average", "/trip-groups?limit=1000", "/regions"]
GONE = (OSError, http.client.HTTPException)
VERIFY_EVERY = 10


def answers(server):
    return [server.get(query).body for query in QUERIES]


class Upload(threading.Thread):
    """Sends a file; `job` is its number once the server has said it."""

    def __init__(self, server, csv):
        super().__init__()
        self.server, self.csv, self.job = server, csv, None
        self.start()

    def run(self):
        with contextlib.suppress(*GONE):  # killed before it answered
            self.job = self.server.post_file(self.csv)


def undisturbed(folder, csv):
    """The answers after an undisturbed job, and the seconds that it takes with its upload."""
    folder.mkdir()
    with tripstore.Server(folder / "data", folder / "log") as server:
        started = time.monotonic()
        job = server.ingest(csv)
        assert job["status"] == "completed", job
        return answers(server), time.monotonic() - started


def faults_of(server, job, expected):
    """What is wrong after the last start, a sentence each."""
    jobs = [server.wait_for_job(row["id"]) for row in server.get("/jobs").json]
    if job is not None and [row["id"] for row in jobs] != [job]:
        yield f"job {job} was acknowledged, and the jobs are {jobs}"
    for row in jobs:
        if row["status"] != "completed":
            yield f"job {row['job_id']} ended as {row['status']}: {row['message']}"
    if jobs and answers(server) != expected:
        yield "the answers are not those of an undisturbed load"
    if not jobs and server.get("/regions").json["regions"]:
        yield "trips of no job are there"
    uploads = list((server.data_dir / "uploads").iterdir())
    if uploads:
        yield f"uploads are left behind: {uploads}"


def faults_of_files(data_dir, is_verified):
    """The same of the files of a server that was stopped."""
    with sqlite3.connect(f"file:{data_dir}/catalog.sqlite?mode=ro", uri=True) as catalog:
        named = {name for name, in catalog.execute("SELECT file_name FROM segments")}
    on_disk = {path.name for path in (data_dir / "segments").iterdir()}
    if on_disk != named:
        yield f"the catalog names {named}, the folder has {on_disk}"
    if is_verified:
        done = tripstore.cli("verify", "--data-dir", data_dir, check=False)
        if done.returncode != 0:
            yield f"verify says {done.stdout}{done.stderr}"


def main():
    parser = argparse.ArgumentParser(prog="scripts/kill-test", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    chance = random.Random(options.seed)
    counts, faults = Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        csv = folder / "trips.csv"
        tripstore.cli("generate", "--rows", options.rows, "--seed", options.seed, "--output", csv)
        expected, seconds = undisturbed(folder / "undisturbed", csv)
        print(f"seed {options.seed}; upload and load of {options.rows:,} trips take {seconds:.2f} s", flush=True)
        for number in range(options.rounds):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                server = tripstore.Server(Path(place) / "data", Path(place) / "log").start()
                upload = Upload(server, csv)
                time.sleep(chance.uniform(0, 1.2 * seconds))
                server.kill()
                upload.join()
                counts["acknowledged" if upload.job is not None else "killed before the answer"] += 1
                kills = 1
                server.start()
                if number % 2 == 1:
                    time.sleep(chance.uniform(0, 0.8 * seconds))
                    server.kill()
                    server.start()
                    kills += 1
                counts["kills"] += kills
                found = list(faults_of(server, upload.job, expected))
                server.stop()
                found += faults_of_files(server.data_dir, is_verified=number % VERIFY_EVERY == 0)
                faults += [f"round {number + 1}: {fault}" for fault in found]
                for fault in found:
                    print(f"FAULT in round {number + 1}: {fault}", flush=True)
    print(f"{options.rounds} rounds, {counts['kills']} kills: {counts['acknowledged']} loads were acknowledged before the first, "
          f"{counts['killed before the answer']} were not; {len(faults)} faults, no manual step")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
