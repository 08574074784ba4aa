"""A WebSocket client as any would be: it follows a job to its end, and connects again when a connection is lost."""

import json
import threading
import time

import websockets.exceptions
from websockets.sync.client import connect

from tripstore_tools.harness.tripstore import TERMINAL, TIMEOUT_SECONDS

PAUSE_SECONDS = 0.2


class Follower(threading.Thread):
    """Follows a job in a thread; `fault` is a sentence if it got no terminal message, or an impossible one."""

    def __init__(self, port, job):
        super().__init__(daemon=True)
        self.address = f"ws://127.0.0.1:{port}/ws/ingestion/{job}"
        self.messages = []
        self.connections = 0
        self.fault = None
        self.start()

    @property
    def last(self):
        return self.messages[-1] if self.messages else {}

    def run(self):
        give_up = time.monotonic() + TIMEOUT_SECONDS
        why = None
        while self.fault is None and self.last.get("status") not in TERMINAL:
            if time.monotonic() > give_up:
                self.fault = f"heard no end of the job within {TIMEOUT_SECONDS} s, but {self.last} and {why!r}"
                return
            try:
                self.listen(give_up)
            except websockets.exceptions.InvalidStatus as error:
                why = error
                if error.response.status_code not in (502, 503):
                    self.fault = f"was answered with {error.response.status_code}"
            except (OSError, websockets.exceptions.WebSocketException) as error:
                why = error
            if self.last.get("status") not in TERMINAL:
                time.sleep(PAUSE_SECONDS)

    def listen(self, give_up):
        """Takes the messages of one connection, until it is closed."""
        with connect(self.address, open_timeout=10) as socket:
            self.connections += 1
            while True:
                message = json.loads(socket.recv(timeout=max(0.0, give_up - time.monotonic())))
                if self.last.get("status") in TERMINAL:
                    self.fault = f"heard {message} after the end"
                self.messages.append(message)

    def hear_the_end(self):
        """Waits for the end; returns the last message."""
        self.join(TIMEOUT_SECONDS + 30)
        assert self.fault is None, self.fault
        assert self.last.get("status") in TERMINAL, self.last
        return self.last


FIELDS = {"job_id", "status", "processed_rows", "total_rows", "rejected_rows", "processed_bytes", "total_bytes",
          "rows_per_second", "eta_seconds"}


def listen(server, job):
    """All messages of a job's WebSocket and the code it was closed with."""
    messages = []
    with connect(f"ws://127.0.0.1:{server.port}/ws/ingestion/{job}", open_timeout=TIMEOUT_SECONDS) as socket:
        try:
            while True:
                messages.append(json.loads(socket.recv(timeout=TIMEOUT_SECONDS)))
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
