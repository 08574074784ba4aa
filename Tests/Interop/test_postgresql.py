"""The catalog that processes share, on a real PostgreSQL: Swift tests compare it with the one in SQLite, call by call; it goes away;
and commands of one machine load their own files with it as they do alone, whatever ends them."""

import contextlib
import json
import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from tripstore_tools.harness import postgresql, tripstore
from tripstore_tools.harness.file_servers import FileServer
from tripstore_tools.harness.generated import ROWS
from tripstore_tools.harness.tripstore import REPOSITORY, SAMPLE, TERMINAL, TIMEOUT_SECONDS, Server, wait_until

DATABASES = [*(f"agrees{seed}" for seed in range(6)), "claims", "rejects", "leads", *(f"commands{end}" for end in range(3)),
             "bodies", "settlesfalse", "settlestrue"]
LEASE_SECONDS = 3


@pytest.mark.skipif(not postgresql.is_installed(), reason="PostgreSQL is not installed")
def test_the_catalog_does_what_the_one_in_sqlite_does(tmp_path):
    server = postgresql.PostgreSQL(tmp_path / "postgresql")
    try:
        server.start()
        for database in DATABASES:
            server.make_database(database)
        # The tests that were built with the program, wherever that was.
        built = next((folder for folder in Path(tripstore.BINARY).resolve().parents if folder.parent == REPOSITORY), ".build")
        command = ["swift", "test", "-c", "release", "--disable-testable-imports", "--skip-build", "--scratch-path", built,
                   "--filter", "PostgresCatalogTests"]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=10 * TIMEOUT_SECONDS, check=False,
                              env=os.environ | {"TRIPSTORE_TEST_CATALOG_URL": server.url("DATABASE")})
        output = done.stdout + done.stderr
        assert done.returncode == 0, output[-5000:]
        assert "Test run with 7 tests in 1 suite passed" in output, output[-2000:]
    finally:
        server.kill()
        server.remove()


def hold_table(catalog):
    """Locks the jobs against everybody, until PostgreSQL ends."""
    with contextlib.suppress(AssertionError):
        catalog.query("BEGIN; LOCK TABLE jobs; SELECT pg_sleep(600)", "jobs")


@pytest.mark.skipif(not postgresql.is_installed(), reason="PostgreSQL is not installed")
def test_a_fetch_waits_for_a_catalog_that_goes_away_before_its_first_look(tmp_path, cluster):
    """Found: the job failed, though nothing was wrong with its file.

    Somebody locks the table as soon as the job is claimed, so that the fetch looks in vain, and then PostgreSQL is killed."""
    catalog = postgresql.PostgreSQL(tmp_path / "postgresql")
    try:
        catalog.start()
        catalog.make_database("jobs")
        with FileServer(SAMPLE.read_bytes()) as files, Server(
                tmp_path / "data", tmp_path / "log", DATABASE_URL=cluster.database_url("first_look"),
                CATALOG_URL=catalog.url("jobs"), ALLOW_PRIVATE_ADDRESSES="true") as server:
            # A claim takes its time, in which the lock gets in line before the fetch.
            catalog.query("CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(2); RETURN NEW; END';"
                          "CREATE TRIGGER wait BEFORE UPDATE OF worker ON jobs FOR EACH ROW EXECUTE FUNCTION wait()", "jobs")
            sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            looking = ("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FROM jobs WHERE id =%'"
                       " AND query NOT LIKE '%pg_stat_activity%'")
            answer = server.request("POST", "/ingest", json.dumps({"url": files.url()}), {"Content-Type": "application/json"})
            assert answer.status == 202, answer.body
            wait_until(lambda: catalog.query(sleeping).strip() == "1", "the claim")
            lock = threading.Thread(target=hold_table, args=[catalog])
            lock.start()
            wait_until(lambda: int(catalog.query(looking)) > 0, "the fetch to look for its job")
            assert not files.requests
            catalog.kill()
            lock.join()
            catalog.start()
            catalog.query("DROP TRIGGER wait ON jobs", "jobs")

            def ended():
                job = server.get(f"/jobs/{answer.json['job_id']}")
                return job.json if job.status == 200 and job.json["status"] in TERMINAL else None
            job = wait_until(ended, "the end of the job")
            assert (job["status"], job["processed_rows"]) == ("completed", 100), job
    finally:
        catalog.kill()
        catalog.remove()


# MARK: Commands

class Commands:
    """Commands with jobs in a database of their own and trips in ClickHouse."""

    def __init__(self, name, folder, catalog, cluster):
        self.name, self.folder, self.catalog = name, folder, catalog
        self.catalog.make_database(name)
        self.variables = {
            "DATABASE_URL": cluster.database_url(name, "&rows_per_insert=30000"), "ALLOW_PRIVATE_ADDRESSES": "true",
            "CATALOG_URL": catalog.url(name, f"?lease_seconds={LEASE_SECONDS}")}
        # No such job exists; the first writer creates the tables.
        assert self.run("resume", 1).returncode == 1

    def run(self, *arguments, check=False, stdin=None):
        return tripstore.cli(*arguments, "--data-dir", self.folder / "data", check=check, stdin=stdin, **self.variables)

    def launch(self, *arguments):
        return subprocess.Popen([str(tripstore.BINARY), *map(str, arguments), "--data-dir", str(self.folder / "data")],
                                stderr=subprocess.PIPE, text=True, env=tripstore.clean_environment(**self.variables))

    def server(self, role="both"):
        """One on the same machine, with a folder that all servers share."""
        return tripstore.Server(self.folder / "served", self.folder / f"{role}.log", ROLE=role, **self.variables)

    def jobs(self):
        return json.loads(self.run("jobs", "--format", "json", check=True).stdout)

    def trips(self):
        done = self.run("weekly-average", "--format", "json")
        return json.loads(done.stdout)["total_trips"] if done.returncode == 0 else 0

    def status(self, job=1):
        """As the catalog has it, without what a command makes of it."""
        return self.catalog.query(f"SELECT status FROM jobs WHERE id = {job}", self.name).strip()

    def committed(self, job=1):
        return int(self.catalog.query(f"SELECT coalesce(max(processed_rows), 0) FROM jobs WHERE id = {job}", self.name))

    def interrupt(self, number, *arguments, job=1):
        """Ends `ingest` by a signal once something is committed of its job; returns what it said."""
        process = self.launch("ingest", *arguments)
        wait_until(lambda: self.committed(job) > 0 or process.poll() is not None, "a commit", pause=0.01)
        process.send_signal(number)
        said = process.communicate(timeout=TIMEOUT_SECONDS)[1]
        assert process.returncode == (-number if number == signal.SIGKILL else 128 + number), said
        return said


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    if not postgresql.is_installed():
        pytest.skip("PostgreSQL is not installed")
    server = postgresql.PostgreSQL(tmp_path_factory.mktemp("catalog") / "postgresql")
    try:
        server.start()
        # Before that no process of it is taken for dead.
        server.query(f"SELECT pg_sleep_for(pg_postmaster_start_time() + interval '{LEASE_SECONDS} seconds' - now())")
        yield server
    finally:
        server.kill()
        server.remove()


@pytest.fixture
def commands(request, tmp_path, catalog, cluster):
    name = "".join(letter if letter.isalnum() else "_" for letter in request.node.name.lower())[-40:]
    return Commands(f"c{name}", tmp_path, catalog, cluster)


@pytest.mark.parametrize("options", [[], ["--allow-duplicate"]])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_same_command_again_goes_on_at_once(commands, generated_csv, number, options):
    """Also beside a server that would take any job which waits, and though a killed command's lease is not over."""
    with commands.server():
        said = commands.interrupt(number, *options, generated_csv)
        assert ("run the same command again" in said) == (number == signal.SIGINT)
        (job,) = commands.jobs()
        assert job["status"] == "interrupted" and commands.trips() == 0
        done = commands.run("ingest", *options, generated_csv)
        assert done.returncode == 0 and "Resuming trips.csv after" in done.stderr, done.stderr
        assert [job["status"] for job in commands.jobs()] == ["completed"] and commands.trips() == ROWS
        # Now it is in, or wanted once more.
        again = commands.run("ingest", generated_csv)
        assert again.returncode == 0 and "skipped" in again.stderr and commands.trips() == ROWS


def test_a_killed_command_leaves_an_interrupted_job_to_whoever_asks_for_it(commands, generated_csv, tmp_path):
    """No server resumes a file that it may not have; each that has it does on request, and removal removes it."""
    with commands.server() as server:
        commands.interrupt(signal.SIGKILL, generated_csv)
        wait_until(lambda: commands.status() == "interrupted", "the end of the lease")
        assert server.job(1)["status"] == "interrupted" and server.job(1)["processed_rows"] > 0
        leftover = commands.run("ingest", tripstore.SAMPLE)
        assert "tripstore resume 1" in leftover.stderr and "tripstore jobs 1 --remove" in leftover.stderr
        assert server.request("POST", "/jobs/1/resume").status == 202
        assert server.wait_for_job(1)["status"] == "completed" and commands.trips() == ROWS + 100
    other = tmp_path / "other.csv"
    other.write_bytes(generated_csv.read_bytes().replace(b"\n", b"\r\n"))
    commands.interrupt(signal.SIGKILL, other, job=3)
    resumed = commands.run("resume", 3)
    assert resumed.returncode == 0 and commands.status(3) == "completed" and commands.trips() == 2 * ROWS + 100, resumed.stderr
    commands.run("jobs", 3, "--remove", check=True)
    commands.interrupt(signal.SIGKILL, other, job=4)
    removed = commands.run("jobs", 4, "--remove")
    assert removed.returncode == 0 and commands.status(4) == "cancelled" and commands.trips() == ROWS + 100, removed.stderr


def test_of_two_same_commands_at_once_one_goes_on(commands, generated_csv):
    commands.interrupt(signal.SIGINT, "--allow-duplicate", generated_csv)
    both = [commands.launch("ingest", "--allow-duplicate", generated_csv) for _ in range(2)]
    said = [process.communicate(timeout=TIMEOUT_SECONDS)[1] for process in both]
    # The other says where it is ingested, or came so late that it was complete: then it was requested again.
    codes = sorted(process.returncode for process in both)
    assert sum("Resuming" in text for text in said) == 1, said
    assert (codes, commands.trips()) in (([0, 1], ROWS), ([0, 0], 2 * ROWS)), said
    assert codes == [0, 0] or any("run the same command again once it has ended" in text for text in said), said


def test_equal_bytes_elsewhere_and_files_at_urls_go_on_too(commands, generated_csv, tmp_path):
    with FileServer(generated_csv.read_bytes()) as files:
        commands.interrupt(signal.SIGKILL, files.url())
        done = commands.run("ingest", files.url())
        assert done.returncode == 0 and [job["status"] for job in commands.jobs()] == ["completed"], done.stderr
    assert commands.trips() == ROWS


@pytest.mark.parametrize("name, what", [("-", "standard input"), ("/dev/stdin", "a pipe or a device")])
def test_a_stream_of_a_killed_command_fails(commands, name, what):
    process = subprocess.Popen([str(tripstore.BINARY), "ingest", name, "--data-dir", str(commands.folder / "data")],
                               stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=tripstore.clean_environment(**commands.variables))
    process.stdin.write(tripstore.SAMPLE.read_bytes()[:2000])
    process.stdin.flush()
    wait_until(lambda: commands.status() == "running", "the load")
    process.kill()
    process.communicate()
    done = commands.run("ingest", tripstore.SAMPLE)
    assert done.returncode == 0 and commands.status() == "failed" and commands.trips() == 100, done.stderr
    failed = [job for job in commands.jobs() if job["status"] == "failed"]
    assert [job["message"] for job in failed] == [f"Interrupted while reading {what}, which cannot be read again; load it again."]
    # Another one of the same name is another one.
    done = commands.run("ingest", name, stdin="\n".join(tripstore.SAMPLE.read_text().split("\n")[:11]) + "\n")
    assert done.returncode == 0 and commands.trips() == 110, done.stderr


# MARK: Loads that end their process

def test_a_load_that_ends_each_worker_is_given_up_by_all(commands, generated_csv):
    """Of four runs two are real; the embedded engine's test has them all (test_crash.py)."""
    commands.variables["DATABASE_URL"] = commands.variables["DATABASE_URL"].replace("rows_per_insert=30000", "rows_per_insert=1000000")
    with commands.server("api") as api, commands.server("worker") as worker:
        job = api.post_file(generated_csv)
        for attempt, starts in ((1, 1), (2, 4)):
            running = f"SELECT start_count FROM jobs WHERE status = 'running' AND attempt = {attempt}"
            wait_until(lambda: commands.catalog.query(running, commands.name), "the load", pause=0)
            worker.kill()
            assert commands.catalog.query(running, commands.name) == f"{starts}\n"
            commands.catalog.query(f"UPDATE jobs SET start_count = {starts + 2} WHERE start_count = 1", commands.name)
            worker.start()
        failed = api.wait_for_job(job)
        assert failed["status"] == "failed" and "ended 4 times in a row" in failed["message"], failed
        assert api.ingest(tripstore.SAMPLE)["status"] == "completed"
        assert api.request("POST", f"/jobs/{job}/resume").status == 202
        assert api.wait_for_job(job)["status"] == "completed" and commands.trips() == ROWS + 100
