"""What may happen to a store, a step each, and what the model must make of it.

A step is a method without arguments; `self.random` is its own. The tables say when it is possible and how often it is taken.
"""

import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
import urllib.parse
from contextlib import closing, suppress

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.damage import flip_a_byte
from tripstore_tools.state_machine.checks import StoreChecks
from tripstore_tools.state_machine.model import AFTER_DELETE, RESUMABLE
from tripstore_tools.state_machine.trip_file import CHANGES

ONLINE = {"upload": 6, "upload_group": 6, "upload_by_url": 3, "upload_again": 3, "delete_one": 4, "delete_many": 2,
          "delete_what_runs": 3, "resume_one": 3, "resume_beside_delete": 2, "kill_during_upload": 3, "stop_during_loads": 2,
          "kill": 1, "stop": 3, "write_beside_server": 1, "wait_for_merges": 1}
OFFLINE = {"start_server": 7, "ingest": 4, "ingest_again": 2, "ingest_standard_input": 2, "interrupt_and_run_again": 5,
           "resume_by_command": 2, "remove_by_command": 2, "rebuild_catalog": 2, "set_damage_aside": 1, "restore_backup": 2}
ANYWHERE = {"backup": 2, "export": 2}
# Those that are not about files of ours.
EVERY_ENGINE = {"upload", "upload_group", "upload_by_url", "upload_again", "delete_one", "delete_many", "delete_what_runs",
                "resume_one", "resume_beside_delete", "kill_during_upload", "stop_during_loads", "kill", "stop", "start_server",
                "ingest", "ingest_again", "ingest_standard_input", "interrupt_and_run_again", "resume_by_command",
                "remove_by_command"}

SHAPES = {"empty": 1, "header_only": 3, "no_trips": 2, "truncated": 2, "all_rejected": 3, "some_rejected": 4, "one": 3,
          "sample": 2, "hundred": 4, "thousands": 4, "long": 2, "hundreds_of_thousands": 0.05}
SMALL = {name: weight for name, weight in SHAPES.items() if name not in ("thousands", "long", "hundreds_of_thousands")}
BOUNDARY = "a-boundary-that-no-file-has"
# Seconds after which a job is interrupted, at most: about what it takes.
MOMENT_SECONDS = 1.2


class StoreSteps:
    """The steps; `StoreMachine` has what they act on."""

    # MARK: Files

    def file(self, shapes=None):
        shapes = shapes or SHAPES
        (shape,) = self.random.choices(list(shapes), list(shapes.values()))
        file = self.files.make(shape)
        self.detail(f"{file.name}: {file.rows} rows, {len(file.rejects)} rejected")
        return file

    def twin(self):
        """A file with the rows of another, compressed alike or not; None if there is none."""
        jobs = list(self.model.jobs.values())
        if not jobs:
            return None
        ending = self.random.choice([None, None, ".csv", ".csv.gz", ".csv.zst"])
        file = self.files.again(self.random.choice(jobs).file, ending)
        self.detail(f"{file.name}: again {[job.id for job in self.model.twins(file)]}")
        return file

    # MARK: Uploads

    def request_of(self, file, is_allowed_twice):
        """(method, path, body, headers) of one of the ways to send a file."""
        how = self.random.choice(["raw", "put", "form"])
        fields = {"duplicate": "allow"} if is_allowed_twice else {}
        name = urllib.parse.quote(file.name)
        if how == "raw":
            query = urllib.parse.urlencode({"filename": file.name} | fields)
            return "POST", f"/ingest?{query}", file.sent, {"Content-Type": "text/csv"}
        if how == "put":
            query = urllib.parse.urlencode(fields)
            return "PUT", f"/ingest/{name}{'?' * bool(query)}{query}", file.sent, {"Content-Type": "text/csv"}
        disposition = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name="
        head = "".join(f'{disposition}"{key}"\r\n\r\n{value}\r\n' for key, value in fields.items())
        head += f'{disposition}"file"; filename="{name}"\r\n\r\n'
        body = head.encode() + file.sent + f"\r\n--{BOUNDARY}--\r\n".encode()
        return "POST", "/ingest", body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

    def send(self, file, is_allowed_twice=False):
        """Uploads a file and notes the answer; returns its job, None if it was refused."""
        surely, possibly = self.model.refusals(file) if not is_allowed_twice else ([], [])
        answer = self.server.request(*self.request_of(file, is_allowed_twice))
        if answer.status == 409:
            numbers = re.findall(r"\d+", answer.detail)
            assert any(str(job.id) in numbers for job in possibly), f"{answer.detail} {possibly}"
            self.detail(f"refused: {answer.detail}")
            return None
        assert answer.status == 202, f"{answer.status}: {answer.body}"
        assert not surely, f"{answer.body}: the bytes of {surely[0]} are taken again"
        job = self.add(answer.json["job_id"], file, "upload", is_allowed_twice)
        self.listen(job)
        return job

    def upload(self):
        self.send(self.file())

    def upload_group(self):
        """Small files that wait for a larger one are loaded together."""
        if self.random.random() < 0.7:
            self.send(self.file({"long": 1, "thousands": 1}))
        for _ in range(self.random.randint(2, 12)):
            self.send(self.file(SMALL))

    def upload_again(self):
        file = self.twin()
        if file:
            self.send(file, is_allowed_twice=self.random.random() < 0.3)

    def upload_by_url(self):
        """From a web server of ours, which may lack the file until somebody puts it there."""
        file = self.file()
        self.web.bytes_per_second = self.random.choice([None, None, 4_000_000])
        is_missing = self.random.random() < 0.3
        if not is_missing:
            self.web_contents[file.name] = file.sent
        self.detail(f"by URL{', which is not there' if is_missing else ''}")
        answer = self.server.request("POST", "/ingest", f'{{"url": "{self.web.url(file.name)}"}}',
                                     {"Content-Type": "application/json"})
        assert answer.status == 202, f"{answer.status}: {answer.body}"
        self.listen(self.add(answer.json["job_id"], file, "url", is_missing=is_missing))

    # MARK: Deletions, and resuming

    def pick(self, condition=lambda job: True):
        """A job that meets a condition; mostly one of the last, which are the busiest."""
        jobs = [job for job in self.model.jobs.values() if condition(job)]
        if not jobs:
            return None
        return self.random.choice(jobs[-3:] if self.random.random() < 0.5 else jobs)

    def deleted(self, job):
        """A deletion of a job was answered."""
        may = AFTER_DELETE[job.status]
        if job.status is None:
            # It may not have known of the deletion before it had completed.
            job.may = may if "completed" in job.may or "deleted" in job.may else {"cancelled"}
        else:
            (job.may,) = [may]
            self.model.settle(job, *may)

    def delete(self, job):
        answer = self.server.delete(f"/jobs/{job.id}")
        assert answer.status == 200, f"{answer.status}: {answer.body}"
        self.deleted(job)
        assert answer.json["status"] in job.may, f"{answer.body}, may be {job.may}"

    def delete_one(self):
        job = self.pick()
        if job:
            self.detail(f"job {job.id}, {job.status}")
            self.delete(job)

    def delete_many(self):
        """Twenty at once, some of them twice."""
        jobs = self.random.choices(list(self.model.jobs.values()), k=20) if self.model.jobs else []
        self.detail(f"jobs {[job.id for job in jobs]}")
        answers = self.at_once(*[("DELETE", f"/jobs/{job.id}") for job in jobs])
        assert all(answer.status == 200 for answer in answers), [answer.body for answer in answers]
        for job in jobs:
            self.deleted(job)

    def delete_what_runs(self):
        """At a random moment of its job."""
        jobs = [self.send(self.file({"long": 2, "thousands": 1})), self.send(self.file(SMALL))]
        time.sleep(self.random.uniform(0, MOMENT_SECONDS))
        for job in jobs:
            if job:
                self.delete(job)

    def at_once(self, *requests):
        """Answers of requests that are sent at the same moment."""
        answers = [None] * len(requests)
        barrier = threading.Barrier(max(1, len(requests)))

        def ask(position):
            barrier.wait()
            answers[position] = self.server.request(*requests[position])

        threads = [threading.Thread(target=ask, args=(position,)) for position in range(len(requests))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def mend_source(self, job):
        """The target of a URL exists from now on, by chance."""
        if job.is_missing and self.random.random() < 0.7:
            job.is_missing = False
            self.web_contents[job.file.name] = job.file.sent

    def outcomes_of(self, job):
        return {"failed"} if job.is_missing else self.model.outcomes(job.file, job, job.is_allowed_twice)

    def resume_one(self):
        job = self.pick(lambda job: job.status in RESUMABLE) if self.random.random() < 0.8 else self.pick()
        if not job:
            return
        self.mend_source(job)
        self.detail(f"job {job.id}, {job.status}")
        answer = self.server.request("POST", f"/jobs/{job.id}/resume")
        self.resumed(job, answer)

    def resumed(self, job, answer):
        may = self.outcomes_of(job)
        if answer.status == 202:
            assert job.status in RESUMABLE or (job.status is None and "failed" in job.may), f"{job} {answer.body}"
            job.goes_on(may)
            self.listen(job)
        else:
            assert answer.status == 409, f"{answer.status}: {answer.body}"
            is_refused_for_its_twin = "failed" in may and not job.file.fault and not job.is_missing
            assert job.status not in RESUMABLE or is_refused_for_its_twin or job.source == "stdin", f"{job}: {answer.body}"

    def resume_beside_delete(self):
        """Of the same job at the same instant: the deletion stays, whichever was first."""
        job = self.pick(lambda job: job.status in RESUMABLE)
        if not job:
            return
        self.mend_source(job)
        self.detail(f"job {job.id}, {job.status}")
        requests = [("POST", f"/jobs/{job.id}/resume"), ("DELETE", f"/jobs/{job.id}")]
        if self.random.random() < 0.5:
            requests.reverse()
        answers = dict(zip([method for method, _ in requests], self.at_once(*requests), strict=True))
        statuses = answers["DELETE"].status, answers["POST"].status
        assert statuses in ((200, 202), (200, 409)), [answer.body for answer in answers.values()]
        if answers["POST"].status == 202:
            job.goes_on(self.outcomes_of(job))
        self.deleted(job)

    # MARK: The end of a server, and its start

    def start_server(self):
        self.start()

    def stop(self):
        self.end_server("stop")

    def kill(self):
        self.end_server("kill")

    def stop_during_loads(self):
        for _ in range(self.random.randint(1, 3)):
            self.send(self.file())
        time.sleep(self.random.uniform(0, MOMENT_SECONDS / 2))
        self.end_server(self.random.choice(["stop", "kill"]))

    def kill_during_upload(self):
        """Whoever got an answer finds the job, whoever got none finds it or not."""
        files = [self.file() for _ in range(self.random.randint(1, 4))]
        requests = [self.request_of(file, is_allowed_twice=True) for file in files]
        answers = {}
        server = self.server

        def send():
            for file, request in zip(files, requests, strict=True):
                self.unanswered[file.name] = (file, "upload", True)
                answers[file.name] = server.request(*request)

        def send_until_it_is_gone():
            with suppress(Exception):  # the server was killed
                send()

        thread = threading.Thread(target=send_until_it_is_gone)
        thread.start()
        time.sleep(self.random.uniform(0, MOMENT_SECONDS / 4))
        self.end_server(self.random.choice(["kill", "kill", "stop"]))
        thread.join()
        for file in files:
            answer = answers.get(file.name)
            if answer and answer.status == 202:
                del self.unanswered[file.name]
                self.add(answer.json["job_id"], file, "upload", is_allowed_twice=True).kills = 1
        self.detail(f"{len(answers)} answered")
        self.settle()

    def write_beside_server(self):
        """One process at a time."""
        done = self.command("ingest", self.file().path)
        assert done.returncode == 1 and done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1, done

    def wait_for_merges(self):
        time.sleep(self.random.uniform(0.5, 2))

    # MARK: The command line

    def command(self, *arguments, **options):
        """Runs a command to its end; those that write begin with sweeping."""
        self.is_swept = self.is_swept or arguments[0] in ("ingest", "resume") or "--remove" in arguments
        return tripstore.cli(*arguments, "--data-dir", self.data_dir, check=False, **self.settings, **options)

    def ingest_files(self, files, is_allowed_twice=False):
        """`tripstore ingest` to its end."""
        known, before = set(self.model.jobs), self.expect_files(files, is_allowed_twice)
        done = self.command("ingest", *[file.path for file in files], *["--allow-duplicate"] * is_allowed_twice)
        self.judge_ingest(files, done.returncode, done.stderr, known, before)

    def expect_files(self, files, is_allowed_twice):
        """Before a command that ingests files: marks those that are resumed; returns the jobs that make others be skipped, by name."""
        skipped = {}
        for file in files:
            begun = self.begun_with(file)
            if begun:
                begun.file = file
                begun.goes_on(self.may_go_on(begun))
            else:
                skipped[file.name] = ([], []) if is_allowed_twice else self.model.refusals(file)
                self.unanswered[file.name] = (file, "file", is_allowed_twice)
        return skipped

    def begun_with(self, file):
        """The job that a command which names this path resumes."""
        return next((job for job in self.model.having("interrupted")
                     if job.source == "file" and job.file.path == file.path), None)

    def may_go_on(self, job):
        return job.may if job.may <= {"completed", "failed"} else self.outcomes_of(job)

    def judge_ingest(self, files, code, errors, known, skipped):
        """What a command that was not interrupted has come to, and its exit code."""
        self.settle()
        mine = [job for job in self.model.jobs.values()
                if job.file in files and (job.id not in known or job.file.name not in skipped)]
        for file in files:
            surely, possibly = skipped.get(file.name, ([], []))
            has_job = any(job.file is file for job in mine)
            # Of files of the same rows in one command, one at least has a job.
            possibly = possibly or any(job.file is not file and job.file.plain == file.plain for job in mine)
            assert has_job != bool(surely) or possibly, f"{file.name}: skipped for {surely or possibly}, {mine}\n{errors}"
            if not has_job:
                assert file.name in errors, f"not a word on {file.name}, which was skipped: {errors}"
        # What turns out at its end to be there already is as good as skipped.
        failed = [job for job in mine if job.status == "failed" and not self.is_duplicate(job)]
        # The rows of a file that was skipped are those of the job that has its bytes.
        # Columns that nobody recognizes are a question.
        asked = any(job.file.fault == "column" for job in failed)
        expected = 2 if asked else 1 if failed else 3 if any(file.rejects for file in files) else 0
        assert code == expected, f"ended with {code}, not {expected}, {mine}: {errors}"
        assert "same command" not in errors, f"nothing is left of it: {errors}"

    def is_duplicate(self, job):
        return not job.file.fault and any(twin.status == "completed" for twin in self.model.twins(job.file, job))

    def ingest(self):
        self.ingest_files([self.file() for _ in range(self.random.randint(1, 4))])

    def ingest_again(self):
        file = self.twin()
        if file:
            self.ingest_files([file], is_allowed_twice=self.random.random() < 0.3)

    def ingest_standard_input(self):
        file = self.file(SMALL)
        process = subprocess.run(
            [tripstore.BINARY, "ingest", "-", "--data-dir", self.data_dir], input=file.sent, capture_output=True,
            env=tripstore.clean_environment(**self.settings), timeout=tripstore.TIMEOUT_SECONDS, check=False)
        self.is_swept = True
        self.detail(f"ended with {process.returncode}: {process.stderr.decode().splitlines()[-1:]}")
        new = [row for row in self.listing() if row["id"] not in self.model.jobs]
        if b"skipped" in process.stderr:
            # A duplicate leaves no job.
            assert any(twin.status == "completed" for twin in self.model.twins(file)), f"{new}, {process}"
            assert len(new) == self.keeps_duplicates, f"{new}, {process}"
        else:
            assert len(new) == 1, f"{new}, {process}"
        for row in new:
            self.add(row["id"], file, "stdin")
        self.settle()

    def interrupt_and_run_again(self):
        """Ctrl-C, SIGTERM or a kill at a random moment; files may change meanwhile; then the same command, or nothing."""
        files = [self.file({"long": 3, "thousands": 1, "some_rejected": 1, "hundred": 1})
                 for _ in range(self.random.randint(1, 3))]
        self.expect_files(files, is_allowed_twice=False)
        number = self.random.choice([signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
        process = subprocess.Popen([tripstore.BINARY, "ingest", *[file.path for file in files], "--data-dir", self.data_dir],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=tripstore.clean_environment(**self.settings))
        time.sleep(self.random.uniform(0, MOMENT_SECONDS))
        process.send_signal(number)
        _, errors = process.communicate(timeout=tripstore.TIMEOUT_SECONDS)
        self.detail(f"{number.name}, ended with {process.returncode}")
        self.is_swept = process.returncode >= 0
        self.settle()
        is_done = all(any(job.file is file and job.status in ("completed", "failed") for job in self.model.jobs.values())
                      for file in files)
        codes = {0, 1, 3} if is_done else {128 + number}
        # A signal that comes before the program is prepared for one, or after all is done, ends it as it ends any.
        codes |= {-number, 128 + number}
        assert process.returncode in codes, (process.returncode, errors)
        if is_done:
            assert "same command" not in errors, f"nothing is left of it: {errors}"
        elif process.returncode == 128 + number:
            assert "same command" in errors, f"does not say how to go on: {errors}"
        if self.random.random() < 0.8:
            files = [self.change(file) for file in files]
            self.ingest_files(files)
            self.ingest_again_what_failed(files)

    def change(self, file):
        """A file may be another one when the command runs again."""
        how = self.random.choice(CHANGES)
        if how == "nothing" or file.rejects:
            return file
        self.detail(f"{file.name} changes: {how}")
        new = self.files.changed(file, how)
        job = self.begun_with(file)
        if job:
            with closing(sqlite3.connect(f"file:{self.data_dir}/catalog.sqlite?mode=ro", uri=True)) as catalog:
                ((committed,),) = catalog.execute("SELECT committed_bytes FROM jobs WHERE id = ?", [job.id])
            is_same = new.plain[:committed] == file.plain[:committed]
            self.detail(f"job {job.id} has committed {committed} bytes, {'the same' if is_same else 'which have changed'}")
            job.file = new
            job.may = {"completed"} if is_same else {"failed"}
        return new

    def ingest_again_what_failed(self, files):
        """A file that had changed is ingested from its start when the command runs again."""
        if self.random.random() < 0.7 and any(job.file in files for job in self.model.having("failed")):
            self.ingest_files(files)

    def resume_by_command(self):
        job = self.pick(lambda job: job.status in RESUMABLE) if self.random.random() < 0.8 else self.pick()
        if not job:
            return
        self.mend_source(job)
        may, was = self.outcomes_of(job), job.status
        self.detail(f"job {job.id}, {was}")
        if was in RESUMABLE:
            job.goes_on(may)
        done = self.command("resume", job.id)
        self.settle()
        # The rows of one that turns out to be there already are in the store.
        is_in = job.status == "completed" or (job.status == "failed" and self.is_duplicate(job))
        expected = (3 if job.file.rejects else 0) if was in RESUMABLE and is_in else 2 if job.file.fault == "column" else 1
        assert done.returncode == expected, f"ended with {done.returncode}, not {expected}: {done.stderr}"

    def remove_by_command(self):
        job = self.pick()
        if not job:
            return
        self.detail(f"job {job.id}, {job.status}")
        done = self.command("jobs", job.id, "--remove")
        assert done.returncode == 0, done
        self.deleted(job)

    # MARK: Copies, and what is lost

    def is_at_rest(self):
        return all(job.status for job in self.model.jobs.values()) and not self.unanswered

    def backup(self):
        copy = self.folder / "backup"
        if not self.model.jobs:
            return
        done = self.command("backup", copy)
        assert done.returncode == 0, done
        if self.is_at_rest():
            StoreChecks(self.model, copy).all(self.random, 1)
        else:
            # Whole jobs only, whatever was under way.
            rows = [row for row in StoreChecks(self.model, copy).jobs() if row["status"] == "completed"]
            found = StoreChecks(self.model, copy).catalog("SELECT coalesce(sum(trips), 0) FROM live_counts")[0][0]
            expected = sum(row["processed_rows"] - row["rejected_rows"] for row in rows) - sum(self.model.missing.values())
            assert found == expected, f"the copy has {found} trips, its jobs {expected}: {rows}"
            StoreChecks(self.model, copy).check_verify()

    def restore_backup(self):
        """Into another folder, where the store continues."""
        self.rest()
        if not self.model.jobs or self.model.missing:
            return
        self.backup()
        new = self.folder / f"data-{self.counts['restore_backup'] + 1}"
        done = tripstore.cli("restore", self.folder / "backup", "--data-dir", new, check=False)
        assert done.returncode == 0, done
        shutil.rmtree(self.data_dir)
        shutil.rmtree(self.folder / "backup")
        self.data_dir = new

    def export(self):
        lake = self.folder / "lake"
        if not self.model.jobs:
            return
        done = self.command("export", "--hive", lake)
        assert done.returncode == 0, done
        if self.is_at_rest():
            names = [str(path) for path in lake.glob("week=*/*.parquet")]
            found = self.model.differences("read_parquet(?)", names) if names else self.model.trips
            assert not found, f"the export differs: {found}"

    def rebuild_catalog(self):
        """What segments record comes back; the other jobs are forgotten, except for waiting uploads."""
        self.rest()
        if not (self.data_dir / "segments").is_dir():
            return
        for path in self.data_dir.glob("catalog.sqlite*"):
            path.unlink()
        done = self.command("rebuild-catalog")
        self.detail(f"ended with {done.returncode}: {done.stdout.splitlines()[:1]}")
        assert done.returncode == (1 if self.model.missing else 0), done
        self.take_over_rebuilt()
        copy = self.folder / "backup"
        if copy.exists():
            # The new catalog has a name of its own, so that the copy's origin can't be recognized.
            refused = self.command("backup", copy)
            assert refused.returncode == 1 and "before `tripstore rebuild-catalog`" in refused.stderr, refused
            shutil.rmtree(copy)
        # What belonged to jobs that are forgotten is for the next writer to remove.
        self.is_swept = False

    def take_over_rebuilt(self):
        rows = {row["id"]: row for row in self.listing()}
        kept = {job.id: job for job in self.model.having("completed") if job.file.trips}
        assert kept.keys() <= rows.keys(), f"jobs {sorted(kept.keys() - rows.keys())} are gone"
        with closing(sqlite3.connect(f"file:{self.data_dir}/catalog.sqlite?mode=ro", uri=True)) as catalog:
            sources = dict(catalog.execute("SELECT id, source_path FROM jobs"))
        uploads = {job.id: job for job in self.model.having("failed", "interrupted") if job.goes_on_by_itself}
        for number in rows.keys() - kept.keys():
            # An upload that waited is a failed job now, under a number of its own.
            sent = (self.data_dir / "uploads" / sources[number].split("/")[-1]).read_bytes()
            job = next((job for job in uploads.values() if job.file.sent == sent), None)
            assert job and rows[number]["status"] == "failed", f"a job that nobody made: {rows[number]}"
            del uploads[job.id]
            job.id, job.status, job.may = number, "failed", {"failed"}
            job.source, job.is_stray = "upload", True
            kept[number] = job
        for number, job in kept.items():
            job.file.path = job.file.path.rename(job.file.path.with_name(rows[number]["filename"]))
        self.model.jobs = kept
        self.model.loaded &= kept.keys()

    def set_damage_aside(self):
        """A disk flips a bit of a segment; what it had is missing until its jobs are deleted."""
        self.rest()
        live = StoreChecks(self.model, self.data_dir).catalog("SELECT file_name FROM segments WHERE is_live")
        if not live:
            return
        ((name,),) = self.random.sample(live, 1)
        path = self.data_dir / "segments" / name
        self.model.lose(path)
        flip_a_byte(path)
        for arguments in (["verify"], ["verify", "--quarantine"]):
            done = self.command(*arguments)
            assert done.returncode == 1 and name in done.stdout, done
        self.detail(f"{name}, missing are now {dict(self.model.missing)}")
