"""The server is killed in the middle of loads and started again: nothing acknowledged is lost, nothing is there twice."""

import random
import subprocess
import time

import pytest

import tripstore

# Above two million, so that a load commits a segment before its end and has something to go on from.
ROWS = 3_000_000
SEED = 20180528
QUESTIONS = ["/analytics/weekly-average", "/trip-groups?limit=1000", "/regions"]


@pytest.fixture(scope="module")
def long_csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "trips.csv"
    tripstore.cli("generate", "--rows", ROWS, "--seed", SEED, "--output", path)
    return path


def answers(server):
    return [server.get(question).body for question in QUESTIONS]


def visible_trips(server):
    answer = server.get("/analytics/weekly-average")
    return answer.json["total_trips"] if answer.status == 200 else 0


@pytest.fixture(scope="module")
def undisturbed(long_csv, tmp_path_factory):
    """The answers after a load that nothing disturbed, and how long that took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with tripstore.Server(folder / "data", folder / "log") as server:
        started = time.monotonic()
        job = server.ingest(long_csv)
        assert (job["status"], job["processed_rows"]) == ("completed", ROWS)
        return answers(server), time.monotonic() - started


def assert_store_is_sound(server, expected):
    """The load is complete, once; no file is left that the catalog does not name; verify finds no damage."""
    assert visible_trips(server) == ROWS
    assert answers(server) == expected
    # A server that runs merges and divides segments when it has nothing else to do.
    server.stop()
    catalog = subprocess.run(
        ["sqlite3", "-readonly", str(server.data_dir / "catalog.sqlite"), "SELECT file_name FROM segments"],
        capture_output=True, text=True, check=True)
    on_disk = {path.name for path in (server.data_dir / "segments").iterdir()}
    assert on_disk == set(catalog.stdout.split())
    tripstore.cli("verify", "--data-dir", server.data_dir)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_load_goes_on_after_every_end_of_the_server(long_csv, undisturbed, tmp_path, end):
    expected, seconds = undisturbed
    chance = random.Random(SEED)
    server = tripstore.Server(tmp_path / "data", tmp_path / "log").start()
    job = server.post_file(long_csv)
    moments = []
    try:
        for _ in range(4):
            moments.append(round(chance.uniform(0, seconds * 0.6), 3))
            time.sleep(moments[-1])
            # All of them or none, and all only once the load has nothing left to do but to say so.
            seen = visible_trips(server)
            assert seen in (0, ROWS), "trips of a load under way are not to be seen"
            if seen:
                break
            getattr(server, end)()
            if end == "stop":
                assert server.process.returncode == 0
            server.start()
        after = server.wait_for_job(job)
        assert (after["status"], after["processed_rows"], after["total_rows"]) == ("completed", ROWS, ROWS), moments
        assert_store_is_sound(server, expected)
    finally:
        server.stop()


def test_kill_during_an_upload_leaves_no_job_behind(tmp_path):
    """An upload that was never answered was never acknowledged: its bytes go, the store is as before."""
    server = tripstore.Server(tmp_path / "data", tmp_path / "log").start()
    try:
        server.ingest(tripstore.SAMPLE)
        # From a pipe that stays open, so that the upload cannot end.
        upload = subprocess.Popen(["curl", "--silent", "-T", "-", f"{server.url}/ingest?filename=slow.csv"],
                                  stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        upload.stdin.write(tripstore.SAMPLE.read_bytes() * 400)
        upload.stdin.flush()
        uploads = server.data_dir / "uploads"
        tripstore.wait_until(lambda: any(path.stat().st_size for path in uploads.glob("*")), "the first bytes of the upload")
        server.kill()
        upload.stdin.close()
        upload.wait(timeout=tripstore.PATIENCE_SECONDS)
        server.start()
        assert [job["filename"] for job in server.get("/jobs").json] == ["trips.csv"]
        assert visible_trips(server) == 100
        assert list(uploads.glob("*")) == []
    finally:
        server.stop()


def test_kill_right_after_a_deletion_keeps_it_deleted(tmp_path):
    server = tripstore.Server(tmp_path / "data", tmp_path / "log").start()
    try:
        server.ingest(tripstore.SAMPLE)
        gone = server.ingest(tripstore.SAMPLE)["id"]
        assert 200 <= server.delete(f"/jobs/{gone}").status < 300
        server.kill()
        server.start()
        assert visible_trips(server) == 100
    finally:
        server.stop()


def test_a_second_server_on_the_same_store_is_refused(server):
    done = tripstore.cli("serve", "--data-dir", server.data_dir, "--port", tripstore.free_port(), check=False)
    assert done.returncode != 0
    assert done.stderr.strip()
    assert server.get("/health").status == 200
