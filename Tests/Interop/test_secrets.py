"""Nothing that the program prints, logs, answers or keeps shows a secret of a URL: misspelt settings, signed queries, redirects.

The secret is a word that is nowhere else; everything that comes out is searched for it."""

import json
import os
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tripstore_tools.harness import clickhouse, postgresql, tripstore
from tripstore_tools.harness.file_servers import FileServer
from tripstore_tools.harness.tripstore import SAMPLE, Server, cli, wait_until

CANARY = "c4nary"

DATABASES = [
    "clickhuose://trips:c4nary@db.invalid:8123/trips", "postgresql://trips:c4nary@db.invalid/trips",
    "postgresql+asyncpg://trips:c4nary@db.invalid/trips", "mysql://root:c4nary@db.invalid", "clickhouse:/trips:c4nary@db.invalid",
    "clickhouse://trips:pa/c4nary@db.invalid:8123/trips", "clickhouse://trips:pa?c4nary@db.invalid/trips",
    "clickhouse://trips:c4nary#@db.invalid/trips", "clickhouse://trips:c4nary@db.invalid:port/trips",
    "clickhouse://trips:c4nary@db.invalid/a/b", "clickhouse://trips:c4nary", "clickhouse://trips:p@c4nary/x@db.invalid/trips",
    "clickhouse://trips:%c4nary@db.invalid", "c4nary", "trips:c4nary@db.invalid", "clickhouse://trips:c4nary@127.0.0.1:1/trips",
    "clickhouses://trips:c4nary@127.0.0.1:1/trips", "http://trips:c4nary@db.invalid", "columnstore:c4nary@",
    "clickhouse://trips:c4nary@db.invalid/trips?rows=1", "clickhouse://trips:c4nary@db.invalid/trips?rows_per_insert=c4nary",
]
CATALOGS = [
    "postgresql:trips:c4nary@db.invalid", "postgresql://trips:pa/c4nary@db.invalid/jobs", "mysql://trips:c4nary@db.invalid",
    "postgresql://trips:pa@c4nary@127.0.0.1:1/jobs", "postgresql://trips:c4nary@127.0.0.1:port/jobs", "c4nary",
    "postgresql://trips:%zzc4nary@db.invalid/jobs", "postgresql://trips:c4nary@db.invalid/jobs?c4nary=1",
    "postgresql://trips:c4nary@db.invalid/jobs?lease_seconds=c4nary", "postgresql://trips:c4nary@127.0.0.1:1/jobs",
    "postgresql://trips:x@127.0.0.1:1/jobs?sslpassword=c4nary",
]
OTHERS = [
    ("EVENTS_URL", "https://user:c4nary@hooks.invalid/x"), ("EVENTS_URL", "htps://hooks.invalid/c4nary"),
    ("EVENTS_URL", "https://hooks.invalid:port/services/c4nary"), ("EVENTS_URL", "c4nary"), ("EVENTS_URL", "sns:c4nary"),
    ("EVENTS_URL", "arn:aws:sns:eu-central-1:1:c4nary"), ("EVENTS_URL", "https://ho st/c4nary"),
    ("EVENTS_URL", "https://user:a/c4nary@hooks.invalid/"), ("UPLOADS_URL", "https://key:c4nary@bucket"),
    ("UPLOADS_URL", "s3:/key:c4nary@bucket"), ("UPLOADS_URL", "s3://KEY:c4nary@bucket/x"), ("UPLOADS_URL", "s3://bucket?x=c4nary"),
    ("UPLOADS_URL", "s3://bucket?stray_seconds=c4nary"), ("TIME_BUCKET_MINUTES", "https://u:c4nary@h"), ("ROLE", "https://u:c4nary@h"),
    ("LOG_LEVEL", "https://u:c4nary@h"), ("GEOHASH_PRECISION", "https://u:c4nary@h"), ("FETCH_TIMEOUT", "https://u:c4nary@h"),
    ("ALLOW_PRIVATE_ADDRESSES", "https://u:c4nary@h"),
]


def run(*arguments, seconds=20, **variables):
    """Runs a command to its end, or for some time if it waits for others; returns what it printed."""
    process = subprocess.Popen([str(tripstore.BINARY), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, env=tripstore.clean_environment(**variables))
    try:
        return process.communicate(timeout=seconds)[0], process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0], process.returncode


def assert_hidden(text, *expected):
    assert CANARY not in text, text
    assert "Error" in text or "error" in text or "Waiting" in text, text
    assert all(word in text for word in expected), text


# MARK: Settings

def test_misspelt_settings_are_refused_without_their_secrets(tmp_path):
    for url in DATABASES:
        text, code = run("serve", "--data-dir", tmp_path, "--port", 0, DATABASE_URL=url)
        assert_hidden(text, "ClickHouse" if ":1/" in url else "DATABASE_URL")
        assert code == (1 if ":1/" in url else 64), text
        text, code = run("serve", "--data-dir", tmp_path, "--port", 0, "--database-url", url)
        assert_hidden(text)
    for url in CATALOGS:
        waits = "127.0.0.1:1/jobs" in url and "@c4nary@" not in url
        text, code = run("serve", "--data-dir", tmp_path, "--port", 0, seconds=2 if waits else 20,
                         DATABASE_URL="clickhouse://127.0.0.1:1/trips", CATALOG_URL=url)
        assert_hidden(text, "PostgreSQL" if waits else "CATALOG_URL")
        assert waits or code == 64, text
    for name, value in OTHERS:
        text, code = run("serve", "--data-dir", tmp_path, "--port", 0, **{name: value})
        assert_hidden(text, name if name != "LOG_LEVEL" else "log level")
        assert code == 64, text


@pytest.mark.parametrize("command", [
    ["ingest", SAMPLE], ["weekly-average"], ["trip-groups"], ["regions"], ["jobs"], ["resume", 1], ["inspect"], ["verify"],
    ["backup", "copy"], ["restore", "copy"], ["migrate"], ["export", "--hive", "out"], ["export", "--csv", "-"], ["rebuild-catalog"]],
    ids=lambda command: " ".join(map(str, command[:2])))
def test_every_command_refuses_them_alike(tmp_path, command):
    for url in DATABASES[:2] + DATABASES[5:6]:
        text, _ = run(*command, "--data-dir", tmp_path / "data", DATABASE_URL=url)
        assert CANARY not in text, text
    if command[0] in ("backup", "restore", "migrate"):
        cli("ingest", SAMPLE, "--data-dir", tmp_path / "store")
        place = tmp_path / "store" if command == ["restore", "copy"] else "copy"
        rest = [place] if command[0] != "migrate" else []
        for url in DATABASES[15:17] + CATALOGS[3:5]:
            variables = {"CATALOG_URL": url, "DATABASE_URL": "clickhouse://127.0.0.1:1/trips"} if "postgresql" in url else {"DATABASE_URL": url}
            text, code = run(command[0], *rest, "--data-dir", tmp_path / "store", seconds=10, **variables)
            assert_hidden(text)
            assert code != 0


@pytest.mark.parametrize("arguments", [
    ["postgresql://u:c4nary@h/db"], ["serve", "postgresql://u:c4nary@h/db"], ["serve", "--port", "https://u:c4nary@h"],
    ["serve", "--database", "clickhouse://u:c4nary@h"], ["ingest", "https://u:c4nary@h/t.csv"],
    ["ingest", "https://h.invalid:99999/t.csv?sig=c4nary"], ["ingest", "ftp://u:pa/c4nary@h/t.csv"],
    ["ingest", "https://h/t.csv?sig=c4nary", "--bogus"], ["resume", "https://u:c4nary@h"]])
def test_arguments_that_make_no_sense_are_quoted_without_them(tmp_path, arguments):
    text, code = run(*arguments, DATA_DIR=str(tmp_path / "data"))
    assert_hidden(text)
    assert code != 0


def test_an_endpoint_and_a_proxy_of_credentials_are_not_shown(tmp_path):
    for variables in ({"AWS_ENDPOINT_URL": "http://key:c4nary@127.0.0.1:1"}, {"AWS_ENDPOINT_URL": "c4nary"},
                      {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/c4nary", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}):
        text, code = run("ingest", "s3://bucket/t.csv", "--data-dir", tmp_path / "data", seconds=60, HOME=str(tmp_path), **variables)
        assert_hidden(text)
        assert code == 1


# MARK: Webhooks

class Echo(BaseHTTPRequestHandler):
    """Says of every path that it is not there, and which it is, as frameworks do."""

    def do_POST(self):
        body = f"Cannot POST {self.path}".encode()
        self.send_response(404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_a_webhook_that_refuses_is_logged_without_its_path(tmp_path):
    hook = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{hook.server_port}/services/{CANARY}"
        with Server(tmp_path / "data", tmp_path / "log", EVENTS_URL=url) as server:
            server.ingest(SAMPLE)
            wait_until(lambda: "does not accept events" in server.log.read_text(), "the refusal in the log")
            assert "404" in server.log.read_text() and CANARY not in server.log.read_text()
    finally:
        hook.shutdown()
        hook.server_close()


# MARK: Sources

def kept(folder):
    """The files below a folder that have the secret in them."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes())


def submit(server, url, **fields):
    answer = server.request("POST", "/ingest", json.dumps({"url": url, "duplicate": "allow"} | fields),
                            {"Content-Type": "application/json"})
    assert answer.status == 202, answer.body
    return answer.json["job_id"]


def assert_nowhere(server, folder):
    for path in ("/jobs", "/metrics"):
        assert CANARY not in server.get(path).body.decode()
    assert CANARY not in server.log.read_text()
    assert kept(folder) == []


def test_a_signed_query_is_kept_nowhere_and_still_survives_a_kill(tmp_path):
    """In pieces, through kills, a failure and its resume, in a backup; the key is for the owner alone."""
    content = SAMPLE.read_bytes()
    server = Server(tmp_path / "data", tmp_path / "log", ALLOW_PRIVATE_ADDRESSES="true").start()
    try:
        with FileServer(content) as files:
            def stall(_, handler):
                handler.send_response(200)
                handler.send_header("Content-Length", str(len(content)))
                handler.end_headers()
                handler.wfile.write(content[:5000])
                time.sleep(2)
                return True

            files.instead = stall
            job = submit(server, files.url(f"may.csv?X-Amz-Signature={CANARY}%2B%2f"))
            assert server.job(job)["filename"] == "may.csv"
            wait_until(lambda: files.requests, "the fetch")
            server.kill()
            assert kept(tmp_path) == []
            assert os.stat(tmp_path / "data/source.key").st_mode & 0o777 == 0o600
            files.instead = lambda _, handler: handler.answer(403, {}) or True
            server.start()
            failed = server.wait_for_job(job)
            assert failed["status"] == "failed" and "403" in failed["message"], failed
            assert_nowhere(server, tmp_path)
            cli("backup", tmp_path / "copy", "--data-dir", server.data_dir)
            assert kept(tmp_path) == [] and not (tmp_path / "copy/source.key").exists()
            files.instead = lambda *_: False
            assert server.request("POST", f"/jobs/{job}/resume").status == 202
            assert server.wait_for_job(job)["status"] == "completed"
            assert all(path == f"/may.csv?X-Amz-Signature={CANARY}%2B%2f" for path, _ in files.requests)
            assert_nowhere(server, tmp_path)
            server.stop()
            query = "SELECT count(source_query), group_concat(source_url) FROM jobs"
            done = subprocess.run(["sqlite3", str(server.data_dir / "catalog.sqlite"), query], check=True, capture_output=True, text=True)
            assert done.stdout.startswith("0|http://127.0.0.1") and "?" not in done.stdout
        with Server(tmp_path / "copy", tmp_path / "log2", ALLOW_PRIVATE_ADDRESSES="true") as copy:
            assert copy.request("POST", f"/jobs/{job}/resume").status == 202
            message = copy.wait_for_job(job)["message"]
            assert "is encrypted" in message and message.endswith("delete this job."), message
    finally:
        server.stop()


def test_queries_that_an_older_version_kept_are_sealed_or_forgotten(tmp_path):
    with FileServer(SAMPLE.read_bytes()) as files:
        files.instead = lambda _, handler: handler.answer(404, {}) or True
        with Server(tmp_path / "data", tmp_path / "log", ALLOW_PRIVATE_ADDRESSES="true") as server:
            jobs = [submit(server, files.url(f"{number}.csv")) for number in range(3)]
            for job in jobs:
                server.wait_for_job(job)
        older = f"""DROP TRIGGER forget_source_query; ALTER TABLE jobs DROP COLUMN source_query;
            DELETE FROM grdb_migrations WHERE identifier LIKE 'v12%';
            UPDATE jobs SET source_url = source_url || '?signature={CANARY}';
            UPDATE jobs SET status = 'completed' WHERE id = {jobs[0]}; UPDATE jobs SET status = 'pending' WHERE id = {jobs[1]};"""
        subprocess.run(["sqlite3", str(server.data_dir / "catalog.sqlite"), older], check=True)
        assert kept(tmp_path) != []
        files.instead = lambda *_: False
        before = len(files.requests)
        with server:
            assert server.request("POST", f"/jobs/{jobs[2]}/resume").status == 202
            for job in jobs[1:]:
                assert server.wait_for_job(job)["status"] == "completed"
        assert sorted(path for path, _ in files.requests[before:]) == [f"/{n}.csv?signature={CANARY}" for n in (1, 2)]
        assert kept(tmp_path) == []


def test_where_a_redirect_leads_is_told_to_nobody(tmp_path):
    with FileServer(b"") as last, FileServer(b"") as first, \
            Server(tmp_path / "data", tmp_path / "log", ALLOW_PRIVATE_ADDRESSES="true") as server:
        last.instead = lambda _, handler: handler.answer(403, {}) or True
        for location in (last.url(f"{CANARY}/may.csv?sig={CANARY}"), f"ftp://u:{CANARY}@127.0.0.1/{CANARY}", f"http:{CANARY}",
                         f"http://127.0.0.1:port/{CANARY}", f"http://u:{CANARY}@127.0.0.1/", f"\\\\{CANARY}\\x", f"http://h/\tx{CANARY}"):
            first.instead = lambda _, handler, location=location: handler.answer(302, {"Location": location}) or True
            job = server.wait_for_job(submit(server, first.url(f"may.csv?sig={CANARY}")))
            assert job["status"] == "failed" and CANARY not in job["message"], job
        assert_nowhere(server, tmp_path)


@pytest.mark.skipif(not (postgresql.is_installed() and clickhouse.is_installed()), reason="PostgreSQL or ClickHouse is not installed")
def test_nor_in_a_catalog_of_several_processes(tmp_path, cluster):
    """One process takes the URL, another fetches it; neither a dump nor the log of the catalog has the query. A password that is
    wrong is not logged."""
    catalog = postgresql.PostgreSQL(tmp_path / "postgresql")
    variables = {"DATABASE_URL": cluster.database_url("secrets"), "ALLOW_PRIVATE_ADDRESSES": "true"}
    try:
        catalog.start()
        catalog.make_database("jobs")
        variables["CATALOG_URL"] = catalog.url("jobs")
        with FileServer(SAMPLE.read_bytes()) as files:
            with Server(tmp_path / "api", tmp_path / "log1", ROLE="api", **variables) as server:
                job = submit(server, files.url(f"may.csv?sig={CANARY}"))
                done = submit(server, files.url(f"may.csv?sig={CANARY}-done"))
                row = catalog.query("SELECT source_url, length(source_query) FROM jobs ORDER BY id", "jobs")
                assert "may.csv|" in row and CANARY not in row
                assert CANARY not in catalog.query("SELECT string_agg(jobs::text, ' ') FROM jobs", "jobs")
                # As an older version had them, where it was over and where it was not.
                catalog.query(f"UPDATE jobs SET source_query = NULL, source_url = source_url || '?sig={CANARY}' WHERE id = {job}", "jobs")
                with Server(tmp_path / "worker", tmp_path / "log2", ROLE="worker", **variables):
                    for each in (job, done):
                        assert server.wait_for_job(each)["status"] == "completed", server.job(each)
                assert sorted(path for path, _ in files.requests) == [f"/may.csv?sig={CANARY}", f"/may.csv?sig={CANARY}-done"]
                assert CANARY not in catalog.query("SELECT string_agg(jobs::text, ' ') FROM jobs", "jobs")
        wrong = catalog.url("jobs").replace(postgresql.PASSWORD, CANARY)
        text, _ = run("serve", "--data-dir", tmp_path / "other", "--port", 0, seconds=3,
                      DATABASE_URL=variables["DATABASE_URL"].replace(clickhouse.PASSWORD, CANARY), CATALOG_URL=wrong)
        assert_hidden(text, "password authentication failed")
    finally:
        catalog.kill()
        catalog.remove()


def test_no_answer_names_a_folder_of_the_server(tmp_path):
    """Found: `/ready` revealed the path of a truncated segment."""
    home = tmp_path / "a home"
    store, source = home / "data", home / "bad.csv"
    home.mkdir()
    source.write_text("no,trips\n")
    cli("ingest", source, "--data-dir", store, check=False)
    source.unlink()
    with Server(store, tmp_path / "log") as server:
        server.ingest(SAMPLE)
        (segment,) = (store / "segments").iterdir()
        (store / "rejects").rmdir()
        (store / "rejects").write_text("no folder")
        os.truncate(segment, 100)
        answers = [server.get(path) for path in (
            "/ready", "/jobs", "/jobs/1", "/jobs/2/rejects", "/jobs/1/events", "/regions", "/analytics/weekly-average",
            "/trip-groups?precision=7&min_lat=1&min_lng=1&max_lat=60.1&max_lng=60.1", "/metrics", "/docs", "/openapi.json")]
        answers += [server.request("POST", "/jobs/1/resume"), server.post_csv(b"a,b\n"), server.delete("/jobs/2")]
        assert answers[0].status == 503 and segment.name in answers[0].detail and answers[-3].status == 409
        for answer in answers:
            assert str(tmp_path).encode() not in answer.body, answer.body
