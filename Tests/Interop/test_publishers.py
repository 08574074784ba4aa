"""Publishers' files as they come: each is loaded as its truth says, or asks one question that its options answer.

The files and their truth come from tripstore_tools/fixtures/publishers.py; DuckDB reads the same of them
(test_publishers_fixtures.py) and reads here what the segments hold.
"""

import json
import subprocess
from collections import Counter

import duckdb
import pytest

from tripstore_tools.fixtures import publishers
from tripstore_tools.fixtures.publishers import FORMS
from tripstore_tools.harness.tripstore import FAILED, SAMPLE, Server, cli

LOADABLE = [form for form in FORMS if not form.refused]
NEEDS_ANSWER = 2
COLUMNS = "origin_longitude, origin_latitude, destination_longitude, destination_latitude, time, region, datasource"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("publishers")
    publishers.write(folder)
    return folder


def options(form):
    """Reading options as (name, text), as a form or a query string gives them."""
    for name, value in form.given.items():
        if name == "map":
            yield from ((name, text) for text in ([f"{key}={column}" for key, column in value.items()] if isinstance(value, dict) else value))
        else:
            yield name, str(value).lower() if isinstance(value, bool) else str(value)


def flags(form, folder):
    for name, text in options(form):
        if name == "decimal_comma":
            yield "--decimal-comma"
        else:
            yield from (f"--{name.replace('_', '-')}", str(folder / text) if name == "places" else text)


def trips_by_job(store):
    """What DuckDB reads in the segments."""
    jobs = {}
    if list((store / "segments").glob("*.parquet")):
        for job, *trip in duckdb.execute(f"select job_id, {COLUMNS} from '{store}/segments/*.parquet'").fetchall():
            jobs.setdefault(job, Counter())[(*trip[:4], trip[4].isoformat(), *trip[5:])] += 1
    return jobs


def newest_job(store):
    return json.loads(cli("jobs", "--format", "json", "--data-dir", store).stdout)[0]


def assert_mapped(form, job):
    """The job shows the columns that the truth names, as the file spells them or by number."""
    understood = dict(text.split("=", 1) for text in job["format"]["map"])
    used = {column for value in form.mapping.values() for column in ([value] if isinstance(value, str) else value or [])}
    numbers = {name: str(position) for position, name in enumerate(form.names, 1)}
    assert all(column in used or column in {numbers.get(name) for name in used} for column in understood.values()), understood
    assert len(understood) == len(used), understood


def assert_is_truth(form, job, trips):
    assert job["status"] == ("completed" if form.truth else "failed"), job["message"]
    assert trips == Counter(map(tuple, form.truth))
    assert job["rejected_rows"] == form.rejected["count"]
    # Our own form has nothing to be inferred.
    if "origin_coord" not in form.names:
        assert_mapped(form, job)
    assert set(form.notes) <= {note["kind"] for note in job.get("notes", [])}


@pytest.mark.parametrize("form", LOADABLE, ids=lambda form: form.name)
def test_a_file_is_loaded_as_its_truth_says(folder, tmp_path, form):
    done = cli("ingest", folder / form.name, *flags(form, folder), "--data-dir", tmp_path, check=False)
    assert_is_truth(form, newest_job(tmp_path), trips_by_job(tmp_path).get(1, Counter()))
    assert (done.returncode == 0) == (form.rejected["count"] == 0), done.stderr


@pytest.mark.parametrize("form", [form for form in LOADABLE if form.questions], ids=lambda form: form.name)
def test_without_its_options_the_file_asks_one_of_its_questions(folder, tmp_path, form):
    done = cli("ingest", folder / form.name, "--data-dir", tmp_path, check=False)
    assert done.returncode == NEEDS_ANSWER, done.stderr
    job = newest_job(tmp_path)
    question = job["question"]
    assert job["status"] == "failed" and job["message"] in done.stderr
    assert question["option"] in {asked["option"] for asked in form.questions}
    # As the file spells it, whose encoding may be what is asked.
    names = {name.encode(form.encoding, "surrogateescape").decode(errors="replace") for name in form.names}
    assert question["column"] in {None, *form.names, *names, *map(str, range(1, len(form.names) + 1))}
    assert f"--{question['option'].replace('_', '-')}" in job["message"] and f"-F {question['option']}=" in job["message"]
    assert trips_by_job(tmp_path) == {}


@pytest.mark.parametrize("form", [form for form in FORMS if form.refused], ids=lambda form: form.name)
def test_a_file_that_no_options_load_is_refused_whole(folder, tmp_path, form):
    done = cli("ingest", folder / form.name, "--data-dir", tmp_path, check=False)
    assert done.returncode in (FAILED, NEEDS_ANSWER), done.stderr
    assert newest_job(tmp_path)["status"] == "failed"
    assert trips_by_job(tmp_path) == {}


def test_over_http_all_files_are_loaded_as_their_truth_says(folder, tmp_path):
    with Server(tmp_path / "data", tmp_path / "log") as server:
        for form in LOADABLE:
            fields = [field for name, text in options(form)
                      for field in (("-F", f"places=@{folder / text}") if name == "places" else ("--form-string", f"{name}={text}"))]
            subprocess.run(["curl", "--silent", "--show-error", "--fail", *fields, "-F", f"file=@{folder / form.name}",
                            f"{server.url}/ingest?duplicate=allow"], capture_output=True, check=True)
        jobs = [server.wait_for_job(number) for number in range(1, len(LOADABLE) + 1)]
    stored = trips_by_job(tmp_path / "data")
    for number, (form, job) in enumerate(zip(LOADABLE, jobs, strict=True), 1):
        assert_is_truth(form, job, stored.get(number, Counter()))


def test_a_file_of_our_own_form_has_nothing_to_say(tmp_path):
    cli("ingest", SAMPLE, "--data-dir", tmp_path)
    job = newest_job(tmp_path)
    assert not job.get("notes") and "question" not in job
