"""The catalog is lost, and made anew from the segments alone: the store answers as it did, to the byte."""

import json
import shutil
import subprocess

import pytest

import tripstore
from test_faults import SCENARIOS, STRIDE, Fault, answers, jobs, library  # noqa: F401  (a fixture)
from test_repair import flip_a_byte, warning

SAMPLE_LINES = tripstore.SAMPLE.read_text().splitlines(keepends=True)


def lose_catalog(store):
    for path in store.glob("catalog.sqlite*"):
        path.unlink()


def rebuild(store, *flags, check=True):
    return tripstore.cli("rebuild-catalog", "--data-dir", store, *flags, check=check)


def write_part(folder, count):
    path = folder / f"{count}.csv"
    path.write_text("".join(SAMPLE_LINES[:1 + count]))
    return path


def sqlite(store, sql):
    done = subprocess.run(["sqlite3", store / "catalog.sqlite"], input=sql, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_store_answers_as_before(tmp_path, generated_csv):
    """Loads, a group of small ones, a deletion, a merge; then a kill in the middle of a load of a million trips."""
    store = tmp_path / "data"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    tripstore.cli("ingest", *[write_part(tmp_path, count) for count in (5, 10, 20, 30)], "--data-dir", store)
    bad_rows = tripstore.FIXTURES / "BadCSV/bad_rows.csv"
    tripstore.cli("ingest", bad_rows, "--data-dir", store, check=False)
    tripstore.cli("jobs", 3, "--remove", "--data-dir", store)
    for _ in range(4):
        tripstore.cli("ingest", tripstore.SAMPLE, "--allow-duplicate", "--data-dir", store)
    names = [path.name for path in (store / "segments").iterdir()]
    assert any(name.startswith("merged-") for name in names), names
    completed = [(job["id"], job["filename"], job["processed_rows"], job["rejected_rows"], job["created_at"])
                 for job in jobs(store) if job["status"] == "completed"]
    rejects = tripstore.cli("jobs", 6, "--rejects", 1000, "--format", "json", "--data-dir", store).stdout
    question = (tripstore.REPOSITORY / "sql_queries.sql").read_text()
    before, counted = answers(store), sqlite(store, question)

    with tripstore.Server(store, tmp_path / "log") as server:
        server.post_file(generated_csv)
        server.kill()
    assert jobs(store)[0]["status"] == "interrupted"

    lose_catalog(store)
    done = rebuild(store)
    assert "9 jobs" in done.stdout
    assert answers(store) == before
    assert sqlite(store, question) == counted
    assert sqlite(store, "PRAGMA integrity_check").strip() == "ok"
    tripstore.cli("verify", "--data-dir", store)
    known = [(job["id"], job["filename"], job["processed_rows"], job["rejected_rows"], job["created_at"])
             for job in jobs(store) if job["status"] == "completed"]
    assert known == completed
    assert tripstore.cli("jobs", 6, "--rejects", 1000, "--format", "json", "--data-dir", store).stdout == rejects
    # The upload that was being loaded waits for a person, under a number that no file tells of; then the store goes on as ever.
    (upload,) = [job for job in jobs(store) if job["status"] == "failed"]
    assert upload["id"] > max(number for number, *_ in completed)
    tripstore.cli("resume", upload["id"], "--data-dir", store)
    assert json.loads(answers(store)[0])["total_trips"] == json.loads(before[0])["total_trips"] + 1_000_000
    tripstore.cli("jobs", upload["id"], "--remove", "--data-dir", store)
    assert answers(store) == before
    tripstore.cli("jobs", 5, "--remove", "--data-dir", store)
    tripstore.cli("verify", "--data-dir", store)
    named = set(sqlite(store, "SELECT file_name FROM segments").split())
    assert {path.name for path in (store / "segments").iterdir()} == named


def test_a_catalog_that_can_be_used_is_replaced_on_request_only_and_kept(sample_store, tmp_path):
    store = tmp_path / "data"
    shutil.copytree(sample_store, store)
    before, catalog = answers(store), (store / "catalog.sqlite").read_bytes()
    refused = rebuild(store, check=False)
    assert refused.returncode == 1 and "--force" in refused.stderr
    assert (store / "catalog.sqlite").read_bytes() == catalog
    assert "catalog-old-1.sqlite" in rebuild(store, "--force").stdout
    assert (store / "catalog-old-1.sqlite").read_bytes() == catalog
    assert "catalog-old-2.sqlite" in rebuild(store, "--force").stdout
    assert answers(store) == before


def test_a_store_in_use_is_refused(server):
    server.ingest(tripstore.SAMPLE)
    refused = rebuild(server.data_dir, "--force", check=False)
    assert refused.returncode == 1 and "A server (process" in refused.stderr
    assert server.get("/analytics/weekly-average").json["total_trips"] == 100


def test_a_folder_that_is_no_store_is_refused(tmp_path):
    refused = rebuild(tmp_path / "none", check=False)
    assert refused.returncode == 1 and "no store" in refused.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("loss", ["gone", "empty", "garbage"])
def test_a_store_without_its_catalog_is_not_taken_for_an_empty_one(sample_store, tmp_path, loss):
    """A new catalog names no segment, and what no catalog names is swept."""
    store = tmp_path / "data"
    shutil.copytree(sample_store, store)
    before = answers(store)
    lose_catalog(store)
    if loss != "gone":
        (store / "catalog.sqlite").write_bytes(b"" if loss == "empty" else b"no catalog " * 1000)
    for command in (["ingest", tripstore.SAMPLE], ["regions"], ["jobs", 1, "--remove"]):
        refused = tripstore.cli(*command, "--data-dir", store, check=False)
        assert refused.returncode == 1 and "rebuild-catalog" in refused.stderr, refused.stderr
    rebuild(store)
    assert answers(store) == before


def test_a_damaged_segment_is_set_aside_and_its_trips_are_missed(tmp_path):
    store = tmp_path / "data"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    before = set((store / "segments").iterdir())
    tripstore.cli("ingest", write_part(tmp_path, 50), "--data-dir", store)
    (damaged,) = set((store / "segments").iterdir()) - before
    flip_a_byte(damaged)
    lose_catalog(store)
    done = rebuild(store, check=False)
    assert done.returncode == 1 and damaged.name in done.stdout
    assert [path.name for path in (store / "quarantine").iterdir()] == [damaged.name]
    assert warning(store).startswith("50 trips are missing: a damaged segment with trips of job 2")
    assert '"total_trips":100' in answers(store)[0]
    tripstore.cli("jobs", 2, "--remove", "--data-dir", store)
    assert warning(store) is None


@pytest.mark.parametrize("name", SCENARIOS)
def test_when_the_world_stops_at_any_call_and_the_catalog_is_lost_as_well(library, tmp_path, name):  # noqa: F811
    """Whatever was under way, the store is as it was before or after."""
    scenario = SCENARIOS[name]
    base = tmp_path / "base"
    base.mkdir()
    scenario.prepare(base)
    before = answers(base) if jobs(base) else None
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(base, undisturbed)
    count = Fault(library, undisturbed).count(scenario.command(undisturbed), tmp_path / "count")
    after = answers(undisturbed)
    for number in range(1, count + 1, max(1, STRIDE // 5)):
        store = tmp_path / "store"
        shutil.copytree(base, store)
        Fault(library, store).run(scenario.command(store), FAULT_AT=str(number), FAULT_KIND="kill")
        lose_catalog(store)
        what = f"{name}, killed at call {number} of {count}"
        if not (store / "segments").is_dir():
            assert before is None, what
        else:
            done = rebuild(store)
            if before is None and done.stdout.startswith("0 trips"):
                assert tripstore.cli("regions", "--data-dir", store, "--format", "json").stdout == '{"regions":[]}\n', what
            else:
                assert answers(store) in (before, after), f"{what}\n{done.stdout}"
            # The next process that writes sweeps what is not needed.
            tripstore.cli("jobs", 1000, "--remove", "--data-dir", store, check=False)
            tripstore.cli("verify", "--data-dir", store)
            names = {path.name for path in (store / "segments").iterdir()}
            assert names == set(sqlite(store, "SELECT file_name FROM segments").split()), what
        shutil.rmtree(store)
