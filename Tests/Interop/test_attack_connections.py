"""Clients that open connections and stay silent, send or read a byte now and then, or hold up the end: others are served all the while."""

import os
import re
import resource
import socket
import threading
import time

import pytest

from tripstore import PATIENCE_SECONDS, SAMPLE, Server, wait_until

HEAD = b"Host: localhost\r\n"
UPLOAD = b"POST /ingest?filename=slow.csv HTTP/1.1\r\n" + HEAD + b"Content-Length: 1000000\r\n\r\nregion,"

# Seen to fail on the merged program: which connection makes room for the next is not settled (docs/RELIABILITY.md, "Not proven yet").
NOT_SETTLED = pytest.mark.xfail(reason="which connection makes room is not settled", strict=False)


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS)


def metric(server, name):
    return int(re.search(rf"^{re.escape(name)} (\d+)$", server.get("/metrics").body.decode(), re.MULTILINE)[1])


def closed(server, reason):
    return metric(server, f'tripstore_connections_closed_total{{reason="{reason}"}}')


def rest(connection):
    """What still comes until the server ends the connection."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionError:
        pass
    return received


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


class Dripping:
    """Sends a byte to each of some connections, again and again, and opens those anew that the server ends."""

    def __init__(self, server, first_words, count, pause=0.2):
        self.server, self.first_words, self.pause = server, first_words, pause
        self.connections = [None] * count
        self.reopened = -count
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.drip, daemon=True)

    def drip(self):
        while not self.is_over.wait(self.pause):
            for number, connection in enumerate(self.connections):
                try:
                    if connection is None:
                        self.reopened += 1
                        connection = self.connections[number] = connect(self.server)
                        connection.sendall(self.first_words)
                    connection.sendall(b"a")
                except OSError:
                    connection.close()
                    self.connections[number] = None

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: None not in self.connections, "the attacker's connections")
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()
        for connection in filter(None, self.connections):
            connection.close()


def assert_serves(server):
    """A client that comes now asks, loads and asks again, and nothing of it fails."""
    assert server.get("/health").status == 200
    job = server.ingest(SAMPLE)
    assert (job["status"], job["processed_rows"]) == ("completed", 100)
    assert server.get("/regions").status == 200


# MARK: Idle connections

@NOT_SETTLED
@pytest.mark.parametrize("is_lowered_later", [False, True])
def test_attack_idle_connections_lock_nobody_out(tmp_path, scale, is_lowered_later):
    """More of them than there may be open files, which the server is told at its start or later."""
    limit = scale(300, full=1024)
    flood = limit + scale(100, full=2000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    server = Server(tmp_path / "data", tmp_path / "log")
    server.launch(*([] if is_lowered_later else ["prlimit", f"--nofile={limit}:{limit}"]))
    wait_until(server.is_ready, "/ready")
    try:
        if is_lowered_later:
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
        most = 0
        connections = []
        for number in range(flood):
            connections.append(connect(server))
            if number % 50 == 0:
                assert_serves(server)
                most = max(most, descriptors(server))
        # Each connection may need a file for its upload, and the store has some: there was always room for them.
        assert most < limit
        assert metric(server, "tripstore_connections") <= metric(server, "tripstore_connections_max") < limit / 2
        assert closed(server, "room") >= flood / 3
        assert "as many connections as there may be" in server.log.read_text()
        for connection in connections:
            connection.close()
        assert_serves(server)
    finally:
        assert server.stop() == 0


@NOT_SETTLED
def test_attack_the_newest_idle_connections_are_kept(tmp_path):
    with Server(tmp_path / "data", tmp_path / "log", MAX_CONNECTIONS="16") as server:
        first = [connect(server) for _ in range(8)]
        kept = connect(server)
        for connection in [kept] * 3:
            connection.sendall(b"GET /health HTTP/1.1\r\n" + HEAD + b"\r\n")
            assert b"200 OK" in connection.recv(1000)
        others = [connect(server) for _ in range(12)]
        wait_until(lambda: closed(server, "room") >= 5, "the oldest to make room")
        assert [rest(connection) for connection in first[:5]] == [b""] * 5
        kept.sendall(b"GET /health HTTP/1.1\r\n" + HEAD + b"\r\n")
        assert b"200 OK" in kept.recv(1000)
        for connection in [*first, kept, *others]:
            connection.close()


@NOT_SETTLED
def test_attack_connections_that_are_all_busy_are_said_to_be(tmp_path):
    """Uploads that have just begun: none of them is idle, or slow yet, so who comes then is told."""
    with Server(tmp_path / "data", tmp_path / "log", MAX_CONNECTIONS="16") as server:
        server.ingest(SAMPLE)
        uploads = [connect(server) for _ in range(16)]
        for connection in uploads:
            connection.sendall(UPLOAD)
        wait_until(lambda: busy(server), "an answer that there is no room")
        late = connect(server)
        late.sendall(b"GET /health HTTP/1.1\r\n" + HEAD + b"\r\n")
        answer = rest(late)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: 1\r\n" in answer and b'{"detail":"' in answer
        for connection in uploads:
            connection.close()
        wait_until(lambda: server.get("/health").status == 200, "room")
        assert metric(server, "tripstore_connections_refused_total") > 0


def busy(server):
    try:
        return server.get("/health").status == 503
    except OSError:
        return False


# MARK: Slow clients

def test_attack_slow_heads_are_ended(tmp_path, scale):
    with Server(tmp_path / "data", tmp_path / "log", CLIENT_TIMEOUT="1") as server:
        with connect(server) as silent, connect(server) as half:
            half.sendall(b"GET /health HTTP/1.1\r\nHost: local")
            answer = rest(half)
            assert answer.startswith(b"HTTP/1.1 408 ") and b"\r\nConnection: close\r\n" in answer, answer
            # Who has said nothing is idle.
            silent.sendall(b"GET /health HTTP/1.1\r\n" + HEAD + b"\r\n")
            assert b"200 OK" in silent.recv(1000)
        with Dripping(server, b"GET /health HTTP/1.1\r\nX: ", scale(50, full=2000)) as attack:
            wait_until(lambda: closed(server, "head") > len(attack.connections), "slow heads to be ended")
            assert_serves(server)


def test_attack_slow_bodies_are_ended_and_leave_nothing(tmp_path, scale):
    with Server(tmp_path / "data", tmp_path / "log", CLIENT_TIMEOUT="1") as server:
        with connect(server) as stalled:
            stalled.sendall(UPLOAD)
            answer = rest(stalled)
            assert answer.startswith(b"HTTP/1.1 408 ") and b"too slowly" in answer, answer
        with Dripping(server, UPLOAD, scale(50, full=500)) as attack:
            wait_until(lambda: closed(server, "body") > len(attack.connections), "slow bodies to be ended")
            assert_serves(server)
        wait_until(lambda: not list((server.data_dir / "uploads").glob("*.part")), "what was uploaded to be removed")
        assert len(server.get("/jobs").json) == 1


def test_attack_slow_bodies_make_room(tmp_path):
    """As many as there may be connections, each just fast enough to be let on: who comes besides takes the place of one."""
    with Server(tmp_path / "data", tmp_path / "log", MAX_CONNECTIONS="20", CLIENT_TIMEOUT="6") as server:
        with Dripping(server, UPLOAD, 20, pause=0.05):
            wait_until(lambda: not busy(server), "the slowest to make room")
            assert closed(server, "room") > 0


def test_attack_unread_answers_are_ended(tmp_path, scale):
    with Server(tmp_path / "data", tmp_path / "log", CLIENT_TIMEOUT="1") as server:
        requests = (b"GET /openapi.json HTTP/1.1\r\n" + HEAD + b"\r\n") * 2000
        connections = []
        for _ in range(scale(4, full=200)):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            connection.setblocking(False)
            try:
                connection.send(requests)
            except BlockingIOError:
                pass
            connections.append(connection)
        wait_until(lambda: closed(server, "send") == len(connections), "those who don't read to be ended")
        assert_serves(server)
        for connection in connections:
            connection.close()


# MARK: The end

@pytest.mark.parametrize("is_moving", [False, True])
def test_attack_a_slow_upload_does_not_hold_up_the_end(tmp_path, is_moving):
    """One that stalls is not waited for, one that goes on for a part of the time; the server ends by itself, and nothing is left."""
    variables = {"SHUTDOWN_TIMEOUT": "4"} if is_moving else {}
    server = Server(tmp_path / "data", tmp_path / "log", **variables).start()
    server.ingest(SAMPLE)
    upload = connect(server)
    upload.sendall(UPLOAD)
    wait_until(lambda: list((server.data_dir / "uploads").glob("*.part")), "the upload")
    is_over = threading.Event()

    def move():
        try:
            while is_moving and not is_over.wait(0.1):
                upload.sendall(b"a")
        except OSError:
            pass

    mover = threading.Thread(target=move, daemon=True)
    mover.start()
    server.process.terminate()
    # Compose waits for 30 s; half of them is for a hang.
    assert server.process.wait(timeout=15) == 0, server.log.read_text()
    is_over.set()
    mover.join()
    assert "took too long" not in server.log.read_text()
    upload.close()
    with Server(tmp_path / "data", tmp_path / "log") as server:
        assert list((server.data_dir / "uploads").glob("*.part")) == []
        assert [job["status"] for job in server.get("/jobs").json] == ["completed"]


def test_attack_an_idle_connection_survives_a_pause(server):
    """Proxies keep connections to a server for a while; nothing is closed without need."""
    with connect(server) as connection:
        for _ in range(2):
            connection.sendall(b"GET /health HTTP/1.1\r\n" + HEAD + b"\r\n")
            assert b"200 OK" in connection.recv(1000)
            time.sleep(1.5)
