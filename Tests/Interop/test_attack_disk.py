"""A disk that uploads fill, or that somebody else does: it keeps room to record and to delete, and failed uploads leave again."""

import http.client
import json
import os
import random
import socket
import stat
import threading
import time

import pytest

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.faults import refusing
from tripstore_tools.harness.small_disk import bytes_below, fill, free_bytes, small_disk

HEADER = b"region,origin_coord,destination_coord,datetime,datasource\n"


def junk(megabytes):
    """Bytes that no compression makes smaller and that are no CSV."""
    return b"PK\x03\x04" + random.Random(1).randbytes(megabytes << 20)


def test_attack_uploads_never_take_the_reserve(tmp_path, scale):
    megabytes = scale(32, full=200)
    with small_disk(tmp_path / "disk", megabytes) as disk:
        with tripstore.Server(disk / "data", tmp_path / "log") as server:
            good = server.ingest(tripstore.SAMPLE)
            before = server.get("/trip-groups").body
            answers = []
            for number in range(12):
                answer = server.post_csv(junk(megabytes // 5), f"{number}.csv")
                answers.append(answer.status)
                if answer.status == 202:
                    assert server.wait_for_job(answer.json["job_id"])["status"] == "failed"
                assert free_bytes(disk) > (megabytes << 20) // 16
            # A quarter of the disk is for failed uploads; each that came made room for the next.
            assert answers == [202] * 12
            # Somebody else takes the rest of the disk up to the reserve: nothing more comes in, and what is there can be deleted.
            fill(disk / "other", leaving=(megabytes << 20) // 9)
            refused = server.post_csv(tripstore.SAMPLE.read_bytes())
            assert refused.status == 507 and "DISK_RESERVE" in refused.detail, refused.body
            assert server.get("/trip-groups").body == before
            for job in server.get("/jobs").json:
                assert server.delete(f"/jobs/{job['id']}").status == 200
            assert bytes_below(disk / "data/uploads") == 0
            assert server.job(good["id"])["status"] in ("cancelled", "deleted")
            (disk / "other").unlink()
            assert server.ingest(tripstore.SAMPLE)["status"] == "completed"
        tripstore.cli("verify", "--data-dir", disk / "data")


def test_attack_a_load_leaves_the_reserve_and_is_resumed(tmp_path):
    with small_disk(tmp_path / "disk", 24) as disk:
        with tripstore.Server(disk / "data", tmp_path / "log", DISK_RESERVE="8M") as server:
            server.ingest(tripstore.SAMPLE)
            csv = tmp_path / "some.csv"
            tripstore.cli("generate", "--rows", 30_000, "--output", csv)
            fill(disk / "other", leaving=(8 << 20) + csv.stat().st_size + (256 << 10))
            failed = server.ingest(csv)
            assert failed["status"] == "failed" and "DISK_RESERVE" in failed["message"], failed
            assert free_bytes(disk) > 7 << 20
            (disk / "other").unlink()
            assert server.request("POST", f"/jobs/{failed['id']}/resume").status == 202
            assert server.wait_for_job(failed["id"])["status"] == "completed"


class Follower(threading.Thread):
    """Reads a job's events to their end."""

    def __init__(self, server, job):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=tripstore.TIMEOUT_SECONDS)
        self.connection.request("GET", f"/jobs/{job}/events")
        self.answer = self.connection.getresponse()
        self.messages = []
        self.start()

    def run(self):
        for line in self.answer:
            if line.startswith(b"data: "):
                self.messages.append(json.loads(line[6:]))


def test_an_end_that_cannot_be_recorded_is_once_there_is_room(library, tmp_path):
    """Found: such a job stayed `running` until a restart, later ones overtook it, and its subscribers never got a terminal message."""
    store, switch = tmp_path / "data", tmp_path / "full"
    csv = tmp_path / "some.csv"
    tripstore.cli("generate", "--rows", 60_000, "--output", csv)
    with tripstore.Server(store, tmp_path / "log", SEGMENT_ROWS="1000", **refusing(library, store, "ENOSPC", switch)) as server:
        server.ingest(tripstore.SAMPLE)
        first, second = server.post_file(csv), server.post_file(tripstore.SAMPLE)
        followers = [Follower(server, first), Follower(server, second)]
        tripstore.wait_until(lambda: server.job(first)["status"] == "running", "the first load")
        switch.touch()
        waiting = tripstore.wait_until(
            lambda: (job := server.job(first))["message"] and job["message"].startswith("Waiting") and job, "the sentence")
        assert (waiting["status"] == "running" and "full" in waiting["message"]) or "No space" in waiting["message"], waiting
        time.sleep(1.5)  # More than one attempt to record it.
        assert server.job(second)["status"] == "pending"
        assert all(follower.is_alive() for follower in followers)
        switch.unlink()
        assert server.wait_for_job(first)["status"] == "failed"
        assert server.wait_for_job(second)["status"] == "completed"
        for follower, status in zip(followers, ["failed", "completed"], strict=True):
            follower.join(tripstore.TIMEOUT_SECONDS)
            assert follower.messages[-1]["status"] == status
        assert any(message.get("message", "").startswith("Waiting") for message in followers[0].messages)
        assert server.request("POST", f"/jobs/{first}/resume").status == 202
        assert server.wait_for_job(first)["status"] == "completed"
        assert server.get("/analytics/weekly-average").json["total_trips"] == 60_200
    tripstore.cli("verify", "--data-dir", store)


@pytest.mark.parametrize(("settings", "kept"), [({"FAILED_UPLOAD_BYTES": "2500000"}, 2), ({"FAILED_UPLOAD_BYTES": "1"}, 1),
                                                ({"FAILED_UPLOAD_HOURS": "0"}, 0)])
def test_attack_uploads_of_failed_jobs_are_not_kept_for_ever(tmp_path, settings, kept):
    with tripstore.Server(tmp_path / "data", tmp_path / "log", **settings) as server:
        jobs = [server.wait_for_job(server.post_csv(junk(1), f"{number}.csv").json["job_id"])["id"] for number in range(5)]
        tripstore.wait_until(lambda: len(list((tmp_path / "data/uploads").iterdir())) == kept, "the oldest to be removed")
        for place, number in enumerate(jobs):
            is_gone = place < len(jobs) - kept
            job = tripstore.wait_until(
                lambda: (job := server.job(number)) and ("Its upload was " in job["message"]) == is_gone and job, "what the job says")
            assert job["status"] == "failed"
            resumed = server.request("POST", f"/jobs/{number}/resume")
            assert resumed.status == (409 if is_gone else 202), resumed.body
            if is_gone:
                assert "send the file again" in resumed.detail


def test_attack_uploads_that_are_too_large_are_refused(tmp_path):
    with tripstore.Server(tmp_path / "data", tmp_path / "log", MAX_UPLOAD_BYTES="100K") as server:
        assert server.ingest(tripstore.SAMPLE)["status"] == "completed"
        # By its head, before a byte of the body.
        connection = socket.create_connection(("127.0.0.1", server.port), tripstore.TIMEOUT_SECONDS)
        connection.sendall(b"PUT /ingest/a.csv HTTP/1.1\r\nHost: localhost\r\nContent-Length: 102401\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 413")
        connection.close()
        body = HEADER + b"x" * (200 << 10)
        form = (b"--b\r\nContent-Disposition: form-data; name=file; filename=a.csv\r\n\r\n" + body + b"\r\n--b--\r\n")

        def pieces(of):
            return iter([of[start:start + 10_000] for start in range(0, len(of), 10_000)])

        for data, kind in [(pieces(body), "text/csv"), (form, "multipart/form-data; boundary=b"),
                           (pieces(form), "multipart/form-data; boundary=b")]:
            try:
                answer = server.request("POST", "/ingest?filename=a.csv" if kind == "text/csv" else "/ingest", data,
                                        {"Content-Type": kind})
            except (ConnectionError, http.client.HTTPException):
                continue  # Closed while it was being sent.
            assert answer.status == 413 and "MAX_UPLOAD_BYTES" in answer.detail, answer.body
        tripstore.wait_until(lambda: not list((tmp_path / "data/uploads").iterdir()), "nothing that is left")
        assert len(server.get("/jobs").json) == 1


def test_attack_jobs_that_wait_are_bounded(tmp_path):
    silent = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/trips.csv"
    with tripstore.Server(tmp_path / "data", tmp_path / "log", MAX_WAITING_JOBS="2", ALLOW_PRIVATE_ADDRESSES="true") as server:
        wish = json.dumps({"url": url})
        kind = {"Content-Type": "application/json"}
        jobs = [server.request("POST", "/ingest", wish, kind).json["job_id"] for _ in range(2)]
        for refused in [server.request("POST", "/ingest", wish, kind), server.post_csv(tripstore.SAMPLE.read_bytes())]:
            assert refused.status == 429 and "MAX_WAITING_JOBS" in refused.detail
            assert int(refused.headers["Retry-After"]) > 0
        assert server.delete(f"/jobs/{jobs[0]}").status == 200
        assert server.ingest(tripstore.SAMPLE)["status"] == "completed"
        assert server.delete(f"/jobs/{jobs[1]}").status == 200
    silent.close()


def modes(folder):
    """What is readable by others, by its path."""
    paths = [folder, *folder.rglob("*")]
    return {str(path): oct(stat.S_IMODE(path.stat().st_mode)) for path in paths if path.stat().st_mode & 0o077}


def test_what_a_store_has_is_for_its_owner(tmp_path):
    store, backup, export = tmp_path / "data", tmp_path / "backup", tmp_path / "lake"
    with tripstore.Server(store, tmp_path / "log") as server:
        server.ingest(tripstore.SAMPLE)
        server.wait_for_job(server.post_csv(tripstore.SAMPLE.read_bytes() + b"a\n").json["job_id"])
        server.wait_for_job(server.post_csv(junk(1)).json["job_id"])
        assert (store / "catalog.sqlite-wal").exists()
        tripstore.cli("backup", backup, "--data-dir", store)
        assert modes(store) == {} == modes(backup)
    tripstore.cli("export", "--hive", export, "--data-dir", store)
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in [export, *export.rglob("*")])
    # As an earlier version left it, with a file of somebody else's.
    foreign = store / "segments/notes.txt"
    foreign.write_text("mine")
    for path in [store, *store.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    assert modes(store) == {str(foreign): "0o644"} or (not foreign.exists() and modes(store) == {})
    (store / "lost+found").mkdir()
    store.chmod(0o755)
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    assert stat.S_IMODE(os.stat(store).st_mode) == 0o755
