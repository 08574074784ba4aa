"""Loads of one file by all contenders in turn, and what the system counted."""

import shutil
import statistics
import sys
import time

from tripstore_tools.bench import files, judge
from tripstore_tools.bench.contenders import PEERS, Tripstore


def progress(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def medians(runs):
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def fresh(store):
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir(parents=True)
    return store


def measure(csv, folder, rounds, with_peers, is_cold):
    """A B C A B C …; returns {contender: medians}, and leaves each one's store in the folder for queries.

    After each load of ours, its answers are compared with DuckDB's.
    """
    contenders = [Tripstore()] + (PEERS if with_peers else [])
    judged = judge.judge(csv)
    runs = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        for contender in contenders:
            store = fresh(folder / contender.name)
            (files.cool if is_cold else files.warm)(csv)
            runs[contender.name].append(contender.load([csv], store))
            progress(f"load {number + 1} of {rounds}, {contender.name}: {runs[contender.name][-1]['seconds']:.2f} s")
            if contender.name == "tripstore":
                judge.check(store, judged)
    figures = {name: medians(of_one) for name, of_one in runs.items()}
    for contender in contenders:
        settled = contender.settle(folder / contender.name)
        if settled:
            figures[contender.name] |= {"settle_seconds": settled["seconds"], "bytes": settled["bytes"]}
    return figures


def reading_seconds(csv, is_cold):
    """What reading the file alone takes."""
    if is_cold:
        files.cool(csv)
    started = time.perf_counter()
    files.warm(csv)
    return time.perf_counter() - started


def table(figures, rows, csv_bytes):
    """The loads as rows of a table, head first."""
    ours = figures["tripstore"]["seconds"]
    head = ["load", "seconds", "rows/s", "MB/s", "speedup of tripstore", "CPU s", "peak MB", "anonymous MB", "bytes/row"]
    body = []
    for name, load in figures.items():
        settle = f" + {load['settle_seconds']:.2f}" if "settle_seconds" in load else ""
        body.append([
            name, f"{load['seconds']:.2f}{settle}", f"{rows / load['seconds']:,.0f}",
            f"{csv_bytes / 1e6 / load['seconds']:,.0f}",
            f"{load['seconds'] / ours:.2f} ×" if name != "tripstore" else "", f"{load['cpu_seconds']:.2f}",
            f"{load['peak_bytes'] / 1e6:,.0f}", f"{load['peak_anonymous_bytes'] / 1e6:,.0f}", f"{load['bytes'] / rows:.1f}"])
    return [head, *body]
