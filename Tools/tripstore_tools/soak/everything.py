"""The soak itself: its threads, what is known of each job, and what an answer must be."""

import asyncio
import contextlib
import http.client
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import websockets

from tripstore_tools.harness import tripstore
from tripstore_tools.state_machine import machine as store_machine

ROWS_MAX = 20_000
KILL_EVERY_SECONDS = (15, 40)
LOADS_KEPT = 60
GONE = (OSError, http.client.HTTPException)


class Loads:
    """What is known of each job; `lock` guards it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.rows = {}
        self.jobs = {}
        self.completed = set()
        self.deleting = set()
        self.deleted = set()

    def frozen(self):
        with self.lock:
            return dict(self.rows), set(self.completed), set(self.deleting), set(self.deleted)


class Soak:
    def __init__(self, folder, seconds, seed, kills):
        self.random = random.Random(seed)
        self.folder = folder
        self.server = tripstore.Server(folder / "data", folder / "log")
        self.loads = Loads()
        self.end = time.monotonic() + seconds
        self.kills = kills
        self.counts = dict.fromkeys(("loads", "deletions", "queries", "listeners", "messages", "kills", "stores"), 0)
        self.steps = Counter()
        self.faults = []
        self.samples = []
        csv = folder / "generated.csv"
        tripstore.cli("generate", "--rows", ROWS_MAX, "--seed", seed, "--output", csv)
        self.header, *self.lines = csv.read_text().splitlines(keepends=True)

    # MARK: What happens

    def run(self):
        self.server.start()
        threads = [threading.Thread(target=self.repeat, args=(work,)) for work in
                   (self.load, self.delete, self.ask, self.ask, self.listen, self.sample, self.take_steps)
                   + (self.kill,) * self.kills]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.settle()

    def repeat(self, work):
        generator = random.Random(self.random.random())
        while time.monotonic() < self.end and not self.faults:
            try:
                work(generator)
            except GONE:
                time.sleep(0.05)  # the server was killed
            except Exception as error:  # noqa: BLE001  whatever it is belongs into the summary
                self.faults.append(f"{work.__name__}: {type(error).__name__}: {error}")

    def load(self, generator):
        with self.loads.lock:
            name = f"load-{len(self.loads.rows)}"
            rows = generator.choice([1, 10, 1000, ROWS_MAX])
            self.loads.rows[name] = rows
        start = generator.randrange(ROWS_MAX)
        chosen = [self.lines[(start + row) % ROWS_MAX] for row in range(rows)]
        body = (self.header + "".join(name + line[line.index(","):] for line in chosen)).encode()
        while True:
            try:
                job = self.server.post_csv(body, f"{name}.csv").json["job_id"]
                break
            except GONE:
                # Whether it was taken is for the list to say; there it has its name.
                known = self.find(name)
                if known:
                    job = known
                    break
        while True:
            try:
                status = self.server.job(job)["status"]
            except GONE:
                time.sleep(0.05)
                continue
            if status == "completed":
                break
            if status in ("failed", "cancelled", "deleted"):
                raise AssertionError(f"{name} is {status}: {self.server.job(job)}")
            time.sleep(0.01)
        with self.loads.lock:
            self.loads.jobs[name] = job
            self.loads.completed.add(name)
        self.counts["loads"] += 1

    def find(self, name):
        """One of the last jobs, when the server is back; None if it has none."""
        while time.monotonic() < self.end + 60:
            try:
                jobs = self.server.get("/jobs", {"limit": 1000}).json
                return next((job["id"] for job in jobs if job["filename"] == f"{name}.csv"), None)
            except GONE:
                time.sleep(0.05)
        raise AssertionError("the server does not come back")

    def delete(self, generator):
        with self.loads.lock:
            left = sorted(self.loads.completed - self.loads.deleting)
        # The store stays as large as it is, or a growth of memory would say nothing.
        if len(left) < LOADS_KEPT:
            time.sleep(generator.uniform(0, 0.5))
        if len(left) < 5:
            return
        with self.loads.lock:
            name = generator.choice(left)
            self.loads.deleting.add(name)
            job = self.loads.jobs[name]
        while True:
            try:
                if self.server.delete(f"/jobs/{job}").status == 200:
                    break
                raise AssertionError(f"{name} cannot be deleted")
            except GONE:
                time.sleep(0.05)
        with self.loads.lock:
            self.loads.deleted.add(name)
        self.counts["deletions"] += 1

    def ask(self, generator):
        if generator.random() < 0.5:
            box = {"min_lat": 40, "max_lat": generator.uniform(41, 60), "min_lng": -10, "max_lng": generator.uniform(0, 30)}
            answer = self.server.get("/analytics/weekly-average", box)
            assert answer.status in (200, 404), answer.body
            answer = self.server.get("/trip-groups", {"precision": generator.randint(3, 7), "limit": 10})
            assert answer.status == 200, answer.body
        _, completed, deleting, deleted = self.loads.frozen()
        answer = self.server.get("/regions")
        assert answer.status == 200, answer.body
        rows, _, _, _ = self.loads.frozen()
        seen = {region["region"]: region["trips"] for region in answer.json["regions"]}
        self.counts["queries"] += 1
        for name, trips in seen.items():
            assert trips == rows.get(name), f"{name} has {trips} trips, not {rows.get(name)}"
            assert name not in deleted, f"{name} was deleted, and is there"
        missing = completed - deleting - seen.keys()
        # A deletion that began meanwhile explains a job that is gone.
        missing -= self.loads.frozen()[2]
        assert not missing, f"{sorted(missing)} were completed, and are not there"

    def listen(self, generator):
        jobs = self.server.get("/jobs", {"limit": 20}).json
        if not jobs:
            return
        job = generator.choice(jobs)["id"]

        async def hear():
            async with websockets.connect(f"ws://127.0.0.1:{self.server.port}/ws/ingestion/{job}") as socket:
                for _ in range(generator.randint(1, 5)):
                    message = json.loads(await asyncio.wait_for(socket.recv(), 30))
                    assert message["job_id"] == job
                    self.counts["messages"] += 1

        with contextlib.suppress(websockets.exceptions.WebSocketException, TimeoutError):
            asyncio.run(hear())
        self.counts["listeners"] += 1

    def kill(self, generator):
        time.sleep(generator.uniform(*KILL_EVERY_SECONDS))
        if time.monotonic() < self.end - 5:
            self.server.kill()
            self.server.start()
            self.counts["kills"] += 1

    def sample(self, _):
        """Descriptors and anonymous memory of the server."""
        time.sleep(1)
        process = Path("/proc", str(self.server.process.pid))
        lines = (process / "status").read_text().splitlines()
        memory = [int(line.split()[1]) for line in lines if line.startswith("RssAnon")]
        # A process that was just killed has none.
        if memory:
            self.samples.append((len(os.listdir(process / "fd")), memory[0] / 1024))

    def take_steps(self, generator):
        """A store beside its model, from the first step to the last."""
        seed = generator.randrange(10**9)
        with tempfile.TemporaryDirectory(prefix="tripstore-machine-") as folder:
            store_machine.run(seed, Path(folder) / "store", store_machine.STEPS_OF_A_STORE, counts=self.steps, end=self.end)
        self.counts["stores"] += 1

    # MARK: What it came to

    def settle(self):
        """At rest nothing is under way: the store has exactly what it should, and no file is damaged or forgotten."""
        if self.faults:
            return
        try:
            self.end = time.monotonic()
            for name in self.loads.rows.keys() - self.loads.completed:
                job = self.find(name)
                if job and self.server.wait_for_job(job)["status"] == "completed":
                    self.loads.completed.add(name)
            rows, completed, _, deleted = self.loads.frozen()
            expected = {name: rows[name] for name in completed - deleted}
            seen = {region["region"]: region["trips"] for region in self.server.get("/regions").json["regions"]}
            # A deletion that was cut off by the end may have happened.
            undecided = self.loads.deleting - deleted
            assert {name: trips for name, trips in seen.items() if name not in undecided} == {
                name: trips for name, trips in expected.items() if name not in undecided}
            self.server.stop()
            tripstore.cli("verify", "--data-dir", self.folder / "data")
        except AssertionError as error:
            self.faults.append(f"at rest: {error}")

    def summary(self):
        lines = [", ".join(f"{count:,} {name}" for name, count in counts.items()) for counts in (self.counts, self.steps)]
        if len(self.samples) >= 6:
            third = len(self.samples) // 3
            early, late = self.samples[:third], self.samples[-third:]
            for position, (what, unit) in enumerate((("descriptors", ""), ("anonymous memory", " MB"))):
                lines.append(f"{what}: {statistics.median(sample[position] for sample in early):,.0f}{unit} in the first third,"
                             f" {statistics.median(sample[position] for sample in late):,.0f}{unit} in the last,"
                             f" {max(sample[position] for sample in self.samples):,.0f}{unit} at most")
        lines += [f"FAULT: {fault}" for fault in self.faults] or ["every answer was right"]
        return "\n".join(lines)


def run(options):
    print(f"seed {options.seed}, {options.minutes:g} minutes", flush=True)
    with tempfile.TemporaryDirectory(prefix="tripstore-soak-") as folder:
        soak = Soak(Path(folder), options.minutes * 60, options.seed, kills=0 if options.no_kills else 1)
        try:
            soak.run()
        finally:
            if soak.server.process and soak.server.process.poll() is None:
                soak.server.kill()
        print(soak.summary())
        if soak.faults:
            lines = (Path(folder) / "log").read_text().splitlines()
            print("\n".join([line for line in lines if " error " in line or " warning " in line][-20:]))
            sys.exit(1)
