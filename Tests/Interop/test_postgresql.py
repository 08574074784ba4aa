"""The catalog that processes share, on a real PostgreSQL: Swift tests compare it with the one in SQLite, call by call; and it goes away."""

import contextlib
import json
import os
import subprocess
import threading

import pytest

import postgresql
from file_servers import FileServer
from tripstore import PATIENCE_SECONDS, REPOSITORY, SAMPLE, TERMINAL, Server, wait_until

DATABASES = [*(f"agrees{seed}" for seed in range(6)), "claims", "rejects", "leads"]


@pytest.mark.skipif(not postgresql.is_installed(), reason="PostgreSQL is not installed")
def test_the_catalog_does_what_the_one_in_sqlite_does(tmp_path):
    server = postgresql.PostgreSQL(tmp_path / "postgresql")
    try:
        server.start()
        for database in DATABASES:
            server.make_database(database)
        command = ["swift", "test", "-c", "release", "--disable-testable-imports", "--skip-build",
                   "--filter", "PostgresCatalogTests"]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=10 * PATIENCE_SECONDS, check=False,
                              env=os.environ | {"TRIPSTORE_TEST_CATALOG_URL": server.url("DATABASE")})
        output = done.stdout + done.stderr
        assert done.returncode == 0, output[-5000:]
        assert "Test run with 4 tests in 1 suite passed" in output, output[-2000:]
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
