"""Each row of docs/HTTP.md: the bytes that it names are sent, and the answers compared."""

import contextlib
import re
import socket

import pytest

from tripstore_tools.harness.tripstore import REPOSITORY, SAMPLE, Server

PAGE = (REPOSITORY / "docs/HTTP.md").read_text(encoding="utf-8")
ESCAPES = {"⏎": "\r\n", r"\n": "\n", r"\r": "\r", r"\0": "\0", r"\t": "\t", "HOST": "Host: localhost\r\n"}


def unescape(text):
    """The bytes of a row."""
    text = re.sub(r"\{(.+?)\*(\d+)\}", lambda match: match[1] * int(match[2]), text)
    for escape, meaning in ESCAPES.items():
        text = text.replace(escape, meaning)
    return re.sub(r"\\x(..)", lambda match: chr(int(match[1], 16)), text).encode("latin-1")


def rows():
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) < 3 or not re.match(r"`.*HTTP/|`GET|`what|`\\x16|`PRI|`⏎", cells[-2]):
            continue
        name = " ".join(cells[:-2]).strip("– ")
        yield pytest.param(unescape(cells[-2].strip("`")), cells[-1], id=name)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("standards")
    with Server(folder / "data", folder / "log", ALLOWED_HOSTS="trips.example,*.trips.test",
                ALLOWED_ORIGINS="https://app.example") as server:
        assert server.ingest(SAMPLE)["status"] == "completed"
        yield server


class Reader:
    """Responses on a connection, separated by their framing alone."""

    def __init__(self, connection):
        self.connection = connection
        self.bytes = b""

    def more(self):
        piece = self.connection.recv(65536)
        self.bytes += piece
        return piece

    def until(self, condition):
        while not condition():
            assert self.more(), f"the connection ended in the middle of an answer: {self.bytes[-500:]}"

    def take(self, count):
        self.until(lambda: len(self.bytes) >= count)
        taken, self.bytes = self.bytes[:count], self.bytes[count:]
        return taken

    def line(self):
        self.until(lambda: b"\r\n" in self.bytes)
        return self.take(self.bytes.index(b"\r\n") + 2)[:-2].decode("latin-1")

    def answer(self, is_head):
        """Status, fields and body."""
        version, status, _ = self.line().split(" ", 2)
        assert version == "HTTP/1.1"
        fields = []
        while line := self.line():
            name, value = line.split(": ", 1)
            fields.append((name.lower(), value))
        values = dict(fields)
        assert len(values) == len(fields) or len([name for name, _ in fields if name == "vary"]) > 1, fields
        if is_head or status in ("100", "204"):
            body = b""
        elif "content-length" in values:
            body = self.take(int(values["content-length"]))
        elif "transfer-encoding" in values:
            body = b""
            while size := int(self.line(), 16):
                body += self.take(size)
                assert self.take(2) == b"\r\n"
            assert self.line() == ""
        else:
            assert values.get("connection") == "close"
            while self.more():
                pass
            body, self.bytes = self.bytes, b""
        return int(status), values, body


@pytest.mark.parametrize("sent, expected", rows())
def test_each_row_of_the_page(server, sent, expected):
    statuses = [int(status) for status in re.match(r"[\d, ]+", expected)[0].strip(", ").split(", ")]
    methods = re.findall(rb"(?:^|\n|abc)([A-Z]+) \S+ HTTP/1", sent)
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        reader = Reader(connection)
        with contextlib.suppress(ConnectionError):  # The answer may come before all is sent.
            connection.sendall(sent)
        answers = [reader.answer(len(methods) > number and methods[number] == b"HEAD") for number in range(len(statuses))]
        assert [status for status, _, _ in answers] == statuses, answers
        _, fields, _body = answers[-1]
        for status, values, answered in answers:
            if status >= 400 and answered:
                assert re.fullmatch(rb'\{"detail":".{20,}"\}', answered), answered
            assert status == 100 or (values["date"].endswith(" GMT") and values["server"] == "tripstore")
        for is_not, field in re.findall(r"(no )?`([^`]+)`", expected):
            name, _, value = field.partition(": ")
            assert fields.get(name.lower()) == (None if is_not else value), fields
        if "closes" in expected:
            assert fields.get("connection", "").startswith("close")
            assert (reader.bytes, connection.recv(1)) == (b"", b"")
        else:
            assert "stays open" in expected
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert reader.answer(False)[2] == b'{"status": "ok"}'
            assert (reader.bytes, connection.recv(1)) == (b"", b"")


@pytest.mark.parametrize("rest", [b"GET /hea", b"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc",
                                  b"POST /ingest HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
                                  b"POST /nope HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc"],
                         ids=["head", "body", "chunks", "unwanted body"])
def test_a_request_that_breaks_off_behind_another_is_not_waited_for(server, rest):
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" + rest)
        connection.shutdown(socket.SHUT_WR)
        reader = Reader(connection)
        assert [reader.answer(False)[0] for _ in range(2)] == [200, 404 if b"nope" in rest else 400]
        assert connection.recv(1) == b""


def test_the_page_has_all_of_its_rows():
    assert len(list(rows())) > 90
    assert len([line for line in PAGE.splitlines() if line.startswith("|") and "HTTP/" in line]) <= len(list(rows()))
