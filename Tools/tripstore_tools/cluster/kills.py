"""Rounds of `kill -9` and of SIGSTOP in a cluster: a worker, an API process, a shard or PostgreSQL, at a random moment of a job.

`rounds.py` plays them by chance, with those of `troubles.py`.

In each round a file goes to the proxy and is followed by two WebSocket clients that connect again when they lose their connection.
One part is killed at a random moment and started again after a random while, as whatever watches it would, or frozen and thawed: for so
long that others take its jobs over, remove what it had stored and forget that it was there, or for less. Half the time this is at any
moment from the start of the upload to a little after the end of the job, half the time from the answer to the upload on. A client that sent
the file and got no answer looks at the list of jobs, and sends it again if it is not there. Then every row must be there once,
every client must have got the terminal message, no job may be left running and no object in the bucket of uploads.
"""

import contextlib
import http.client
import json
import os
import signal
import threading
import time
from collections import Counter

from tripstore_tools.harness import topology, tripstore
from tripstore_tools.harness.follower import Follower
from tripstore_tools.harness.processes import children_of

VICTIMS = ["worker", "api", "shard", "PostgreSQL"]
QUERIES = ["/analytics/weekly-average", "/trip-groups?limit=1000", "/regions"]
AWAY = (502, 503)
LONGEST_ABSENCE_SECONDS = 3.0
LONGEST_FREEZE_SECONDS = 15.0
# How long orphaned objects may stay in the bucket of uploads.
UPLOADS_SECONDS = 60
FOLLOWERS = 2


def ask(client, method, path):
    """Retries until a process answers: a part that is down says so and comes back."""
    def answer():
        try:
            found = client.request(method, path)
        except (OSError, http.client.HTTPException):
            return None
        return None if found.status in AWAY else found

    return tripstore.wait_until(answer, f"an answer to {method} {path}", pause=0.1)


class Upload(threading.Thread):
    """Sends a file until it knows the number of its job; `job` is None until then."""

    def __init__(self, client, csv, name):
        super().__init__(daemon=True)
        self.client, self.csv, self.name = client, csv, name
        self.job, self.tries, self.fault = None, 0, None
        self.start()

    def run(self):
        give_up = time.monotonic() + tripstore.TIMEOUT_SECONDS
        while self.job is None and self.fault is None and time.monotonic() < give_up:
            self.tries += 1
            self.send()
            if self.job is None and self.fault is None:
                self.look()
        if self.job is None and self.fault is None:
            self.fault = f"no upload was answered within {tripstore.TIMEOUT_SECONDS} s"

    def send(self):
        try:
            with open(self.csv, "rb") as file:
                answer = self.client.post_csv(file, self.name)
        except (OSError, http.client.HTTPException):
            return  # broken off
        if answer.status == 202:
            self.job = answer.json["job_id"]
        elif answer.status not in AWAY:
            self.fault = f"an upload was answered with {answer.status}: {answer.body.decode(errors='replace')}"

    def look(self):
        """Without an answer the job may be there all the same."""
        for job in jobs(self.client):
            if job["filename"] == self.name:
                self.job = job["id"]


def jobs(client):
    return ask(client, "GET", "/jobs?limit=1000").json


def undisturbed(folder, csv):
    """The embedded engine's answers."""
    with tripstore.Server(folder / "data", folder / "log") as server:
        job = server.ingest(csv)
        assert job["status"] == "completed", job
        return [server.get(query).body for query in QUERIES]


def timed_load(client, csv):
    """Seconds of an undisturbed upload and its job; its trips are deleted again."""
    started = time.monotonic()
    job = client.post_file(csv)
    answered = time.monotonic()
    client.wait_for_job(job)
    ended = time.monotonic()
    ask(client, "DELETE", f"/jobs/{job}")
    return answered - started, ended - answered


def worker_of(cluster, job):
    """The process that works on a job; None if none does, or it is unknown."""
    try:
        return job and cluster.worker_of(job)
    except AssertionError:
        return None


def choose(cluster, victim, job, chance):
    """The part that is killed: of workers the one that has the job."""
    if victim == "worker":
        return worker_of(cluster, job) or chance.choice(cluster.workers)
    if victim == "api":
        return chance.choice(cluster.apis)
    if victim == "shard":
        return chance.choice(cluster.clickhouse.shards)
    return cluster.postgresql


def kill(part):
    """Ends a part at once."""
    part.kill() if hasattr(part, "kill") else part.end(9)


def start(cluster, part):
    """Starts a part again as it was, and waits until it does its work."""
    if part in cluster.clickhouse.shards:
        cluster.clickhouse.start(part.number)
    else:
        part.start()


def freeze(part):
    """Suspends a part and its child processes; returns a function that resumes them."""
    processes = [part.process.pid, *children_of(part.process.pid)]
    for process in processes:
        os.kill(process, signal.SIGSTOP)

    def thaw():
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)

    return thaw


class Round:
    """One file, one kill or freeze; afterwards `faults` are sentences, and `counts` what the table shows."""

    def __init__(self, cluster, victim, csv, expected, chance, seconds, name, after_answer=False, is_frozen=False):
        """is_frozen: whether it is frozen instead of killed; after_answer: the kill comes after the answer to the upload; seconds: from
        then, else from the start of the upload, to the end of an undisturbed job; name: the file's, unlike any other's."""
        self.cluster, self.victim, self.csv, self.expected = cluster, victim, csv, expected
        self.chance, self.seconds, self.name, self.after_answer = chance, seconds, name, after_answer
        self.is_frozen = is_frozen
        self.faults, self.counts = [], Counter()

    def play(self):
        cluster = self.cluster
        started = time.monotonic()
        upload = Upload(cluster.proxy, self.csv, self.name)
        following = threading.Thread(target=self.follow, args=[upload], daemon=True)
        following.start()
        self.disturb(upload, following)
        following.join()
        self.counts["uploads sent again"] += upload.tries - 1
        if upload.job is not None:
            self.look_at(self.counted_job(upload))
        self.clear()
        self.counts["seconds"] = time.monotonic() - started
        return self

    def wait_for_moment(self, upload):
        """Waits until something is to happen to the part with a name."""
        started = time.monotonic()
        if self.after_answer:
            upload.join()
        time.sleep(self.chance.uniform(0, 1.1 * self.seconds))
        self.counts["acknowledged before the kill"] += upload.job is not None
        self.moment = f"{time.monotonic() - started:.2f} s, job {upload.job}"

    def disturb(self, upload, following):
        """What happens to the cluster, up to the moment when it is complete again; following: a thread that ends with the job."""
        self.wait_for_moment(upload)
        part = choose(self.cluster, self.victim, upload.job, self.chance)
        self.moment += f", {part_name(part)}"
        if self.is_frozen:
            thaw = freeze(part)
            self.counts["freezes"] += 1
            time.sleep(self.chance.uniform(0, LONGEST_FREEZE_SECONDS))
            thaw()
        else:
            kill(part)
            self.counts["kills"] += 1
            time.sleep(self.chance.uniform(0, LONGEST_ABSENCE_SECONDS))
            start(self.cluster, part)

    def counted_job(self, upload):
        """The job that has the file's trips at last."""
        return upload.job

    def follow(self, upload):
        """As soon as there is a job, clients follow it to its end."""
        upload.join()
        if upload.fault:
            self.faults.append(upload.fault)
            return
        followers = [Follower(self.cluster.proxy.port, upload.job) for _ in range(FOLLOWERS)]
        self.counts["clients"] += len(followers)
        for follower in followers:
            follower.join()
            self.counts["connections lost"] += max(0, follower.connections - 1)
            if follower.fault or follower.last["status"] != "completed":
                self.counts["clients without the end"] += 1
                self.faults.append(f"a client {follower.fault or f'heard {follower.last}'}")

    def look_at(self, job):
        client = self.cluster.proxy
        found = jobs(client)
        mine = [each for each in found if each["filename"] == self.name]
        if [each["id"] for each in mine] != [job]:
            self.faults.append(f"of one file there are jobs {[each['id'] for each in mine]}, its client has {job}")
        under_way = [each for each in found if each["status"] in ("pending", "running")]
        self.counts["jobs under way"] += len(under_way)
        self.faults += [f"a job is left under way: {each}" for each in under_way]
        # Somebody would have to resume these.
        failed = [each for each in mine if each["status"] in ("failed", "cancelled")]
        self.counts["manual steps"] += len(failed)
        self.faults += [f"job {each['id']} is {each['status']}: {each['message']}" for each in failed]
        answers = [ask(client, "GET", query) for query in QUERIES]
        there, wanted = (total_trips(body) for body in (answers[0].body, self.expected[0]))
        self.counts["rows lost"] += max(0, wanted - there)
        self.counts["rows twice"] += max(0, there - wanted)
        if [answer.body for answer in answers] != self.expected:
            self.faults.append(f"the answers are not the embedded engine's: {there} trips are there, of {wanted}")

    def clear(self):
        """Takes the trips out again; then nothing may be left of them."""
        client = self.cluster.proxy
        for job in jobs(client):
            if job["status"] != "cancelled":
                answer = ask(client, "DELETE", f"/jobs/{job['id']}")
                if answer.status != 200:
                    self.faults.append(f"job {job['id']} cannot be deleted: {answer.body}")
        if ask(client, "GET", QUERIES[0]).status != 404:
            self.faults.append("trips are there of jobs that were deleted")
        try:
            tripstore.wait_until(lambda: not self.cluster.store.keys(topology.BUCKET), "the bucket to be empty",
                                 pause=0.1, seconds=UPLOADS_SECONDS)
        except AssertionError:
            left = self.cluster.store.keys(topology.BUCKET)
            self.counts["objects left"] += len(left)
            self.faults.append(f"objects are left in the bucket of uploads: {left}")
            for key in left:
                self.cluster.store.client().delete_object(Bucket=topology.BUCKET, Key=key)


def part_name(part):
    return getattr(part, "name", None) or f"shard {part.number}"


def total_trips(body):
    return json.loads(body).get("total_trips", 0)
