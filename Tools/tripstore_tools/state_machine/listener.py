"""Clients that follow a job over one connection, by WebSocket or as server-sent events, and record all messages."""

import contextlib
import http.client
import json
import threading

import websockets.exceptions
from websockets.sync.client import connect

from tripstore_tools.harness.tripstore import TIMEOUT_SECONDS


class Listener(threading.Thread):
    """Hears one job until the connection ends; `has_end` says whether the server ended it as it does after the last message."""

    def __init__(self, port, job, transport):
        super().__init__(daemon=True)
        self.port, self.job, self.transport = port, job, transport
        self.messages = []
        self.has_end = False
        self.start()

    def run(self):
        # The server may be stopped or killed.
        with contextlib.suppress(OSError, http.client.HTTPException, websockets.exceptions.WebSocketException):
            getattr(self, self.transport)()

    def socket(self):
        with connect(f"ws://127.0.0.1:{self.port}/ws/ingestion/{self.job}", open_timeout=TIMEOUT_SECONDS) as socket:
            for message in socket:
                self.messages.append(json.loads(message))
            # Iteration ends without an error after codes 1000 and 1001 alone.
            self.has_end = socket.protocol.close_code == 1000

    def events(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("GET", f"/jobs/{self.job}/events")
            for line in connection.getresponse():
                if line.startswith(b"data: "):
                    self.messages.append(json.loads(line.removeprefix(b"data: ")))
            self.has_end = True
        finally:
            connection.close()
