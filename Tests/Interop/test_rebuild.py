"""The catalog is lost, and rebuilt from the segments alone: the store answers as before, to the byte."""

import gzip
import json
import shutil

import pytest

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.damage import flip_a_byte, lose_catalog, rebuild, sqlite, warning
from tripstore_tools.harness.faults import SCENARIOS, STRIDE, Fault, answers, jobs

SAMPLE_LINES = tripstore.SAMPLE.read_text().splitlines(keepends=True)


def write_part(folder, count):
    path = folder / f"{count}.csv"
    path.write_text("".join(SAMPLE_LINES[:1 + count]))
    return path


def test_the_store_answers_as_before(tmp_path, generated_csv):
    """Jobs, a group of small ones, a deletion, a merge; then a kill in the middle of a job of a million trips."""
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
    query = (tripstore.REPOSITORY / "sql_queries.sql").read_text()
    before, counted = answers(store), sqlite(store, query)

    with tripstore.Server(store, tmp_path / "log") as server:
        server.post_file(generated_csv)
        server.kill()
    assert jobs(store)[0]["status"] == "interrupted"

    lose_catalog(store)
    done = rebuild(store)
    assert "9 jobs" in done.stdout
    assert answers(store) == before
    assert sqlite(store, query) == counted
    assert sqlite(store, "PRAGMA integrity_check").strip() == "ok"
    tripstore.cli("verify", "--data-dir", store)
    known = [(job["id"], job["filename"], job["processed_rows"], job["rejected_rows"], job["created_at"])
             for job in jobs(store) if job["status"] == "completed"]
    assert known == completed
    assert tripstore.cli("jobs", 6, "--rejects", 1000, "--format", "json", "--data-dir", store).stdout == rejects
    # The upload that was being ingested waits for a user, under an ID that no file names; then the store works as before.
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


def aside(store, name):
    """Quarantines a damaged segment with `verify`, while there is a catalog."""
    done = tripstore.cli("verify", "--quarantine", "--data-dir", store, check=False)
    assert done.returncode == 1 and name in done.stdout


HARMS = {
    "a byte": flip_a_byte,
    "the footer": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "all bytes": lambda path: path.write_bytes(b"x" * 1000),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_was_set_aside_is_missed_until_its_job_is_deleted(tmp_path, harm):
    """Whatever is left of the file, through three rebuilt catalogs, a backup, and the deletion of one of its jobs."""
    store = tmp_path / "data"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    before = set((store / "segments").iterdir())
    tripstore.cli("ingest", *[write_part(tmp_path, count) for count in (10, 20, 30)], "--data-dir", store)
    (shared,) = set((store / "segments").iterdir()) - before
    HARMS[harm](shared)
    aside(store, shared.name)
    said = warning(store)
    assert said.startswith("60 trips are missing: a damaged segment with trips of jobs 2, 3 and 4 was quarantined")

    def check(folder, words):
        for round in range(3):
            lose_catalog(folder) if round != 1 else None
            done = rebuild(folder, *["--force"] if round == 1 else [], check=False)
            assert done.returncode == 1, done.stdout
            assert warning(folder) == words, done.stdout
            verified = tripstore.cli("verify", "--data-dir", folder, check=False)
            assert verified.returncode == 1 and words in verified.stdout
            assert '"total_trips":100' in answers(folder)[0]

    backup = tmp_path / "backup"
    tripstore.cli("backup", backup, "--data-dir", store)
    check(backup, said)
    check(store, said)
    names = [(job["id"], job["filename"], job["processed_rows"]) for job in jobs(store)]
    assert names == [(4, "30.csv", 30), (3, "20.csv", 20), (2, "10.csv", 10), (1, "trips.csv", 100)]
    tripstore.cli("jobs", 3, "--remove", "--data-dir", store)
    check(store, said.replace("60", "40").replace("2, 3 and 4", "2 and 4"))
    for job in (2, 4):
        tripstore.cli("jobs", job, "--remove", "--data-dir", store)
    assert warning(store) is None
    tripstore.cli("verify", "--data-dir", store)
    # Nothing of the jobs is left, so nothing is missed by the next catalog either.
    assert list((store / "quarantine").iterdir()) == []
    lose_catalog(store)
    rebuild(store)
    assert warning(store) is None
    tripstore.cli("verify", "--data-dir", store)


@pytest.mark.parametrize("loads, words", [
    ([50], "An unknown number of trips are missing: a damaged segment with trips of job 2 was quarantined"),
    ([10, 20], "An unknown number of trips are missing: a damaged segment with trips of job 4 was quarantined")])
def test_a_segment_that_tells_nothing_is_missed_too(tmp_path, loads, words):
    """Damaged beyond reading, and the catalog lost before the damage was noticed: the name gives the job, or a new job represents it."""
    store = tmp_path / "data"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    before = set((store / "segments").iterdir())
    tripstore.cli("ingest", *[write_part(tmp_path, count) for count in loads], "--data-dir", store)
    (damaged,) = set((store / "segments").iterdir()) - before
    damaged.write_bytes(b"nothing to be read")
    if len(loads) > 1:
        # Two small jobs in one file, whose name tells the first of them alone.
        assert damaged.name.startswith("group-")
        words = words.replace("job 4", "job 3")
    for _ in range(3):
        lose_catalog(store)
        done = rebuild(store, check=False)
        assert done.returncode == 1 and damaged.name in done.stdout, done.stdout
        assert warning(store).startswith(words), warning(store)
        assert tripstore.cli("verify", "--data-dir", store, check=False).returncode == 1
    job = max(job["id"] for job in jobs(store))
    tripstore.cli("jobs", job, "--remove", "--data-dir", store)
    assert warning(store) is None
    lose_catalog(store)
    rebuild(store)
    assert warning(store) is None


@pytest.mark.parametrize("name", SCENARIOS)
def test_when_the_world_stops_at_any_call_and_the_catalog_is_lost_as_well(library, tmp_path, name):
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
                assert tripstore.cli("regions", "--data-dir", store, "--format", "json").stdout == '{"regions":[],"total_regions":0}\n', what
            else:
                assert answers(store) in (before, after), f"{what}\n{done.stdout}"
            # The next process that writes sweeps what is not needed.
            tripstore.cli("jobs", 1000, "--remove", "--data-dir", store, check=False)
            tripstore.cli("verify", "--data-dir", store)
            names = {path.name for path in (store / "segments").iterdir()}
            assert names == set(sqlite(store, "SELECT file_name FROM segments").split()), what
        shutil.rmtree(store)


def test_a_rebuild_that_fails_leaves_nothing_behind(library, tmp_path):
    """Found: half of a new catalog stayed beside the old one."""
    base, store = tmp_path / "base", tmp_path / "store"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", base)
    expected = answers(base)
    command = ["rebuild-catalog", "--force", "--data-dir", store]
    shutil.copytree(base, store)
    count = Fault(library, store).count(command, tmp_path / "count")
    for number in range(1, count + 1, STRIDE):
        shutil.rmtree(store)
        shutil.copytree(base, store)
        done = Fault(library, store).run(command, FAULT_AT=str(number), FAULT_KIND="ENOSPC")
        what = f"no room at call {number} of {count}: exit {done.returncode}, {done.stderr}"
        assert done.returncode == 0 or done.stderr.startswith("Error: "), what
        assert not list(store.glob("catalog.sqlite.new*")), what
        if not (store / "catalog.sqlite").exists():
            rebuild(store)
        assert answers(store) == expected, what


@pytest.mark.parametrize("name", ["trips.csv", "trips.csv.gz"])
def test_a_catalog_made_anew_knows_what_was_loaded(tmp_path, name):
    """A load of several segments, a group of small ones, and one file of a merge: none is loaded again. Found: all were."""
    store = tmp_path / "data"
    big, source = tmp_path / "big.csv", tripstore.FIXTURES / name
    tripstore.cli("generate", "--rows", 60_000, "--output", big)
    parts = [write_part(tmp_path, count) for count in (5, 10, 20)]
    tripstore.cli("ingest", source, "--data-dir", store)
    tripstore.cli("ingest", big, "--data-dir", store, SEGMENT_ROWS="20000")
    tripstore.cli("ingest", *parts, "--data-dir", store)
    assert tripstore.cli("jobs", 5, "--remove", "--data-dir", store)
    known = [(job["id"], job["total_bytes"], job["processed_bytes"]) for job in jobs(store) if job["status"] == "completed"]
    lose_catalog(store)
    rebuild(store)
    assert [(job["id"], job["total_bytes"], job["processed_bytes"]) for job in jobs(store)] == known
    before = answers(store)
    done = tripstore.cli("ingest", source, big, *parts[:2], "--data-dir", store)
    assert len(jobs(store)) == 4 and "job 1" in done.stderr + done.stdout, done
    with tripstore.Server(store, tmp_path / "log") as server:
        for path in (source, big, *parts[:2]):
            assert server.post_csv(path.read_bytes(), path.name, duplicate=None).status == 409
        # Packed otherwise, it is found when it has been read.
        repacked = gzip.compress(tripstore.SAMPLE.read_bytes(), 3)
        packed = server.wait_for_job(server.post_csv(repacked, "again.csv.gz", duplicate=None).json["job_id"])
        assert packed["status"] == "failed" and "as job 1" in packed["message"]
        # What was deleted may come again.
        assert server.wait_for_job(server.post_csv(parts[2].read_bytes(), duplicate=None).json["job_id"])["status"] == "completed"
        server.delete(f"/jobs/{server.get('/jobs').json[0]['id']}")
    assert answers(store) == before
    tripstore.cli("verify", "--data-dir", store)


# MARK: a catalog that is older than the store

@pytest.mark.parametrize("entrance", ["ingest", "serve"])
def test_a_catalog_from_before_removes_nothing(tmp_path, entrance):
    store, backup = tmp_path / "data", tmp_path / "backup"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    tripstore.cli("backup", backup, "--data-dir", store)
    tripstore.cli("ingest", "--allow-duplicate", tripstore.SAMPLE, "--data-dir", store)
    lose_catalog(store)
    shutil.copy(backup / "catalog.sqlite", store)
    verified = tripstore.cli("verify", "--data-dir", store, check=False)
    assert verified.returncode == 1 and "does not know job 2" in verified.stdout
    command = ["ingest", tripstore.SAMPLE] if entrance == "ingest" else ["serve", "--port=0"]
    refused = tripstore.cli(*command, "--data-dir", store, check=False)
    assert refused.returncode == 1 and "older than the store" in refused.stderr and "rebuild-catalog --force" in refused.stderr
    assert len(list((store / "segments").glob("*.parquet"))) == 2
    tripstore.cli("rebuild-catalog", "--force", "--data-dir", store)
    assert json.loads(tripstore.cli("weekly-average", "--format=json", "--data-dir", store).stdout)["total_trips"] == 200
