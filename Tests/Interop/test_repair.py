"""What an operator does when something is broken: quarantine a damaged segment, resume a failed job."""

import json
import shutil
import subprocess

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.damage import flip_a_byte, warning


def make_damaged_store(folder):
    """A store of two jobs of which the second, of 50 trips, has a damaged segment; returns its path."""
    store = folder / "data"
    lines = tripstore.SAMPLE.read_text().splitlines(keepends=True)
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    half = folder / "half.csv"
    half.write_text("".join(lines[:51]))
    before = set((store / "segments").iterdir())
    tripstore.cli("ingest", half, "--data-dir", store)
    (new,) = set((store / "segments").iterdir()) - before
    flip_a_byte(new)
    return store, new.name


def test_a_damaged_segment_is_set_aside_and_answers_say_so(tmp_path):
    store, name = make_damaged_store(tmp_path)
    found = tripstore.cli("verify", "--data-dir", store, check=False)
    assert found.returncode == 1 and name in found.stdout
    aside = tripstore.cli("verify", "--quarantine", "--data-dir", store, check=False)
    assert aside.returncode == 1 and name in aside.stdout
    assert [path.name for path in (store / "quarantine").iterdir()] == [name]
    assert name not in [path.name for path in (store / "segments").iterdir()]
    # What exists is complete, and the warning about the rest stays.
    again = tripstore.cli("verify", "--data-dir", store, check=False)
    assert again.returncode == 1 and "All" in again.stdout and "50 trips are missing" in again.stdout
    as_json = tripstore.cli("verify", "--data-dir", store, "--format", "json", check=False)
    assert as_json.returncode == 1
    assert json.loads(as_json.stdout)["damaged"] == [] and json.loads(as_json.stdout)["warning"] == warning(store)
    for command in ("weekly-average", "regions", "trip-groups"):
        for form, words in (("table", ["Warning: 50 trips are missing"]), ("csv", ["Warning: 50 trips are missing"]), ("json", [])):
            said = tripstore.cli(command, "--data-dir", store, "--format", form).stderr
            assert [said[:len(word)] for word in words] == words and bool(said) == bool(words), said
    with tripstore.Server(store, tmp_path / "log") as server:
        for query in ("/analytics/weekly-average", "/trip-groups", "/regions"):
            answer = server.get(query).json
            assert answer["warning"].startswith("50 trips are missing")
        assert server.get("/analytics/weekly-average").json["total_trips"] == 100
        nothing = server.get("/analytics/weekly-average", {"region": "nowhere"})
        assert nothing.status == 404
        assert "50 trips are missing" in nothing.detail
        # New jobs run, and the warning stays.
        server.ingest(tripstore.SAMPLE)
        answer = server.get("/analytics/weekly-average").json
        assert (answer["total_trips"], "warning" in answer) == (200, True)
    # What was missing cannot be deleted.
    removed = tripstore.cli("jobs", 2, "--remove", "--data-dir", store)
    assert "Deleted 0 trips of job 2 (half.csv)." in removed.stderr
    tripstore.cli("verify", "--data-dir", store)


def test_nothing_is_missing_once_the_jobs_are_deleted(tmp_path):
    """Jobs of 100, 10, 20 and 30 trips; the segment that the last three share is damaged."""
    store = tmp_path / "data"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    lines = tripstore.SAMPLE.read_text().splitlines(keepends=True)
    parts = []
    for count in (10, 20, 30):
        parts.append(tmp_path / f"{count}.csv")
        parts[-1].write_text("".join(lines[:1 + count]))
    before = set((store / "segments").iterdir())
    tripstore.cli("ingest", *parts, "--data-dir", store)
    (shared,) = set((store / "segments").iterdir()) - before
    flip_a_byte(shared)
    tripstore.cli("verify", "--quarantine", "--data-dir", store, check=False)
    assert warning(store).startswith("60 trips are missing: a damaged segment with trips of jobs 2, 3 and 4 was quarantined")
    tripstore.cli("jobs", 3, "--remove", "--data-dir", store)
    assert warning(store).startswith("40 trips are missing: a damaged segment with trips of jobs 2 and 4 was")
    tripstore.cli("jobs", 2, "--remove", "--data-dir", store)
    assert warning(store).startswith("30 trips are missing: a damaged segment with trips of job 4 was")
    assert warning(store) in tripstore.cli("inspect", "--data-dir", store).stdout
    with tripstore.Server(store, tmp_path / "log") as server:
        assert "warning" in server.get("/regions").json
        server.delete("/jobs/4")
        assert "warning" not in server.get("/regions").json
        # Its file can be loaded again.
        server.ingest(parts[2])
        assert server.get("/analytics/weekly-average").json["total_trips"] == 130
    assert warning(store) is None


def test_what_was_set_aside_before_jobs_were_recorded_is_known_by_what_is_missing(tmp_path):
    """A catalog as the version before made it."""
    store, _ = make_damaged_store(tmp_path)
    tripstore.cli("verify", "--quarantine", "--data-dir", store, check=False)
    assert warning(store).startswith("50 trips are missing")
    older = "DROP TABLE quarantine_jobs; DELETE FROM grdb_migrations WHERE identifier LIKE 'v4%';"
    subprocess.run(["sqlite3", store / "catalog.sqlite", older], check=True)
    shutil.copytree(store, tmp_path / "copy")
    tripstore.cli("jobs", 1, "--remove", "--data-dir", store)
    assert warning(store).startswith("50 trips are missing: a damaged segment with trips of job 2 was quarantined")
    tripstore.cli("jobs", 2, "--remove", "--data-dir", tmp_path / "copy")
    assert warning(tmp_path / "copy") is None


def test_whole_stores_have_no_warning_and_nothing_to_set_aside(tmp_path):
    store = tmp_path / "data"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    tripstore.cli("verify", "--quarantine", "--data-dir", store)
    assert not (store / "quarantine").exists()
    assert "warning" not in tripstore.cli("regions", "--data-dir", store, "--format", "json").stdout


def test_a_backup_keeps_the_last_whole_copy_of_what_the_store_has_lost(tmp_path):
    store = tmp_path / "data"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    backup = tmp_path / "backup"
    tripstore.cli("backup", backup, "--data-dir", store)
    (segment,) = (store / "segments").iterdir()
    whole = segment.read_bytes()
    flip_a_byte(segment)
    tripstore.cli("verify", "--quarantine", "--data-dir", store, check=False)
    tripstore.cli("backup", backup, "--data-dir", store)
    assert (backup / "quarantine" / segment.name).read_bytes() == whole


def test_a_failed_job_is_loaded_once_more(tmp_path):
    store = tmp_path / "data"
    csv = tmp_path / "trips.csv"
    csv.write_text("not,trips\n1,2\n")
    assert tripstore.cli("ingest", csv, "--data-dir", store, check=False).returncode == 2
    csv.write_bytes(tripstore.SAMPLE.read_bytes())
    tripstore.cli("resume", 1, "--data-dir", store)
    assert "100" in tripstore.cli("jobs", 1, "--data-dir", store).stdout
    # Once it is completed nothing can be resumed, and nothing is duplicated.
    again = tripstore.cli("resume", 1, "--data-dir", store, check=False)
    assert again.returncode == 1
    assert "only a job that failed" in again.stderr
    assert '"total_trips":100' in tripstore.cli("weekly-average", "--data-dir", store, "--format", "json").stdout


def test_a_server_resumes_jobs_too(server):
    job = server.post_csv(b"not,trips\n1,2\n").json["job_id"]
    assert server.wait_for_job(job)["status"] == "failed"
    resumed = server.request("POST", f"/jobs/{job}/resume")
    assert resumed.status == 202
    assert (resumed.json["id"], resumed.json["status"], resumed.json["message"]) == (job, "pending", None)
    # Its file was kept, and is as wrong as it was.
    assert server.wait_for_job(job)["status"] == "failed"
    completed = server.ingest(tripstore.SAMPLE)["id"]
    refused = server.request("POST", f"/jobs/{completed}/resume")
    assert refused.status == 409
    assert "only a job that failed" in refused.detail
    assert server.request("POST", "/jobs/999/resume").status == 404
    # A job that was deleted has no file any more.
    assert server.delete(f"/jobs/{job}").status == 200
    assert server.request("POST", f"/jobs/{job}/resume").status == 409
