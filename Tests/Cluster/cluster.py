"""The command behind scripts/cluster: a whole cluster on loopback that runs on its own until it is told to end.

    scripts/cluster up [--shards N] [--apis N] [--workers N] [--port N] [--folder DIR]
    scripts/cluster status | down [--purge]
    scripts/cluster add api | worker | shard
    scripts/cluster remove api | worker
    scripts/cluster restart [--program FILE]
    scripts/cluster test [--rounds N] | test --lag | test --jobs | test --before FILE

`up` leaves a process behind that has all others as its children: it starts again what ends, as a container engine would, ends what
answers no more, adds processes and shards, and takes everything with it when it ends. The other commands talk to it over a socket in the folder.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "Interop"), str(TESTS / "Soak")]

import clickhouse  # noqa: E402
import topology  # noqa: E402
import tripstore  # noqa: E402

FOLDER = tripstore.REPOSITORY / ".cluster"
SOCKET = "control"
RESTART_SECONDS = 1.0
# Seconds without an answer after which a part that has answered before is taken for frozen.
HANG_SECONDS = 15.0
# Looks for which one that was started again may be silent besides.
START_LOOKS = 60


def say(text):
    print(text, flush=True)


def fail(sentence):
    sys.exit(f"cluster: {sentence}")


# MARK: the process that stays


class Pulse(threading.Thread):
    """Asks one process again and again whether it is alive, and how it is, on a thread that may wait for as long as it hangs."""

    def __init__(self, part, has_answered):
        """has_answered: whether it did before; a start may take its time."""
        super().__init__(daemon=True)
        self.part, self.pid = part, part.process.pid
        # Looks of the supervisor since the last answer; below 0 while it starts.
        self.missed = 0 if has_answered else -START_LOOKS
        self.is_ready = False
        self.start()

    def run(self):
        while self.part.is_running() and self.part.process.pid == self.pid:
            try:
                if self.part.is_alive():
                    self.missed = 0
                self.is_ready = bool(self.part.is_ready())
            except (OSError, AssertionError, clickhouse.Failure, http.client.HTTPException, subprocess.TimeoutExpired):
                pass  # it is not, or the process has ended
            time.sleep(RESTART_SECONDS)


class Supervisor:
    """Runs a topology, and does what it is told by one line of JSON a connection."""

    def __init__(self, folder, hang_seconds=HANG_SECONDS, **options):
        self.topology = topology.Topology(folder, **options)
        self.hang_seconds = hang_seconds
        self.pulses = {}
        self.restarts = dict.fromkeys(self.topology.parts, 0)
        self.is_ending = False

    def run(self, listener):
        listener.settimeout(RESTART_SECONDS / 4)
        looked = time.monotonic()
        while not self.is_ending:
            # Whoever asks, however often, keeps nobody from the parts.
            if time.monotonic() - looked >= RESTART_SECONDS:
                self.end_what_hangs()
                self.start_what_ended()
                looked = time.monotonic()
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection, connection.makefile("rw") as file:
                try:
                    answer = self.answer(*json.loads(file.readline()))
                except Exception as error:  # noqa: BLE001  (whatever it is, who asked is to read it and all goes on)
                    answer = {"error": str(error)}
                try:
                    file.write(json.dumps(answer) + "\n")
                    file.flush()
                except OSError:
                    pass  # who asked is gone
        self.topology.stop()

    def end_what_hangs(self):
        """Looks are counted, so that a machine which slept ends nothing."""
        for name, part in self.topology.parts.items():
            if not part.is_running():
                continue
            pulse = self.pulses.get(name)
            if pulse is None or pulse.pid != part.process.pid:
                # Those that are there at first were waited for.
                self.pulses[name] = Pulse(part, has_answered=pulse is None and self.restarts.get(name) == 0)
            else:
                pulse.missed += 1
                if pulse.missed * RESTART_SECONDS > self.hang_seconds:
                    say(f"{name} has not answered for {self.hang_seconds:g} s; ending it")
                    part.kill()

    def start_what_ended(self):
        for name, part in self.topology.parts.items():
            if not part.is_running():
                say(f"{name} has ended with {part.process.returncode}; starting it again")
                self.restarts[name] = self.restarts.get(name, 0) + 1
                part.launch()

    def answer(self, command, *arguments):
        if command == "down":
            self.is_ending = True
            return {}
        if command == "add":
            return self.add(*arguments)
        if command == "remove":
            return {"removed": self.topology.remove_member(*arguments).name}
        if command == "restart":
            return self.restart(*arguments)
        return {"url": self.topology.url, "parts": [self.row(name, part) for name, part in self.topology.parts.items()]}

    def add(self, what):
        if what == "shard":
            shard = self.topology.add_shard()
            return {"added": f"shard {shard.number}", "address": f"127.0.0.1:{shard.http_port}"}
        member = self.topology.add_member(what)
        return {"added": member.name, "address": f"127.0.0.1:{member.port}"}

    def restart(self, program):
        """Exchanges the program's processes one after the other: API processes first, as one of them migrates the catalog."""
        if program:
            tripstore.BINARY = Path(program)
        members = sorted(self.topology.members, key=lambda member: member.role == "worker")
        for member in members:
            self.topology.restart(member)
        return {"restarted": [member.name for member in members]}

    def row(self, name, part):
        # Not asked here: one that hangs would hold up all of this.
        pulse = self.pulses.get(name)
        if not part.is_running():
            state = "ended"
        elif pulse is None or pulse.pid != part.process.pid or pulse.missed < 0:
            state = "not ready"
        else:
            state = "silent" if pulse.missed > 2 else "ready" if pulse.is_ready else "not ready"
        port = getattr(part, "http_port", None) or part.port
        return {"name": name, "address": f"127.0.0.1:{port}", "pid": part.process.pid, "state": state,
                "restarts": self.restarts.get(name, 0)}


def supervise(options):
    """Runs in the background until `down`; its first line on standard output says how the start went."""
    with at_socket(options.folder):
        Path(SOCKET).unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(SOCKET)
        listener.listen()
    supervisor = Supervisor(options.folder, options.hang_seconds, shards=options.shards, apis=options.apis, workers=options.workers,
                            port=options.port)

    def end(*_):
        supervisor.is_ending = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    # A start that fails is told by the last line of the log.
    supervisor.topology.start()
    say("started")
    supervisor.run(listener)
    (options.folder / SOCKET).unlink(missing_ok=True)


class at_socket:  # noqa: N801  (reads as a word of the sentence)
    """Goes to the folder of the socket meanwhile: the path of a socket has at most 107 bytes."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        self.before = os.getcwd()
        os.chdir(self.folder)

    def __exit__(self, *_):
        os.chdir(self.before)


# MARK: who talks to it


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
    """The program that has a TCP port on this machine, for a sentence; None where nobody has."""
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
    command = [sys.executable, __file__, "supervise", "--folder", str(options.folder), "--shards", str(options.shards),
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
        import cluster_lag
        cluster_lag.main(options)
    elif options.jobs:
        import cluster_jobs
        cluster_jobs.main(options)
    elif options.before:
        import cluster_update
        cluster_update.main(options)
    else:
        import cluster_kills
        cluster_kills.main(options)


def main():
    parser = argparse.ArgumentParser(prog="scripts/cluster", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name, run, **options):
        sub = commands.add_parser(name, **options)
        sub.set_defaults(run=run)
        sub.add_argument("--folder", type=lambda text: Path(text).resolve(), default=FOLDER,
                         help="where its data is (default: .cluster in the repository)")
        return sub

    for name, run in (("up", up), ("supervise", supervise)):
        sub = command(name, run, **({"help": "starts all, and comes back while it runs"} if name == "up" else {}))
        sub.add_argument("--shards", type=int, help="ClickHouse servers (default: as before, else 2)")
        sub.add_argument("--apis", type=int, help="API processes (default: as before, else 2)")
        sub.add_argument("--workers", type=int, help="workers (default: as before, else 2)")
        sub.add_argument("--port", type=int, default=8000, help="of the proxy (default: 8000); the others' are free ones")
        sub.add_argument("--hang-seconds", type=float, default=HANG_SECONDS,
                         help=f"time after which a part that answers no more is ended and started again (default: {HANG_SECONDS:g})")
    command("status", status, help="shows what runs")
    sub = command("add", add, help="adds one while all others run")
    sub.add_argument("what", choices=["api", "worker", "shard"])
    sub = command("remove", remove, help="ends one, the last that was added, while all others run")
    sub.add_argument("what", choices=["api", "worker"])
    sub = command("restart", restart, help="starts API processes and workers again one after the other, as for an update")
    sub.add_argument("--program", type=lambda text: Path(text).resolve(), help="of another version (default: the same)")
    sub = command("down", down, help="ends all, and keeps the data")
    sub.add_argument("--purge", action="store_true", help="removes the data too")
    sub = command("test", test, help="kills parts of a cluster of its own while files are loaded, and checks every answer")
    sub.add_argument("--rounds", type=int, default=16, help="kills and freezes (default: 16)")
    sub.add_argument("--rows", type=int, default=500_000, help="trips of a file (default: 500,000)")
    sub.add_argument("--seed", type=int, help="of the random moments (default: another one each time, printed)")
    sub.add_argument("--lag", action="store_true", help="measures how much later another process tells of a job instead")
    sub.add_argument("--jobs", action="store_true", help="measures how many small jobs a second come to their end instead")
    sub.add_argument("--before", type=Path, metavar="FILE",
                     help="exchanges the program of another version for this one under load instead")
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
