"""The whole cluster: any process answers like one server, whatever dies comes back without a hand, and it grows under way.

Two ClickHouse shards, PostgreSQL, an S3-compatible store, two API processes, two workers and a proxy, all of them real. What else
holds for any engine is asked of single servers by other tests."""

import random
import threading
import time

import pytest

from tripstore_tools.cluster import kills as cluster_kills
from tripstore_tools.harness import topology, tripstore
from tripstore_tools.harness.file_servers import FileServer
from tripstore_tools.harness.follower import Follower, assert_whole, listen

ROWS, SEED = 200_000, 11
QUERIES = [("/analytics/weekly-average", {}), ("/analytics/weekly-average", {"region": "Prague", "weeks": "elapsed"}),
             ("/analytics/weekly-average", {"min_lat": 50.0, "max_lat": 50.1, "min_lng": 14.3, "max_lng": 14.6}),
             ("/trip-groups", {"limit": 1000}), ("/trip-groups", {"precision": 7, "bucket": "absolute", "limit": 1000}),
             ("/regions", {})]

pytestmark = pytest.mark.skipif(topology.missing() is not None, reason=topology.missing() or "")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with topology.Topology(tmp_path_factory.mktemp("cluster"), lease_seconds=3, parameters="&rows_per_insert=30000",
                           ALLOW_PRIVATE_ADDRESSES="true") as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def nothing_left(cluster):
    """Each test begins without trips and without uploads; what it leaves behind is its own fault."""
    yield
    for job in cluster_kills.jobs(cluster.proxy):
        cluster_kills.ask(cluster.proxy, "DELETE", f"/jobs/{job['id']}")
    tripstore.wait_until(lambda: not cluster.store.keys(topology.BUCKET), "the bucket of uploads to be empty")


@pytest.fixture(scope="module")
def trips_csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("trips") / "trips.csv"
    tripstore.cli("generate", "--rows", ROWS, "--seed", SEED, "--output", path)
    return path


@pytest.fixture(scope="module")
def embedded(trips_csv, tmp_path_factory):
    """A single server that has the same trips."""
    folder = tmp_path_factory.mktemp("embedded")
    with tripstore.Server(folder / "data", folder / "log") as server:
        server.ingest(trips_csv)
        yield server


def total_trips(client):
    answer = client.get("/analytics/weekly-average")
    return answer.json["total_trips"] if answer.status == 200 else 0


# MARK: one service

@pytest.mark.parametrize("file", ["the sample", "generated"])
def test_any_process_answers_as_a_single_server_to_the_byte(cluster, trips_csv, embedded, sample_in_columnstore, file):
    path, single = (tripstore.SAMPLE, sample_in_columnstore) if file == "the sample" else (trips_csv, embedded)
    job = cluster.proxy.post_file(path)
    for server in (*cluster.apis, cluster.proxy):
        assert_whole(*listen(server, job), job)
    for query in QUERIES:
        expected = single.get(*query)
        for server in (*cluster.apis, cluster.proxy):
            answer = server.get(*query)
            assert (answer.status, answer.body) == (expected.status, expected.body), (query, server)


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "//metrics", "/metrics//", "/%6detrics", "/x/../metrics", "/./metrics", "/METRICS"])
def test_metrics_are_of_one_process_and_not_to_be_had_through_the_proxy(cluster, path):
    answer = cluster.proxy.get(path)
    assert answer.status == 404 and b"tripstore_" not in answer.body


def test_any_process_follows_a_job_of_any_other(cluster, trips_csv):
    """Sent to one process, followed at another: progress is pushed, not only the end."""
    for sent_to, followed_at in (cluster.apis, reversed(cluster.apis)):
        job = sent_to.post_file(trips_csv)
        messages, code = listen(followed_at, job)
        assert_whole(messages, code, job)
        assert messages[-1]["processed_rows"] == ROWS
        assert {message["status"] for message in messages} >= {"running", "completed"}


def test_any_process_shows_rejected_rows(cluster, tmp_path, sample_in_columnstore):
    path = tmp_path / "bad.csv"
    rows = tripstore.SAMPLE.read_text().splitlines()
    rows[3] = rows[3].replace("POINT", "PINT", 1)
    rows[7] = "," + rows[7].split(",", 1)[1]
    rows[20] = "é\u0001," + rows[20].split(",", 1)[1]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    with tripstore.Server(tmp_path / "data", tmp_path / "log") as single:
        job = single.ingest(path)
        # An empty region is the constant.
        assert job["rejected_rows"] == 2
        expected = single.get(f"/jobs/{job['id']}/rejects").body
    job = cluster.proxy.ingest(path)
    assert job["rejected_rows"] == 2
    for server in cluster.apis:
        assert server.get(f"/jobs/{job['id']}/rejects").body == expected


def test_uploads_are_in_the_store_until_they_are_loaded(cluster, trips_csv):
    """A failed job keeps it, so that any worker can run the job again."""
    failed = cluster.proxy.wait_for_job(cluster.proxy.post_csv(b"no,header\n1,2\n").json["job_id"])
    assert failed["status"] == "failed"
    assert len(cluster.store.keys(topology.BUCKET)) == 1
    a, b = cluster.apis
    assert a.request("POST", f"/jobs/{failed['id']}/resume").status == 202
    again = b.wait_for_job(failed["id"])
    assert (again["status"], again["message"]) == ("failed", failed["message"])
    assert cluster.proxy.ingest(trips_csv)["status"] == "completed"
    assert b.delete(f"/jobs/{failed['id']}").status == 200
    tripstore.wait_until(lambda: not cluster.store.keys(topology.BUCKET), "the bucket of uploads to be empty")


# MARK: deleting and resuming

def test_a_job_that_runs_elsewhere_is_deleted(cluster, generated_csv):
    a, b = cluster.apis
    job = a.post_file(generated_csv)
    follower = Follower(b.port, job)
    tripstore.wait_until(lambda: b.job(job)["processed_rows"] > 30_000, "the load")
    assert a.delete(f"/jobs/{job}").json["status"] == "cancelled"
    assert follower.hear_the_end()["status"] == "cancelled"
    assert a.get("/analytics/weekly-average").status == b.get("/analytics/weekly-average").status == 404
    # Whoever loaded it takes the next one.
    assert b.ingest(tripstore.SAMPLE)["status"] == "completed"
    assert total_trips(a) == 100


def test_a_fetch_elsewhere_is_cancelled(cluster, trips_csv):
    a, b = cluster.apis
    with FileServer(trips_csv.read_bytes()) as files:
        files.bytes_per_second = 100_000
        job = a.request("POST", "/ingest", f'{{"url": "{files.url()}"}}', {"Content-Type": "application/json"}).json["job_id"]
        follower = Follower(b.port, job)
        tripstore.wait_until(lambda: "Fetching" in (b.job(job)["message"] or ""), "the fetch")
        assert b.delete(f"/jobs/{job}").json["status"] == "cancelled"
        assert follower.hear_the_end()["status"] == "cancelled"
        tripstore.wait_until(lambda: files.at_once == 0, "the end of the fetch")
    assert a.ingest(tripstore.SAMPLE)["status"] == "completed"


def test_a_failed_fetch_is_resumed_by_whoever_is_free(cluster, trips_csv, embedded):
    a, b = cluster.apis

    def refuse(_, handler):
        handler.answer(404, {})
        return True

    with FileServer(trips_csv.read_bytes()) as files:
        answers, files.instead = files.instead, refuse
        job = a.request("POST", "/ingest", f'{{"url": "{files.url()}"}}', {"Content-Type": "application/json"}).json["job_id"]
        assert Follower(b.port, job).hear_the_end()["status"] == "failed"
        files.instead = answers
        assert b.request("POST", f"/jobs/{job}/resume").status == 202
        assert Follower(a.port, job).hear_the_end()["status"] == "completed"
    assert a.get("/regions").body == embedded.get("/regions").body


# MARK: what ends

def test_a_worker_that_is_stopped_gives_its_job_back(cluster, generated_csv, loaded_in_columnstore):
    """After it has expired, another worker resumes the job from the last commit."""
    job = cluster.proxy.post_file(generated_csv)
    follower = Follower(cluster.proxy.port, job)
    tripstore.wait_until(lambda: cluster.proxy.job(job)["processed_rows"] > 100_000, "the load")
    first = cluster.worker_of(job)
    assert first.stop() == 0
    second = cluster.worker_of(job)
    assert second is not first
    status = cluster.proxy.job(job)
    assert status["processed_rows"] > 0
    assert follower.hear_the_end()["status"] == "completed"
    first.start()
    assert cluster.proxy.get("/trip-groups", {"limit": 1000}).body == loaded_in_columnstore.get(
        "/trip-groups", {"limit": 1000}).body


@pytest.mark.parametrize("victim", cluster_kills.VICTIMS)
def test_every_row_once_whatever_is_killed(cluster, trips_csv, embedded, victim):
    """`scripts/cluster test --rounds 50` does this at more moments."""
    expected = [embedded.get(query).body for query in cluster_kills.QUERIES]
    chance = random.Random(f"{victim} 1")
    played = cluster_kills.Round(cluster, victim, trips_csv, expected, chance, seconds=2.0, name=f"{victim}.csv").play()
    assert played.faults == [], played.moment


# MARK: growing

def test_a_frozen_postgresql_is_one_that_is_away(cluster, trips_csv, embedded):
    job = cluster.proxy.post_file(trips_csv)
    with cluster.postgresql.frozen():
        answer = cluster.apis[0].get("/jobs")
        assert answer.status == 503 and "PostgreSQL" in answer.detail, answer.body
    ended = cluster.proxy.wait_for_job(job)
    assert ended["status"] == "completed", ended
    for path, parameters in QUERIES:
        assert cluster.proxy.get(path, parameters).body == embedded.get(path, parameters).body


def test_it_grows_and_shrinks_while_it_loads_and_is_asked(cluster, trips_csv, embedded):
    """An API process, a worker and a shard more, for which all processes restart one after the other; then an API process and a
    worker less: no query fails, and every row is there once."""
    cluster.proxy.ingest(trips_csv)
    seen, failed = set(), []
    is_over = threading.Event()

    def ask():
        while not is_over.is_set():
            answer = cluster.proxy.get("/analytics/weekly-average")
            if answer.status == 200:
                seen.add(answer.json["total_trips"])
            else:
                failed.append((answer.status, answer.body))
            # The processors are for the jobs.
            time.sleep(0.05)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    try:
        followers = [Follower(cluster.proxy.port, cluster.proxy.post_file(trips_csv)) for _ in range(2)]
        api, worker = cluster.add_member("api"), cluster.add_member("worker")
        shard = cluster.add_shard()
        followers += [Follower(cluster.proxy.port, cluster.proxy.post_file(trips_csv)) for _ in range(2)]
        assert [follower.hear_the_end()["status"] for follower in followers] == ["completed"] * 4
        assert worker.get("/ready").status == 200 and total_trips(api) == 5 * ROWS
        followers = [Follower(cluster.proxy.port, cluster.proxy.post_file(trips_csv)) for _ in range(2)]
        assert cluster.remove_member("api") is api and cluster.remove_member("worker") is worker
        assert [follower.hear_the_end()["status"] for follower in followers] == ["completed"] * 2
    finally:
        is_over.set()
        for asker in askers:
            asker.join()
    assert failed == []
    assert seen <= {ROWS * loads for loads in range(1, 8)}
    assert total_trips(cluster.proxy) == 7 * ROWS
    assert int(shard.query(f"SELECT count() FROM {topology.DATABASE}.trips")) > 0
    # Six of the seven go again, and the answers are those of one.
    for job in cluster.proxy.get("/jobs", {"status": "completed"}).json[:6]:
        assert cluster.proxy.delete(f"/jobs/{job['id']}").status == 200
    for query in QUERIES:
        assert cluster.proxy.get(*query).body == embedded.get(*query).body, query
