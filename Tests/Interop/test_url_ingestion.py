"""Files that the program fetches itself: from servers that behave and that don't, from S3, through kills and cancellation."""

import contextlib
import io
import json
import re
import signal
import ssl
import subprocess
import time
import urllib.request
import zipfile

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tripstore_tools.harness import s3_server, tripstore
from tripstore_tools.harness.file_servers import FileServer, tag_of
from tripstore_tools.harness.s3_server import KEY_ID, SECRET
from tripstore_tools.harness.terminal import Terminal
from tripstore_tools.harness.tripstore import SAMPLE, Server, cli, wait_until

ROWS = 300_000
SEED = 11
QUERIES = ["/analytics/weekly-average", "/trip-groups?limit=1000", "/regions"]
MEGABYTE = 1_000_000


def answers(server):
    return [server.get(query).body for query in QUERIES]


def post_url(server, url, **fields):
    return server.request("POST", "/ingest", json.dumps({"url": url} | fields), {"Content-Type": "application/json"})


def submit(server, url, **fields):
    """Posts a URL that is accepted, be it for bytes that were loaded before; returns its job's number."""
    answer = post_url(server, url, **({"duplicate": "allow"} | fields))
    assert answer.status == 202, answer.body
    assert answer.headers["Location"] == f"/jobs/{answer.json['job_id']}"
    assert answer.json["message"] == "Ingestion scheduled"
    return answer.json["job_id"]


def fetch(server, url, **fields):
    """Posts a URL and waits for the end of its job; returns the job."""
    return server.wait_for_job(submit(server, url, **fields))


def uploads(server):
    return sorted(path.name for path in (server.data_dir / "uploads").iterdir())


def assert_loaded(job, rows=ROWS):
    assert (job["status"], job["processed_rows"], job["message"]) == ("completed", rows, None), job


def assert_failed(job, *words):
    assert job["status"] == "failed", job
    assert job["message"].endswith(".") and all(word in job["message"] for word in words), job["message"]


@pytest.fixture(scope="module")
def long_csv(tmp_path_factory):
    """Of several pieces."""
    path = tmp_path_factory.mktemp("url") / "trips.csv"
    cli("generate", "--rows", ROWS, "--seed", SEED, "--output", path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def expected(long_csv, tmp_path_factory):
    """The answers after an ordinary upload of the same file."""
    folder = tmp_path_factory.mktemp("uploaded")
    with Server(folder / "data", folder / "log") as server:
        assert_loaded(server.wait_for_job(server.post_csv(long_csv).json["job_id"]))
        return answers(server)


@pytest.fixture
def open_server(tmp_path):
    """A server that fetches from loopback too."""
    with Server(tmp_path / "data", tmp_path / "log", ALLOW_PRIVATE_ADDRESSES="true") as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def slow_failures(tmp_path_factory):
    """Jobs whose end takes half a minute, begun before all other tests of this module and looked at last."""
    folder = tmp_path_factory.mktemp("slow")
    sample = SAMPLE.read_bytes()
    with Server(folder / "data", folder / "log", ALLOW_PRIVATE_ADDRESSES="true") as server, \
            FileServer(sample) as stalling, FileServer(sample) as broken, FileServer(sample) as truncating, \
            FileServer(sample, "127.0.0.2") as dripping:

        def stall(number, handler):
            if number > 0:
                return False
            handler.send_response(206)
            handler.send_header("ETag", tag_of(sample))
            handler.send_header("Content-Range", f"bytes 0-{len(sample) - 1}/{len(sample)}")
            handler.send_header("Content-Length", str(len(sample)))
            handler.end_headers()
            handler.wfile.write(sample[:5000])
            time.sleep(60)
            return True

        def refuse(number, handler):
            handler.answer(503, {})
            return True

        def truncate(number, handler):
            handler.serve(sample, cut=6000)
            return True

        def drip(_, handler):
            """A file without an end, a byte every tenth of a second."""
            handler.send_response(200)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            while True:
                handler.wfile.write(b"1\r\nx\r\n")
                time.sleep(0.1)

        stalling.instead = stall
        broken.instead = refuse
        truncating.instead = truncate
        truncating.has_ranges = False
        dripping.instead = drip
        jobs = {"stalled": submit(server, stalling.url()), "503": submit(server, broken.url()),
                "truncated": submit(server, truncating.url()),
                "dripping": [submit(server, dripping.url(f"{number}.csv")) for number in range(5)]}
        yield server, jobs, stalling, broken


# MARK: Requests

@pytest.mark.parametrize("body, words", [
    ("", "not a JSON object"), ("[]", "not a JSON object"), ('{"url": 3}', "'url'"), ("{}", "'url'"), ('{"url": ""}', "'url'"),
    ('{"url": "http://h/t.csv", "urls": 1}', "'urls'"), ('{"url": "http://h/t.csv", "filename": 1}', "'filename'"),
    ('{"url": "ftp://h/t.csv"}', "only http://"), ('{"url": "file:///etc/passwd.csv"}', "only http://"),
    ('{"url": "trips.csv"}', "only http://"), ('{"url": "http://user:pw@h/t.csv"}', "password"),
    ('{"url": "s3://bucket"}', "s3://BUCKET/KEY"), ('{"url": "http://h:99999/t.csv"}', "port"),
    ('{"url": "http://127.0.0.1/t.csv"}', "loopback"), ('{"url": "http://[::1]/t.csv"}', "loopback"),
    ('{"url": "http://169.254.169.254/t.csv"}', "link-local"), ('{"url": "http://10.1.2.3/t.csv"}', "private")])
def test_what_cannot_be_fetched_is_refused_at_once(sample_server, body, words):
    before = sample_server.get("/jobs").json
    answer = sample_server.request("POST", "/ingest", body, {"Content-Type": "application/json"})
    assert answer.status == 400 and words in answer.detail, answer.body
    assert sample_server.get("/jobs").json == before


@pytest.mark.parametrize("fields", [
    {"url": "https://host.invalid/trips.txt"}, {"url": "https://host.invalid/"}, {"url": "s3://bucket/trips.parquet"},
    {"url": "https://host.invalid/trips.csv", "filename": "trips.exe"}, {"url": "https://host.invalid/x?name=trips.csv"}])
def test_another_name_is_refused(sample_server, fields, tmp_path):
    """By both entrances with the same sentence, which says how to give another name where none was given."""
    answer = post_url(sample_server, **fields)
    advice = "" if "filename" in fields else ("; the name in this URL does not end in .csv, .csv.gz, .csv.zst, .csv.bz2 or "
                                              ".zip: give it one that does as 'filename'.")
    assert (answer.status, answer.detail) == (400, "Only CSV uploads are supported" + advice)
    flags = ["--filename", fields["filename"]] if "filename" in fields else []
    done = cli("ingest", fields["url"], *flags, "--data-dir", tmp_path / "data", check=False)
    assert (done.returncode, answer.detail in done.stderr) == (1, True)


def test_a_url_is_loaded_under_another_name_by_both_entrances(open_server, tmp_path):
    with FileServer(SAMPLE.read_bytes()) as files:
        job = fetch(open_server, files.url("download?id=7"), filename="may.csv")
        assert_loaded(job, 100)
        cli("ingest", files.url("download?id=7"), "--filename", "may.csv", "--data-dir", tmp_path / "mine")
        assert trips(tmp_path / "mine") == 100
        for arguments in ([SAMPLE], [files.url("a"), files.url("b")]):
            done = cli("ingest", *arguments, "--filename", "may.csv", "--data-dir", tmp_path / "mine", check=False)
            assert done.returncode == 64 and "one URL" in done.stderr


def test_a_body_is_not_taken_whatever_its_size(sample_server):
    answer = post_url(sample_server, "https://host.invalid/" + "x" * 100_000 + ".csv")
    assert answer.status == 413 and answer.detail.endswith(".")


def test_a_host_with_a_private_address_is_not_asked(server):
    """The default: a name is resolved first, and a private target is not connected to."""
    with FileServer(SAMPLE.read_bytes()) as files:
        for host in ("localhost", "127.1", "0x7f000001", "2130706433"):
            assert_failed(fetch(server, files.url(host=host)), "loopback", "--allow-private-addresses")
        assert files.requests == []


@pytest.mark.parametrize("value", ["TRUE", "1", "yes"])
def test_the_variable_allows_private_addresses(tmp_path, value):
    with FileServer(SAMPLE.read_bytes()) as files, \
            Server(tmp_path / "data", tmp_path / "log", ALLOW_PRIVATE_ADDRESSES=value) as server:
        assert_loaded(fetch(server, files.url()), 100)


# MARK: Whole files

def test_a_file_comes_over_several_connections(open_server, long_csv, expected):
    with FileServer(long_csv) as files:
        files.bytes_per_second = 40 * MEGABYTE
        job = fetch(open_server, files.url("2018/trips.csv?key=x"))
        assert_loaded(job)
        assert job["filename"] == "trips.csv" and job["total_bytes"] == len(long_csv)
        assert answers(open_server) == expected
        assert files.most_at_once > 1
        assert sorted(files.ranges()) == list(range(0, len(long_csv), 8 << 20))
        assert uploads(open_server) == []


def test_a_server_without_ranges(open_server, long_csv, expected):
    with FileServer(long_csv) as files:
        files.has_ranges = False
        assert_loaded(fetch(open_server, files.url()))
        assert answers(open_server) == expected
        assert len(files.requests) == 1


@pytest.mark.parametrize("name, suffix", [("trips.csv.gz", ".gz"), ("trips.csv.zst", ".zst")])
def test_compressed_files(open_server, name, suffix):
    with FileServer((tripstore.FIXTURES / f"trips.csv{suffix}").read_bytes()) as files:
        assert_loaded(fetch(open_server, files.url(name)), 100)


@pytest.mark.parametrize("entrance", ["HTTP", "CLI"])
def test_each_csv_of_an_archive_is_a_job(open_server, tmp_path, entrance):
    lines = SAMPLE.read_bytes().splitlines(keepends=True)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("first.csv", b"".join(lines[:31]))
        file.writestr("second.csv", lines[0] + b"".join(lines[31:]))
    with FileServer(archive.getvalue()) as files:
        if entrance == "HTTP":
            fetch(open_server, files.url("trips.zip"))
            # Its own job reads the first file.
            names = ["trips.zip", "trips.zip/second.csv"]
            wait_until(lambda: [job["status"] for job in open_server.get("/jobs").json] == ["completed"] * 2, "both files")
            assert sorted(job["filename"] for job in open_server.get("/jobs").json) == names
            answer = open_server.get("/regions").json
        else:
            loaded = cli("ingest", files.url("trips.zip"), "--data-dir", tmp_path / "cli", ALLOW_PRIVATE_ADDRESSES="true")
            assert "2 files" in loaded.stderr or "trips.zip/second.csv" in loaded.stderr, loaded.stderr
            answer = json.loads(cli("regions", "--format", "json", "--data-dir", tmp_path / "cli").stdout)
    assert sum(region["trips"] for region in answer["regions"]) == 100


def test_a_name_of_ones_own(open_server):
    with FileServer(SAMPLE.read_bytes()) as files:
        job = fetch(open_server, files.url("download?id=7"), filename="../may.csv")
        assert_loaded(job, 100)
        assert job["filename"] == "may.csv"


def test_redirects_are_followed(open_server):
    with FileServer(SAMPLE.read_bytes()) as files:
        def redirect(number, handler):
            step = re.fullmatch(r"/(\d)/trips.csv", handler.path)
            if not step or step[1] == "0":
                return False
            handler.answer(302, {"Location": f"/{int(step[1]) - 1}/trips.csv"})
            return True

        files.instead = redirect
        assert_loaded(fetch(open_server, files.url("5/trips.csv")), 100)
        assert_failed(fetch(open_server, files.url("6/trips.csv")), "redirects more than 5 times")


def test_an_endless_redirect(open_server):
    with FileServer(b"") as files:
        files.instead = lambda _, handler: handler.answer(301, {"Location": handler.path}) or True
        assert_failed(fetch(open_server, files.url()), "redirects more than 5 times")
        assert len(files.requests) == 6


# MARK: Servers that misbehave

def test_connections_that_break_off_are_gone_on_with(open_server, long_csv, expected):
    with FileServer(long_csv) as files:
        files.instead = lambda number, handler: number < 6 and (handler.serve(long_csv, cut=3 * MEGABYTE) or True)
        assert_loaded(fetch(open_server, files.url()))
        assert answers(open_server) == expected
        # Pieces were resumed in their middle.
        assert any(first % (8 << 20) for first in files.ranges())


def test_a_file_that_changes_midway_is_fetched_anew(open_server, long_csv, expected):
    other = SAMPLE.read_bytes() * (len(long_csv) // SAMPLE.stat().st_size)
    with FileServer(long_csv) as files:
        files.instead = lambda number, handler: number < 3 and (handler.serve(other) or True)
        assert_loaded(fetch(open_server, files.url()))
        assert answers(open_server) == expected


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nX-Drip: "


def drip_body(_, handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    drip_bytes(handler)


def drip_head(_, handler):
    handler.wfile.write(HEAD)
    drip_bytes(handler)


def drip_chunks(_, handler):
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    drip_bytes(handler, b"1\r\nx\r\n")


def drip_informational(_, handler):
    drip_bytes(handler, b"HTTP/1.1 102 Processing\r\n\r\n")


def say_nothing(*_):
    time.sleep(30)
    return True


def say_nothing_after_the_head(_, handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    time.sleep(30)
    return True


def ask_for_patience(_, handler):
    handler.answer(503, {"Retry-After": "1000000000"})
    return True


def redirect_slowly(number, handler):
    time.sleep(0.5)
    handler.answer(302, {"Location": f"/{number}.csv"})
    return True


def drip_bytes(handler, piece=b"x"):
    while True:
        handler.wfile.write(piece)
        time.sleep(0.1)


def test_a_fetch_ends_at_its_time_whatever_its_server_does(tmp_path):
    """Each at once, on an address of its own so that all have places."""
    ways = [drip_body, drip_head, drip_chunks, drip_informational, say_nothing, say_nothing_after_the_head, ask_for_patience]
    with Server(tmp_path / "data", tmp_path / "log", ALLOW_PRIVATE_ADDRESSES="true", FETCH_TIMEOUT="8") as server, \
            contextlib.ExitStack() as stack:
        jobs = {}
        for number, way in enumerate([*ways, redirect_slowly]):
            files = stack.enter_context(FileServer(SAMPLE.read_bytes(), f"127.0.0.{2 + number}"))
            files.instead = way
            jobs[way.__name__] = submit(server, files.url())
        redirected = jobs.pop("redirect_slowly")
        for job in jobs.values():
            assert_failed(server.wait_for_job(job), "8 s (FETCH_TIMEOUT)", "resuming the job")
        assert_failed(server.wait_for_job(redirected), "redirects more than 5 times")


def test_attack_sources_that_drip_do_not_hold_all_places(tmp_path, scale):
    """Many jobs of one host, each a byte at a time for ever: another host's comes at once all the same, and each is given up by the
    default rate at full size, else by a time that is set."""
    count = scale(20, full=12)
    variables = scale({"FETCH_TIMEOUT": "8"}, full={})
    with FileServer(b"", "127.0.0.2") as dripping, FileServer(SAMPLE.read_bytes()) as files, \
            Server(tmp_path / "data", tmp_path / "log", ALLOW_PRIVATE_ADDRESSES="true", **variables) as server:
        dripping.instead = drip_chunks
        jobs = [submit(server, dripping.url(f"{number}.csv")) for number in range(count)]
        wait_until(lambda: len(dripping.requests) == 4, "all places of a host")
        for _ in range(scale(2, full=5)):
            assert_loaded(fetch(server, files.url()), 100)
        assert len(dripping.requests) == 4
        words = scale("8 s (FETCH_TIMEOUT)", full="in 120 s, less than 1,000 a second (FETCH_MIN_RATE)")
        first = [server.wait_for_job(job) for job in jobs[:4]]
        for job in first:
            assert_failed(job, words)
        for job in jobs[4:]:
            server.delete(f"/jobs/{job}")


def test_a_server_that_lies_about_the_length(open_server, long_csv):
    with FileServer(long_csv) as files:
        def lie(number, handler):
            handler.serve(long_csv, announced=len(long_csv) + (1000 if number % 2 else 0))
            return True

        files.instead = lie
        assert_failed(fetch(open_server, files.url()), "keeps changing while it is fetched")
        assert open_server.get("/analytics/weekly-average").status == 404


def test_a_server_that_sends_more_than_it_announces(open_server):
    with FileServer(b"") as files:
        def lie(_, handler):
            handler.send_response(206)
            for field in (("ETag", '"x"'), ("Content-Range", "bytes 0-99/100"), ("Transfer-Encoding", "chunked")):
                handler.send_header(*field)
            handler.end_headers()
            handler.wfile.write(b"c8\r\n" + b"x" * 200 + b"\r\n0\r\n\r\n")
            return True

        files.instead = lie
        assert_failed(fetch(open_server, files.url()), "more bytes than announced")


def test_more_than_the_disk_has_room_for(open_server):
    with FileServer(b"x") as files:
        files.instead = lambda _, handler: handler.serve(b"x", announced=10**12) or True
        assert_failed(fetch(open_server, files.url()), "free some")


@pytest.mark.parametrize("size", [10**16, 999_999_999_999_999_999, 2**63 - 1, 2**64])
def test_attack_a_size_that_no_file_has_costs_nothing(tmp_path, size):
    """The ledger of a file's pieces is not made by what a source says; a fault here would come again at each start."""
    with FileServer(b"x") as files, Server(tmp_path / "data", tmp_path / "log", ALLOW_PRIVATE_ADDRESSES="true") as server:
        def lie(_, handler):
            handler.answer(206, {"ETag": '"x"', "Content-Range": f"bytes 0-0/{size}"}, b"x")
            return True

        files.instead = lie
        assert fetch(server, files.url())["status"] == "failed"
        assert server.memory() < 300 << 20


@pytest.mark.parametrize("status, words", [(404, "There is no file"), (403, "refuses"), (451, "451")])
def test_a_refusal_is_not_asked_again_until_somebody_resumes(open_server, status, words):
    with FileServer(SAMPLE.read_bytes()) as files:
        files.instead = lambda _, handler: handler.answer(status, {}) or True
        job = fetch(open_server, files.url("trips.csv?key=secret"))
        assert_failed(job, words)
        assert "secret" not in job["message"]
        assert len(files.requests) == 1
        files.instead = lambda *_: False
        assert open_server.request("POST", f"/jobs/{job['id']}/resume").status == 202
        assert_loaded(open_server.wait_for_job(job["id"]), 100)
        assert open_server.request("POST", f"/jobs/{job['id']}/resume").status == 409


def test_a_busy_server_is_asked_again(open_server):
    with FileServer(SAMPLE.read_bytes()) as files:
        files.instead = lambda number, handler: number < 2 and (handler.answer([503, 429][number], {}) or True)
        assert_loaded(fetch(open_server, files.url()), 100)


def test_what_is_no_csv_fails_as_an_upload_does(open_server):
    with FileServer(b"<html>") as files:
        fetched = fetch(open_server, files.url())
        uploaded = open_server.wait_for_job(open_server.post_csv(b"<html>").json["job_id"])
        assert_failed(fetched, "is a web page and not data")
        assert uploaded["message"] == fetched["message"]


def test_what_a_fetched_file_holds_is_not_said(open_server):
    text = b"secret,columns\nsecret,values\n"
    with FileServer(text) as files:
        fetched = fetch(open_server, files.url())
        uploaded = open_server.wait_for_job(open_server.post_csv(text).json["job_id"])
        assert_failed(fetched, "--map origin_lng=COLUMN")
        assert "secret" in uploaded["message"] and "secret" not in fetched["message"]


@pytest.mark.parametrize("content", [b"secret\n", b"secret;x\n", b"region,secret\nsecret,secret\n", b'"secret', b"secret\tx", b"\x1f\x8bsecret",
                                     b"region,region,secret\n", b"se\0cret secret", b"secret" * 500_000], ids=lambda content: content[:12])
def test_what_only_the_server_can_read_is_not_quoted(tmp_path, content):
    """Of a file that was fetched, alone and with others; an upload is quoted to who sent it."""
    with FileServer(content) as files, \
            Server(tmp_path / "data", tmp_path / "log", ALLOW_PRIVATE_ADDRESSES="true") as server:
        for job in [submit(server, files.url(f"{number}.csv")) for number in range(3)]:
            message = server.wait_for_job(job)["message"]
            assert message.endswith(".") and "secret" not in message, message
        assert "secret" not in server.log.read_text()


def test_a_redirect_keeps_what_is_encoded(open_server):
    """Of a signed URL: a character that has to be encoded does not have the others encoded twice."""
    with FileServer(SAMPLE.read_bytes()) as files:
        for raw, sent in (("[", "%5B"), ("|", "%7C"), ("é".encode().decode("latin-1"), "%C3%A9"), (" ", "%20"), ("^{}", "%5E%7B%7D")):
            target = f"/signed/{raw}/may.csv?x={raw}&sig=a%2Bb%2f%3D"
            files.instead = lambda _, handler, target=target: handler.path.startswith("/from") and (
                handler.answer(302, {"Location": target}) or True)
            assert_loaded(fetch(open_server, files.url("from.csv")), 100)
            assert files.requests[-1][0] == f"/signed/{sent}/may.csv?x={sent}&sig=a%2Bb%2f%3D"
        # Bytes that are not UTF-8 are lost on their way here, so nothing else is requested.
        files.instead = lambda _, handler: handler.answer(302, {"Location": "/\xe9.csv"}) or True
        assert_failed(fetch(open_server, files.url("from.csv")), "must be percent-encoded")


# MARK: While it is fetched

def test_progress_is_pushed_and_other_loads_go_on(open_server, long_csv):
    with FileServer(long_csv) as files:
        files.bytes_per_second = 6 * MEGABYTE
        job = submit(open_server, files.url())
        start = time.monotonic()
        other = open_server.ingest(SAMPLE)
        assert (other["status"], open_server.job(job)["status"]) == ("completed", "pending")
        lines = urllib.request.urlopen(f"{open_server.url}/jobs/{job}/events", timeout=60).read().decode().splitlines()
        seconds = time.monotonic() - start
        messages = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
        fetching = [message for message in messages if message["status"] == "pending" and "message" in message]
        shown = [re.fullmatch(r"Fetching: (\d+\.\d) of (\d+\.\d) MB", message["message"]) for message in fetching[1:]]
        assert len(shown) >= 5 and all(shown), fetching
        numbers = [float(match[1]) for match in shown]
        assert numbers == sorted(numbers) and numbers[-1] > numbers[0]
        assert all(message["total_bytes"] == len(long_csv) for message in fetching[1:])
        assert len(messages) <= 10 * seconds + 20
        assert messages[-1]["status"] == "completed" and messages[-1]["processed_rows"] == ROWS


def test_deletion_cancels_a_fetch(open_server, long_csv):
    with FileServer(long_csv) as files:
        files.bytes_per_second = MEGABYTE
        job = submit(open_server, files.url())
        wait_until(lambda: files.sent > MEGABYTE, "the first bytes")
        assert open_server.job(job)["status"] == "pending"
        assert uploads(open_server) != []
        answer = open_server.delete(f"/jobs/{job}")
        assert (answer.status, answer.json["status"], answer.json["message"]) == (200, "cancelled", "Cancelled on request.")
        wait_until(lambda: files.at_once == 0, "the end of the connections")
        # The fetch may have been writing its notes.
        wait_until(lambda: uploads(open_server) == [], "what was fetched to be removed")
        assert open_server.job(job)["status"] == "cancelled"
        assert_loaded(open_server.ingest(SAMPLE), 100)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_fetch_goes_on_after_the_end_of_the_server(tmp_path, long_csv, expected, end):
    server = Server(tmp_path / "data", tmp_path / "log", ALLOW_PRIVATE_ADDRESSES="true").start()
    try:
        with FileServer(long_csv) as files:
            files.bytes_per_second = 5 * MEGABYTE
            job = submit(server, files.url())
            wait_until(lambda: any(name.endswith(".json") for name in uploads(server)), "notes of what is there")
            getattr(server, end)()
            assert server.process.returncode == {"kill": -signal.SIGKILL, "stop": 0}[end]
            wait_until(lambda: files.at_once == 0, "the end of the connections")
            before, sent = len(files.requests), files.sent
            assert 0 < sent < len(long_csv)
            files.bytes_per_second = None
            server.start()
            assert_loaded(server.wait_for_job(job))
            assert answers(server) == expected
            again = files.requests[before:]
            assert all("If-Range" in fields for _, fields in again)
            # What was noted is not fetched again; a kill costs what came since the last note.
            assert files.sent - sent < len(long_csv)
            assert any(first % (8 << 20) for first in files.ranges()[before:])
            assert uploads(server) == []
    finally:
        server.stop()


def test_a_killed_fetch_of_a_file_that_changes_or_proves_nothing_begins_anew(tmp_path, long_csv, expected):
    server = Server(tmp_path / "data", tmp_path / "log", ALLOW_PRIVATE_ADDRESSES="true").start()
    try:
        other = SAMPLE.read_bytes() * (len(long_csv) // SAMPLE.stat().st_size)
        with FileServer(other) as changing, FileServer(long_csv) as proving_nothing:
            changing.bytes_per_second = 5 * MEGABYTE
            proving_nothing.bytes_per_second = 10 * MEGABYTE
            proving_nothing.has_ranges = False
            first = submit(server, changing.url())
            second = submit(server, proving_nothing.url())
            wait_until(lambda: any(name.endswith(".json") for name in uploads(server)), "notes of what is there")
            wait_until(lambda: proving_nothing.sent > MEGABYTE, "the first bytes")
            server.kill()
            changing.content = long_csv
            changing.bytes_per_second = proving_nothing.bytes_per_second = None
            server.start()
            assert_loaded(server.wait_for_job(first))
            assert_loaded(server.wait_for_job(second))
            assert server.delete(f"/jobs/{first}").status == 200
            assert answers(server) == expected
            assert uploads(server) == []
    finally:
        server.stop()


def test_a_catalog_of_the_version_before_is_migrated(tmp_path, sample_store):
    server = Server(tmp_path / "data", tmp_path / "log", ALLOW_PRIVATE_ADDRESSES="true")
    subprocess.run(["cp", "-r", sample_store, server.data_dir], check=True)
    older = "ALTER TABLE jobs DROP COLUMN source_url; DELETE FROM grdb_migrations WHERE identifier LIKE 'v5%';"
    subprocess.run(["sqlite3", str(server.data_dir / "catalog.sqlite"), older], check=True)
    with server, FileServer(SAMPLE.read_bytes()) as files:
        assert_loaded(fetch(server, files.url()), 100)
        assert server.get("/analytics/weekly-average").json["total_trips"] == 200


def test_a_backup_has_the_fetch_but_not_its_half(open_server, long_csv, expected, tmp_path):
    with FileServer(long_csv) as files:
        files.bytes_per_second = 2 * MEGABYTE
        job = submit(open_server, files.url())
        wait_until(lambda: files.sent > MEGABYTE, "the first bytes")
        cli("backup", tmp_path / "copy", "--data-dir", open_server.data_dir)
        assert list((tmp_path / "copy/uploads").iterdir()) == []
        open_server.delete(f"/jobs/{job}")
        files.bytes_per_second = None
        with Server(tmp_path / "copy", tmp_path / "log2", ALLOW_PRIVATE_ADDRESSES="true") as copy:
            assert_loaded(copy.wait_for_job(job))
            assert answers(copy) == expected


# MARK: The command line

def trips(data_dir):
    return json.loads(cli("inspect", "--format=json", "--data-dir", data_dir).stdout)["trips"]


def test_command_line_loads_urls(tmp_path, long_csv):
    with FileServer(long_csv) as files:
        done = cli("ingest", files.url(), SAMPLE, "--data-dir", tmp_path / "data")
        assert f"trips.csv: {ROWS:,} trips ingested" in done.stderr and f"2 files: {ROWS + 100:,} trips ingested" in done.stderr
        assert trips(tmp_path / "data") == ROWS + 100


def test_command_line_shows_how_far_a_fetch_is(tmp_path, long_csv):
    with FileServer(long_csv) as files:
        files.bytes_per_second = 8 * MEGABYTE
        terminal = Terminal("ingest", files.url(), "--data-dir", tmp_path / "data")
        terminal.finish()
        assert re.search(r"trips\.csv  Fetching: \d+\.\d of \d+\.\d MB", terminal.text)


def test_command_line_refuses_and_resumes(tmp_path):
    data_dir = tmp_path / "data"
    done = cli("ingest", "ftp://host.invalid/trips.csv", SAMPLE, "--data-dir", data_dir, check=False)
    assert done.returncode == 1 and "only http://" in done.stderr and trips(data_dir) == 100
    with FileServer(SAMPLE.read_bytes()) as files:
        files.instead = lambda _, handler: handler.answer(404, {}) or True
        done = cli("ingest", files.url(), "--allow-duplicate", "--data-dir", data_dir, check=False)
        assert done.returncode == 1 and "There is no file" in done.stderr
        files.instead = lambda *_: False
        assert cli("resume", 2, "--data-dir", data_dir).returncode == 0
        assert trips(data_dir) == 200


def test_command_line_goes_on_after_an_interruption(tmp_path, long_csv):
    with FileServer(long_csv) as files:
        files.bytes_per_second = 5 * MEGABYTE
        command = [str(tripstore.BINARY), "ingest", files.url(), "--data-dir", str(tmp_path / "data")]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=tripstore.clean_environment())
        wait_until(lambda: files.sent > 12 * MEGABYTE, "the first bytes")
        process.send_signal(signal.SIGINT)
        _, words = process.communicate(timeout=60)
        assert process.returncode == 130 and "run the same command again" in words
        before, sent = len(files.requests), files.sent
        files.bytes_per_second = None
        subprocess.run(command, check=True, capture_output=True, env=tripstore.clean_environment())
        assert trips(tmp_path / "data") == ROWS
        assert all("If-Range" in fields for _, fields in files.requests[before:])
        assert files.sent - sent < len(long_csv) - 8 * MEGABYTE


# MARK: HTTPS

@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """An untrusted certificate for localhost, with its key."""
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem",
                    "-out", folder / "cert.pem"], check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


def test_https(tmp_path, certificate, long_csv):
    """Certificates are verified, for the name that is in the URL; a redirect to http is refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    trusted = {"SSL_CERT_FILE": str(certificate[0])}
    data_dir = tmp_path / "data"
    with FileServer(long_csv) as files, FileServer(SAMPLE.read_bytes()) as plain:
        files.socket = context.wrap_socket(files.socket, server_side=True)
        url = files.url(host="localhost").replace("http:", "https:")
        cli("ingest", url, "--data-dir", data_dir, **trusted)
        assert trips(data_dir) == ROWS
        for refused, variables in ((url, {}), (url.replace("localhost", "127.0.0.1"), trusted)):
            done = cli("ingest", refused, "--data-dir", data_dir, check=False, **variables)
            assert done.returncode == 1 and "certificate cannot be verified" in done.stderr, done.stderr
        files.instead = lambda _, handler: handler.answer(302, {"Location": plain.url()}) or True
        done = cli("ingest", url, "--data-dir", data_dir, check=False, **trusted)
        assert done.returncode == 1 and "from https to http" in done.stderr
        assert plain.requests == []
        assert trips(data_dir) == ROWS


# MARK: S3

def test_s3_with_an_endpoint_of_the_operators(s3, long_csv, expected, tmp_path):
    """On loopback, which only who starts the server may name."""
    s3.client.put_object(Bucket="trips", Key="2018/long.csv", Body=long_csv)
    with Server(tmp_path / "data", tmp_path / "log", **s3.variables()) as server:
        job = fetch(server, "s3://trips/2018/long.csv")
        assert_loaded(job)
        assert answers(server) == expected
        assert_failed(fetch(server, "s3://trips/absent.csv"), "There is no file at s3://trips/absent.csv")
        assert_failed(fetch(server, "s3://absent-bucket/trips.csv"), "There is no file")


def test_s3_only_from_buckets_that_are_allowed(s3, tmp_path):
    s3.client.put_object(Bucket="trips", Key="allowed.csv", Body=SAMPLE.read_bytes())
    variables = s3.variables(ALLOWED_S3_BUCKETS="other, trips")
    with Server(tmp_path / "data", tmp_path / "log", **variables) as server:
        assert_loaded(fetch(server, "s3://trips/allowed.csv"), 100)
        answer = post_url(server, "s3://private/secret.csv")
        assert answer.status == 400 and "ALLOWED_S3_BUCKETS" in answer.detail
    # Uploads that are kept in a bucket are not named by a URL.
    with Server(tmp_path / "data", tmp_path / "log", **s3.variables(ALLOWED_S3_BUCKETS="other", UPLOADS_URL="s3://trips/kept")) as server:
        assert_loaded(server.ingest(SAMPLE), 100)
        assert post_url(server, "s3://trips/allowed.csv").status == 400


def test_s3_buckets_that_are_allowed_no_longer_are_not_read_for_old_jobs(s3, tmp_path):
    with Server(tmp_path / "data", tmp_path / "log", **s3.variables()) as server:
        job = fetch(server, "s3://trips/absent.csv")
        assert_failed(job, "There is no file")
        assert post_url(server, "s3://trips/../other/secret.csv").status == 400
    s3.client.put_object(Bucket="trips", Key="absent.csv", Body=SAMPLE.read_bytes())
    with Server(tmp_path / "data", tmp_path / "log", **s3.variables(ALLOWED_S3_BUCKETS="other")) as server:
        assert server.request("POST", f"/jobs/{job['id']}/resume").status == 202
        assert_failed(server.wait_for_job(job["id"]), "ALLOWED_S3_BUCKETS")


def test_s3_on_the_command_line(s3, tmp_path):
    s3.client.put_object(Bucket="trips", Key="2018/private.csv", Body=SAMPLE.read_bytes())
    s3.client.put_object(Bucket="trips", Key="březen + 1%.csv", Body=SAMPLE.read_bytes())
    s3.client.put_object(Bucket="trips", Key="public.csv", Body=SAMPLE.read_bytes(), ACL="public-read")
    cli("ingest", "s3://trips/březen + 1%.csv", "--data-dir", tmp_path / "data", **s3.variables())
    assert trips(tmp_path / "data") == 100
    nobody = {"AWS_ENDPOINT_URL_S3": s3.url, "HOME": str(tmp_path)}
    cli("ingest", "s3://trips/public.csv", "--allow-duplicate", "--data-dir", tmp_path / "data", **nobody)
    assert trips(tmp_path / "data") == 200
    done = cli("ingest", "s3://trips/2018/private.csv", "--data-dir", tmp_path / "data", check=False, **nobody)
    assert done.returncode == 1 and "no AWS credentials were found" in done.stderr


def signed_like_botocore(handler, secret=SECRET):
    """Whether a request has the signature that botocore gives it."""
    given = handler.headers.get("Authorization", "")
    match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/s3/aws4_request, "
                         r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})", given)
    if not match:
        return False
    names = match[3].split(";")
    request = AWSRequest("GET", f"http://{handler.headers['Host']}{handler.path}",
                         headers={name: handler.headers[name] for name in names if name != "host"})
    request.context["timestamp"] = handler.headers["X-Amz-Date"]
    signer = S3SigV4Auth(Credentials(match[1], secret, handler.headers.get("X-Amz-Security-Token")), "s3", match[2])
    canonical = signer.canonical_request(request)
    return signer.signature(signer.string_to_sign(request, canonical), request) == match[4]


def test_s3_requests_are_signed_as_by_botocore(tmp_path, long_csv):
    credentials = tmp_path / "credentials"
    credentials.write_text(f"[work]\naws_access_key_id={KEY_ID}\naws_secret_access_key = {SECRET}\naws_session_token=tok/en==\n")
    seen = []

    def check(_, handler):
        seen.append(handler.path)
        if signed_like_botocore(handler):
            return False
        handler.answer(403, {}, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        return True

    with FileServer(long_csv) as files:
        files.instead = check
        variables = {"AWS_ENDPOINT_URL": files.url("root/"), "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
                     "AWS_CONFIG_FILE": "/nowhere", "AWS_PROFILE": "work"}
        cli("ingest", "s3://trips/a b/ř+~*'();:@&=$,!?#.csv", "--data-dir", tmp_path / "data", **variables)
        assert trips(tmp_path / "data") == ROWS
        assert len(seen) == len(range(0, len(long_csv), 8 << 20)) and seen[0].startswith("/root/trips/a%20b/")
        assert all(fields["If-Match"] for _, fields in files.requests[1:])
        done = cli("ingest", "s3://trips/t.csv", "--data-dir", tmp_path / "data", check=False,
                   **s3_server.variables(files.url(""), AWS_SECRET_ACCESS_KEY="another"))
        assert done.returncode == 1 and "SignatureDoesNotMatch" in done.stderr and "these credentials" in done.stderr


def test_s3_without_credentials(tmp_path):
    """A public bucket needs none; another one's refusal says that there were none."""
    with FileServer(SAMPLE.read_bytes()) as files:
        variables = {"AWS_ENDPOINT_URL": files.url(""), "HOME": str(tmp_path)}
        cli("ingest", "s3://public/trips.csv", "--data-dir", tmp_path / "data", **variables)
        assert "Authorization" not in files.requests[0][1]
        files.instead = lambda _, handler: handler.answer(403, {}, b"<Error><Code>AccessDenied</Code></Error>") or True
        done = cli("ingest", "s3://private/trips.csv", "--data-dir", tmp_path / "data", check=False, **variables)
        assert done.returncode == 1 and "no AWS credentials were found" in done.stderr and "AccessDenied" in done.stderr


def test_s3_with_the_credentials_of_a_container(tmp_path):
    answer = {"AccessKeyId": KEY_ID, "SecretAccessKey": SECRET, "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}
    with FileServer(json.dumps(answer).encode()) as container, FileServer(SAMPLE.read_bytes()) as files:
        container.has_ranges = False
        files.instead = lambda _, handler: not signed_like_botocore(handler) and (handler.answer(403, {}) or True)
        cli("ingest", "s3://trips/trips.csv", "--data-dir", tmp_path / "data", AWS_ENDPOINT_URL=files.url(""),
            AWS_CONTAINER_CREDENTIALS_FULL_URI=container.url("creds"), AWS_CONTAINER_AUTHORIZATION_TOKEN="Bearer x",
            HOME=str(tmp_path))
        assert container.requests[0][1]["Authorization"] == "Bearer x"
        assert files.requests[0][1]["X-Amz-Security-Token"] == "t"


# MARK: What takes long

def test_a_stalled_connection_is_gone_on_with(slow_failures):
    server, jobs, stalling, _ = slow_failures
    assert_loaded(server.wait_for_job(jobs["stalled"]), 100)
    assert stalling.ranges()[1] == 5000


def test_a_server_that_stays_broken_is_given_up(slow_failures):
    server, jobs, _, broken = slow_failures
    assert_failed(server.wait_for_job(jobs["503"]), "6 attempts", "503", "resuming the job")
    assert len(broken.requests) == 6
    assert_failed(server.wait_for_job(jobs["truncated"]), "6 attempts", "broke off")
    # Another host's file comes at once, whatever one host holds.
    with FileServer(SAMPLE.read_bytes()) as other:
        assert_loaded(fetch(server, other.url()), 100)
        assert {server.job(job)["status"] for job in jobs["dripping"]} <= {"pending", "failed"}
    broken.instead = lambda *_: False
    assert server.request("POST", f"/jobs/{jobs['503']}/resume").status == 202
    assert_loaded(server.wait_for_job(jobs["503"]), 100)
