"""Progress of a job over WebSocket and server-sent events: every subscriber, early or late, gets the terminal message."""

import json
import subprocess
import threading
import time

import pytest
import websockets.exceptions
from websockets.sync.client import connect

from tripstore_tools.harness.follower import assert_whole, listen
from tripstore_tools.harness.tripstore import SAMPLE, TIMEOUT_SECONDS, Server, wait_until


@pytest.fixture
def held(library, tmp_path):
    """A server whose first load can't write its trips, so that all others are pending; and a function that lets it."""
    data_dir, switch = tmp_path / "data", tmp_path / "held"
    variables = {"LD_PRELOAD": str(library), "FAULT_DIR": str(data_dir / "segments"), "FAULT_KIND": "hold",
                 "FAULT_WHILE": str(switch)}
    with Server(data_dir, tmp_path / "log", **variables) as server:
        switch.touch()
        first = server.post_csv(SAMPLE.read_bytes() + b"\n", "first.csv").json["job_id"]
        wait_until(lambda: server.job(first)["status"] == "running", "the first load")
        try:
            yield server, switch.unlink
        finally:
            switch.unlink(missing_ok=True)


def wait_for_a_message(server):
    """Waits until the server has sent messages to subscribers."""
    wait_until(lambda: b"\ntripstore_progress_deliveries_total 1\n" in server.get("/metrics").body, "the first message")


def test_listeners_before_during_and_after_hear_the_end(held, generated_csv):
    server, let_go = held
    job = server.post_file(generated_csv)
    heard = {}

    def hear(name):
        heard[name] = listen(server, job)

    before, during = threads = [threading.Thread(target=hear, args=[name]) for name in ("before", "during")]
    before.start()
    wait_for_a_message(server)
    let_go()
    wait_until(lambda: server.job(job)["status"] != "pending", "the load")
    during.start()
    for thread in threads:
        thread.join(TIMEOUT_SECONDS)
    hear("after")

    assert set(heard) == {"before", "during", "after"}
    for messages, code in heard.values():
        assert_whole(messages, code, job)
    assert heard["before"][0][0]["status"] == "pending"
    assert len(heard["after"][0]) == 1
    rows = server.job(job)["total_rows"]
    assert all(messages[-1]["processed_rows"] == messages[-1]["total_rows"] == rows for messages, _ in heard.values())


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


def test_cancelled_load_ends_the_stream(held):
    server, _ = held
    job = server.post_file(SAMPLE)
    heard = []
    listener = threading.Thread(target=lambda: heard.append(listen(server, job)))
    listener.start()
    wait_for_a_message(server)
    assert server.delete(f"/jobs/{job}").json["status"] == "cancelled"
    listener.join(TIMEOUT_SECONDS)
    assert_whole(*heard[0], job, "cancelled")


def test_unknown_job_is_refused_before_the_upgrade(server):
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{server.port}/ws/ingestion/999")
    assert refused.value.response.status_code == 404
    assert json.loads(refused.value.response.body) == {"detail": "Job not found"}


def test_server_sent_events_are_the_same_messages(server):
    job = server.post_file(SAMPLE)
    # A subscriber that has the terminal message knows it was sent, which happens a moment after the job has its status.
    *_, last = listen(server, job)[0]
    printed = subprocess.run(
        ["curl", "--silent", "--no-buffer", "--include", "--max-time", "60", f"{server.url}/jobs/{job}/events"],
        capture_output=True, text=True, check=True).stdout
    assert "text/event-stream" in printed
    messages = [json.loads(line.removeprefix("data:")) for line in printed.splitlines() if line.startswith("data:")]
    assert messages == listen(server, job)[0] == [last]


def test_many_listeners_at_once(server, generated_csv):
    job = server.post_file(generated_csv)
    heard = []
    threads = [threading.Thread(target=lambda: heard.append(listen(server, job))) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_SECONDS)
    assert len(heard) == 50
    for messages, code in heard:
        assert_whole(messages, code, job)
