"""WebSockets as RFC 6455 has them: handshakes, the cases of the Autobahn test suite, and clients that never read."""

import base64
import hashlib
import json
import socket
import struct
import threading
import time

import pytest

from tripstore_tools.harness.tripstore import SAMPLE, TIMEOUT_SECONDS, Server
from tripstore_tools.harness.websocket_cases import CASES, CLOSE, PING, PONG, TEXT, close, frame

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = {"Host": "localhost", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Key": KEY}


class Raw:
    """A connection of bytes."""

    def __init__(self, server, receive_bytes=None):
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(TIMEOUT_SECONDS)
        self.socket.connect(("127.0.0.1", server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """Whether it could be sent; a server that has closed may refuse the rest."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def more(self):
        data = self.socket.recv(1 << 16)
        self.received += data
        return bool(data)

    def take(self, count):
        while len(self.received) < count:
            if not self.more():
                raise EOFError
        taken, self.received = self.received[:count], self.received[count:]
        return taken

    def request(self, path, fields, method="GET", version="HTTP/1.1", behind=b""):
        """Sends a request; returns the status, the fields by lower-case name and, if it is not an upgrade, the body."""
        pairs = fields.items() if isinstance(fields, dict) else fields
        head = "".join(f"{name}: {value}\r\n" for name, value in pairs)
        self.send(f"{method} {path} {version}\r\n{head}\r\n".encode() + behind)
        while b"\r\n\r\n" not in self.received:
            if not self.more():
                raise EOFError(self.received)
        text, _, self.received = self.received.partition(b"\r\n\r\n")
        status, *lines = text.decode().split("\r\n")
        answer = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = self.take(int(answer.get("content-length", 0)))
        return int(status.split()[1]), answer, body

    def frame(self):
        """The server's next frame: opcode and payload."""
        first, second = self.take(2)
        assert second < 128, "a server's frame is masked"
        assert first & 0x70 == 0 and first & 0x80, "a server's frame is fragmented or has reserved bits"
        length = second
        if length == 126:
            length = struct.unpack(">H", self.take(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.take(8))[0]
        return first & 0x0f, self.take(length)

    def answer(self):
        """The next frame that is neither a progress message nor a ping."""
        while True:
            opcode, payload = self.frame()
            if opcode == TEXT:
                assert json.loads(payload)["status"] == "pending"
            elif opcode != PING:
                return opcode, payload

    def ends(self):
        """Whether nothing but the end comes."""
        try:
            return self.received == b"" and not self.more()
        except ConnectionResetError:
            return False


@pytest.fixture(scope="module")
def waiting(tmp_path_factory):
    """A server, and a job of it that stays pending: its source takes the request and says nothing."""
    folder = tmp_path_factory.mktemp("waiting")
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        with Server(folder / "data", folder / "log", ALLOW_PRIVATE_ADDRESSES="true") as server:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/trips.csv"
            answer = server.request("POST", "/ingest", json.dumps({"url": url}), {"Content-Type": "application/json"})
            assert answer.status == 202, answer.body
            yield server, answer.json["job_id"]


@pytest.fixture
def opened(waiting):
    server, job = waiting
    with Raw(server) as raw:
        assert raw.request(f"/ws/ingestion/{job}", HANDSHAKE)[0] == 101
        yield raw


# MARK: Handshakes

@pytest.mark.parametrize("path", ["/ws/ingestion/{}", "/ws/ingestion/{}/", "/ws/ingestion/{}?"])
@pytest.mark.parametrize("fields", [
    {},
    {"Connection": "keep-alive, Upgrade"},
    {"connection": "UPGRADE", "upgrade": "WebSocket"},
    {"Upgrade": "h2c, websocket"},
    {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"},
    {"Sec-WebSocket-Protocol": "chat, superchat"},
    {"Host": "\tlocalhost\t", "Connection": "\tkeep-alive,\tUpgrade\t", "Upgrade": "\twebsocket \t", "Sec-WebSocket-Version": "\t13\t",
     "Sec-WebSocket-Key": f"\t{KEY} "},
], ids=["plain", "list", "case", "upgrades", "extensions", "subprotocols", "blanks and tabs"])
def test_handshakes_that_are_accepted(waiting, path, fields):
    """Extensions and subprotocols that are offered are not taken."""
    server, job = waiting
    names = {name.lower() for name in fields}
    with Raw(server) as raw:
        status, answer, _ = raw.request(path.format(job), {
            **{name: value for name, value in HANDSHAKE.items() if name.lower() not in names}, **fields})
        assert status == 101
        digest = hashlib.sha1((KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        assert answer["sec-websocket-accept"] == base64.b64encode(digest).decode()
        assert (answer["upgrade"].lower(), answer["connection"].lower()) == ("websocket", "upgrade")
        assert not {"sec-websocket-extensions", "sec-websocket-protocol", "content-length"} & set(answer)
        assert raw.frame()[0] == TEXT


def without(name):
    return {key: value for key, value in HANDSHAKE.items() if key != name}


UPGRADE_REQUIRED = {"sec-websocket-version": "13", "upgrade": "websocket"}


@pytest.mark.parametrize("fields, status, word, expected", [
    ({**HANDSHAKE, "Sec-WebSocket-Version": "8"}, 426, "version '8'", UPGRADE_REQUIRED),
    ({**HANDSHAKE, "Sec-WebSocket-Version": "7, 13"}, 426, "version '7, 13'", UPGRADE_REQUIRED),
    ({**HANDSHAKE, "Sec-WebSocket-Version": "014"}, 426, "version '014'", UPGRADE_REQUIRED),
    (without("Sec-WebSocket-Version"), 426, "13", UPGRADE_REQUIRED),
    ([*HANDSHAKE.items(), ("Sec-WebSocket-Version", "13")], 426, "13", UPGRADE_REQUIRED),
    (without("Upgrade"), 426, "as a WebSocket", UPGRADE_REQUIRED),
    (without("Connection"), 426, "as a WebSocket", UPGRADE_REQUIRED),
    ({**HANDSHAKE, "Upgrade": "h2c"}, 426, "as a WebSocket", UPGRADE_REQUIRED),
    ({**HANDSHAKE, "Upgrade": "websocketx"}, 426, "as a WebSocket", UPGRADE_REQUIRED),
    ({"Host": "localhost"}, 426, "as a WebSocket", UPGRADE_REQUIRED),
    ({**HANDSHAKE, "Content-Length": "5"}, 426, "as a WebSocket", UPGRADE_REQUIRED),
    ({**HANDSHAKE, "Transfer-Encoding": "chunked"}, 426, "as a WebSocket", UPGRADE_REQUIRED),
    (without("Sec-WebSocket-Key"), 400, "Sec-WebSocket-Key", {}),
    ({**HANDSHAKE, "Sec-WebSocket-Key": ""}, 400, "Sec-WebSocket-Key", {}),
    ({**HANDSHAKE, "Sec-WebSocket-Key": "not base64 at all!"}, 400, "Sec-WebSocket-Key", {}),
    ({**HANDSHAKE, "Sec-WebSocket-Key": base64.b64encode(b"15 bytes, not 16"[:15]).decode()}, 400, "Sec-WebSocket-Key", {}),
    ({**HANDSHAKE, "Sec-WebSocket-Key": base64.b64encode(b"17 bytes, not 16!").decode()}, 400, "Sec-WebSocket-Key", {}),
    ([*HANDSHAKE.items(), ("Sec-WebSocket-Key", KEY)], 400, "Sec-WebSocket-Key", {}),
])
def test_handshakes_that_are_refused(waiting, fields, status, word, expected):
    """RFC 6455, 4.2.1 and 4.4: the answer names the version there is, in a sentence and in a field."""
    server, job = waiting
    with Raw(server) as raw:
        found, answer, body = raw.request(f"/ws/ingestion/{job}", fields)
        assert found == status
        assert word in json.loads(body)["detail"]
        assert expected.items() <= answer.items()


@pytest.mark.parametrize("path, method, status", [
    ("/ws/ingestion/999999", "GET", 404), ("/ws/ingestion/0", "GET", 404), ("/ws/ingestion/01", "GET", 404),
    ("/ws/ingestion/1%00", "GET", 404), ("/ws/ingestion/x", "GET", 404), ("/ws/ingestion/", "GET", 404),
    ("/ws/ingestion/{}?x=1", "GET", 400), ("/ws/ingestion/{}", "POST", 405), ("/ws/ingestion/{}/more", "GET", 404),
    ("/jobs/{}/events/x", "GET", 404), ("/health", "GET", 200),
])
def test_handshakes_elsewhere_are_answered_as_http(waiting, path, method, status):
    server, job = waiting
    with Raw(server) as raw:
        assert raw.request(path.format(job), HANDSHAKE, method)[0] == status


def test_http_1_0_knows_no_upgrade(waiting):
    server, job = waiting
    with Raw(server) as raw:
        assert raw.request(f"/ws/ingestion/{job}", HANDSHAKE, version="HTTP/1.0")[0] == 426


def test_frames_right_behind_the_handshake_are_heard(waiting):
    server, job = waiting
    with Raw(server) as raw:
        assert raw.request(f"/ws/ingestion/{job}", HANDSHAKE, behind=frame(PING, b"early") + close(1000))[0] == 101
        assert raw.answer() == (PONG, b"early")
        assert raw.answer() == (CLOSE, struct.pack(">H", 1000))
        assert raw.ends()


# MARK: The cases of Autobahn

def chops(case, chop):
    if chop == "whole":
        return [b"".join(case.frames)]
    if chop == "frames":
        return case.frames
    return [bytes([octet]) for data in case.frames for octet in data]


@pytest.mark.parametrize("chop", ["whole", "frames", "octets"])
def test_autobahn_cases(waiting, chop):
    """All cases on connections of their own; those that did not pass are named."""
    server, job = waiting
    failures = {}
    for case in CASES:
        if (chop != "whole" and case.is_long) or (chop == "frames" and len(case.frames) == 1):
            continue
        try:
            with Raw(server) as raw:
                raw.socket.settimeout(20)
                assert raw.request(f"/ws/ingestion/{job}", HANDSHAKE)[0] == 101
                expect(raw, case, chops(case, chop))
        except (AssertionError, OSError, EOFError, ValueError) as failure:
            failures[case.name] = repr(failure)
    assert failures == {}


def expect(raw, case, pieces):
    for piece in pieces:
        if not raw.send(piece):
            break
    for payload in case.pongs:
        assert raw.answer() == (PONG, payload)
    if not case.closes:
        # It lives on: a ping is answered, and the close is returned.
        raw.send(frame(PING, b"still there?"))
        assert raw.answer() == (PONG, b"still there?")
        raw.send(close(1000))
    opcode, payload = raw.answer()
    code = struct.unpack(">H", payload[:2])[0] if payload else None
    assert (opcode, code) == (CLOSE, case.code if case.closes else 1000)
    payload[2:].decode()
    assert len(payload) <= 125
    # Nothing after a close, and an end that is not a reset.
    assert raw.ends()


# MARK: Clients that never read

def anonymous_bytes(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("RssAnon:"))


def flood(raw, data, seconds):
    """Sends the same again and again without reading, until that takes no more; returns how many bytes went."""
    raw.socket.setblocking(False)
    end, last, sent, rest = time.monotonic() + seconds, time.monotonic(), 0, data
    while time.monotonic() < end and time.monotonic() - last < 2:
        try:
            count = raw.socket.send(rest)
            rest = rest[count:] or data
            sent, last = sent + count, time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
        except (BrokenPipeError, ConnectionResetError):
            break
    return sent


FLOODS = {
    "pings": frame(PING, b"p" * 125) * 400,
    "empty pings": frame(PING) * 8000,
    "empty continuations": frame(0, fin=False) * 8000,
    "messages": frame(TEXT, b"m" * 1000) * 50,
}


@pytest.mark.parametrize("kind", FLOODS)
def test_attack_a_websocket_that_sends_and_never_reads(waiting, scale, kind):
    """Found: 1.17 GB in 8 s of one connection, for pongs. The server stops reading from a client that does not read, and others are served."""
    server, job = waiting
    seconds, connections = scale(2, full=60), scale(2, full=20)
    before = anonymous_bytes(server)
    raws = [Raw(server, receive_bytes=4096) for _ in range(connections)]
    try:
        for raw in raws:
            assert raw.request(f"/ws/ingestion/{job}", HANDSHAKE)[0] == 101
            if kind == "empty continuations":
                raw.send(frame(TEXT, fin=False))
        threads = [threading.Thread(target=flood, args=(raw, FLOODS[kind], seconds)) for raw in raws]
        for thread in threads:
            thread.start()
        most = 0
        while any(thread.is_alive() for thread in threads):
            most = max(most, anonymous_bytes(server))
            assert server.get("/health").status == 200
            time.sleep(0.05)
        assert most - before < (24 << 20) + connections * (2 << 20), f"{(most - before) >> 20} MB for {connections} connections"
    finally:
        for raw in raws:
            raw.socket.close()


@pytest.mark.parametrize("request_text", [
    "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "PUT /ingest/a.csv HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
], ids=["small answers", "large answers", "continue"])
def test_attack_http_that_asks_and_never_reads(tmp_path, scale, request_text):
    """The same of plain HTTP: consecutive requests whose answers are not read."""
    with Server(tmp_path / "data", tmp_path / "log") as server:
        before = anonymous_bytes(server)
        with Raw(server, receive_bytes=4096) as raw:
            thread = threading.Thread(target=flood, args=(raw, request_text.encode() * 200, scale(2, full=60)))
            thread.start()
            most = 0
            while thread.is_alive():
                most = max(most, anonymous_bytes(server))
                assert server.get("/health").status == 200
                time.sleep(0.05)
        assert most - before < 48 << 20, f"{(most - before) >> 20} MB"


def test_pongs_wait_for_a_slow_reader_and_the_newest_ping_is_answered(waiting):
    server, job = waiting
    with Raw(server, receive_bytes=4096) as raw:
        assert raw.request(f"/ws/ingestion/{job}", HANDSHAKE)[0] == 101
        sent = flood(raw, frame(PING, b"old" * 40) * 400, 2)
        raw.socket.settimeout(TIMEOUT_SECONDS)

        # What was cut off in the middle of a frame is finished; then the newest ping.
        size = len(frame(PING, b"old" * 40))
        rest = frame(PING, b"old" * 40)[sent % size:] if sent % size else b""
        sender = threading.Thread(target=raw.send, args=(rest + frame(PING, b"newest"),))
        sender.start()
        pongs = 0
        while (payload := raw.answer()[1]) != b"newest":
            assert payload == b"old" * 40
            pongs += 1
        sender.join()
        assert 0 < pongs <= sent // size + 1


def test_a_followed_load_ends_as_it_should_beside_a_flood(server):
    job = server.post_file(SAMPLE)
    server.wait_for_job(job)
    with Raw(server) as raw:
        assert raw.request(f"/ws/ingestion/{job}", HANDSHAKE, behind=frame(PING, b"x") * 1000)[0] == 101
        frames = []
        while not frames or frames[-1][0] != CLOSE:
            frames.append(raw.frame())
        assert frames[-1][1] == struct.pack(">H", 1000)
        assert json.loads(next(payload for opcode, payload in frames if opcode == TEXT))["status"] == "completed"
        raw.send(close(1000))
        assert raw.ends()
