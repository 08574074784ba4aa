"""The commands of scripts/cluster: they start the supervisor and talk to it over its socket."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from tripstore_tools.cluster import jobs, lag, rounds, supervisor, update
from tripstore_tools.cluster.supervisor import SOCKET, at_socket, say
from tripstore_tools.harness import topology, tripstore


def fail(sentence):
    sys.exit(f"cluster: {sentence}")


def ask(folder, *words, missing_ok=False):
    """Sends a command to the process that runs the cluster; returns its answer."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        with at_socket(folder):
            connection.connect(SOCKET)
    except OSError:
        if missing_ok:
            return None
        fail("no cluster runs here; start one with scripts/cluster up")
    with connection, connection.makefile("rw") as file:
        file.write(json.dumps(words) + "\n")
        file.flush()
        line = file.readline()
    if not line:
        fail(f"the cluster ended meanwhile; {folder / 'log'} says why")
    answer = json.loads(line)
    if "error" in answer:
        fail(answer["error"])
    return answer


def who_listens(port):
    """The program that has a TCP port on this machine, for a message; None if no program has it."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for words in map(str.split, lines):
            if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{words[9]}]")
    if not inodes:
        return None
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) in inodes:
                name = (link.parents[1] / "comm").read_text().strip()
                return f"{name} (process {link.parents[1].name})"
        except OSError:
            continue  # it has ended meanwhile, or is another user's
    return "a process of another user"


def supervise(options):
    supervisor.supervise(options)


def up(options):
    sentence = topology.missing()
    if sentence:
        fail(sentence)
    options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    running = ask(options.folder, "status", missing_ok=True)
    if running:
        fail(f"it runs already, at {running['url']}; end it with scripts/cluster down")
    owner = who_listens(options.port)
    if owner:
        fail(f"port {options.port} is in use by {owner}; end that, or name another port with --port")
    counts = {"shards": 2, "apis": 2, "workers": 2} | topology.remembered(options.folder)
    for name, before in counts.items():
        given = getattr(options, name)
        setattr(options, name, before if given is None else given)
    if options.shards < counts["shards"] and topology.remembered(options.folder):
        fail(f"this cluster has trips on {counts['shards']} shards; start with as many, or remove it with down --purge")
    started = time.monotonic()
    log = options.folder / "log"
    command = [sys.executable, "-m", "tripstore_tools.cluster", "supervise", "--folder", str(options.folder), "--shards", str(options.shards),
               "--apis", str(options.apis), "--workers", str(options.workers), "--port", str(options.port),
               "--hang-seconds", str(options.hang_seconds)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    while "started\n" not in log.read_text(errors="replace"):
        if process.poll() is not None:
            fail(f"it did not start: {log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.1)
    url = ask(options.folder, "status")["url"]
    say(f"""{options.shards} ClickHouse shards, PostgreSQL, an object store, {options.apis} API processes and {options.workers} workers \
started in {time.monotonic() - started:.0f} s behind {url}

    curl -T Tests/Fixtures/trips.csv {url}/ingest/        # a job, loaded by any worker
    .venv/bin/python -m websockets {url.replace('http', 'ws')}/ws/ingestion/1
    curl {url}/analytics/weekly-average                   # or look at {url}/docs

Whatever ends is started again, so kill what you like. Its data is in {options.folder}.
scripts/cluster status | add api | add worker | add shard | down | down --purge""")


def status(options):
    answer = ask(options.folder, "status")
    say(f"{answer['url']}\n")
    rows = [("", "address", "process", "state", "restarts")]
    rows += [(row["name"], row["address"], str(row["pid"]), row["state"], str(row["restarts"])) for row in answer["parts"]]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        say("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip())


def add(options):
    started = time.monotonic()
    answer = ask(options.folder, "add", options.what)
    say(f"{answer['added']} at {answer['address']}, added in {time.monotonic() - started:.1f} s")


def remove(options):
    started = time.monotonic()
    answer = ask(options.folder, "remove", options.what)
    say(f"{answer['removed']} has ended, in {time.monotonic() - started:.1f} s; what it was loading goes on at another")


def restart(options):
    if options.program and not os.access(options.program, os.X_OK):
        fail(f"{options.program} is no program; build one with swift build -c release --product tripstore")
    started = time.monotonic()
    answer = ask(options.folder, "restart", str(options.program) if options.program else None)
    say(f"{', '.join(answer['restarted'])} were started again one after the other, in {time.monotonic() - started:.1f} s")


def down(options):
    if ask(options.folder, "down", missing_ok=True) is not None:
        tripstore.wait_until(lambda: not (options.folder / SOCKET).exists(), "the end of all processes")
        say(f"ended; its data is in {options.folder}" if not options.purge else "ended")
    elif not options.purge:
        fail("no cluster runs here")
    if options.purge and options.folder.exists():
        topology.Topology(options.folder).remove()
        say(f"removed {options.folder}")


def test(options):
    sentence = topology.missing()
    if sentence:
        fail(sentence)
    if options.lag:
        lag.main(options)
    elif options.jobs:
        jobs.main(options)
    elif options.before:
        update.main(options)
    else:
        rounds.main(options)
