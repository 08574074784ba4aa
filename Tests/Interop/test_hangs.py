"""Parts that hang instead of ending: frozen, they keep their connections, and the machine takes new ones for them.

Requests that need them get an error, and nothing else waits. Processes that end are covered by test_cluster.py."""

import contextlib
import socket
import threading
import time

import pytest

from tripstore_tools.harness import topology, tripstore
from tripstore_tools.harness.processes import frozen
from tripstore_tools.harness.shared_jobs import Shared
from tripstore_tools.harness.tripstore import SAMPLE, wait_until

pytestmark = pytest.mark.skipif(topology.missing() is not None, reason=topology.missing() or "")


@pytest.fixture(scope="module")
def hanging(tmp_path_factory):
    with topology.Topology(tmp_path_factory.mktemp("hanging"), apis=2, workers=1, lease_seconds=2) as cluster:
        cluster.proxy.ingest(SAMPLE)
        yield cluster


def is_ready(server):
    return server.get("/ready").status == 200


@contextlib.contextmanager
def without_a_table(cluster):
    shard = cluster.clickhouse.shards[1]
    shard.query(f"RENAME TABLE {topology.DATABASE}.trips TO {topology.DATABASE}.hidden")
    try:
        yield
    finally:
        shard.query(f"RENAME TABLE {topology.DATABASE}.hidden TO {topology.DATABASE}.trips")


@contextlib.contextmanager
def without_a_folder(cluster):
    folders = [member.data_dir / "uploads" for member in cluster.members]
    for folder in folders:
        folder.rename(folder.with_name("hidden"))
    try:
        yield
    finally:
        for folder in folders:
            folder.with_name("hidden").rename(folder)


@contextlib.contextmanager
def killed(part):
    part.kill()
    try:
        yield
    finally:
        part.launch()
        wait_until(part.is_ready, "the part to be back")


def address(cluster):
    return f"127.0.0.1:{cluster.clickhouse.shards[1].http_port}"


LOSSES = {
    "a frozen shard": (lambda cluster: frozen(cluster.clickhouse.shards[1].process), address),
    "a killed shard": (lambda cluster: killed(cluster.clickhouse.shards[1]), address),
    "a table": (without_a_table, lambda cluster: f"The table trips of '{topology.DATABASE}' at {address(cluster)} is gone"),
    "a frozen PostgreSQL": (lambda cluster: cluster.postgresql.frozen(), lambda cluster: "PostgreSQL"),
    "a frozen store": (lambda cluster: frozen(cluster.store.process), lambda cluster: "the store of uploads"),
    "a killed store": (lambda cluster: killed(cluster.store), lambda cluster: f"s3://{topology.BUCKET}"),
    "a folder": (without_a_folder, lambda cluster: "The folder of uploads"),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_ready_names_what_is_away(hanging, loss):
    """An API process and a worker alike, and both are ready again once it is back."""
    lose, words = LOSSES[loss]
    with lose(hanging):
        for member in hanging.members:
            answer = member.get("/ready")
            assert answer.status == 503 and words(hanging) in answer.detail, answer.body
    for member in hanging.members:
        wait_until(lambda member=member: is_ready(member), f"{member.name} to be ready again")


def test_what_needs_no_shard_is_answered_while_one_is_frozen(hanging, tmp_path):
    """Found: five scrapes held all threads for five minutes, and `/jobs` with them.

    More queries and scrapes than there are threads are under way when jobs are asked for."""
    api = hanging.apis[0]
    # Of several pieces, of which each shard gets some.
    spread = tmp_path / "spread.csv"
    tripstore.cli("generate", "--rows", 150_000, "--output", spread)
    paths = ["/analytics/weekly-average", "/trip-groups", "/regions"] * 4
    answers = {}

    def ask(number, path):
        answers[number] = api.get(path)

    with frozen(hanging.clickhouse.shards[1].process):
        askers = [threading.Thread(target=ask, args=pair) for pair in enumerate(paths)]
        for asker in askers:
            asker.start()
        for _ in range(8):
            assert api.get("/ready").status == 503
            metrics = api.get("/metrics").body.decode()
            assert f'tripstore_part_up{{part="ClickHouse at {address(hanging)}"}} 0' in metrics
            assert 'tripstore_part_up{part="PostgreSQL"} 1' in metrics and "\ntripstore_trips 100\n" in metrics
            assert api.get("/jobs").status == api.get("/jobs/1").status == 200
        for asker in askers:
            asker.join()
        assert len(answers) == len(paths)
        for answer in answers.values():
            assert answer.status == 503 and address(hanging) in answer.detail, answer.body
        # By now it is known.
        assert api.get("/regions").status == 503
        job = hanging.proxy.post_file(spread)
        waiting = wait_until(lambda: address(hanging) in (api.job(job)["message"] or "") and api.job(job), "the load to wait")
        assert waiting["message"].startswith("Waiting: ClickHouse at ") and waiting["status"] == "running"
    assert hanging.proxy.wait_for_job(job)["status"] == "completed"
    wait_until(lambda: api.get("/regions").status == 200, "the shard to be asked again")
    assert api.get("/analytics/weekly-average").json["total_trips"] == 150_100
    hanging.proxy.delete(f"/jobs/{job}")


def test_jobs_are_refused_and_numbers_are_told_while_postgresql_is_frozen(hanging):
    api = hanging.apis[0]
    with hanging.postgresql.frozen():
        for _ in range(3):
            metrics = api.get("/metrics")
            assert metrics.status == 200 and 'tripstore_part_up{part="PostgreSQL"} 0' in metrics.body.decode()
        answer = api.get("/jobs")
        assert answer.status == 503 and "PostgreSQL" in answer.detail
    wait_until(lambda: api.get("/jobs").status == 200, "PostgreSQL to be asked again")


def test_a_frozen_api_process_takes_no_request_for_long(hanging):
    """Found: half of the requests waited for five minutes. The proxy uses another, and then avoids it for a while."""
    frozen_one, other = hanging.apis
    with frozen(frozen_one.process):
        for path in ["/health", "/jobs", "/jobs/1", "/jobs?limit=1", "/health"] * 2:
            assert hanging.proxy.get(path).status == 200, path
        assert hanging.proxy.get("/jobs").body == other.get("/jobs").body
    wait_until(lambda: frozen_one.get("/health").status == 200, "the process to go on")


def test_a_table_of_all_shards_that_is_gone_is_made_anew(hanging):
    """Found: the server that had lost it answered every second query with an error, for good."""
    for shard in hanging.clickhouse.shards:
        shard.query(f"DROP TABLE {topology.DATABASE}.trips_cluster")
        for _ in range(4):
            assert hanging.apis[0].get("/analytics/weekly-average").json["total_trips"] == 100
        exists = f"EXISTS TABLE {topology.DATABASE}.trips_cluster"
        wait_until(lambda shard=shard: hanging.apis[0].get("/ready").status == 200 and shard.query(exists) == "1\n", "the table")


# MARK: a store that hangs

def uploads_of(server):
    return list((server.data_dir / "uploads").glob("upload-*"))


def test_a_frozen_store_is_said_and_leaves_no_job(hanging):
    """Found: no answer, and a job once the client had left and sent the file again."""
    api = hanging.apis[0]
    before = api.get("/jobs").body
    with frozen(hanging.store.process):
        answer = api.post_csv(SAMPLE.read_bytes())
        assert answer.status == 503 and f"s3://{topology.BUCKET}" in answer.detail, answer.body
        # The next one is refused before it is sent.
        answer = api.post_csv(SAMPLE.read_bytes())
        assert answer.status == 503 and f"s3://{topology.BUCKET}" in answer.detail, answer.body
    assert not uploads_of(api)
    assert api.get("/jobs").body == before
    assert hanging.proxy.wait_for_job(wait_until(lambda: posted(api), "uploads to be taken again"))["status"] == "completed"


def posted(api):
    answer = api.post_csv(SAMPLE.read_bytes(), "again.csv")
    return answer.json["job_id"] if answer.status == 202 else None


def test_an_upload_whose_client_has_left_makes_no_job(hanging):
    """Its client gave up while the store hung, and sends it again."""
    api = hanging.apis[1]
    body = SAMPLE.read_bytes()
    with socket.create_connection(("127.0.0.1", api.port)) as client:
        with frozen(hanging.store.process):
            client.sendall(b"POST /ingest?filename=left.csv&duplicate=allow HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n"
                           b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            wait_until(lambda: uploads_of(api), "the upload")
            # Longer than anybody is waited for who only closes his side, shorter than the store is.
            time.sleep(6)
            client.close()
            time.sleep(0.5)
    wait_until(lambda: not uploads_of(api) and not hanging.store.keys(topology.BUCKET), "the end of the upload")
    assert "left.csv" not in [job["filename"] for job in api.get("/jobs", {"limit": 1000}).json]


# MARK: Leadership

def test_a_frozen_leader_loses_its_tasks(tmp_path, cluster):
    """Found: what does not count was never removed again, as its advisory lock went with a connection that stayed."""
    servers = Shared(tmp_path, cluster, "leader")
    try:
        with servers.server("first") as first:
            wait_until(servers.has_leader, "the first to lead")
            with servers.server("second") as second, frozen(first.process):
                job = second.ingest(SAMPLE)
                assert servers.stored() == 100
                assert second.delete(f"/jobs/{job['id']}").status == 200
                wait_until(lambda: servers.stored() == 0 and servers.attempts() == 0, "the removal")
            # Who went on leads no more, and the other's leave gives the task back.
            again = first.ingest(SAMPLE)
            first.delete(f"/jobs/{again['id']}")
            wait_until(lambda: servers.stored() == 0 and servers.attempts() == 0, "the removal by the first")
    finally:
        servers.close()
