"""What a job says of odd trips, and what a dry run says before there is a job: the command line, and servers of both engines."""

import json
import subprocess

import pytest

from tripstore_tools.harness.tripstore import SAMPLE, SOME_REJECTED, Server, assert_refused, cli

HEADER = "started_at,start_lng,start_lat,end_lng,end_lat,note\n"


def rides(count, changes=()):
    """Rows of May 2019 in Oslo; `changes` has others by their index."""
    rows = [f"2019-05-{1 + number % 28:02} 08:{number % 60:02}:00,10.5,59.5,10.75,59.25,n\n" for number in range(count)]
    for index, row in dict(changes).items():
        rows[index] = row
    return HEADER + "".join(rows)


ODD = {3: "2009-01-01 00:02:13,10.5,59.5,10.75,59.25,n\n", 5: "2019-05-06 08:00:00,59.5,10.5,59.25,10.75,n\n",
       7: "2019-05-06 08:00:00,0,0,0.0,-0.0,n\n", 9: "2019-05-06 08:00:00,10.5,59.5,,,n\n", 11: "soon,10.5,59.5,10.75,59.25,n\n",
       13: "later,10.5,59.5,10.75,59.25,n\n"}
KINDS = {"missing_destination": 1, "null_island": 1, "far_away": 1, "stray_weeks": 1, "rejected_rows": 2}


@pytest.fixture(scope="module", params=["columnstore", "clickhouse", "postgresql"])
def jobs_server(request, tmp_path_factory):
    """A server of each engine and each catalog."""
    settings = {}
    if request.param != "columnstore":
        settings["DATABASE_URL"] = request.getfixturevalue("cluster").database_url(f"notes_{request.param}")
    if request.param == "postgresql":
        catalog = request.getfixturevalue("catalog")
        catalog.make_database("notes")
        settings["CATALOG_URL"] = catalog.url("notes")
    folder = tmp_path_factory.mktemp("server")
    with Server(folder / "data", folder / "log", **settings) as server:
        yield server


def told(job):
    return {note["kind"]: note["trips"] for note in job.get("notes", [])}


def test_notes_stand_in_the_job_and_at_the_end_of_the_command(tmp_path):
    path, store = tmp_path / "rides.csv", ["--data-dir", tmp_path / "data"]
    path.write_text(rides(200, ODD), encoding="utf-8")
    done = cli("ingest", path, *store, check=False)
    assert done.returncode == SOME_REJECTED
    job = json.loads(cli("jobs", 1, "--format", "json", *store).stdout)
    assert told(job) == KINDS
    for note in job["notes"]:
        assert f"Note: {note['text']}\n" in done.stderr
    texts = {note["kind"]: note["text"] for note in job["notes"]}
    assert "1 trip is weeks away from all others: 2009-W01. So there are 544 calendar weeks from the first to the last trip instead " \
           "of 5," in texts["stray_weeks"]
    assert "seem to be exchanged in it" in texts["far_away"] and "--null-island reject" in texts["null_island"]
    # The remedy is what it says: without the empty weeks the average is that of May.
    shares = {weeks: json.loads(cli("weekly-average", "--weeks", weeks, "--format", "json", *store).stdout)
              for weeks in ("calendar", "active")}
    assert shares["calendar"]["week_count"] == 544 and shares["active"]["week_count"] == 6
    cli("jobs", 1, "--remove", *store)
    cli("ingest", path, "--null-island", "reject", "--allow-duplicate", *store, check=False)
    assert told(json.loads(cli("jobs", 2, "--format", "json", *store).stdout))["null_island"] == 1


def test_every_server_has_the_same_notes(jobs_server):
    body = rides(200, ODD).encode()
    job = jobs_server.wait_for_job(jobs_server.post_csv(body, "rides.csv").json["job_id"])
    assert job["status"] == "completed" and told(job) == KINDS
    # Twice, in the same way and in another one; the earlier job is named.
    for region, words in (("default", "count twice"), ("Oslo", "with other reading options")):
        answer = subprocess.run(
            ["curl", "--silent", "--fail", "-T", "-", "-H", "Content-Type: text/csv",
             f"{jobs_server.url}/ingest/rides.csv?duplicate=allow" + ("" if region == "default" else f"&region={region}")],
            input=body, capture_output=True, check=True)
        again = jobs_server.wait_for_job(json.loads(answer.stdout)["job_id"])
        note = next(note for note in again["notes"] if note["kind"] == "loaded_before")
        assert words in note["text"] and f"job {job['id']} (rides.csv)" in note["text"]
    refused = jobs_server.post_csv(body, "rides.csv", duplicate="refuse")
    assert refused.status == 409 and f"job {job['id']}" in refused.detail


def test_a_usual_file_has_no_notes(tmp_path):
    path, store = tmp_path / "rides.csv", ["--data-dir", tmp_path / "data"]
    path.write_text(rides(300), encoding="utf-8")
    assert "Note" not in cli("ingest", path, *store).stderr
    assert "notes" not in json.loads(cli("jobs", 1, "--format", "json", *store).stdout)


# MARK: Dry runs

def dry(path, *flags):
    done = cli("ingest", path, "--dry-run", "--format", "json", *flags, check=False)
    return done, json.loads(done.stdout)


def curl_dry(server, path, *fields):
    done = subprocess.run(["curl", "--silent", "-F", "dry_run=true", *fields, "-F", f"file=@{path}", f"{server.url}/ingest"],
                          capture_output=True, check=True)
    return json.loads(done.stdout)


def test_a_dry_run_shows_what_a_job_would_make_of_a_file_and_stores_nothing(server, tmp_path):
    path = tmp_path / "rides.csv"
    path.write_text(rides(200, ODD), encoding="utf-8")
    done, report = dry(path)
    assert done.returncode == SOME_REJECTED
    assert report == curl_dry(server, path)
    raw = subprocess.run(["curl", "--silent", "-T", path, f"{server.url}/ingest/rides.csv?dry_run=true"], capture_output=True, check=True)
    assert json.loads(raw.stdout) == report
    assert report["columns"] == HEADER.strip().split(",") and report["format"]["map"][0] == "time=started_at"
    assert report["rows"][0] == {"datetime": "2019-05-01T08:00:00", "origin": [10.5, 59.5], "destination": [10.75, 59.25],
                                 "region": "default", "datasource": "csv"}
    assert len(report["rows"]) == 10 and (report["processed_rows"], report["rejected_rows"]) == (200, 3)
    assert [row["line"] for row in report["rejects"]] == [11, 13, 15] and sum(report["reasons"].values()) == 3
    assert told(report) == KINDS and "delete job" not in json.dumps(report)
    # No job, no upload, no segment.
    assert server.get("/jobs").json == [] and list((server.data_dir / "uploads").iterdir()) == []
    assert list((server.data_dir / "segments").iterdir()) == []
    job = server.ingest(path)
    assert job["format"] == report["format"] and list(told(job)) == list(told(report))


def test_a_dry_run_without_a_store_makes_none(tmp_path):
    done = cli("ingest", SAMPLE, "--dry-run", "--data-dir", tmp_path / "none")
    assert "100 trips, 0 rejected" in done.stdout and "Nothing was stored." in done.stderr
    assert "datetime" in done.stdout and not (tmp_path / "none").exists()


def test_a_dry_run_reads_the_whole_file_before_it_decides(tmp_path):
    """What proves the order of day and month stands behind the first 64 MiB."""
    path = tmp_path / "large.csv"
    row = "03/04/2019 08:00,10.5,59.5,10.75,59.25," + "n" * 460 + "\n"
    with open(path, "w", encoding="utf-8") as file:
        file.write(HEADER)
        file.writelines([row] * 140_000)
        file.write(row.replace("03/04", "03/28"))
    assert path.stat().st_size > 64 << 20
    done, report = dry(path)
    assert done.returncode == 0 and report["format"]["date_order"] == "month-first" and report["processed_rows"] == 140_001
    assert report["rows"][0]["datetime"] == "2019-03-04T08:00:00"


def test_a_dry_run_asks_what_a_job_would_ask(server, tmp_path):
    path = tmp_path / "rides.csv"
    path.write_text(HEADER + "03/04/2019 08:00,10.5,59.5,10.75,59.25,n\n" * 3, encoding="utf-8")
    done, report = dry(path)
    assert done.returncode == 2 and report["question"]["option"] == "date_order" and "--date-order" in report["message"]
    assert report["rows"] == [] and report["columns"] == HEADER.strip().split(",")
    assert curl_dry(server, path) == report
    answered = curl_dry(server, path, "-F", "date_order=day-first")
    assert answered["rows"][0]["datetime"] == "2019-04-03T08:00:00" and "question" not in answered


def test_a_file_that_is_none_of_trips_and_a_url_are_refused(server, tmp_path):
    path = tmp_path / "binary.csv"
    path.write_bytes(bytes(64))
    assert "detail" in curl_dry(server, path)
    done = cli("ingest", path, "--dry-run", check=False)
    assert done.returncode == 1 and "Error: " in done.stderr
    answer = server.request("POST", "/ingest", body=json.dumps({"url": "https://example.com/a.csv", "dry_run": True}).encode(),
                            headers={"Content-Type": "application/json"})
    assert answer.status == 400 and "dry run" in answer.detail
    assert_refused(cli("ingest", SAMPLE, "--format", "json", check=False))
    assert list((server.data_dir / "uploads").iterdir()) == []


def test_a_dry_run_reads_standard_input_and_compressed_files(tmp_path):
    plain, report = dry(SAMPLE)
    assert plain.returncode == 0
    assert dry(SAMPLE.with_suffix(".csv.gz"))[1] == report
    done = cli("ingest", "-", "--dry-run", "--format", "json", stdin=SAMPLE.read_text(encoding="utf-8"))
    assert json.loads(done.stdout) == report
