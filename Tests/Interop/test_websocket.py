"""Progress of a load over WebSocket and server-sent events: whoever listens, whenever, hears how it ended."""

import json
import subprocess
import threading
import time

import pytest
import websockets.exceptions
from websockets.sync.client import connect

from tripstore import PATIENCE_SECONDS, SAMPLE, wait_until

FIELDS = {"job_id", "status", "processed_rows", "total_rows", "rejected_rows", "processed_bytes", "total_bytes",
          "rows_per_second", "eta_seconds"}
TERMINAL = {"completed", "failed", "cancelled"}


def listen(server, job):
    """All messages of a job's WebSocket and the code it was closed with."""
    messages = []
    with connect(f"ws://127.0.0.1:{server.port}/ws/ingestion/{job}") as socket:
        try:
            while True:
                messages.append(json.loads(socket.recv(timeout=PATIENCE_SECONDS)))
        except websockets.exceptions.ConnectionClosed as closed:
            return messages, closed.rcvd.code if closed.rcvd else None


def assert_whole(messages, code, job, status="completed"):
    """The messages are one job's story: from some state on, never backwards, to one end and a normal close."""
    assert code == 1000
    assert messages
    assert all(set(message) >= FIELDS and message["job_id"] == job for message in messages)
    assert messages[-1]["status"] == status
    assert all(message["status"] not in TERMINAL for message in messages[:-1])
    rows = [message["processed_rows"] for message in messages]
    assert rows == sorted(rows)


def test_listeners_before_during_and_after_hear_the_end(server, generated_csv, tmp_path):
    # Loads run in turn, so that whoever listens to the second while the first, a long one, runs comes before its start.
    header, _, rows = generated_csv.read_bytes().partition(b"\n")
    long_csv = tmp_path / "long.csv"
    with long_csv.open("wb") as file:
        file.write(header + b"\n")
        for _ in range(1 + 300_000_000 // len(rows)):
            file.write(rows)
    first, second = server.post_file(long_csv), server.post_file(generated_csv)
    heard = {}

    def hear(name, job):
        heard[name] = (job, *listen(server, job))

    threads = [threading.Thread(target=hear, args=arguments) for arguments in (("before", second), ("during", first))]
    for thread in threads:
        thread.start()
    server.wait_for_job(first)
    wait_until(lambda: server.job(second)["status"] != "pending", "the second load")
    late = threading.Thread(target=hear, args=("late", second))
    late.start()
    for thread in [*threads, late]:
        thread.join(PATIENCE_SECONDS)
    hear("after", first)

    assert set(heard) == {"before", "during", "late", "after"}
    for job, messages, code in heard.values():
        assert_whole(messages, code, job)
    assert heard["before"][1][0]["status"] == "pending"
    assert len(heard["after"][1]) == 1
    for job, messages, _ in heard.values():
        assert messages[-1]["processed_rows"] == messages[-1]["total_rows"] == server.job(job)["total_rows"]


def test_at_most_ten_messages_a_second(server, generated_csv):
    started = time.monotonic()
    messages, code = listen(server, job := server.post_file(generated_csv))
    assert_whole(messages, code, job)
    # The first and the last message are not bound to the pace; a slow machine only makes the bound wider.
    assert len(messages) <= 10 * (time.monotonic() - started) + 3


def test_failed_load_says_why(server):
    job = server.post_csv(b"a,b,c\n1,2,3\n").json["job_id"]
    messages, code = listen(server, job)
    assert_whole(messages, code, job, "failed")
    assert messages[-1]["message"] == server.job(job)["message"]


def test_cancelled_load_ends_the_stream(server, generated_csv):
    # The first load keeps the second waiting, so that it is cancelled for certain.
    server.post_file(generated_csv)
    job = server.post_file(generated_csv)
    heard = []
    listener = threading.Thread(target=lambda: heard.append(listen(server, job)))
    listener.start()
    server.delete(f"/jobs/{job}")
    listener.join(PATIENCE_SECONDS)
    if server.job(job)["status"] == "cancelled":
        assert_whole(*heard[0], job, "cancelled")


def test_unknown_job_is_refused_before_the_upgrade(server):
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{server.port}/ws/ingestion/999")
    assert refused.value.response.status_code == 404
    assert json.loads(refused.value.response.body) == {"detail": "Job not found"}


def test_server_sent_events_are_the_same_messages(server):
    job = server.ingest(SAMPLE)["id"]
    printed = subprocess.run(
        ["curl", "--silent", "--no-buffer", "--include", "--max-time", "60", f"{server.url}/jobs/{job}/events"],
        capture_output=True, text=True, check=True).stdout
    assert "text/event-stream" in printed
    messages = [json.loads(line.removeprefix("data:")) for line in printed.splitlines() if line.startswith("data:")]
    assert messages == listen(server, job)[0]


def test_many_listeners_at_once(server, generated_csv):
    job = server.post_file(generated_csv)
    heard = []
    threads = [threading.Thread(target=lambda: heard.append(listen(server, job))) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert len(heard) == 50
    for messages, code in heard:
        assert_whole(messages, code, job)
