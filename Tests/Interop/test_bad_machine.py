"""One machine of several is at fault: its clock, its disk, its folder; or a shard's disk is full. No upload is lost to it.

The bad worker is alone at first, so that it surely meets the jobs; then a healthy one starts and does them."""

import pytest

from tripstore_tools.harness import bad_machine, clickhouse, topology, tripstore
from tripstore_tools.harness.small_disk import fill, small_disk
from tripstore_tools.harness.tripstore import SAMPLE, wait_until

MEGABYTES = 24
UPLOADS = 4


@pytest.fixture(scope="module")
def trips_csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("trips") / "trips.csv"
    tripstore.cli("generate", "--rows", 40_000, "--output", path)
    return path


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    """A cluster whose second worker has a small disk, and a clock of its own (`clock`, a file with seconds)."""
    if topology.missing():
        pytest.skip(topology.missing())
    folder = tmp_path_factory.mktemp("uneven")
    cluster = topology.Topology(folder / "cluster", apis=1, workers=2, lease_seconds=2)
    cluster.clock = bad_machine.own_clock(cluster.workers[1], folder)
    (folder / "cluster").mkdir(mode=0o700, exist_ok=True)
    with small_disk(cluster.workers[1].data_dir.parent, MEGABYTES), cluster:
        yield cluster


TROUBLES = {
    "clock": (lambda cluster: bad_machine.wrong_clock(cluster.clock), "clock is wrong by 60 minutes (behind)"),
    "disk": (lambda cluster: bad_machine.full_disk(cluster.workers[1]), "The disk is full"),
    "room": (lambda cluster: bad_machine.full_disk(cluster.workers[1], bad_machine.SMALL_ROOM_BYTES), "The disk is full"),
    "folder": (lambda cluster: bad_machine.no_folder(cluster.workers[1]), "The folder of uploads"),
    "read-only folder": (lambda cluster: bad_machine.read_only_folder(cluster.workers[1]), "The folder of uploads"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_bad_worker_loses_no_upload(uneven, trips_csv, trouble):
    """Found: of ten uploads two to eight failed beside a healthy worker."""
    make, words = TROUBLES[trouble]
    good, bad = uneven.workers
    api = uneven.apis[0]
    good.stop()
    with make(uneven):
        jobs = [uneven.proxy.post_file(trips_csv) for _ in range(UPLOADS)]

        def says_so():
            answer = bad.get("/ready")
            return answer.status == 503 and "takes no jobs" in answer.detail and words in answer.detail
        wait_until(says_so, "the bad worker to say what is wrong")
        if trouble in ("clock", "room"):
            message = wait_until(lambda: next((m for m in (api.job(job)["message"] for job in jobs) if m and "requeued it" in m), None),
                                 "a requeued job")
            assert words in message
        good.start()
        for job in jobs:
            done = uneven.proxy.wait_for_job(job)
            assert done["status"] == "completed", done
        assert says_so() or trouble == "room"
    # Once fixed, it takes its share again.
    wait_until(lambda: bad.get("/ready").status == 200, "the worker to take jobs again")
    good.stop()
    again = uneven.proxy.ingest(SAMPLE)
    assert again["status"] == "completed" and uneven.postgresql.query(
        "SELECT count(*) FROM jobs WHERE status = 'failed'", topology.CATALOG).strip() == "0"
    good.start()
    for job in [*jobs, again["id"]]:
        uneven.proxy.delete(f"/jobs/{job}")


def test_a_wrong_clock_of_an_api_process_is_said(tmp_path, uneven):
    """Its uploads are refused for now, so that a client comes again and meets another."""
    api = topology.Member("api 2", "api", tmp_path / "api")
    api.variables = uneven.workers[1].variables | {"ROLE": "api"}
    try:
        api.start()
        with bad_machine.wrong_clock(uneven.clock):
            wait_until(lambda: "clock is wrong by 60 minutes" in api.get("/ready").body.decode(), "the server to notice")
            assert api.get("/ready").status == 503
            answer = api.post_csv(SAMPLE.read_bytes())
            assert answer.status == 503 and "clock is wrong by 60 minutes" in answer.detail, answer.body
        wait_until(lambda: api.get("/ready").status == 200, "the right time")
    finally:
        api.stop()


@pytest.mark.skipif(not clickhouse.is_installed(), reason="clickhouse-server is not installed")
def test_a_load_waits_while_the_disk_of_a_shard_is_full(tmp_path, asked_csv):
    """Found: it failed, and what it had loaded before was thrown away."""
    (tmp_path / "shards").mkdir()
    with small_disk(tmp_path / "shards/shard1", 64) as disk, clickhouse.Cluster(tmp_path / "shards") as cluster, tripstore.Server(
            tmp_path / "data", tmp_path / "log", DATABASE_URL=cluster.database_url("d", "&rows_per_insert=30000")) as server:
        server.ingest(SAMPLE)
        fill(disk / "filler", leaving=1 << 20)
        job = server.post_file(asked_csv)
        waiting = wait_until(lambda: "Waiting" in (server.job(job)["message"] or "") and server.job(job), "the load to wait")
        assert "is full" in waiting["message"] and f":{cluster.shards[1].http_port}" in waiting["message"], waiting
        (disk / "filler").unlink()
        done = server.wait_for_job(job)
        assert (done["status"], done["processed_rows"]) == ("completed", 300_000), done
        assert server.get("/analytics/weekly-average").json["total_trips"] == 300_100
