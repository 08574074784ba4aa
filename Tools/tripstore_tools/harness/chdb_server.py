"""A current ClickHouse behind the HTTP interface: chdb is the server's own code in a Python package, without its network.

    python chdb_server.py PORT FOLDER

Takes what the program sends (SQL as the body, or a block for `?query=INSERT … FORMAT Native`) and gives what chdb answers.
It knows nothing of trips. Connections have a thread each, and chdb one for all, since its session is one."""

import sys
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from chdb.session import Session

# Parameters of the interface and of the server, which are not settings of a query.
NOT_SETTINGS = {"query", "query_id", "database", "wait_end_of_query", "session_id", "session_timeout", "session_check"}


def handler(thread, session, folder):
    # When each HTTP session ends that is not used until then.
    ends = {}

    class Interface(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            parameters = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                status, answer = 200, thread.submit(answer_to, parameters, body).result()
            except Exception as error:  # noqa: BLE001  whatever chdb says is the answer, as a server's would be
                status, answer = 500, str(error).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    def answer_to(parameters, body):
        if "session_id" in parameters:
            name = parameters["session_id"]
            if parameters.get("session_check") == "1" and ends.get(name, 0) < time.monotonic():
                raise ValueError("Code: 372. DB::Exception: Session not found. (SESSION_NOT_FOUND)")
            ends[name] = time.monotonic() + int(parameters["session_timeout"])
        if "database" in parameters:
            session.query(f"USE `{parameters['database']}`")
        settings = ", ".join(f"{name} = {value}" for name, value in parameters.items() if name not in NOT_SETTINGS)
        if "query" in parameters:
            path = folder / "body.native"
            path.write_bytes(body)
            insert = parameters["query"].removesuffix(" FORMAT Native")
            settings = f" SETTINGS {settings}" if settings else ""
            session.query(f"{insert} FROM INFILE '{path}'{settings} FORMAT Native")
            return b""
        sql = body.decode()
        if not sql.startswith("SELECT"):
            session.query(sql)
            return b""
        sql, _, form = sql.rpartition(" FORMAT ")
        return session.query(f"{sql} SETTINGS {settings}" if settings else sql, form).bytes()

    return Interface


if __name__ == "__main__":
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=1) as chdb:
        started = chdb.submit(Session, str(folder / "session")).result()
        ThreadingHTTPServer(("127.0.0.1", port), handler(chdb, started, folder)).serve_forever()
