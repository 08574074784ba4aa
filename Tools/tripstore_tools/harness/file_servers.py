"""Web servers of the tests' own, on loopback: they serve one file, and misbehave as scripted."""

import functools
import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BLOCK = 64 << 10


@functools.cache
def tag_of(content):
    """A strong entity tag."""
    return f'"{hashlib.md5(content).hexdigest()}"'


class FileServer(ThreadingHTTPServer):
    """Serves `content` under every path; its attributes say how, and may be changed while it runs."""

    daemon_threads = True

    def __init__(self, content, address="127.0.0.1"):
        super().__init__((address, 0), Handler)
        self.content = content
        self.has_ranges = True
        self.bytes_per_second = None
        # Called with the number of a request and its handler; True: it has answered.
        self.instead = lambda number, handler: False
        self.lock = threading.Lock()
        self.requests = []
        self.sent = 0
        self.at_once = 0
        self.most_at_once = 0
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def url(self, name="trips.csv", host=None):
        return f"http://{host or self.server_address[0]}:{self.server_port}/{name}"

    def ranges(self):
        """First bytes that were requested, in the order of the requests; None: the whole file."""
        return [int(fields["Range"].split("=")[1].split("-")[0]) if "Range" in fields else None
                for _, fields in self.requests]

    def handle_error(self, request, client_address):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        with server.lock:
            number = len(server.requests)
            server.requests.append((self.path, dict(self.headers)))
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            if not server.instead(number, self):
                self.serve(server.content)
        finally:
            with server.lock:
                server.at_once -= 1

    def serve(self, content, announced=None, cut=None):
        """Answers with the file or the requested part; announced: the announced length of the file."""
        tag = tag_of(content)
        total = announced or len(content)
        wanted = self.headers.get("Range") if self.server.has_ranges else None
        if wanted and self.headers.get("If-Range", tag) == tag:
            first, last = wanted.removeprefix("bytes=").split("-")
            first, last = int(first), min(int(last), total - 1)
            if first >= total:
                self.answer(416, {"Content-Range": f"bytes */{total}"})
                return
            self.answer(206, {"ETag": tag, "Content-Range": f"bytes {first}-{last}/{total}"}, content[first:last + 1],
                        last + 1 - first, cut)
        else:
            self.answer(200, {"ETag": tag} if self.server.has_ranges else {}, content, total, cut)

    def answer(self, status, fields, body=b"", length=None, cut=None):
        """Answers; length: the announced one; cut: bytes after which the connection breaks off."""
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        body = body[:cut]
        for start in range(0, len(body), BLOCK):
            block = body[start:start + BLOCK]
            self.wfile.write(block)
            with self.server.lock:
                self.server.sent += len(block)
            if self.server.bytes_per_second:
                time.sleep(len(block) / self.server.bytes_per_second)
        if cut is not None or (length or 0) > len(body):
            self.close_connection = True

    def log_message(self, *_):
        pass
