"""Loads over HTTP on loopback beside those of the command line, what a hundred subscribers of their progress cost, and what
merging segments costs jobs that wait in a row."""

import datetime
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tripstore_tools.bench import files, judge
from tripstore_tools.bench.contenders import Connection, Server, Tripstore, memory, segment_count
from tripstore_tools.bench.loads import fresh, medians, progress

SUBSCRIBER_COUNT = 100
# Often enough to see the end of many jobs, seldom enough to cost little.
POLL_SECONDS = 0.005
# Segments that are left when all that were worth it are merged, at most.
MERGED_SEGMENT_COUNT = 6


def process_figures(process):
    """Processor seconds of a running process so far, and its peak memory."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2].split()
    ticks = int(fields[11]) + int(fields[12])  # utime, stime
    peak, _ = memory(process)
    return ticks / os.sysconf("SC_CLK_TCK"), peak


def upload(csv, store, subscribers=0):
    """Uploads a file to a new server with curl; seconds from curl's start to the job's end, as its record says."""
    with Server(store, store.parent / "server.log") as server:
        connection = Connection(server.port)
        cpu_before, _ = process_figures(server.process)
        # The job does not exist before the upload is whole, and begins at once then: subscribers are started first and wait.
        audience = start_audience(server.port, subscribers) if subscribers else None
        started = time.perf_counter()
        uploaded = subprocess.run(["curl", "--silent", "--show-error", "--fail", "-T", str(csv), f"{server.url}/ingest/"],
                                  stdout=subprocess.PIPE, check=True)
        upload_seconds = time.perf_counter() - started
        job_id = json.loads(uploaded.stdout)["job_id"]
        if audience:
            audience.stdin.write(f"{job_id}\n")
            audience.stdin.close()
        # The stream of events ends with the job: polling would take processor time from the job.
        subprocess.run(["curl", "--silent", "--show-error", "--fail", f"{server.url}/jobs/{job_id}/events"],
                       stdout=subprocess.DEVNULL, check=True)
        seconds = time.perf_counter() - started
        job = connection.json(f"/jobs/{job_id}")
        if job["status"] != "completed":
            sys.exit(f"the upload of {csv} {job['status']}: {job['message']}")
        cpu, peak = process_figures(server.process)
        connection.close()
        figures = {"seconds": seconds, "upload_seconds": upload_seconds, "job_seconds": seconds - upload_seconds,
                   "cpu_seconds": cpu - cpu_before, "peak_bytes": peak}
        if audience:
            messages, ends = json.loads(audience.stdout.read())
            audience.wait()
            if ends != subscribers:
                sys.exit(f"{ends} of {subscribers} subscribers saw the end of the job")
            figures["messages"] = messages
        return figures


# MARK: Beside the command line

def measure(made, folder, rounds, sizes):
    """A B A B for each size; returns [{rows, command line, HTTP}, …]."""
    measured = []
    for rows in sizes:
        csv = made.generated(rows)
        judged = judge.judge(csv)
        runs = {"command_line": [], "http": []}
        for _ in range(rounds):
            for name, load in (("command_line", lambda store: Tripstore().load([csv], store)),
                               ("http", lambda store: upload(csv, store))):
                store = fresh(folder / name)
                files.warm(csv)
                runs[name].append(load(store))
                judge.check(store, judged)
        measured.append({"rows": rows} | {name: medians(of_one) for name, of_one in runs.items()})
        progress(f"{rows:,} rows over HTTP: {measured[-1]['http']['seconds']:.2f} s")
    return measured


def table(measured):
    head = ["rows", "command line, rows/s", "HTTP, rows/s", "HTTP ÷ command line", "upload s", "job s", "server's peak MB"]
    return [head] + [[
        f"{line['rows']:,}", f"{line['rows'] / line['command_line']['seconds']:,.0f}",
        f"{line['rows'] / line['http']['seconds']:,.0f}", f"{line['command_line']['seconds'] / line['http']['seconds']:.2f}",
        f"{line['http']['upload_seconds']:.2f}", f"{line['http']['job_seconds']:.2f}",
        f"{line['http']['peak_bytes'] / 1e6:,.0f}"] for line in measured]


# MARK: Loads in a row

def measure_row(made, folder, count, rows_each):
    """Uploads files that are too large to be loaded together, faster than they are loaded; how many segments there are when
    the last job has ended, and how long it takes until those are merged that are worth it."""
    pieces = made.pieces(count, rows_each)
    judged = judge.judge(made.generated(count * rows_each))
    store = fresh(folder / "row")
    with Server(store, store.parent / "server.log") as server:
        connection = Connection(server.port)
        parallel = ["--parallel", "--parallel-max", "4", "--silent", "--show-error", "--fail", "--output", "/dev/null"]
        uploads = [argument for piece in pieces for argument in ("-T", str(piece), f"{server.url}/ingest/")]
        subprocess.run(["curl", *parallel, *uploads], stdout=subprocess.DEVNULL, check=True)
        while True:
            jobs = connection.json("/jobs?limit=1000")
            if all(job["status"] not in ("pending", "running") for job in jobs):
                break
            time.sleep(POLL_SECONDS)
        most = segment_count(store)
        while segment_count(store) > MERGED_SEGMENT_COUNT:
            time.sleep(POLL_SECONDS)
        merged = time.time()
        connection.close()
    judge.check(store, judged)
    ends = [datetime.datetime.fromisoformat(job["updated_at"]).timestamp() for job in jobs]
    return {"files": count, "rows_each": rows_each, "seconds": max(ends) - min(ends), "segments_at_the_end": most,
            "merged_seconds": merged - max(ends)}


def row_table(measured):
    head = ["files", "rows of each", "rows/s", "segments at the end", "seconds until merged"]
    return [head, [
        f"{measured['files']:,}", f"{measured['rows_each']:,}",
        f"{(measured['files'] - 1) * measured['rows_each'] / measured['seconds']:,.0f}",
        f"{measured['segments_at_the_end']:.0f}", f"{measured['merged_seconds']:.1f}"]]


# MARK: Subscribers

def start_audience(port, count):
    audience = subprocess.Popen([sys.executable, "-m", "tripstore_tools.bench.subscribers", str(port), str(count)],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    audience.stdout.readline()
    return audience


def measure_subscribers(made, folder, rounds, rows):
    """A job without and with a hundred subscribers, A B A B."""
    csv = made.generated(rows)
    judged = judge.judge(csv)
    runs = {0: [], SUBSCRIBER_COUNT: []}
    for _ in range(rounds):
        for count in runs:
            store = fresh(folder / "subscribers")
            files.warm(csv)
            runs[count].append(upload(csv, store, count))
            judge.check(store, judged)
    return {"rows": rows, "runs": [{"subscribers": count} | medians(of_one) for count, of_one in runs.items()]}


def subscribers_table(measured):
    rows, runs = measured["rows"], measured["runs"]
    head = ["subscribers", "job s", "rows/s of the job", "rate ÷ rate without", "server's CPU s", "messages"]
    alone = runs[0]["job_seconds"]
    return [head] + [[
        str(run["subscribers"]), f"{run['job_seconds']:.3f}", f"{rows / run['job_seconds']:,.0f}",
        f"{alone / run['job_seconds']:.3f}", f"{run['cpu_seconds']:.2f}", f"{run.get('messages', 0):,.0f}"] for run in runs]
