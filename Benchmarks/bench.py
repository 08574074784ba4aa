"""Measures the program as it is used: a file loaded from the command line, questions asked over HTTP on loopback.

    scripts/bench                          a million rows
    scripts/bench --rows 10000000          ten million
    scripts/bench --peers                  DuckDB and Polars on the same file, in turn with tripstore (A B C A B C)
    scripts/bench --json FILE              the figures for a program as well

Loads are whole processes: wall-clock time, processor time and peak memory as the system counts them. Questions are timed from
the request to the last byte of the answer, over one kept-alive connection: the first after the server's start, then the median
of the rest. Peers are timed inside their process, without HTTP, and must give the same totals or the run ends.
"""

import argparse
import http.client
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "Tests/Interop"))

from tripstore import BINARY, Server, cli  # noqa: E402  (the acceptance tests' way to reach the program)

PEERS = ["duckdb", "polars"]
PEER_COMMAND = [sys.executable, str(Path(__file__).with_name("peers.py"))]


def questions(center):
    """name: (path, parameters); center is (region, latitude, longitude) of the busiest region's middle."""
    region, latitude, longitude = center

    def box(degrees):
        return {"min_lat": latitude - degrees, "max_lat": latitude + degrees,
                "min_lng": longitude - degrees, "max_lng": longitude + degrees}

    average, groups = "/analytics/weekly-average", "/trip-groups"
    return {
        "weekly average, all": (average, {}),
        "weekly average, one region": (average, {"region": region}),
        "weekly average, box of 1 km": (average, box(0.005)),
        "weekly average, box of 20 km": (average, box(0.1)),
        "weekly average, box, both ends": (average, box(0.1) | {"within": "both"}),
        "weekly average, two weeks": (average, {"from": "2018-05-07", "to": "2018-05-21"}),
        "trip groups, all": (groups, {}),
        "trip groups, one region": (groups, {"region": region}),
        "trip groups, box of 1 km": (groups, box(0.005)),
        "trip groups, precision 7": (groups, {"precision": 7}),
        "regions": ("/regions", {}),
    }


# MARK: Loads

def timed_process(command):
    """Runs a command to its end; returns its wall-clock seconds, processor seconds and peak memory in bytes."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command} ended with {process.returncode}\n{output.decode()}")
    return {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_bytes": usage.ru_maxrss * 1024}


def folder_bytes(folder):
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def load(contender, csv, store):
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir()
    if contender == "tripstore":
        figures = timed_process([str(BINARY), "ingest", str(csv), "--data-dir", str(store)])
        figures["bytes"] = folder_bytes(store / "segments")
    else:
        figures = timed_process([*PEER_COMMAND, contender, "load", str(csv), str(store)])
        figures["bytes"] = folder_bytes(store)
    return figures


def measure_loads(contenders, csv, folder, rounds):
    runs = {contender: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            runs[contender].append(load(contender, csv, folder / contender))
    return {contender: {key: statistics.median(run[key] for run in figures) for key in figures[0]}
            for contender, figures in runs.items()}


# MARK: Questions

def ask_tripstore(store, path, parameters, repeats):
    """Milliseconds of each answer from a server that has just started, and the last answer."""
    times = []
    target = path + ("?" + urllib.parse.urlencode(parameters) if parameters else "")
    with Server(store, store.parent / "server.log") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        for _ in range(repeats):
            started = time.perf_counter()
            connection.request("GET", target)
            response = connection.getresponse()
            body = response.read()
            times.append((time.perf_counter() - started) * 1000)
            if response.status not in (200, 404):
                sys.exit(f"{target}: {response.status} {body.decode()}")
        connection.close()
    return times, json.loads(body)


def ask_peer(peer, store, path, parameters, repeats):
    command = [*PEER_COMMAND, peer, "ask", str(store), path, json.dumps(parameters), str(repeats)]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return answer["milliseconds"], answer["answer"]


def totals(path, answer):
    """What all contenders must agree on."""
    if path == "/regions":
        return [[region["region"], region["trips"]] for region in answer["regions"]]
    return [answer.get("total_trips", 0), answer.get("week_count", answer.get("total_groups"))]


def measure_questions(contenders, folder, asked, repeats, rounds):
    results = {}
    for name, (path, parameters) in asked.items():
        times = {contender: [] for contender in contenders}
        first = {contender: [] for contender in contenders}
        agreed = None
        for _ in range(rounds):
            for contender in contenders:
                ask = ask_tripstore if contender == "tripstore" else lambda *rest, peer=contender: ask_peer(peer, *rest)
                taken, answer = ask(folder / contender, path, parameters, repeats)
                first[contender].append(taken[0])
                times[contender] += taken[1:]
                found = totals(path, answer)
                if agreed is not None and found != agreed:
                    sys.exit(f"{name}: {contender} says {found}, {contenders[0]} says {agreed}")
                agreed = found
        results[name] = {
            contender: {"first_ms": statistics.median(first[contender]), "median_ms": statistics.median(times[contender])}
            for contender in contenders}
        print(f"  {name}", file=sys.stderr, flush=True)
    return results


def busiest_region(store):
    """The region with most trips and the middle of its bounds."""
    with Server(store, store.parent / "server.log") as server:
        region = server.get("/regions").json["regions"][0]
    min_lng, min_lat, max_lng, max_lat = region["bounds"]
    return region["region"], (min_lat + max_lat) / 2, (min_lng + max_lng) / 2


# MARK: Report

def table(header, rows):
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip())
    print()


def report(figures):
    rows, csv_bytes = figures["rows"], figures["csv_bytes"]
    print(f"\n{rows:,} rows, {csv_bytes / 1e6:,.0f} MB of CSV; {figures['machine']}; commit {figures['commit']}\n")
    table(["load", "seconds", "rows/s", "MB/s", "cpu s", "peak MB", "bytes/row"], [
        [contender, f"{load['seconds']:.2f}", f"{rows / load['seconds']:,.0f}", f"{csv_bytes / 1e6 / load['seconds']:,.0f}",
         f"{load['cpu_seconds']:.2f}", f"{load['peak_bytes'] / 1e6:,.0f}", f"{load['bytes'] / rows:.1f}"]
        for contender, load in figures["loads"].items()])
    contenders = list(figures["loads"])
    header = ["milliseconds: first / median"] + [word for contender in contenders for word in (contender, "")]
    table(header, [
        [name] + [f"{times[contender][key]:,.2f}" for contender in contenders for key in ("first_ms", "median_ms")]
        for name, times in figures["questions"].items()])


def command_output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY).stdout.strip()


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{os.cpu_count()} × {line.partition(':')[2].strip()}"
    return f"{os.cpu_count()} × {platform.machine()}"


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=51, help="times a question is asked in a round")
    parser.add_argument("--rounds", type=int, default=3, help="times everything is done, contenders in turn")
    parser.add_argument("--peers", action="store_true", help="DuckDB and Polars as well")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()

    contenders = ["tripstore"] + (PEERS if options.peers else [])
    with tempfile.TemporaryDirectory(prefix="tripstore-bench-") as name:
        folder = Path(name)
        csv = folder / "trips.csv"
        cli("generate", "--rows", options.rows, "--seed", options.seed, "--output", csv)
        # Once through, so that every contender finds the file in memory: this measures decoding, not the disk.
        with csv.open("rb") as file:
            while file.read(1 << 24):
                pass
        figures = {"rows": options.rows, "csv_bytes": csv.stat().st_size, "machine": processor(),
                   "commit": command_output("git", "describe", "--always", "--dirty")}
        figures["loads"] = measure_loads(contenders, csv, folder, options.rounds)
        asked = questions(busiest_region(folder / "tripstore"))
        figures["questions"] = measure_questions(contenders, folder, asked, options.repeats, options.rounds)
    report(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
