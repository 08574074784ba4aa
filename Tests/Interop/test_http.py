"""What a client does over HTTP: uploads in every form, jobs, rejects, deletion, and the service's own pages."""

import gzip
import json
import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import jsonschema
import openapi_spec_validator
import pyarrow
import pytest

from tripstore_tools.harness.tripstore import SAMPLE, Server, cli

JOB_FIELDS = {"id", "filename", "status", "created_at", "updated_at", "total_rows", "processed_rows", "rejected_rows",
              "total_bytes", "processed_bytes", "message"}


def curl(*arguments):
    """curl's standard output; an HTTP error is not an error of curl."""
    return subprocess.run(["curl", "--silent", "--show-error", "--max-time", "60", *map(str, arguments)],
                          capture_output=True, text=True, check=True).stdout


def total_trips(server, **parameters):
    answer = server.get("/analytics/weekly-average", parameters)
    return answer.json["total_trips"] if answer.status == 200 else 0


def assert_accepted(server, answer):
    """A 202's body leads to a job that ends with the sample's 100 trips; returns the job."""
    assert answer["message"] == "Ingestion scheduled"
    job = server.wait_for_job(answer["job_id"])
    assert (job["status"], job["processed_rows"], job["total_rows"], job["rejected_rows"]) == ("completed", 100, 100, 0), job
    return job


# MARK: Uploads

UPLOADS = {
    "curl -T": ["-T", SAMPLE],
    "curl -F": ["-F", f"file=@{SAMPLE}"],
    "curl --data-binary": ["--data-binary", f"@{SAMPLE}", "-H", "Content-Type: text/csv"],
    "curl -T, chunked": ["-T", SAMPLE, "-H", "Transfer-Encoding: chunked"],
    "curl -F after another field": ["-F", "note=first", "-F", f"file=@{SAMPLE};filename=TRIPS.CSV"],
}


def test_upload_with_curl_under_the_files_own_name(server):
    answer = json.loads(curl("-T", SAMPLE, f"{server.url}/ingest/"))
    assert answer["filename"] == "trips.csv"
    assert_accepted(server, answer)


@pytest.mark.parametrize("form", UPLOADS)
def test_upload_with_curl(server, form):
    answer = json.loads(curl(*UPLOADS[form], f"{server.url}/ingest"))
    assert_accepted(server, answer)
    assert total_trips(server) == 100


@pytest.mark.parametrize("suffix, compress", [
    ("csv", bytes), ("CSV", bytes), ("csv.gz", gzip.compress),
    ("csv.zst", lambda data: pyarrow.compress(data, codec="zstd", asbytes=True)), ("Csv.Gz", gzip.compress)])
def test_upload_of_every_kind_of_name(server, suffix, compress):
    answer = server.post_csv(compress(SAMPLE.read_bytes()), f"trips.{suffix}")
    assert answer.status == 202
    assert answer.headers["Location"] == f"/jobs/{answer.json['job_id']}"
    assert answer.json["filename"] == f"trips.{suffix}"
    assert_accepted(server, answer.json)
    assert total_trips(server) == 100


def test_gzip_of_several_members_is_read_to_its_end(server):
    head, tail = SAMPLE.read_bytes().split(b"\n", 51)[:51], SAMPLE.read_bytes().split(b"\n", 51)[51]
    answer = server.post_csv(gzip.compress(b"\n".join(head) + b"\n") + gzip.compress(tail), "trips.csv.gz")
    assert_accepted(server, answer.json)


@pytest.mark.parametrize("name", ["trips.txt", "trips", "trips.csv.exe", "trips.parquet", "csv"])
def test_another_name_is_refused(server, name):
    raw = server.post_csv(SAMPLE.read_bytes(), name)
    assert (raw.status, raw.detail) == (400, "Only CSV uploads are supported")
    multipart = json.loads(curl("-F", f"file=@{SAMPLE};filename={name}", f"{server.url}/ingest"))
    assert multipart == {"detail": "Only CSV uploads are supported"}
    assert server.get("/jobs").json == []


def test_a_name_cannot_leave_the_data_directory(server, tmp_path):
    answer = server.post_csv(SAMPLE.read_bytes(), "../../../escape.csv")
    assert answer.status in (202, 400)
    assert not list(tmp_path.glob("**/escape.csv")) or all(
        server.data_dir in path.parents for path in tmp_path.glob("**/escape.csv"))


def test_server_fetches_a_url(tmp_path):
    """From a web server of this test's own, on loopback."""

    class Files(BaseHTTPRequestHandler):
        def do_GET(self):
            body = SAMPLE.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    files = HTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=files.serve_forever, daemon=True).start()
    try:
        with Server(tmp_path / "data", tmp_path / "log", ALLOW_PRIVATE_ADDRESSES="true") as server:
            body = json.dumps({"url": f"http://127.0.0.1:{files.server_port}/trips.csv"})
            answer = server.request("POST", "/ingest", body, {"Content-Type": "application/json"})
            assert answer.status == 202, answer.body
            assert_accepted(server, answer.json)
    finally:
        files.shutdown()


def test_file_that_is_no_trips_csv_fails_with_one_sentence(server):
    job = server.wait_for_job(server.post_csv(b"a,b,c\n1,2,3\n").json["job_id"])
    assert job["status"] == "failed"
    assert job["message"]
    assert total_trips(server) == 0


# MARK: Jobs

def test_jobs_are_listed_newest_first(server):
    numbers = [server.ingest(SAMPLE)["id"] for _ in range(3)]
    assert numbers == sorted(numbers)
    listed = server.get("/jobs").json
    assert [job["id"] for job in listed] == numbers[::-1]
    assert all(set(job) >= JOB_FIELDS for job in listed)
    assert [job["id"] for job in server.get("/jobs", {"limit": 1}).json] == numbers[-1:]
    assert server.get("/jobs", {"status": "failed"}).json == []
    assert len(server.get("/jobs", {"status": "completed"}).json) == 3
    assert server.get("/jobs", {"status": "lost"}).status == 400
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", listed[0]["created_at"])


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_unknown_job(server, method):
    for path in ("/jobs/999", "/jobs/999/rejects", "/jobs/999/events")[:3 if method == "GET" else 1]:
        answer = server.request(method, path)
        assert (answer.status, answer.detail) == (404, "Job not found")


def test_deleting_one_job_leaves_the_others_answers(server):
    kept = server.ingest(SAMPLE)["id"]
    before = [server.get(path).body for path in ("/analytics/weekly-average", "/trip-groups", "/regions")]
    doubled = server.ingest(SAMPLE)["id"]
    assert total_trips(server) == 200
    assert server.get("/trip-groups").json["groups"][0]["trip_count"] == 2
    assert 200 <= server.delete(f"/jobs/{doubled}").status < 300
    after = [server.get(path).body for path in ("/analytics/weekly-average", "/trip-groups", "/regions")]
    assert after == before
    assert server.job(kept)["status"] == "completed"
    server.delete(f"/jobs/{kept}")
    assert server.get("/analytics/weekly-average").status == 404
    assert server.get("/trip-groups").json == {"groups": [], "total_groups": 0, "total_trips": 0}


def test_a_cancelled_jobs_trips_never_show(server, generated_csv):
    job = server.post_file(generated_csv)
    server.delete(f"/jobs/{job}")
    ended = server.wait_for_job(job)
    # The job may have been the quicker one; then its trips were deleted again.
    assert ended["status"] in ("cancelled", "deleted")
    assert total_trips(server) == 0
    assert_accepted(server, {"message": "Ingestion scheduled", "job_id": server.post_file(SAMPLE)})
    assert total_trips(server) == 100


def test_rejects_have_line_reason_and_text(server):
    header, *rows = SAMPLE.read_text().splitlines()
    lines = [header, rows[0], "Prague,POINT (14.4),POINT (14.5 50.1),2018-05-28 09:03:40,funny_car", rows[1],
             "only,three,fields", rows[2], rows[3].replace(rows[3].split(",")[3], "2018-02-30 00:00:00")]
    job = server.wait_for_job(server.post_csv("\n".join(lines).encode()).json["job_id"])
    assert (job["status"], job["processed_rows"], job["rejected_rows"]) == ("completed", 6, 3)
    answer = server.get(f"/jobs/{job['id']}/rejects").json
    assert [(row["line"], row["text"]) for row in answer["rejects"]] == [(3, lines[2]), (5, lines[4]), (7, lines[6])]
    assert answer["rejected_rows"] == 3
    assert sum(answer["reasons"].values()) == 3
    assert set(answer["reasons"]) == {row["reason"] for row in answer["rejects"]}
    assert len(server.get(f"/jobs/{job['id']}/rejects", {"limit": 1}).json["rejects"]) == 1
    assert total_trips(server) == 3


# MARK: Settings

def test_environment_gives_defaults_that_flags_and_parameters_override(tmp_path):
    with Server(tmp_path / "data", tmp_path / "log", GEOHASH_PRECISION="3", TIME_BUCKET_MINUTES="1440") as server:
        server.ingest(SAMPLE)
        group = server.get("/trip-groups").json["groups"][0]
        assert (len(group["origin_geohash"]), group["time_bucket_minutes"]) == (3, 1440)
        group = server.get("/trip-groups", {"precision": 7, "bucket_minutes": 15}).json["groups"][0]
        assert (len(group["origin_geohash"]), group["time_bucket_minutes"]) == (7, 15)


@pytest.mark.parametrize("name, value", [
    ("GEOHASH_PRECISION", "13"), ("TIME_BUCKET_MINUTES", "7"), ("PORT", "many"), ("DATABASE_URL", "oracle:thin")])
def test_a_setting_that_makes_no_sense_is_refused_by_name(tmp_path, name, value):
    done = cli("serve", "--data-dir", tmp_path, check=False, **{name: value})
    assert done.returncode != 0
    assert name in done.stderr


# MARK: The service's own pages

def test_health_and_readiness(sample_server):
    assert (sample_server.get("/health").status, sample_server.get("/health").json) == (200, {"status": "ok"})
    assert sample_server.get("/ready").status == 200


def test_openapi_document_is_valid_and_complete(sample_server):
    document = sample_server.get("/openapi.json").json
    openapi_spec_validator.validate(document)
    assert document["info"]["version"] == cli("--version").stdout.strip()
    # The description can't know the address of this server.
    assert "127.0.0.1" not in json.dumps(document)
    assert {re.sub(r"\{\w+\}", "{}", path) for path in document["paths"]} >= {
        "/ingest", "/jobs", "/jobs/{}", "/jobs/{}/rejects", "/jobs/{}/events", "/analytics/weekly-average",
        "/trip-groups", "/regions", "/health", "/ready", "/metrics"}


@pytest.mark.parametrize("path, query", [("/analytics/weekly-average", "weekly-average"), ("/trip-groups", "trip-groups")])
def test_an_answer_says_what_it_cost_where_that_is_asked(sample_in_columnstore, path, query):
    """As described, beside the answer; the command line, too, but for the time and for pages that a server still has."""
    schema = sample_in_columnstore.get("/openapi.json").json["components"]["schemas"]["Explain"]
    plain = sample_in_columnstore.get(path).json
    answer = sample_in_columnstore.get(path, {"explain": "true"}).json
    cost = answer.pop("explain")
    jsonschema.validate(cost, schema)
    assert answer == plain == sample_in_columnstore.get(path, {"explain": "false"}).json
    assert cost["segments"]["considered"] == 1
    printed = json.loads(cli(query, "--explain", "--format=json", "--data-dir", sample_in_columnstore.data_dir).stdout)
    jsonschema.validate(printed["explain"], schema)
    assert all(printed["explain"][part] == cost[part] for part in ("segments", "rows"))
    refused = sample_in_columnstore.get(path, {"explain": "yes"})
    assert (refused.status, refused.detail) == (400, "Parameter 'explain' must be true or false, not 'yes'.")


def test_docs_and_the_files_that_they_load(sample_server):
    page = sample_server.get("/docs")
    assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', page.body.decode())
    assert any("swagger-ui" in address for address in loaded)
    for address in loaded:
        if address.startswith("/"):
            assert sample_server.get(address).status == 200, address


def test_root_page(sample_server):
    page = sample_server.get("/")
    assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")


def test_metrics_are_prometheus_text(sample_server):
    answer = sample_server.get("/metrics")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain")
    sample = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_]\w*="[^"]*"(,[a-zA-Z_]\w*="[^"]*")*\})? [-+0-9.eE]+(Inf|NaN)?')
    lines = [line for line in answer.body.decode().splitlines() if line and not line.startswith("#")]
    assert lines
    assert [line for line in lines if not sample.fullmatch(line)] == []


def test_unknown_path_has_the_error_body_too(sample_server):
    answer = sample_server.get("/nowhere")
    assert answer.status == 404 and answer.detail
