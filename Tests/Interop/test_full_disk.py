"""A server starts on a disk that takes nothing more: queries are answered, changes are refused with the reason and the remedy, and it
continues by itself once there is space. A deletion, which frees space, succeeds if SQLite can get any."""

import json
import shutil
import signal
import sqlite3
import subprocess

import pytest

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.faults import refusing
from tripstore_tools.harness.small_disk import fill, free_bytes, small_disk

READS = ["/analytics/weekly-average", "/trip-groups?limit=1000&precision=6", "/regions", "/jobs/1", "/jobs/1/rejects"]
COMMANDS = [["weekly-average", "--format", "json"], ["trip-groups", "--precision", 6, "--format", "json"],
            ["regions", "--format", "json"], ["inspect", "--format", "json"], ["jobs", 1, "--format", "json"],
            ["jobs", 1, "--rejects", 10, "--format", "json"], ["verify"]]


def answers(server):
    return [server.get(path).body for path in READS]


def command_answers(store, **variables):
    return [tripstore.cli(*command, "--data-dir", store, **variables).stdout.replace(str(store), "") for command in COMMANDS]


def fill_to_the_last_byte(disk):
    for number in range(5):
        fill(disk / f"other-{number}")
    assert free_bytes(disk) == 0


def changes(server, job):
    """Every way to change something, by name."""
    kind = {"Content-Type": "application/json"}
    return {"upload": lambda: server.post_csv(tripstore.SAMPLE.read_bytes()),
            "by URL": lambda: server.request("POST", "/ingest", json.dumps({"url": "https://example.com/a.csv"}), kind),
            "deletion": lambda: server.delete("/jobs/1"),
            "resume": lambda: server.request("POST", f"/jobs/{job}/resume")}


def assert_refused(server, job, detail):
    for what, change in changes(server, job).items():
        answer = change()
        assert answer.status in (503, 507) and answer.detail == detail, f"{what}: {answer.status} {answer.body}"


@pytest.mark.parametrize(("state", "kind"), [("stopped", "tmpfs"), ("stopped", "ext4"), ("killed", "tmpfs"), ("killed", "ext4"),
                                             ("killed, and its shared memory gone", "tmpfs")])
def test_attack_a_start_on_a_full_disk(tmp_path, state, kind):
    rows = 300_000
    with small_disk(tmp_path / "disk", 128, kind) as disk:
        store, csv, bad = disk / "data", tmp_path / "some.csv", tmp_path / "bad.csv"
        tripstore.cli("generate", "--rows", rows, "--output", csv)
        bad.write_bytes(tripstore.SAMPLE.read_bytes() + b"no trip\n")
        with tripstore.Server(store, tmp_path / "log", SEGMENT_ROWS="1000") as server:
            server.ingest(bad)
            before = answers(server)
            failed = server.wait_for_job(server.post_csv(b"no,header\n").json["job_id"])["id"]
            waiting = None
            if "killed" in state:
                waiting = server.post_file(csv)
                tripstore.wait_until(lambda: server.job(waiting)["processed_rows"] > 0, "a part of the load")
                # The disk is full when the process dies.
                server.process.send_signal(signal.SIGSTOP)
                fill_to_the_last_byte(disk)
                server.kill()
                assert (store / "catalog.sqlite-wal").stat().st_size > 0
        expected = command_answers(store) if not waiting else None
        # Nothing is left, not even what the store keeps for this case.
        (store / "ballast").unlink()
        if state != "killed":
            (store / "catalog.sqlite-shm").unlink(missing_ok=True)
        fill_to_the_last_byte(disk)
        found = command_answers(store)
        assert expected is None or found == expected
        with tripstore.Server(store, tmp_path / "log") as server:
            # Space that SQLite freed when it found none is taken as well.
            fill_to_the_last_byte(disk)
            ready = server.get("/ready").json
            assert ready["status"] == "read-only" and " are free" in ready["detail"], ready
            assert str(store) not in ready["detail"], ready
            assert b"\ntripstore_read_only 1\n" in server.get("/metrics").body
            assert answers(server) == before
            # Orphaned files of a job may have been swept.
            assert [answer for answer in command_answers(store) if "unnamed_files" not in answer] == \
                [answer for answer in found if "unnamed_files" not in answer]
            if state == "killed" and "DISK_RESERVE" in ready["detail"]:
                # SQLite found room in the log that was there: what needs no more than that is done.
                assert server.post_csv(tripstore.SAMPLE.read_bytes()).status == 507
            else:
                assert "catalog.sqlite" in ready["detail"] and "Free some space" in ready["detail"], ready
                assert_refused(server, failed, ready["detail"])
            if waiting:
                assert server.job(waiting)["status"] == "interrupted"
                assert [job["id"] for job in server.get("/jobs", {"status": "interrupted"}).json] == [waiting]
            # One process writes at a time, also while none can.
            assert tripstore.cli("ingest", csv, "--data-dir", store, check=False).returncode == 1
            for path in disk.glob("other-*"):
                path.unlink()
            tripstore.wait_until(lambda: server.get("/ready").json == {"status": "ready"}, "the store to be writable again")
            total = 100
            if waiting:
                assert server.wait_for_job(waiting)["status"] == "completed"
                total += rows
            assert server.get("/analytics/weekly-average").json["total_trips"] == total
            server.ingest(tripstore.SAMPLE)
            assert server.delete("/jobs/1").status == 200
            assert server.get("/analytics/weekly-average").json["total_trips"] == total
        tripstore.cli("verify", "--data-dir", store)


@pytest.mark.parametrize("is_running", [True, False])
def test_attack_a_full_disk_is_made_room_on_by_deletions(tmp_path, is_running):
    """What a store keeps for its catalog is enough to delete, and what was deleted makes room for the rest."""
    with small_disk(tmp_path / "disk", 48) as disk:
        store, csv = disk / "data", tmp_path / "some.csv"
        tripstore.cli("generate", "--rows", 100_000, "--output", csv)
        with tripstore.Server(store, tmp_path / "log") as server:
            jobs = [server.ingest(csv)["id"], server.ingest(tripstore.SAMPLE)["id"]]
            assert (store / "ballast").stat().st_blocks > 0
            if is_running:
                fill_to_the_last_byte(disk)
            before = answers(server)
            if not is_running:
                server.stop()
                fill_to_the_last_byte(disk)
                server.start()
            ready = server.get("/ready").json
            assert ready["status"] == "read-only" and "DISK_RESERVE" in ready["detail"], ready
            assert answers(server) == before
            assert server.post_csv(tripstore.SAMPLE.read_bytes()).status == 507
            assert server.delete(f"/jobs/{jobs[0]}").status == 200
            assert server.get("/analytics/weekly-average").json["total_trips"] == 100
            assert server.job(jobs[0])["status"] == "deleted" and free_bytes(disk) > 0
            server.kill()
            fill_to_the_last_byte(disk)
            server.start()
            assert server.get("/analytics/weekly-average").json["total_trips"] == 100
            for path in disk.glob("other-*"):
                path.unlink()
            tripstore.wait_until(lambda: server.get("/ready").json == {"status": "ready"}, "room")
            server.ingest(csv)
        # The room is kept again.
        tripstore.cli("jobs", jobs[1], "--remove", "--data-dir", store)
        assert (store / "ballast").stat().st_blocks > 0
        tripstore.cli("verify", "--data-dir", store)


def sqlite(store, script):
    subprocess.run(["sqlite3", str(store / "catalog.sqlite")], input=script, text=True, check=True, capture_output=True)


def earlier_version(store):
    """Makes the catalog one of an earlier version, as its next start has to migrate it."""
    sqlite(store, "DROP TRIGGER forget_source_query; ALTER TABLE jobs DROP COLUMN source_query;"
                  "DELETE FROM grdb_migrations WHERE identifier LIKE 'v12%';")
    assert sqlite3.connect(store / "catalog.sqlite").execute("SELECT count(*) FROM grdb_migrations").fetchone()[0] >= 9


@pytest.mark.parametrize("kind", ["ENOSPC", "EROFS"])
@pytest.mark.parametrize("state", ["stopped", "killed", "of an earlier version"])
def test_a_disk_that_refuses_everything(library, tmp_path, kind, state):
    store, switch = tmp_path / "data", tmp_path / "refused"
    with tripstore.Server(store, tmp_path / "log") as server:
        server.ingest(tripstore.SAMPLE)
        before = answers(server)
        if state == "killed":
            server.kill()
            (store / "lock").unlink()
    if "version" in state:
        earlier_version(store)
    switch.touch()
    with tripstore.Server(store, tmp_path / "log", **refusing(library, store, kind, switch)) as server:
        ready = server.get("/ready").json
        assert ready["status"] == "read-only" and str(store) not in ready["detail"], ready
        assert server.get("/health").json == {"status": "ok"}
        assert answers(server) == before
        assert_refused(server, 1, ready["detail"])
        assert tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store, check=False).returncode == 1
        switch.unlink()
        tripstore.wait_until(lambda: server.get("/ready").json == {"status": "ready"}, "the store to be writable again")
        server.ingest(tripstore.SAMPLE)
        assert server.delete("/jobs/1").status == 200
        assert server.get("/analytics/weekly-average").json["total_trips"] == 100
    tripstore.cli("verify", "--data-dir", store)


def test_a_copy_on_a_read_only_disk_is_read(tmp_path):
    """With a log that was not written into the catalog, and nothing beside it that readers could share."""
    with small_disk(tmp_path / "disk", 16) as disk:
        with tripstore.Server(tmp_path / "data", tmp_path / "log") as server:
            server.ingest(tripstore.SAMPLE)
            before = answers(server)
            server.kill()
        (tmp_path / "data/catalog.sqlite-shm").unlink()
        shutil.copytree(tmp_path / "data", disk / "data")
        # Found: without a lock that is there already it did not start.
        (disk / "data/lock").unlink()
        expected = command_answers(tmp_path / "data")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert command_answers(disk / "data") == expected
        with tripstore.Server(disk / "data", tmp_path / "log") as server:
            ready = server.get("/ready").json
            assert ready["status"] == "read-only" and "Make its disk writable" in ready["detail"], ready
            assert answers(server) == before
            assert_refused(server, 1, ready["detail"])
            second = tripstore.cli("serve", "--port", 0, "--data-dir", disk / "data", check=False)
            assert second.returncode == 1 and "Another process is writing to this store" in second.stderr
            subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
            tripstore.wait_until(lambda: server.get("/ready").json == {"status": "ready"}, "the disk")
            assert server.delete("/jobs/1").status == 200
            # Those who look at the lock see who holds it again.
            refused = tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", disk / "data", check=False)
            assert refused.returncode == 1 and "A server (process" in refused.stderr


def test_what_is_no_matter_of_room_still_keeps_it_from_starting(library, tmp_path):
    """No store yet, and another writer."""
    store, switch = tmp_path / "data", tmp_path / "refused"
    switch.touch()
    variables = refusing(library, store, "ENOSPC", switch)
    refused = tripstore.cli("serve", "--port", 0, "--data-dir", store, check=False, **variables)
    assert refused.returncode == 1 and "No space left on device" in refused.stderr
    switch.unlink()
    with tripstore.Server(store, tmp_path / "log") as server:
        server.ingest(tripstore.SAMPLE)
        switch.touch()
        refused = tripstore.cli("serve", "--port", 0, "--data-dir", store, check=False, **variables)
        assert refused.returncode == 1 and "A server (process" in refused.stderr
        assert server.get("/analytics/weekly-average").json["total_trips"] == 100
