"""Queries under load: wrk with 64 connections queries a server, alone, during ingestion at full speed, and during heavy scans.

    scripts/load-test STORE CSV        a store to query, and a file to ingest meanwhile

Client and server share the machine's cores. Each query is a region or a box of two kilometres, different each time; where
none is in the box the answer is 404, which wrk counts as an answer. During the scans, only regions are queried.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

from tripstore_tools.harness.tripstore import Server

SECONDS = 10


def wrk(server, regions, **environment):
    """Requests a second, milliseconds of the median and of the 99th percentile, and errors."""
    command = ["wrk", "--threads", "1", "--connections", "64", "--duration", f"{SECONDS}s", "--latency",
               "--script", str(Path(__file__).with_name("queries.lua")), server.url]
    done = subprocess.run(command, capture_output=True, text=True, check=True,
                          env=os.environ | {"REGIONS": str(regions)} | environment)
    figures = next(line for line in done.stdout.splitlines() if line.startswith("FIGURES")).split()[1:]
    return [float(figure) for figure in figures]


def seconds_of_job(server, job):
    while server.job(job)["status"] in ("pending", "running"):
        time.sleep(0.05)
    assert server.job(job)["status"] == "completed"


def timed_load(server, csv):
    """Seconds of a job from the end of its upload to its end, and the job."""
    job = server.post_file(csv)
    started = time.monotonic()
    seconds_of_job(server, job)
    return time.monotonic() - started, job


def heavy_query(number):
    parameters = {"precision": 7, "bucket_minutes": 15, "limit": 100 + number}
    return "/trip-groups?" + urllib.parse.urlencode(parameters)


def main():
    parser = argparse.ArgumentParser(prog="scripts/load-test", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("csv", type=Path)
    arguments = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is missing: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        store = folder / "store"
        shutil.copytree(arguments.store, store)
        with Server(store, folder / "log") as server:
            rows = server.get("/regions").json["regions"]
            regions = folder / "regions"
            regions.write_text("".join(
                f"{row['region']}\t{(row['bounds'][0] + row['bounds'][2]) / 2}\t{(row['bounds'][1] + row['bounds'][3]) / 2}\n"
                for row in rows))
            time.sleep(5)  # until the groups are counted ahead
            print(f"| {sum(row['trips'] for row in rows):,} trips, 64 connections | requests/s | median ms | p99 ms | errors |")
            print("| --- | ---: | ---: | ---: | ---: |")

            def report(name, figures):
                print(f"| {name} | {figures[0]:,.0f} | {figures[1]:.2f} | {figures[2]:.2f} | {figures[3]:.0f} |", flush=True)

            report("regions and boxes", wrk(server, regions))
            alone, _ = timed_load(server, arguments.csv)
            beside = []
            stop = threading.Event()

            def load():
                while not stop.is_set():
                    seconds, job = timed_load(server, arguments.csv)
                    beside.append(seconds)
                    server.delete(f"/jobs/{job}")

            loader = threading.Thread(target=load)
            loader.start()
            report("the same beside loads, one after the other", wrk(server, regions))
            stop.set()
            loader.join()
            stop.clear()

            def scan(number):
                while not stop.is_set():
                    server.get(heavy_query(number))

            scanners = [threading.Thread(target=scan, args=(number,)) for number in range(4)]
            for scanner in scanners:
                scanner.start()
            time.sleep(1)
            report("regions beside four scans in a loop", wrk(server, regions, ONLY_REGIONS="1"))
            stop.set()
            for scanner in scanners:
                scanner.join()
            beside = statistics.median(beside)
            print(f"\nA load took {alone:.2f} s alone and {beside:.2f} s beside the queries, from the end of its upload.")


if __name__ == "__main__":
    main()
