"""Backups of a cluster: stores of one machine, made while it is in use, and what is restored of them and of snapshots."""

import json
import random
import re
import subprocess
import threading
import time

import pytest

from tripstore_tools.harness import clickhouse, postgresql, tripstore
from tripstore_tools.harness.held_requests import HeldRequests
from tripstore_tools.harness.migration import QUERIES, counted, inspected, interrupted, refusal, said, same
from tripstore_tools.harness.tripstore import SAMPLE, TIMEOUT_SECONDS, cli, wait_until

pytestmark = pytest.mark.skipif(
    not (clickhouse.is_installed() and postgresql.is_installed()), reason="clickhouse-server or PostgreSQL is not installed")


def test_a_backup_of_a_cluster_in_use_has_whole_jobs_and_is_restored(places, tmp_path):
    place = places(parameters="&rows_per_insert=5000&purge_after_seconds=5")
    big = tmp_path / "big.csv"
    cli("generate", "--rows", 40_000, "--output", big)
    backup = tmp_path / "backup"
    with place.server() as server:
        jobs, stop = [], threading.Event()

        def use():
            choice = random.Random(4)
            while not stop.is_set():
                jobs.append(server.post_file(choice.choice([*[SAMPLE] * 9, big])))
                if len(jobs) % 3 == 0:
                    server.delete(f"/jobs/{choice.choice(jobs)}")
                time.sleep(0.1)

        user = threading.Thread(target=use)
        user.start()
        try:
            for _ in range(3):
                done = cli("backup", backup, **place.variables)
                cli("verify", "--data-dir", backup)
                trips = inspected(backup)["trips"]
                assert trips % 100 == 0 and "gave equal results" in done.stdout
        finally:
            stop.set()
            user.join()
        for job in jobs:
            server.wait_for_job(job)
        cli("backup", backup, **place.variables)
        # What did not change is not brought again.
        again = cli("backup", backup, **place.variables).stdout
        assert "all of them were already there" in again
        expected = said(server)
    with tripstore.Server(backup, tmp_path / "backup.log") as server:
        same(said(server), expected)
    for kind in ("postgresql", "sqlite"):
        other = places(kind, suffix=kind)
        data = [] if kind == "postgresql" else ["--data-dir", other.data]
        cli("restore", backup, *data, **other.variables)
        with other.server() as server:
            same(said(server), expected)


@pytest.mark.parametrize("query", [
    "SELECT job_id, block, count()",  # between the list of jobs and the look at which of them are still there
    "FORMAT Native",  # while trips are read
    "SELECT region, sum(c) AS trips",  # when answers are compared
])
def test_a_job_that_is_deleted_during_a_backup_is_not_in_it(places, tmp_path, query):
    """Found: deleted between two looks at the catalog, it was listed as deleted and counted in the source's answers."""
    place = places()
    backup = tmp_path / "backup"
    ports = [shard.http_port for shard in place.shards.shards]
    with place.server() as server, HeldRequests(ports, query.encode()) as held:
        for _ in range(3):
            server.ingest(SAMPLE)
        url = place.url
        for port, relay in zip(ports, held.ports, strict=True):
            url = url.replace(f"127.0.0.1:{port}", f"127.0.0.1:{relay}")
        process = subprocess.Popen(
            [tripstore.BINARY, "backup", backup], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=tripstore.clean_environment(**place.variables | {"DATABASE_URL": url}))
        try:
            wait_until(lambda: held.is_held() or process.poll() is not None, "the query")
            assert process.poll() is None, process.communicate()[0]
            assert server.delete("/jobs/2").status == 200
            held.release()
            output = process.communicate(timeout=TIMEOUT_SECONDS)[0]
        finally:
            process.kill()
        assert process.returncode == 0 and "gave equal results" in output, output
        expected = said(server)
    assert inspected(backup)["trips"] == 200
    with tripstore.Server(backup, tmp_path / "backup.log") as server:
        same(said(server), expected)


def test_a_killed_backup_goes_on_and_a_job_that_was_not_complete_comes_with_the_next(places, tmp_path, catalog):
    place = places(parameters="&rows_per_insert=2000")
    big = tmp_path / "big.csv"
    cli("generate", "--rows", 40_000, "--output", big)
    backup = tmp_path / "backup"
    with place.server() as server:
        server.ingest(big)
        command = [tripstore.BINARY, "backup", backup]
        assert interrupted(command, place.variables | {"SEGMENT_ROWS": "3000"}, lambda: counted(backup), [3000, 9000, 20_000]) > 1
        server.ingest(SAMPLE)
        # As if a job were running.
        catalog.query("UPDATE jobs SET status = 'running', worker = 'somebody', heartbeat_at = now() + interval '1 hour' WHERE id = 2",
                      place.name)
        done = cli("backup", backup, **place.variables)
        assert "1 job not complete" in done.stdout
        job = json.loads(cli("jobs", 2, "--data-dir", backup, "--format", "json").stdout)
        assert job["status"] == "failed" and "not complete when the store was copied" in job["message"]
        catalog.query("UPDATE jobs SET status = 'completed', worker = NULL WHERE id = 2", place.name)
        cli("backup", backup, **place.variables)
        expected = said(server)
    with tripstore.Server(backup, tmp_path / "backup.log") as server:
        same(said(server), expected)


def test_a_catalog_of_an_earlier_moment_and_volumes_of_a_later_one_are_brought_together(places, tmp_path, catalog):
    """The steps of docs/DEPLOYMENT.md, "Snapshots of the volumes"."""
    place = places(parameters="&rows_per_insert=2000")
    big = tmp_path / "big.csv"
    cli("generate", "--rows", 150_000, "--output", big)
    with place.server() as server:
        assert server.ingest(SAMPLE)["status"] == server.ingest(SAMPLE)["status"] == "completed"
        before = said(server)
    # A load that has committed a part of its file, and one that waits.
    server.start()
    running = server.post_file(big)
    waiting = server.post_file(SAMPLE)
    wait_until(lambda: place.committed() > 2200, "a commit", pause=0.002)
    server.kill()
    catalog.query(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{place.name}'")
    catalog.query(f"CREATE DATABASE {place.name}_then TEMPLATE {place.name}")
    with place.server() as server:
        # What the catalog of then knows nothing of: ends of jobs, other runs, later jobs, deletions.
        assert server.wait_for_job(running)["status"] == server.wait_for_job(waiting)["status"] == "completed"
        server.ingest(SAMPLE)
        server.delete("/jobs/2")
        assert server.get("/analytics/weekly-average").json["total_trips"] == 150_000 + 300
    catalog.query(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{place.name}'")
    catalog.query(f"DROP DATABASE {place.name}")
    catalog.query(f"ALTER DATABASE {place.name}_then RENAME TO {place.name}")

    assert "the catalog's last job is 4" in refusal("regions", "--data-dir", tmp_path / "any", **place.variables)
    guide = (tripstore.REPOSITORY / "docs/DEPLOYMENT.md").read_text(encoding="utf-8")
    query = re.search(r"SELECT max\(id\), [^\n]*FROM jobs", guide)[0]
    remedy = " ".join(re.search(r"ALTER TABLE trips\.trips (DELETE WHERE[^`]*)`", guide)[1].split())
    last, rest = catalog.query(query, place.name).strip().split("|")
    remedy = remedy.replace("LAST", last).replace("LIST", rest)
    for shard in range(2):
        place.shards.query(f"ALTER TABLE {place.name}.trips {remedy}", shard=shard)
        wait_until(lambda: place.shards.query("SELECT count() FROM system.mutations WHERE NOT is_done", shard=shard) == "0\n", "the mutation")
    place.variables["ROLE"] = "api"
    with place.server() as server:
        for job in (running, waiting):
            assert server.delete(f"/jobs/{job}").json["status"] == "cancelled"
        after = said(server)
        for query in QUERIES:
            assert after[str(query)] == before[str(query)]
    place.variables["ROLE"] = "both"
    with place.server() as server:
        assert server.ingest(big)["id"] == 5
        assert server.get("/analytics/weekly-average").json["total_trips"] == 150_000 + 200
