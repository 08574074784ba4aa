"""Folders of processes that share a catalog: whose uploads they have, what a killed process leaves in them, and who says what is missing."""

import http.client
import signal

import pytest

from tripstore_tools.harness import postgresql, tripstore
from tripstore_tools.harness.tripstore import SAMPLE, wait_until

LEASE_SECONDS = 2

pytestmark = pytest.mark.skipif(not postgresql.is_installed(), reason="PostgreSQL is not installed")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    server = postgresql.PostgreSQL(tmp_path_factory.mktemp("catalog") / "postgresql")
    try:
        yield server.start()
    finally:
        server.kill()
        server.remove()


@pytest.fixture
def start(request, tmp_path, catalog, cluster):
    """Starts processes on a catalog of the test's own: by role, in a folder of this name."""
    name = "f" + "".join(letter if letter.isalnum() else "_" for letter in request.node.name)[-40:]
    catalog.make_database(name)
    running = []

    def launch(role, folder="shared", **variables):
        server = tripstore.Server(
            tmp_path / folder, tmp_path / f"{role}-{len(running)}.log", ROLE=role, DATABASE_URL=cluster.database_url(name),
            CATALOG_URL=catalog.url(name, f"?lease_seconds={LEASE_SECONDS}"), **variables)
        running.append(server)
        return server.start()

    launch.query = lambda sql: catalog.query(sql, name).strip()
    yield launch
    for server in running:
        if server.is_running():
            server.kill()


def test_an_upload_that_nobody_could_load_is_refused(start):
    """Found: it waited for ever at a worker that had another folder."""
    api = start("api", "own")
    start("worker", "other")
    assert "UPLOADS_URL is not set" in api.log.read_text()
    answer = api.post_csv(SAMPLE.read_bytes())
    assert answer.status == 503 and "UPLOADS_URL" in answer.detail, answer.body
    assert api.get("/jobs").json == []
    start("worker", "own")
    assert api.ingest(SAMPLE)["status"] == "completed"


def test_a_folder_is_known_again_elsewhere(start, tmp_path):
    """As a volume in a new container, whose host has another name. Until then the job says what it waits for."""
    worker, api = start("worker"), start("api")
    worker.kill()
    job = api.post_file(SAMPLE)
    message = wait_until(lambda: api.job(job)["message"], "the job to say what it waits for")
    assert message.startswith("Waiting for a process that ingests and has the folder of this upload") and str(tmp_path) not in message
    api.stop()
    (tmp_path / "shared").rename(tmp_path / "moved")
    moved = start("both", "moved")
    done = moved.wait_for_job(job)
    assert (done["status"], done["message"]) == ("completed", None)


def test_a_job_whose_folder_never_comes_back_fails_in_the_end(start):
    worker, api = start("worker"), start("api")
    worker.kill()
    job = api.post_file(SAMPLE)
    wait_until(lambda: api.job(job)["message"], "the job to say what it waits for")
    start.query(f"UPDATE jobs SET updated_at = '2026-01-01T00:00:00.000Z' WHERE id = {job}")
    failed = api.wait_for_job(job)
    assert failed["status"] == "failed" and "send the file again" in failed["message"], failed
    worker.start()
    assert api.request("POST", f"/jobs/{job}/resume").status == 202
    assert api.wait_for_job(job)["status"] == "completed"


def test_settings_that_differ_are_said(start):
    first = start("both", "one")
    second = start("both", "two", GEOHASH_PRECISION="6", TIME_BUCKET_MINUTES="30")
    log = second.log.read_text()
    assert "GEOHASH_PRECISION is 6 here and 5 in" in log and "TIME_BUCKET_MINUTES is 30 here and 60 in" in log, log
    assert "Processes have different settings" not in first.log.read_text()
    # Of those that have ended nothing is said.
    assert first.stop() == 0 and second.stop() == 0
    assert "different settings" not in start("both", "three").log.read_text()


# More than is gathered before it is written.
BODY = SAMPLE.read_bytes() * 120


def begun(server):
    """An upload of which half has come."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=tripstore.TIMEOUT_SECONDS)
    connection.putrequest("POST", "/ingest?filename=half.csv&duplicate=allow")
    connection.putheader("Content-Type", "text/csv")
    connection.putheader("Content-Length", str(len(BODY)))
    connection.endheaders()
    connection.send(BODY[:len(BODY) // 2])
    return connection


def parts(server):
    return sorted(path.name for path in (server.data_dir / "uploads").glob("upload-*"))


def test_what_a_killed_process_was_receiving_goes_at_its_start(start, s3):
    """Found: it stayed for a day, in the folder and in the store. What a process receives that lives stays."""
    variables = s3.variables(UPLOADS_URL="s3://trips/killed")
    first = start("both", **variables)
    connection = begun(first)
    (name,) = wait_until(lambda: parts(first), "the upload")
    wait_until(lambda: (first.data_dir / "uploads" / name).stat().st_size > 0, "its bytes")
    s3.client.create_multipart_upload(Bucket="trips", Key=f"killed/{name}")
    s3.client.create_multipart_upload(Bucket="trips", Key="killed/upload-others.part")
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    connection.close()
    second = start("both", **variables)
    alive = begun(second)
    wait_until(lambda: name not in parts(second) and parts(second), "the old part to go and the new one to come")
    wait_until(lambda: [each["Key"] for each in s3.uploads("trips") if each["Key"].startswith("killed/")]
               == ["killed/upload-others.part"], "the parts in the store to go")
    (kept,) = parts(second)
    wait_until(lambda: (second.data_dir / "uploads" / kept).stat().st_size > 0, "its bytes")
    first.start()
    alive.send(BODY[len(BODY) // 2:])
    answer = alive.getresponse()
    assert answer.status == 202, answer.read()
