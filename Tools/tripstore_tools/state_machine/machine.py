"""A store and its model, taken through random steps: uploads, deletions, resumes, kills, backups, rebuilds, damage.

    python -m tripstore_tools.state_machine.machine --seed 7 --steps 100        what happens is printed, step by step
    python -m tripstore_tools.state_machine.machine --minutes 60                one store after another
    python -m tripstore_tools.state_machine.machine --seed 7 --only 3,17,18     some of a seed's steps, to find the few that matter

Each step has random numbers of its own, so that leaving some out changes little in the others. After each step the store comes
to rest and every kind of answer is compared (checks.py), or, by chance, steps continue while jobs are running.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.file_servers import FileServer
from tripstore_tools.state_machine.checks import StoreChecks
from tripstore_tools.state_machine.listener import Listener
from tripstore_tools.state_machine.model import MAY_BE_HEARD, TERMINAL, UNDER_WAY, Job, StoreModel
from tripstore_tools.state_machine.steps import ANYWHERE, EVERY_ENGINE, OFFLINE, ONLINE, StoreSteps
from tripstore_tools.state_machine.trip_file import TripFiles

# Mostly with small batches and segments, so that jobs of some ten thousand rows commit many times.
SETTINGS = [{"INGESTION_CHUNK_SIZE": "512", "SEGMENT_ROWS": "4000"}] * 3 + [{}]
STEPS_OF_A_STORE = 60
QUERIES_AT_REST = 4
REST_AFTER_STEP = 0.7


class StoreMachine(StoreSteps):
    """One store from its first file on."""

    # What is possible while a server runs, and while none does.
    online, offline = ANYWHERE | ONLINE, ANYWHERE | OFFLINE
    # Whether a command's job stays that turned out to be a duplicate.
    keeps_duplicates = False

    def __init__(self, folder, seed, say=lambda line: None, without=()):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.seed = seed
        self.say = say
        self.without = without
        self.trace = []
        self.random = random.Random(f"{seed}")
        self.settings = self.random.choice(SETTINGS)
        self.files = TripFiles(self.folder / "files", self.random)
        self.model = StoreModel()
        self.data_dir = self.folder / "data"
        self.server = None
        self.is_swept = True
        self.web = FileServer(b"")
        self.web.instead = self.serve_by_name
        self.web_contents = {}
        self.listeners = []
        # Files of requests that were not answered: a job may be there or not.
        self.unanswered = {}
        self.counts = Counter()

    # MARK: Running

    def run(self, steps, only=None, end=None):
        """Takes so many steps, or the chosen ones of them, or those that begin before a moment of the monotonic clock."""
        self.start()
        for number in range(steps):
            if end and time.monotonic() > end:
                break
            if only is None or number in only:
                self.step(number)
        self.note("the end")
        self.rest()

    def step(self, number):
        self.random = self.files.random = random.Random(f"{self.seed}/{number}")
        table = self.online if self.server else self.offline
        choices = {name: weight for name, weight in table.items() if name not in self.without}
        (name,) = self.random.choices(list(choices), list(choices.values()))
        is_resting = self.random.random() < REST_AFTER_STEP
        started = time.monotonic()
        self.note(f"{number}: {name}")
        getattr(self, name)()
        self.counts[name] += 1
        if is_resting:
            self.rest()
        elif self.server:
            self.peek()
        self.say(f"    {time.monotonic() - started:.1f} s")

    def note(self, line):
        self.trace.append(line)
        self.say(line)

    def detail(self, text):
        """Says more of the step that is under way."""
        self.note(f"    {text}")

    # MARK: At rest

    def rest(self):
        """Waits until nothing is under way, and compares everything."""
        self.settle()
        self.hear_ends()
        self.compare()
        self.counts["rests"] += 1

    def compare(self):
        StoreChecks(self.model, self.data_dir, self.server, self.is_swept).all(self.random, QUERIES_AT_REST)

    def listing(self):
        """All jobs: over HTTP from a server that runs, else from the command line."""
        if self.server:
            return self.server.get("/jobs", {"limit": 1000}).json
        return json.loads(self.command("jobs", "--format", "json").stdout)

    def settle(self):
        """Takes over what jobs have come to, once none is under way."""
        if self.server:
            tripstore.wait_until(self.has_come_to_rest, "the end of all jobs")
        rows = self.listing()
        self.adopt(rows)
        # Deletions first: a file may be loaded again when its duplicate is gone.
        for row in sorted(rows, key=lambda row: row["status"] == "completed"):
            job = self.model.jobs.get(row["id"])
            assert job, f"a job that nobody made: {row}"
            assert row["status"] not in UNDER_WAY, f"under way without a process: {row}"
            if row["status"] == "interrupted":
                assert not (self.server and job.goes_on_by_itself), f"a server should go on by itself with {row}"
            if job.may_be_given_up and "times in a row" in (row["message"] or ""):
                self.detail(f"job {job.id} was given up after {job.kills} kills")
                job.may.add("failed")
            try:
                self.model.settle(job, row["status"])
            except AssertionError as error:
                raise AssertionError(f"{error} {row}") from None
        gone = self.model.jobs.keys() - {row["id"] for row in rows}
        assert not gone, f"jobs are gone: {sorted(gone)}"

    def has_come_to_rest(self):
        return not any(row["status"] in UNDER_WAY for row in self.listing())

    def adopt(self, rows):
        """Jobs of requests that were not answered, and of commands: a file's name says whose."""
        for row in sorted(rows, key=lambda row: row["id"]):
            if row["id"] not in self.model.jobs and row["filename"] in self.unanswered:
                file, source, is_allowed_twice = self.unanswered.pop(row["filename"])
                self.add(row["id"], file, source, is_allowed_twice).kills = 1
        self.unanswered.clear()

    def add(self, number, file, source, is_allowed_twice=False, is_missing=False):
        """A job that has begun."""
        assert number not in self.model.jobs, f"job {number} is there twice"
        may = {"failed"} if is_missing else self.model.outcomes(file, is_allowed_twice=is_allowed_twice)
        job = Job(number, file, source, may, is_allowed_twice=is_allowed_twice, is_missing=is_missing)
        self.model.jobs[number] = job
        return job

    def peek(self):
        """While jobs are running: all trips of a job are visible from the moment at which it is completed."""
        for _ in range(20):
            before = self.completed_jobs()
            answer = self.server.get("/analytics/weekly-average")
            regions = self.server.get("/regions").json["regions"]
            if self.completed_jobs() == before:
                certain = sum(rows for _, rows in before) - sum(self.model.missing.values())
                # Trips are there a moment before their job says that it is completed.
                possible = {certain}
                for job in self.model.jobs.values():
                    if job.status is None and job.id not in dict(before):
                        possible |= {trips + job.file.trips for trips in possible}
                found = {answer.json["total_trips"] if answer.status == 200 else 0, sum(region["trips"] for region in regions)}
                assert found <= possible, f"{certain} trips of {before}, but answers have {found}"
                self.counts["peeks"] += 1
                return

    def completed_jobs(self):
        return [(job["id"], job["processed_rows"] - job["rejected_rows"])
                for job in self.server.get("/jobs", {"limit": 1000}).json if job["status"] == "completed"]

    # MARK: Listeners

    def listen(self, job):
        """Follows a job, by chance."""
        if self.random.random() < 0.5:
            self.listeners.append(Listener(self.server.port, job.id, self.random.choice(["socket", "events"])))

    def hear_ends(self, is_server_gone=False):
        """Each got one terminal message, with the final status of the job."""
        for listener in self.listeners:
            listener.join(tripstore.TIMEOUT_SECONDS)
            job = self.model.jobs[listener.job]
            heard = [message for message in listener.messages if message["status"] in TERMINAL]
            what = f"{listener.transport} of job {job.id} ({job.status}) heard {listener.messages}"
            assert not listener.is_alive(), f"no end: {what}"
            assert heard in ([], listener.messages[-1:]), f"more than one end: {what}"
            if is_server_gone:
                continue
            assert heard and listener.has_end, f"no end: {what}"
            assert heard[0]["status"] in MAY_BE_HEARD[job.status], what
            if heard[0]["status"] == job.status:
                row = self.server.job(job.id)
                names = ("processed_rows", "total_rows", "rejected_rows", "processed_bytes", "total_bytes")
                assert all(row[name] == heard[0][name] for name in names), f"{row}: {what}"
            self.counts["listeners"] += 1
        self.listeners = []

    # MARK: The server

    def serve_by_name(self, number, handler):
        """Files on the web, each under its name."""
        content = self.web_contents.get(handler.path.lstrip("/"))
        if content is None:
            handler.answer(404, {})
        else:
            handler.serve(content)
        return True

    def start(self):
        server = tripstore.Server(self.data_dir, self.folder / "log", ALLOW_PRIVATE_ADDRESSES="true", **self.settings)
        self.server = server.start()
        self.is_swept = True
        for job in self.model.jobs.values():
            if job.goes_on_by_itself and job.status == "interrupted":
                job.status = None

    def end_server(self, how):
        """Ends it by `stop` or `kill`."""
        if how == "kill":
            for job in self.model.jobs.values():
                job.kills += job.status is None
        getattr(self.server, how)()
        assert how == "kill" or self.server.process.returncode == 0, f"the server ended with {self.server.process.returncode}"
        self.hear_ends(is_server_gone=True)
        self.server = None
        self.is_swept = how != "kill"

    def close(self):
        if self.server:
            self.server.kill()
        self.web.__exit__()


class ClickHouseMachine(StoreMachine):
    """One whose trips are in ClickHouse and whose jobs are in the data directory: steps and answers that every engine has."""

    online, offline = ({name: weight for name, weight in table.items() if name in EVERY_ENGINE} for table in (ONLINE, OFFLINE))
    keeps_duplicates = True

    def __init__(self, folder, seed, database_url, **options):
        super().__init__(folder, seed, **options)
        self.settings = {"DATABASE_URL": database_url}

    def compare(self):
        StoreChecks(self.model, self.data_dir, self.server, **self.settings).check_answers(self.random, QUERIES_AT_REST)


# MARK: From the command line

def run(seed, folder, steps, only=None, say=lambda line: None, counts=None, without=(), end=None):
    """Takes one store through its steps; an AssertionError has the seed and the steps up to the fault."""
    take_steps(StoreMachine(folder, seed, say, without), steps, only, counts, end)


def take_steps(machine, steps, only=None, counts=None, end=None):
    """Takes a machine through its steps and closes it."""
    try:
        machine.run(steps, only, end)
    except Exception as error:
        text = "\n".join([*machine.trace, f"{type(error).__name__}: {error}"])
        raise AssertionError(f"seed {machine.seed}: {text}") from error
    finally:
        machine.close()
        if counts is not None:
            counts.update(machine.counts)


def run_for(seconds, seed, counts, say=lambda line: None, without=()):
    """One store after another for a while, each from a seed of its own; returns how many."""
    end = time.monotonic() + seconds
    stores = 0
    while time.monotonic() < end:
        with tempfile.TemporaryDirectory(prefix="tripstore-machine-") as folder:
            say(f"seed {seed + stores}")
            run(seed + stores, Path(folder) / "store", STEPS_OF_A_STORE, say=say, counts=counts, without=without,
                end=end)
        stores += 1
    return stores


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--steps", type=int, default=STEPS_OF_A_STORE)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--only", type=lambda text: {int(number) for number in text.split(",")})
    parser.add_argument("--without", type=lambda text: set(text.split(",")), default=set(), help="steps that are not taken")
    parser.add_argument("--keep", type=Path, help="a folder for the store, which is left there")
    options = parser.parse_args()
    counts = Counter()
    try:
        if options.minutes:
            stores = run_for(options.minutes * 60, options.seed, counts, lambda line: print(line, flush=True), options.without)
            print(f"{stores} stores")
        else:
            with tempfile.TemporaryDirectory(prefix="tripstore-machine-") as folder:
                run(options.seed, options.keep or Path(folder) / "store", options.steps, options.only,
                    lambda line: print(line, flush=True), counts, options.without)
    except AssertionError as error:
        sys.exit(str(error))
    finally:
        print(", ".join(f"{count} {name}" for name, count in sorted(counts.items())))


if __name__ == "__main__":
    main()
