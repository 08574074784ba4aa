"""What the machine refuses: room, rights, one more open file, memory. Jobs fail with reason and remedy, queries still succeed."""

import os
import resource
import socket
import time

import pytest

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.faults import answers, refusing

# What the error says of each.
REASONS = {
    "ENOSPC": ["No space left on device", "free space"],
    "EROFS": ["Read-only file system", "check the permissions"],
    "EACCES": ["Permission denied", "check the permissions"],
    "EMFILE": ["Too many open files", "raise the limit of open files"],
    "EIO": ["Input/output error", "check the file system"],
}


@pytest.mark.parametrize("kind", REASONS)
def test_a_load_fails_with_reason_and_remedy_and_is_resumed(library, tmp_path, kind):
    store, switch = tmp_path / "data", tmp_path / "refused"
    variables = refusing(library, store / "segments", kind, switch)
    with tripstore.Server(store, tmp_path / "log", **variables) as server:
        server.ingest(tripstore.SAMPLE)
        before = server.get("/trip-groups").body
        switch.touch()
        failed = server.ingest(tripstore.SAMPLE)
        assert failed["status"] == "failed"
        assert [words for words in REASONS[kind] if words not in failed["message"]] == [], failed["message"]
        # The log says where the file is; answers don't.
        assert str(store) not in failed["message"] and "segments/" in failed["message"], failed["message"]
        assert str(store) not in server.get("/jobs").body.decode() and f"{store}/segments/" in server.log.read_text()
        assert server.get("/trip-groups").body == before
        switch.unlink()
        assert server.request("POST", f"/jobs/{failed['id']}/resume").status == 202
        assert server.wait_for_job(failed["id"])["status"] == "completed"
        assert server.get("/analytics/weekly-average").json["total_trips"] == 200
    tripstore.cli("verify", "--data-dir", store)


def test_a_store_on_a_read_only_disk_answers(library, tmp_path):
    store, switch = tmp_path / "data", tmp_path / "refused"
    variables = refusing(library, store, "EROFS", switch)
    with tripstore.Server(store, tmp_path / "log", **variables) as server:
        server.ingest(tripstore.SAMPLE)
        before = server.get("/trip-groups").body
        switch.touch()
        refused = server.post_csv(tripstore.SAMPLE.read_bytes())
        assert refused.status >= 500 and "Read-only file system" in refused.detail
        assert str(store) not in refused.detail, refused.detail
        assert server.delete("/jobs/1").status >= 500
        assert server.get("/trip-groups").body == before
        assert server.job(1)["status"] == "completed"
        switch.unlink()
        server.ingest(tripstore.SAMPLE)
        assert server.delete("/jobs/1").status == 200
        assert server.get("/trip-groups").body == before
    switch.touch()
    expected = answers(store)
    refused = tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store, check=False, **variables)
    assert refused.returncode == 1 and "Read-only file system; check the permissions" in refused.stderr
    for query in (["weekly-average"], ["trip-groups", "--precision", 6, "--limit", 1000]):
        assert tripstore.cli(*query, "--format", "json", "--data-dir", store, **variables).stdout in expected
    tripstore.cli("verify", "--data-dir", store, **variables)


def descriptors_at_rest(process):
    """How many a process has open once the connections of the last requests are closed on its side too."""
    counts = []
    while len(counts) < 5 or len(set(counts[-5:])) > 1:
        counts.append(len(os.listdir(f"/proc/{process}/fd")))
        time.sleep(0.1)
    return counts[-1]


def is_closed(connection):
    """Whether the other side has closed it."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_a_server_out_of_descriptors_goes_on(tmp_path):
    with tripstore.Server(tmp_path / "data", tmp_path / "log") as server:
        server.ingest(tripstore.SAMPLE)
        before = server.get("/trip-groups").body
        process = server.process.pid
        limits = resource.prlimit(process, resource.RLIMIT_NOFILE)
        open_now = descriptors_at_rest(process)
        resource.prlimit(process, resource.RLIMIT_NOFILE, (open_now + 3, limits[1]))
        # More connections than it can take; the kernel holds those that wait.
        held = [socket.create_connection(("127.0.0.1", server.port), tripstore.TIMEOUT_SECONDS) for _ in range(20)]
        # It makes room by closing some that are idle, so that the last descriptor may be free again by the time somebody looks.
        tripstore.wait_until(lambda: len(os.listdir(f"/proc/{process}/fd")) >= open_now + 3 or any(map(is_closed, held)),
                             "the last descriptor")
        for connection in held:
            connection.close()
        tripstore.wait_until(lambda: len(os.listdir(f"/proc/{process}/fd")) <= open_now, "descriptors that are given back")
        assert server.get("/trip-groups").body == before
        # One for the connection and none for the upload.
        resource.prlimit(process, resource.RLIMIT_NOFILE, (descriptors_at_rest(process) + 1, limits[1]))
        refused = server.post_csv(tripstore.SAMPLE.read_bytes())
        assert refused.status >= 500 and "Too many open files" in refused.detail
        assert server.get("/trip-groups").body == before
        resource.prlimit(process, resource.RLIMIT_NOFILE, limits)
        assert server.ingest(tripstore.SAMPLE)["status"] == "completed"
        assert server.get("/analytics/weekly-average").json["total_trips"] == 200
    tripstore.cli("verify", "--data-dir", tmp_path / "data")


def test_a_segment_that_cannot_be_mapped_is_an_error_until_it_can(library, tmp_path):
    store, switch = tmp_path / "data", tmp_path / "refused"
    variables = refusing(library, store / "segments", "ENOMEM", switch)
    with tripstore.Server(store, tmp_path / "log", **variables) as server:
        server.ingest(tripstore.SAMPLE)
        switch.touch()
        assert server.ingest(tripstore.SAMPLE)["status"] == "completed"
        # Half of the trips would be a wrong number.
        refused = server.get("/analytics/weekly-average")
        assert refused.status == 500 and "Cannot allocate memory; free some" in refused.detail
        assert str(store) not in refused.detail, refused.detail
        switch.unlink()
        assert server.get("/analytics/weekly-average").json["total_trips"] == 200
    switch.touch()
    refused = tripstore.cli("regions", "--data-dir", store, check=False, **variables)
    assert refused.returncode == 1 and "Cannot allocate memory; free some" in refused.stderr
