"""The server is killed in the middle of jobs and restarted: nothing acknowledged is lost, nothing is duplicated."""

import contextlib
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.processes import children_of

# Above two million, so that a job commits a segment before its end and can resume from it.
ROWS = 3_000_000
SEED = 20180528
QUERIES = ["/analytics/weekly-average", "/trip-groups?limit=1000", "/regions"]


@pytest.fixture(scope="module")
def long_csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "trips.csv"
    tripstore.cli("generate", "--rows", ROWS, "--seed", SEED, "--output", path)
    return path


def answers(server):
    return [server.get(query).body for query in QUERIES]


def visible_trips(server):
    answer = server.get("/analytics/weekly-average")
    return answer.json["total_trips"] if answer.status == 200 else 0


@pytest.fixture(scope="module")
def undisturbed(long_csv, tmp_path_factory):
    """The answers after an undisturbed job, and how long it took."""
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
        # At a fourth end without a commit the job would be taken for what ends the server.
        for _ in range(3):
            moments.append(round(chance.uniform(0, seconds * 0.6), 3))
            time.sleep(moments[-1])
            # All of them or none, and all only after the last commit of the job.
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
        upload.wait(timeout=tripstore.TIMEOUT_SECONDS)
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


# MARK: Loads that end their process

class Crashing:
    """A server that ends at a call which changes a file of a segment, as a trap or the end of memory would do it."""

    def __init__(self, library, folder, **settings):
        self.store, self.log, self.flag = folder / "data", folder / "log", folder / "flag"
        self.settings = settings
        self.faulty = {"LD_PRELOAD": str(library), "FAULT_DIR": f"{self.store}/segments/", **settings}

    def server(self, **fault):
        return tripstore.Server(self.store, self.log, **(self.faulty | fault if fault else self.settings))

    def accept(self, *bodies):
        """Uploads files while jobs are blocked, and kills the server once it ingests the first."""
        self.server().start().stop()
        self.flag.touch()
        server = self.server(FAULT_KIND="hold", FAULT_WHILE=str(self.flag)).start()
        jobs = [server.post_csv(body).json["job_id"] for body in bodies]
        tripstore.wait_until(lambda: server.job(jobs[0])["status"] == "running", "the load")
        server.kill()
        return jobs

    def crash(self, call=1):
        server = self.server(FAULT_AT=str(call))
        server.launch()
        assert server.process.wait(tripstore.TIMEOUT_SECONDS) == 137

    def calls(self, body):
        """How many such calls it takes to load a file, in a store that is removed again."""
        self.server().start().stop()
        log = self.store.parent / "calls"
        with self.server(FAULT_COUNT=str(log)) as server:
            server.wait_for_job(server.post_csv(body).json["job_id"])
            calls = len(log.read_text().splitlines())
        shutil.rmtree(self.store)
        return calls

    def catalog(self, sql):
        with closing(sqlite3.connect(self.store / "catalog.sqlite")) as catalog:
            return catalog.execute(sql).fetchall()


def test_a_load_that_ends_the_server_again_and_again_is_given_up(library, tmp_path):
    """Found: it was started again at each start, so that the server could never come up."""
    crashing = Crashing(library, tmp_path)
    (job,) = crashing.accept(tripstore.SAMPLE.read_bytes())
    for runs in range(2, 5):
        crashing.crash()
        assert crashing.catalog("SELECT start_count, status FROM jobs") == [(runs, "running")]
    with crashing.server(FAULT_AT="1") as server:
        failed = server.job(job)
        assert failed["status"] == "failed" and "ended 4 times in a row" in failed["message"], failed
        assert f"resume job {job}" in failed["message"] and visible_trips(server) == 0
    with crashing.server() as server:
        assert server.request("POST", f"/jobs/{job}/resume").status == 202
        assert server.wait_for_job(job)["status"] == "completed" and visible_trips(server) == 100
    assert crashing.catalog("SELECT start_count FROM jobs") == [(0,)]


def test_a_load_that_gets_on_between_crashes_is_never_given_up(library, tmp_path):
    crashing = Crashing(library, tmp_path, INGESTION_CHUNK_SIZE="512", SEGMENT_ROWS="10000")
    csv = tmp_path / "trips.csv"
    tripstore.cli("generate", "--rows", 200_000, "--output", csv)
    # Of twenty segments about three are committed before each crash.
    calls = crashing.calls(csv.read_bytes()) // 6
    (job,) = crashing.accept(csv.read_bytes())
    crashes = 0
    while True:
        server = crashing.server(FAULT_AT=str(calls))
        server.launch()
        code = tripstore.wait_until(
            lambda: server.process.poll() or crashing.catalog("SELECT status FROM jobs") == [("completed",)], "a crash or the end")
        if code is True:
            break
        crashes += 1
    server.kill()
    assert code is True and crashes >= 4, crashes
    with crashing.server() as server:
        assert server.job(job)["status"] == "completed" and visible_trips(server) == 200_000


def test_of_files_that_were_loaded_together_when_the_server_ended_each_is_loaded_alone(library, tmp_path):
    """So that one which ends servers takes no others with it."""
    rows = tripstore.SAMPLE.read_bytes().splitlines(keepends=True)
    crashing = Crashing(library, tmp_path)
    calls = crashing.calls(b"".join(rows))
    crashing.accept(*[b"".join(rows[:count]) for count in (101, 51, 41)])
    # The first is loaded alone, since it has met an end; the others together.
    crashing.crash(calls + 1)
    assert crashing.catalog("SELECT status, start_count FROM jobs ORDER BY id") == [("completed", 0), ("running", 1), ("running", 1)]
    with crashing.server() as server:
        assert [server.wait_for_job(job)["status"] for job in (2, 3)] == ["completed"] * 2
        assert visible_trips(server) == 190
    assert crashing.catalog("SELECT count(*) FROM segment_jobs GROUP BY segment_id") == [(1,)] * 3


def test_a_crash_leaves_the_address_to_the_next_server(tmp_path):
    """Found: the Swift runtime's program that prints the backtrace kept the listening socket, and who wrote to it waited for ever."""
    server = tripstore.Server(tmp_path / "data", tmp_path / "log", SWIFT_BACKTRACE="enable=yes,interactive=no")
    with server, socket.create_connection(("127.0.0.1", server.port)) as idle:
        idle.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(1) == b"H"
        process = server.process.pid

        def sockets(of):
            found = set()
            for link in Path(f"/proc/{of}/fd").iterdir():
                with contextlib.suppress(OSError):
                    found.add(os.readlink(link))
            return {name for name in found if name.startswith("socket:")}

        own = sockets(process)
        assert len(own) >= 2
        server.process.send_signal(signal.SIGSEGV)

        def backtraces():
            return [child for child in children_of(process)
                    if b"swift-backtrace" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[0]]

        try:
            [backtrace] = tripstore.wait_until(backtraces, "the backtrace")
        except AssertionError:
            pytest.skip("The runtime here has no program that prints backtraces.")
        try:
            assert not own & sockets(backtrace)
            # As a supervisor that does not wait for it.
            server.kill()
            server.start()
            assert server.get("/health").status == 200
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(backtrace, signal.SIGKILL)
