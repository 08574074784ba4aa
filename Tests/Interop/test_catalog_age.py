"""A catalog or a server that was restored from another moment: trips count as the catalog says, and the rest is reported."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from tripstore_tools.harness import postgresql, tripstore
from tripstore_tools.harness.file_servers import FileServer
from tripstore_tools.harness.shared_jobs import shared
from tripstore_tools.harness.tripstore import wait_until

needs_postgresql = pytest.mark.skipif(not postgresql.is_installed(), reason="PostgreSQL is not installed")


def trips(server):
    """Trips that an answer counts; 0 if there are none."""
    answer = server.get("/analytics/weekly-average")
    assert answer.status in (200, 404), answer.body
    return answer.json["total_trips"] if answer.status == 200 else 0


def generated(folder, rows, seed):
    path = folder / f"{rows}-{seed}.csv"
    tripstore.cli("generate", "--rows", rows, "--seed", seed, "--output", path)
    return path


def load(server, path):
    answer = server.request("POST", "/ingest?duplicate=allow", path.read_bytes(), {"Content-Type": "text/csv"})
    assert answer.status == 202, answer.body
    return answer.json["job_id"]


def completed(server, path):
    job = load(server, path)
    assert server.wait_for_job(job)["status"] == "completed"
    return job


def dumped(catalog, database):
    """A copy of the catalog as `pg_dump` makes it, which begins by removing what exists."""
    return catalog.run("pg_dump", "--clean", "--if-exists", "-h", "127.0.0.1", "-p", catalog.port, "-U", postgresql.USER, database,
                       PGPASSWORD=postgresql.PASSWORD)


def restore(catalog, database, dump, folder):
    path = folder / "dump.sql"
    path.write_text(dump)
    command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(catalog.port), "-U", postgresql.USER, "-d", database,
               "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=tripstore.TIMEOUT_SECONDS,
                   env=os.environ | {"PGPASSWORD": postgresql.PASSWORD})


@needs_postgresql
def test_a_restored_catalog_counts_complete_jobs_only(tmp_path, cluster):
    """Found: a job that was pending at the moment of the backup counted after the restore, twice once it was sent again."""
    first, second = generated(tmp_path, 3000, 1), generated(tmp_path, 20_000, 2)
    with shared(tmp_path, cluster, "age_pending") as servers:
        with servers.server("one") as server:
            completed(server, first)
        servers.variables["ROLE"] = "api"
        with servers.server("one") as server:
            job = load(server, second)
            dump = dumped(servers.catalog, "jobs")
        servers.variables["ROLE"] = "both"
        shutil.copytree(tmp_path / "one", tmp_path / "backup")
        with servers.server("one") as server:
            assert server.wait_for_job(job)["status"] == "completed"
            assert trips(server) == 23_000
        restore(servers.catalog, "jobs", dump, tmp_path)
        # The upload is gone with the job that was done, so it fails; its first run's rows don't count.
        with servers.server("one") as server:
            assert server.wait_for_job(job)["status"] == "failed"
            assert trips(server) == 3000
            completed(server, second)
            assert trips(server) == 23_000
            assert server.request("DELETE", f"/jobs/{job}").status == 200
            assert trips(server) == 23_000 and servers.stored() == 43_000
            environment = servers.variables | {"DATA_DIR": str(tmp_path / "one")}
            found = json.loads(tripstore.cli("verify", "--format=json", **environment).stdout)
            assert (found["missing"], found["extra"], found["to_be_removed"]) == (0, 0, 20_000)
            tripstore.cli("repair", "--job", job, **environment)
            assert trips(server) == 23_000 and servers.stored() == 23_000
        # The job resumes with its upload, and counts once.
        restore(servers.catalog, "jobs", dump, tmp_path)
        shutil.rmtree(tmp_path / "one")
        (tmp_path / "backup").rename(tmp_path / "one")
        done = tripstore.cli("repair", **servers.variables, DATA_DIR=str(tmp_path / "one"))
        assert "every trip" in done.stdout
        with servers.server("one") as server:
            assert server.wait_for_job(job)["status"] == "completed"
            assert trips(server) == 23_000 and servers.stored() == 23_000


@needs_postgresql
@pytest.mark.parametrize("how", ["another server", "tables created again", "rows"])
def test_an_older_catalog_under_running_processes_is_refused(tmp_path, cluster, how):
    """Found: 300,100 trips where the catalog had 100,100, the numbers of jobs used again, and /ready said 200."""
    first, second = generated(tmp_path, 3000, 1), generated(tmp_path, 5000, 2)
    with shared(tmp_path, cluster, f"age_{how.replace(' ', '_')}") as servers, \
            servers.server("one") as one, servers.server("two") as two:
        completed(one, first)
        catalog = servers.catalog
        if how == "another server":
            catalog.stop()
            standby = catalog.data.with_name("standby")
            subprocess.run(["cp", "-a", str(catalog.data), str(standby)], check=True)
            catalog.start()
            wait_until(lambda: one.is_ready() and two.is_ready(), "all to be back")
        dump = dumped(catalog, "jobs")
        job = completed(one, second)
        assert trips(one) == trips(two) == 8000
        if how == "another server":
            catalog.kill()
            shutil.rmtree(catalog.data)
            standby.rename(catalog.data)
            catalog.start()
        elif how == "tables created again":
            restore(catalog, "jobs", dump, tmp_path)
        else:
            catalog.query(f"DELETE FROM load_attempts WHERE job_id = {job}; DELETE FROM jobs WHERE id = {job}; "
                          "UPDATE catalog_name SET attempts = 1; SELECT setval('jobs_id_seq', 1)", "jobs")
        for server in (one, two):
            wait_until(lambda: b"older than" in server.get("/jobs").body, "the refusal")
            assert server.get("/ready").status == 503
            for answer in (server.get("/analytics/weekly-average"), server.get("/jobs"),
                           server.request("POST", "/ingest", first.read_bytes(), {"Content-Type": "text/csv"})):
                assert answer.status == 503 and "tripstore repair" in answer.detail, answer.body
        assert servers.stored() == 8000
        done = tripstore.cli("repair", "--yes", **servers.variables, DATA_DIR=str(tmp_path / "three"))
        assert "every trip" in done.stdout and servers.stored() == 3000
        for server in (one, two):
            wait_until(lambda: server.is_ready(), "the end of the refusal")
            assert trips(server) == 3000
        assert completed(two, second) > job
        assert trips(one) == trips(two) == 8000


@needs_postgresql
def test_a_catalog_that_went_back_and_lost_nothing_goes_on(tmp_path, cluster):
    """A restart of PostgreSQL is looked at and forgiven, also while a job is under way."""
    first, second = generated(tmp_path, 3000, 1), generated(tmp_path, 150_000, 2)
    with shared(tmp_path, cluster, "age_restart") as servers, servers.server("one") as one, FileServer(second.read_bytes()) as files:
        completed(one, first)
        body = json.dumps({"url": files.url()})
        job = one.request("POST", "/ingest", body, {"Content-Type": "application/json"}).json["job_id"]
        wait_until(lambda: servers.stored() > 3000, "its first rows", pause=0.005)
        servers.catalog.kill()
        servers.catalog.start()
        assert one.wait_for_job(job)["status"] == "completed"
        assert trips(one) == 153_000


def test_a_folder_that_went_back_loads_the_rest_once(tmp_path, cluster):
    """The catalog in SQLite, copied while a job was running and restored after its completion: the job resumes as another attempt."""
    source = generated(tmp_path, 150_000, 3)
    url = cluster.database_url("age_folder", "&rows_per_insert=10000")
    variables = {"DATABASE_URL": url, "DATA_DIR": str(tmp_path / "data")}

    def stored():
        return sum(int(cluster.query("SELECT count() FROM age_folder.trips", shard)) for shard in range(2))

    tripstore.cli("ingest", tripstore.SAMPLE, **variables)
    process = subprocess.Popen([str(tripstore.BINARY), "ingest", str(source)], env=tripstore.clean_environment(**variables),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: stored() > 60_000, "some parts", pause=0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    tripstore.cli("ingest", source, **variables)
    shutil.rmtree(tmp_path / "data")
    (tmp_path / "copy").rename(tmp_path / "data")
    query = ("weekly-average", "--format=json")
    tripstore.cli("ingest", source, **variables)
    assert json.loads(tripstore.cli(*query, **variables).stdout)["total_trips"] == 150_100
    found = json.loads(tripstore.cli("verify", "--format=json", **variables).stdout)
    assert found["to_be_removed"] == stored() - 150_100 > 0 and found["missing"] == found["extra"] == 0
    assert json.loads(tripstore.cli("repair", "--format=json", **variables).stdout)["to_be_removed"] == 0
    assert stored() == 150_100
    assert json.loads(tripstore.cli(*query, **variables).stdout)["total_trips"] == 150_100


def test_lost_trips_are_told_beside_rows_that_do_not_count(tmp_path, cluster):
    """Found: 97,937 of 100,000 trips and no warning, as rows of deleted jobs made up for those that were lost."""
    first, second = generated(tmp_path, 40_000, 1), generated(tmp_path, 5000, 2)
    url = cluster.database_url("age_lost", "&rows_per_insert=10000")
    variables = {"DATABASE_URL": url, "DATA_DIR": str(tmp_path / "data")}
    for path in (first, second):
        tripstore.cli("ingest", path, **variables)
    tripstore.cli("jobs", 2, "--remove", "--yes", **variables)
    assert tripstore.cli("verify", **variables).stdout.startswith("job")
    is_lost = "job_id = 1 AND destination_cell % 4 = 0"

    def count(shard):
        return int(cluster.query(f"SELECT count() FROM age_lost.trips WHERE {is_lost}", shard))

    lost = sum(map(count, range(2)))
    for shard in range(2):
        cluster.query(f"ALTER TABLE age_lost.trips DELETE WHERE {is_lost}", shard)
    wait_until(lambda: sum(map(count, range(2))) == 0, "the loss")
    answer = json.loads(tripstore.cli("weekly-average", "--format=json", **variables).stdout)
    assert 0 < answer["total_trips"] == 40_000 - lost < 40_000
    assert answer["warning"].startswith(f"{lost:,} trips are missing: ClickHouse has fewer") and "job 1:" in answer["warning"]
    done = tripstore.cli("verify", check=False, **variables)
    assert done.returncode == 1 and f"{lost:,} trips are missing" in done.stdout
    assert tripstore.cli("repair", check=False, **variables).returncode == 1
    tripstore.cli("jobs", 1, "--remove", "--yes", **variables)
    tripstore.cli("ingest", first, **variables)
    answer = json.loads(tripstore.cli("weekly-average", "--format=json", **variables).stdout)
    assert answer["total_trips"] == 40_000 and "warning" not in answer
    tripstore.cli("repair", **variables)
    assert "every trip of the 1 completed job once" in tripstore.cli("verify", **variables).stdout


def test_rows_that_are_back_are_told_hidden_and_removed(tmp_path, cluster):
    """A shard is restored from a copy of before a purge: trips of a deleted job, and parts of an attempt that did not commit them."""
    first, second = generated(tmp_path, 3000, 1), generated(tmp_path, 5000, 2)
    url = cluster.database_url("age_back", "&purge_after_seconds=1")

    def count():
        return sum(int(cluster.query("SELECT count() FROM age_back.trips", shard)) for shard in range(2))

    with tripstore.Server(tmp_path / "data", tmp_path / "log", DATABASE_URL=url) as server:
        completed(server, first)
        job = completed(server, second)
        for shard in range(2):
            cluster.query("CREATE TABLE age_back.kept AS age_back.trips", shard)
            cluster.query(f"INSERT INTO age_back.kept SELECT * FROM age_back.trips WHERE job_id = {job}", shard)
        assert server.request("DELETE", f"/jobs/{job}").status == 200
        wait_until(lambda: count() == 3000, "the purge")
    with tripstore.Server(tmp_path / "data", tmp_path / "log", DATABASE_URL=url) as server:
        assert trips(server) == 3000
    for shard in range(2):
        cluster.query("INSERT INTO age_back.trips SELECT * FROM age_back.kept", shard)
    with tripstore.Server(tmp_path / "data", tmp_path / "log", DATABASE_URL=url) as server:
        answer = server.get("/analytics/weekly-average").json
        assert answer["total_trips"] == 3000 or f"job {job}: 5,000" in answer["warning"]
        wait_until(lambda: trips(server) == 3000, "the rows to be hidden")
        wait_until(lambda: count() == 3000, "the purge")

        def metrics():
            return server.get("/metrics").body.decode()

        wait_until(lambda: "tripstore_last_purge_timestamp_seconds" in metrics(), "the note of the purge")
        assert "tripstore_trips_missing 0" in metrics()
