"""Publishers' forms, beside engines that read the same columns into memory.

"tripstore, read" reads as they do: every row becomes typed values, which are counted and dropped (`ingest --dry-run`). "tripstore, load" is a
whole `ingest` as well: sorted, indexed, compressed and durable on the disk.
"""

import json
import sys

import duckdb

from tripstore_tools.bench import publisher_files
from tripstore_tools.bench.contenders import BINARY, PEER_PYTHON, timed_process
from tripstore_tools.bench.files import warm
from tripstore_tools.bench.loads import fresh, medians, progress

READERS = ["duckdb", "polars", "datafusion"]
READ, LOAD = "tripstore, read", "tripstore, load"


def measure(made, folder, rounds, rows):
    """A B C D A B C D …; returns {form: {"csv_bytes": …, contender: medians}}."""
    results = {}
    for form in publisher_files.FORMS:
        csv = publisher_files.made(made, rows, form)
        runs = {name: [] for name in [READ, LOAD, *READERS]}
        for number in range(rounds):
            counts, totals = set(), set()
            for name in runs:
                warm(csv)
                if name == READ:
                    run, trips, total = dry_run(csv)
                elif name == LOAD:
                    run, trips, total = ingest(csv, fresh(folder / "publishers"))
                else:
                    run, trips, total = read(name, form, csv)
                runs[name].append(run)
                counts.add(trips)
                if total is not None:
                    totals.add(round(total, 2))
                progress(f"{form.name}, {number + 1} of {rounds}, {name}: {run['seconds']:.2f} s")
            if len(counts) != 1 or len(totals) != 1:
                sys.exit(f"{form.name}: contenders read different trips: {counts}, sums of longitudes {totals}")
        results[form.name] = {"csv_bytes": csv.stat().st_size} | {name: medians(of_one) for name, of_one in runs.items()}
    return results


def dry_run(csv):
    """A dry run keeps no trips to add up."""
    printed, run = timed_process([str(BINARY), "ingest", str(csv), "--dry-run", "--format", "json"])
    report = json.loads(printed)
    return run, report["processed_rows"] - report["rejected_rows"], None


def ingest(csv, store):
    _, run = timed_process([str(BINARY), "ingest", str(csv), "--data-dir", str(store), "--quiet"])
    trips, total = duckdb.execute(f"select count(*), sum(origin_longitude) from '{store}/segments/*.parquet'").fetchone()
    return run, trips, total


def read(name, form, csv):
    """The reader's own clock counts, as it begins after the import."""
    printed, run = timed_process([PEER_PYTHON, "-m", "tripstore_tools.bench.publisher_peers", name, form.name, str(csv)])
    said = json.loads(printed)
    return run | {"seconds": said["seconds"], "cpu_seconds": said["cpu_seconds"]}, said["trips"], said["sum"]


def table(results):
    head = ["form", "contender", "seconds", "MB/s", "CPU s", "peak MB", "÷ tripstore, read"]
    body = []
    for form, of_form in results.items():
        ours = of_form[READ]["seconds"]
        body += [[form, name, f"{run['seconds']:.2f}", f"{of_form['csv_bytes'] / 1e6 / run['seconds']:,.0f}", f"{run['cpu_seconds']:.2f}",
                  f"{run['peak_bytes'] / 1e6:,.0f}", f"{run['seconds'] / ours:.2f} ×"]
                 for name, run in of_form.items() if name != "csv_bytes"]
    worst = min(min(of_form[name]["seconds"] for name in READERS) / of_form[READ]["seconds"] for of_form in results.values())
    return [head, *body, ["worst of the forms beside the best of the others", "", "", "", "", "", f"{worst:.2f} ×"]]
