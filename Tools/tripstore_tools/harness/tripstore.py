"""The program as a person reaches it: its command line, its server over HTTP. Knows addresses and processes, no answers."""

import functools
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.parse
from pathlib import Path

from tripstore_tools import REPOSITORY

FIXTURES = REPOSITORY / "Tests/Fixtures"
SAMPLE = FIXTURES / "trips.csv"

COMMANDS = ["serve", "ingest", "weekly-average", "trip-groups", "regions", "jobs", "profiles", "resume", "inspect", "verify", "backup",
            "restore", "repair", "migrate", "export", "rebuild-catalog", "generate"]
BINARY = Path(os.environ.get("TRIPSTORE", REPOSITORY / ".build/release/tripstore"))

# A bound for what never takes this long, so that a hang fails instead of hanging: no test is about time.
TIMEOUT_SECONDS = 120

# Statuses of jobs that are over.
TERMINAL = {"completed", "failed", "cancelled", "deleted"}

# The sockets of `free_port`, up to the end.
port_holders = []


def clean_environment(**variables):
    """This process's environment without what would change the program's defaults."""
    ours = ("DATABASE_URL", "SYNC_DATABASE_URL", "DATA_DIR", "INGESTION_CHUNK_SIZE", "SEGMENT_ROWS", "GEOHASH_PRECISION",
            "TIME_BUCKET_MINUTES", "HOST", "PORT", "ALLOW_PRIVATE_ADDRESSES", "CATALOG_URL", "UPLOADS_URL", "ROLE",
            "EVENTS_URL", "DISK_RESERVE", "MAX_EXPANSION", "MAX_UPLOAD_BYTES", "MAX_WAITING_JOBS", "FAILED_UPLOAD_HOURS",
            "FAILED_UPLOAD_BYTES", "QUERY_TIMEOUT", "MAX_WAITING_QUERIES", "ALLOWED_HOSTS", "ALLOWED_ORIGINS",
            "MAX_CONNECTIONS", "CLIENT_TIMEOUT", "IDLE_TIMEOUT", "SHUTDOWN_TIMEOUT", "ALLOWED_S3_BUCKETS", "FETCH_MIN_RATE",
            "FETCH_TIMEOUT", "WATCH", "WATCH_PROFILE")
    return {key: value for key, value in os.environ.items() if key not in ours and not key.startswith("AWS_")} | variables


def cli(*arguments, check=True, stdin=None, **variables):
    """Runs the command line to its end; check: a failure is an error that shows what it printed."""
    command = [str(BINARY), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, input=stdin, timeout=TIMEOUT_SECONDS,
                          env=clean_environment(**variables), check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def flags(parameters):
    """API parameters as the command line's flags: min_lat=1 is --min-lat=1 (one word, so that a value may be negative)."""
    return [f"--{name.replace('_', '-')}={value}" for name, value in parameters.items()]


def wait_until(condition, what, pause=0.02, seconds=TIMEOUT_SECONDS):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(pause)
    raise AssertionError(f"waited {seconds} s for {what}")


def free_port():
    """A port that is reserved while this runs: a socket holds it, which still lets a server listen on it."""
    holder = socket.socket()
    # The server's socket has this option too, so both may have the address as long as only one listens.
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port_holders.append(holder)
    return holder.getsockname()[1]


class Description:
    """What openapi.json says of each operation's statuses."""

    def __init__(self):
        text = (REPOSITORY / "Sources/Server/Resources/openapi.json").read_text(encoding="utf-8")
        self.operations = []
        for path, operations in json.loads(text)["paths"].items():
            pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "/?")
            for method in operations.keys() - {"parameters"}:
                self.operations.append((method.upper(), path, pattern, {int(key) for key in operations[method]["responses"]}))

    def check(self, method, target, status):
        """Asserts that an operation may answer so; other paths are not described."""
        path = urllib.parse.urlsplit(target).path
        for operation, name, pattern, statuses in self.operations:
            if operation == method.replace("HEAD", "GET") and pattern.fullmatch(path):
                assert status in statuses, f"{method} {name} was answered with {status}, which openapi.json does not name"


@functools.cache
def description():
    return Description()


class Answer:
    """One HTTP answer."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def detail(self):
        return self.json["detail"]


class Client:
    """Asks whoever listens on a loopback port."""

    def __init__(self, port):
        self.port = port

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, parameters=None):
        query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
        return self.request("GET", path + query)

    def delete(self, path):
        return self.request("DELETE", path)

    def post_csv(self, body, filename="trips.csv", duplicate="allow", **options):
        """Posts a raw body (bytes or an open file) with reading options; returns the answer.

        Most tests load the same few files again and again; test_duplicates.py is about what happens otherwise."""
        query = urllib.parse.urlencode({"filename": filename} | ({"duplicate": duplicate} if duplicate else {}) | options)
        return self.request("POST", f"/ingest?{query}", body, {"Content-Type": "text/csv"})

    def post_file(self, path, **options):
        """Posts a file as a stream with reading options; returns its job's number."""
        with open(path, "rb") as file:
            answer = self.post_csv(file, Path(path).name, **options)
        assert answer.status == 202, answer.body
        return answer.json["job_id"]

    def job(self, job):
        answer = self.get(f"/jobs/{job}")
        assert answer.status == 200, answer.body
        return answer.json

    def wait_for_job(self, job):
        """Waits for a job's end; returns it as it then is."""
        def ended():
            row = self.job(job)
            return row if row["status"] in TERMINAL else None

        return wait_until(ended, f"the end of job {job}")

    def ingest(self, path, **options):
        """Posts a file with reading options and waits for its job's end; returns the job."""
        return self.wait_for_job(self.post_file(path, **options))


class Server(Client):
    """`tripstore serve` on a free loopback port; ends with the `with` block."""

    def __init__(self, data_dir, log, **variables):
        super().__init__(free_port())
        self.data_dir = Path(data_dir)
        self.log = Path(log)
        self.variables = variables
        self.binary = BINARY
        self.process = None

    def launch(self, *launcher):
        """Starts it without waiting; launcher: a command that becomes the program."""
        command = [*launcher, str(self.binary), "serve", "--data-dir", str(self.data_dir), "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=clean_environment(**self.variables))

    def request(self, method, path, body=None, headers=None):
        answer = super().request(method, path, body, headers)
        description().check(method, path, answer.status)
        return answer

    def start(self, path="/ready"):
        """Starts it and waits until a path is answered with 200: `/health` if it is not to become ready."""
        self.launch()
        wait_until(lambda: self.is_ready(path), path)
        return self

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def is_ready(self, path="/ready"):
        if not self.is_running():
            raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.log.read_text()[-4000:]}")
        try:
            return self.get(path).status == 200
        except OSError:
            return False

    def memory(self):
        """Bytes of memory that it has now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) << 10

    def stop(self):
        """Asks it to end and waits; returns its exit status."""
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=TIMEOUT_SECONDS)

    def kill(self):
        """Ends it at once, as a power cut would."""
        self.process.kill()
        self.process.wait(timeout=TIMEOUT_SECONDS)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


# The exit codes of README.md.
FAILED, SOME_REJECTED, MAKES_NO_SENSE = 1, 3, 64
BAD_ROWS_FILE = FIXTURES / "BadCSV/bad_rows.csv"


def assert_refused(done, code=MAKES_NO_SENSE):
    """An error in words on standard error, nothing on standard output."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert "Fatal error" not in done.stderr
