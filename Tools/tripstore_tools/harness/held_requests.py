"""Relays between the program and servers on loopback, which hold one request until a test has done what is to come before it."""

import contextlib
import socket
import threading

from tripstore_tools.harness.tripstore import TIMEOUT_SECONDS

BLOCK = 64 << 10


class HeldRequests:
    """A relay in front of each port. The first request with `mark` in its bytes waits for `release`; all others pass.

    `ports` are those of the relays, in the order of the servers."""

    def __init__(self, servers, mark):
        self.servers, self.mark = servers, mark
        self.holds, self.is_released = threading.Event(), threading.Event()
        self.lock = threading.Lock()
        self.listeners = [socket.create_server(("127.0.0.1", 0)) for _ in servers]
        self.ports = [listener.getsockname()[1] for listener in self.listeners]
        self.connections = []

    def is_held(self):
        """Whether the request has come."""
        return self.holds.is_set()

    def release(self):
        self.is_released.set()

    def __enter__(self):
        for listener, port in zip(self.listeners, self.servers, strict=True):
            threading.Thread(target=self.accept, args=(listener, port), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.release()
        with self.lock:
            for each in [*self.listeners, *self.connections]:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def accept(self, listener, port):
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", port))
                with self.lock:
                    self.connections += [client, server]
                for source, target, mark in ((client, server, self.mark), (server, client, None)):
                    threading.Thread(target=self.copy, args=(source, target, mark), daemon=True).start()

    def copy(self, source, target, mark):
        with contextlib.suppress(OSError):  # closed by either side
            last = b""
            while block := source.recv(BLOCK):
                if mark and mark in last + block:
                    with self.lock:
                        is_first = not self.holds.is_set()
                        self.holds.set()
                    if is_first:
                        self.is_released.wait(TIMEOUT_SECONDS)
                last = block[-len(mark):] if mark else b""
                target.sendall(block)
            target.shutdown(socket.SHUT_WR)
