"""Random rounds in which nothing ends: an older catalog, a bad worker, a part that hangs for longer than anybody waits for it.

They run as those of `kills.py`, with the same file and the same checks afterwards:

    older catalog   PostgreSQL is restored to an earlier moment under running processes; then the newer one is back, or
                    `tripstore repair` is run and the file is sent again
    bad worker      a clock, a disk or a folder of one worker is wrong while jobs come
    hung part       a shard, PostgreSQL, the object store or an API process is frozen beyond all deadlines, and everything is queried meanwhile
"""

import contextlib
import http.client
import json
import shutil
import subprocess
import threading
import time

from tripstore_tools.cluster.kills import QUERIES, Round, Upload, ask, freeze, jobs, part_name, total_trips
from tripstore_tools.harness import bad_machine, topology, tripstore
from tripstore_tools.harness.small_disk import small_disk

# An older catalog is noticed on the first connection to it, and every 30 seconds besides.
REFUSAL_SECONDS = 60
# Longer than the longest deadline of the table in docs/CLUSTER.md, which is the store's.
HANG_SECONDS = (15.0, 30.0)
# What a request may take while a part hangs. The longest documented is 20 s; the rest is for machines with much else to do.
BOUND_SECONDS = 45
EXTRA_UPLOADS = 2


def try_get(client, path):
    """An answer, or None if the connection broke off."""
    try:
        return client.get(path)
    except (OSError, http.client.HTTPException):
        return None


class OlderCatalog(Round):
    """PostgreSQL's data are those of an earlier moment: of before the file was sent, or of while its job was under way."""

    def disturb(self, upload, following):
        self.remedy = self.chance.choice(["newer", "repair"])
        catalog = self.cluster.postgresql
        older, newer = (catalog.data.with_name(f"{catalog.data.name}-{word}") for word in ("older", "newer"))
        try:
            # Not so late that most copies know the end of the job.
            self.seconds *= 0.7
            self.wait_for_moment(upload)
            catalog.stop()
            subprocess.run(["cp", "-a", str(catalog.data), str(older)], check=True)
            catalog.start()
            following.join()
            if upload.job is None:
                return
            self.exchange(older, newer)
            self.expect_refusal(upload.job)
            if self.remedy == "newer":
                self.exchange(newer, older)
            else:
                self.repair(upload)
            for member in self.cluster.members:
                tripstore.wait_until(lambda member=member: member.is_ready(), f"{member.name} to be ready again")
        finally:
            for folder in (older, newer):
                shutil.rmtree(folder, ignore_errors=True)

    def exchange(self, there, aside):
        """Ends PostgreSQL and starts it with the data in another folder."""
        catalog = self.cluster.postgresql
        place = catalog.data
        catalog.kill()
        place.rename(aside)
        there.rename(place)
        catalog.start()

    def knows(self, job):
        """Whether the current catalog has a job."""
        return bool(self.cluster.postgresql.query(f"SELECT 1 FROM jobs WHERE id = {int(job)}", topology.CATALOG).strip())

    def expect_refusal(self, job):
        """A catalog without the job answers nothing; one that has it may continue."""
        if self.knows(job):
            self.moment += ", the older catalog has the job"
            self.counts["older, not refused"] += 1
            # What it does with the job it does while it may be the one that stays.
            time.sleep(self.chance.uniform(0, 10))
            return
        self.moment += ", the older catalog does not have the job"
        self.counts["older, refused"] += 1
        for member in self.cluster.members:
            # Trip counts are queried from the first moment on.
            path = QUERIES[0] if member.serves else "/ready"
            try:
                tripstore.wait_until(lambda member=member, path=path: self.refuses(member, path), f"{member.name} to refuse", pause=0.1,
                                     seconds=REFUSAL_SECONDS)
            except AssertionError:
                answer = try_get(member, path)
                self.faults.append(f"{member.name} did not refuse an older catalog: {answer and answer.body}")
        for api in self.cluster.apis:
            for path in ["/ready", *QUERIES, "/jobs", f"/jobs/{job}"]:
                if not self.refuses(api, path):
                    self.faults.append(f"{api.name} answered {path} with an older catalog: {api.get(path).body[:300]!r}")
            answer = api.post_csv(tripstore.SAMPLE.read_bytes(), "refused.csv")
            if answer.status != 503 or "tripstore repair" not in answer.detail:
                self.faults.append(f"{api.name} answered an upload with an older catalog: {answer.status} {answer.body[:300]!r}")

    def refuses(self, member, path):
        """Whether it says 503 with the remedy. An answer that counts other trips than there are is a fault."""
        answer = try_get(member, path)
        if answer is None:
            return False
        if path == QUERIES[0] and (answer.status == 404 or (answer.status == 200 and answer.body != self.expected[0])):
            counted = total_trips(answer.body)
            self.faults.append(f"{member.name} counted {counted:,} trips with an older catalog ({answer.status})")
        return answer.status == 503 and "tripstore repair" in answer.detail

    def program(self, *arguments):
        variables = self.cluster.apis[0].variables
        return tripstore.cli(*arguments, check=False, **variables, DATA_DIR=str(self.cluster.folder / "by-hand"))

    def repair(self, upload):
        """The older catalog stays: what it does not know is removed, and its client sends the file again."""
        done = self.program("repair", "--yes")
        if done.returncode != 0:
            self.faults.append(f"tripstore repair ended with {done.returncode}: {done.stdout}{done.stderr}")
        client = self.cluster.proxy
        for member in self.cluster.members:
            tripstore.wait_until(lambda member=member: member.is_ready(), f"{member.name} to be ready again")
        for job in jobs(client):
            if job["status"] in ("cancelled", "deleted"):
                continue
            ended = client.wait_for_job(job["id"])
            # Its upload went with the run that the catalog does not know: it may complete or fail, and is not wanted any more.
            self.moment += f", job {ended['id']} {ended['status']}"
            ask(client, "DELETE", f"/jobs/{job['id']}")
        self.name = f"again-{self.name}"
        again = Upload(client, self.csv, self.name)
        again.join()
        self.again = again.job
        if again.fault:
            self.faults.append(again.fault)
        elif client.wait_for_job(again.job)["status"] != "completed":
            self.faults.append(f"job {again.job} after the repair is {client.job(again.job)}")
        elif again.job <= upload.job and "does not have" in self.moment:
            self.faults.append(f"the number of job {upload.job} was used again, for job {again.job}")

    def counted_job(self, upload):
        return self.again if self.remedy == "repair" else upload.job

    def look_at(self, job):
        super().look_at(job)
        done = self.program("verify", "--format=json")
        found = json.loads(done.stdout) if done.stdout.startswith("{") else {"missing": done.stderr}
        if found["missing"] or found["extra"]:
            self.faults.append(f"tripstore verify found {found}")


class BadWorker(Round):
    """The last worker is in trouble. By chance it is alone at first, so that it surely meets the jobs."""

    def disturb(self, upload, following):
        good, bad = self.cluster.workers[0], self.cluster.workers[-1]
        troubles = self.cluster.troubles
        name = self.chance.choice(sorted(troubles))
        make, words = troubles[name]
        is_alone = self.chance.random() < 0.5
        self.wait_for_moment(upload)
        self.moment += f", {bad.name}: {name}{', alone at first' if is_alone else ''}"
        self.counts["bad workers"] += 1
        with make():
            if is_alone:
                for worker in self.cluster.workers[:-1]:
                    worker.stop()
            extra = [self.cluster.proxy.post_file(tripstore.SAMPLE) for _ in range(EXTRA_UPLOADS)]

            def says_so():
                answer = try_get(bad, "/ready")
                return answer is not None and answer.status == 503 and words in answer.detail

            # A disk is looked at when there is a job to claim, which others may do first.
            if is_alone or name != "disk":
                self.expect(says_so, f"{bad.name} to say '{words}'")
            for worker in self.cluster.workers[:-1]:
                worker.start()
            self.expect_complete(extra)
            following.join()
        self.expect(lambda: bad.is_ready(), f"{bad.name} to be ready again")
        # Once fixed, it takes jobs again.
        good.stop()
        extra.append(self.cluster.proxy.post_file(tripstore.SAMPLE))
        self.expect_complete(extra[-1:])
        good.start()
        for job in extra:
            ask(self.cluster.proxy, "DELETE", f"/jobs/{job}")

    def expect(self, condition, what):
        try:
            tripstore.wait_until(condition, what, pause=0.1)
        except AssertionError as error:
            self.faults.append(str(error))

    def expect_complete(self, numbers):
        for number in numbers:
            job = self.cluster.proxy.wait_for_job(number)
            if job["status"] != "completed":
                self.faults.append(f"beside a bad worker job {number} is {job['status']}: {job['message']}")


@contextlib.contextmanager
def uneven(cluster, csv):
    """Gives the last worker a small disk and a clock of its own while the cluster runs in the `with` block.

    `cluster.troubles` is then what can be wrong with it: all, if this is root with a C compiler."""
    cluster.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    bad = cluster.workers[-1]
    cluster.troubles = {"folder": (lambda: bad_machine.no_folder(bad), "The folder of uploads")}
    with contextlib.ExitStack() as stack:
        if shutil.which("clang") or shutil.which("cc"):
            clock = bad_machine.own_clock(bad, cluster.folder)
            cluster.troubles["clock"] = (lambda: bad_machine.wrong_clock(clock), "clock is wrong by 60 minutes")
        if can_mount(cluster.folder):
            # Room for some files at a time.
            stack.enter_context(small_disk(bad.data_dir.parent, 64 + 8 * (csv.stat().st_size >> 20)))
            cluster.troubles["disk"] = (lambda: bad_machine.full_disk(bad), "The disk is full")
            cluster.troubles["read-only folder"] = (lambda: bad_machine.read_only_folder(bad), "The folder of uploads")
        stack.enter_context(cluster)
        yield cluster


def can_mount(folder):
    place = folder / "mounted"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(place)], capture_output=True, check=False)
    if done.returncode == 0:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
    place.rmdir()
    return done.returncode == 0


class HungPart(Round):
    """A part is frozen for longer than any timeout; meanwhile every other API process gets all kinds of requests."""

    def disturb(self, upload, following):
        cluster = self.cluster
        part = self.chance.choice([*cluster.clickhouse.shards, cluster.postgresql, cluster.store, *cluster.apis])
        self.wait_for_moment(upload)
        self.moment += f", {part_name(part)} hangs"
        self.counts["hangs"] += 1
        is_over = threading.Event()
        asked = [api for api in cluster.apis if api is not part]
        clients = [(api, path) for api in asked for path in [*QUERIES, "/jobs", "/metrics", "/health"]]
        # The proxy sends these to another process.
        clients += [(cluster.proxy, path) for path in ("/jobs", "/health")]
        askers = [threading.Thread(target=self.keep_asking, args=[client, path, part, is_over], daemon=True)
                  for client, path in clients]
        thaw = freeze(part)
        try:
            for asker in askers:
                asker.start()
            time.sleep(self.chance.uniform(*HANG_SECONDS))
        finally:
            is_over.set()
            thaw()
        for asker in askers:
            asker.join(BOUND_SECONDS)
            if asker.is_alive():
                self.faults.append("a request had no answer after the part went on")
        for member in cluster.members:
            tripstore.wait_until(lambda member=member: member.is_ready(), f"{member.name} to be ready again")

    def keep_asking(self, client, path, part, is_over):
        """Asks again and again; one fault is enough."""
        who = getattr(client, "name", "the proxy")
        while not is_over.is_set():
            started = time.monotonic()
            answer = try_get(client, path)
            seconds = time.monotonic() - started
            self.counts["longest answer"] = max(self.counts["longest answer"], seconds)
            fault = self.fault_of(path, part, answer)
            if seconds > BOUND_SECONDS:
                fault = f"took {seconds:.0f} s"
            if fault:
                self.faults.append(f"{who}, {path}, while {part_name(part)} hangs: {fault}")
                return
            time.sleep(0.2)

    def fault_of(self, path, part, answer):
        """What is wrong with an answer; None if it is as it should be."""
        if answer is None:
            return "the connection broke off"
        needs = {"/metrics": [], "/health": [], "/jobs": [self.cluster.postgresql]}.get(
            path, [self.cluster.postgresql, *self.cluster.clickhouse.shards])
        may = {200}
        if path in QUERIES:
            may.add(404)  # no trips yet
        if part in needs:
            may.add(503)
        if answer.status not in may:
            return f"{answer.status} {answer.body[:300]!r}"
        if path == QUERIES[0] and answer.status == 200 and total_trips(answer.body) > total_trips(self.expected[0]):
            return f"{total_trips(answer.body)} trips"
        return None


KINDS = {"older catalog": OlderCatalog, "bad worker": BadWorker, "hung part": HungPart}
