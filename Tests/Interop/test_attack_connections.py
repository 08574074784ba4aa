"""Clients that open connections and stay silent, send or read a byte now and then, or hold up the end: others are served all the while."""

import contextlib
import http.client
import json
import os
import re
import resource
import socket
import threading
import time

import pytest

from tripstore_tools.harness.tripstore import SAMPLE, TIMEOUT_SECONDS, Server, wait_until

HEAD = b"Host: localhost\r\n"
UPLOAD = b"POST /ingest?filename=slow.csv HTTP/1.1\r\n" + HEAD + b"Content-Length: 1000000\r\n\r\nregion,"

# With so much of it at once, an upload is not slow for the next minutes.
LONG_UPLOAD = UPLOAD.replace(b"1000000", b"1000000000") + b"a" * (4 << 20)
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
ROOM = 'tripstore_connections_closed_total{reason="room"}'


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS)


def metric(server, name):
    return number(server.get("/metrics").body, name)


def number(metrics, name):
    return int(re.search(rf"^{re.escape(name)} (\d+)$", metrics.decode(), re.MULTILINE)[1])


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


class Kept:
    """A connection on which one request comes after the other."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_SECONDS)
        self.connection.connect()

    def get(self, path):
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        return response.status, response.read()

    def metric(self, name):
        return number(self.get("/metrics")[1], name)

    def is_open(self):
        try:
            return self.get("/health")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def close(self):
        self.connection.close()


class Dripping:
    """Sends a little to each of some connections, again and again, and reopens those that the server ends."""

    def __init__(self, server, first_words, count, pause=0.2, byte_count=1):
        self.server, self.first_words, self.pause, self.piece = server, first_words, pause, b"a" * byte_count
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
                    connection.sendall(self.piece)
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
    """A new client queries, uploads and queries again without a failure."""
    assert server.get("/health").status == 200
    job = server.ingest(SAMPLE)
    assert (job["status"], job["processed_rows"]) == ("completed", 100)
    assert server.get("/regions").status == 200


# MARK: Idle connections

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
        assert metric(server, "tripstore_connections_max") < limit / 2
        wait_until(lambda: metric(server, "tripstore_connections") <= metric(server, "tripstore_connections_max"), "room")
        assert closed(server, "room") >= flood / 3
        assert metric(server, "tripstore_connections_refused_total") == 0
        assert "The limit of connections is reached" in server.log.read_text()
        for connection in connections:
            connection.close()
        assert_serves(server)
    finally:
        assert server.stop() == 0


def test_attack_connections_that_were_idle_for_longest_make_room(tmp_path):
    """Not the oldest ones: those that were used last are kept, one goes for each that comes, and none that was used is refused."""
    with Server(tmp_path / "data", tmp_path / "log", MAX_CONNECTIONS="16") as server:
        kept = Kept(server)
        wait_until(lambda: kept.metric("tripstore_connections") == 1, "the end of those before")
        first = [Kept(server) for _ in range(8)]
        for connection in [*first, first[0]]:
            assert connection.get("/health") == (200, b'{"status": "ok"}')
        # The first of all connections is the one that is used all the while.
        kept.get("/health")
        others = [connect(server) for _ in range(12)]
        wait_until(lambda: kept.metric(ROOM) == 5, "five to make room")
        assert [connection.is_open() for connection in first] == [True] + 5 * [False] + 2 * [True]
        assert kept.metric("tripstore_connections") == 16 and kept.metric("tripstore_connections_refused_total") == 0
        for connection in [*first, kept, *others]:
            connection.close()


def test_attack_connections_that_are_all_busy_are_said_to_be(tmp_path):
    with Server(tmp_path / "data", tmp_path / "log", MAX_CONNECTIONS="1", CLIENT_TIMEOUT="600") as server:
        with connect(server) as upload:
            upload.sendall(LONG_UPLOAD)
            wait_until(lambda: list((server.data_dir / "uploads").glob("*.part")), "the upload")
            for request in [b"GET /health HTTP/1.1\r\n" + HEAD + b"\r\n", b"what is this?", b"\x16\x03\x01"]:
                late = connect(server)
                late.sendall(request)
                answer = rest(late)
                assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nConnection: close\r\n" in answer
                assert b"\r\nRetry-After: 1\r\n" in answer and b'{"detail":"The server has as many connections' in answer
                late.close()
            # Those that say nothing are not waited for.
            with connect(server) as silent:
                assert rest(silent) == b""
        wait_until(lambda: not is_refused(server), "room")
        assert metric(server, "tripstore_connections_refused_total") >= 4


@pytest.mark.parametrize("request_bytes", [b"POST /nope HTTP/1.1\r\n" + HEAD + b"Content-Length: 1000\r\n\r\n",
                                           (b"GET /openapi.json HTTP/1.1\r\n" + HEAD + b"\r\n") * 300],
                         ids=["the rest of a body", "an answer that is not read"])
def test_attack_connections_that_wait_for_their_clients_make_room(tmp_path, request_bytes):
    """Their time limits are far off."""
    with Server(tmp_path / "data", tmp_path / "log", MAX_CONNECTIONS="16") as server:
        connections = [connect(server) for _ in range(16)]
        for connection in connections:
            connection.sendall(request_bytes)
        for connection in connections:
            assert connection.recv(12) in (b"HTTP/1.1 404", b"HTTP/1.1 200")
        wait_until(lambda: not is_refused(server), "room", seconds=20)
        assert_serves(server)
        assert closed(server, "room") > 0
        for connection in connections:
            connection.close()


def is_refused(server):
    try:
        return server.get("/health").status == 503
    except OSError:
        return True


# MARK: Requests that last

@pytest.fixture
def silent_source():
    """A URL whose server takes connections and says nothing, so that the job of it waits."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/trips.csv"


def test_attack_followers_leave_room_for_others(tmp_path, silent_source, scale):
    """One client follows jobs by as many WebSockets and event streams as it likes."""
    maximum = scale(16, full=1000)
    with Server(tmp_path / "data", tmp_path / "log", MAX_CONNECTIONS=str(maximum), ALLOW_PRIVATE_ADDRESSES="1") as server:
        job = server.request("POST", "/ingest", json.dumps({"url": silent_source}), {"Content-Type": "application/json"})
        path = f"/{job.json['job_id']}"
        requests = [f"GET /jobs{path}/events HTTP/1.1\r\n".encode() + HEAD + b"\r\n",
                    f"GET /ws/ingestion{path} HTTP/1.1\r\n".encode() + HEAD + UPGRADE + b"\r\n"]
        followers = []
        for number in range(maximum // 2):
            followers.append(connect(server))
            followers[-1].sendall(requests[number % 2])
            assert followers[-1].recv(1000).startswith([b"HTTP/1.1 200 OK", b"HTTP/1.1 101 "][number % 2])
        assert metric(server, 'tripstore_connections_held{by="follower"}') == maximum // 2
        for _ in range(scale(10, full=100)):
            for request in requests:
                with connect(server) as late:
                    late.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) if b"events" in request else request)
                    answer = rest(late)
                    assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: " in answer
                    assert f"{maximum // 2} followers".encode() in answer and b"GET /jobs/{job_id}" in answer
            assert_serves(server)
        for follower in followers[:2]:
            follower.close()
        # Before the next sign of life to them would be due.
        wait_until(lambda: metric(server, 'tripstore_connections_held{by="follower"}') == maximum // 2 - 2, "two to go", seconds=15)
        for request in reversed(requests):
            followers.append(connect(server))
            followers[-1].sendall(request)
            assert followers[-1].recv(1000)[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 101")
        for follower in followers:
            follower.close()


def test_attack_uploads_leave_room_for_others(tmp_path, scale):
    """The maximum of uploads: other requests are answered, and one more upload is refused before it is sent."""
    maximum = scale(16, full=1000)
    with Server(tmp_path / "data", tmp_path / "log", MAX_CONNECTIONS=str(maximum), CLIENT_TIMEOUT="600") as server:
        server.ingest(SAMPLE)
        uploads = [connect(server) for _ in range(maximum // 8)]
        for connection in uploads:
            connection.sendall(LONG_UPLOAD)
        wait_until(lambda: metric(server, 'tripstore_connections_held{by="upload"}') == maximum // 8, "the uploads")
        for _ in range(scale(10, full=100)):
            with connect(server) as late:
                late.sendall(UPLOAD.replace(b"Content", b"Expect: 100-continue\r\nContent", 1).removesuffix(b"region,"))
                answer = rest(late)
            assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: " in answer
            assert f"taking {maximum // 8} uploads".encode() in answer
            assert server.get("/regions").status == server.get("/jobs").status == server.get("/trip-groups").status == 200
        for connection in uploads:
            connection.close()
        wait_until(lambda: metric(server, 'tripstore_connections_held{by="upload"}') == 0, "the end of the uploads")
        assert_serves(server)


def test_attack_uploads_that_wait_take_little_memory(tmp_path, scale):
    """Each sends 1.5 MB at once, faster than they can be written, and then waits."""
    with Server(tmp_path / "data", tmp_path / "log") as server:
        server.ingest(SAMPLE)
        count = min(scale(300, full=1500), metric(server, "tripstore_connections_max") // 8)
        before = server.memory()
        uploads = [connect(server) for _ in range(count)]
        for connection in uploads:
            connection.sendall(LONG_UPLOAD[:1_500_000])
        wait_until(lambda: metric(server, 'tripstore_connections_held{by="upload"}') == count, "the uploads")
        wait_until(lambda: sum(file.stat().st_size for file in (server.data_dir / "uploads").glob("*.part")) > count * 900_000,
                   "what they sent")
        # It was 1.2 MB for each.
        assert server.memory() - before < (80 << 20) + count * (512 << 10)
        for connection in uploads:
            connection.close()
        wait_until(lambda: not list((server.data_dir / "uploads").glob("*.part")), "what was uploaded to be removed")


# MARK: Slow clients

def test_attack_slow_heads_are_ended(tmp_path, scale):
    with Server(tmp_path / "data", tmp_path / "log", CLIENT_TIMEOUT="1") as server:
        with connect(server) as silent, connect(server) as half:
            half.sendall(b"GET /health HTTP/1.1\r\nHost: local")
            answer = rest(half)
            assert answer.startswith(b"HTTP/1.1 408 ") and b"\r\nConnection: close\r\n" in answer, answer
            # A silent connection is idle.
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


def test_attack_slow_bodies_make_room_for_one_another(tmp_path):
    """As many uploads as there may be, each just fast enough to be let on: one that comes besides takes the place of the slowest."""
    with Server(tmp_path / "data", tmp_path / "log", MAX_CONNECTIONS="16", CLIENT_TIMEOUT="20") as server:
        with Dripping(server, UPLOAD, 4, pause=0.02, byte_count=100):
            for _ in range(3):
                wait_until(lambda: server.post_csv(SAMPLE.read_bytes()).status == 202, "a place for an upload")
            assert closed(server, "body") > 0


def test_attack_unread_answers_are_ended(tmp_path, scale):
    with Server(tmp_path / "data", tmp_path / "log", CLIENT_TIMEOUT="1") as server:
        requests = (b"GET /openapi.json HTTP/1.1\r\n" + HEAD + b"\r\n") * 2000
        connections = []
        for _ in range(scale(4, full=200)):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                connection.send(requests)
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
        for pause in (1.5, 0):
            connection.sendall(b"GET /health HTTP/1.1\r\n" + HEAD + b"\r\n")
            assert b"200 OK" in connection.recv(1000)
            time.sleep(pause)
