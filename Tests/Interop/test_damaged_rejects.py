"""Files of rejected rows that are damaged: verify says so and what to do, and no trip is missing from any answer."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from tripstore_tools.harness.tripstore import BAD_ROWS_FILE, SAMPLE, Server, cli


@pytest.fixture
def store(tmp_path):
    """The sample, and a file some rows of which are rejected."""
    cli("ingest", "--quiet", SAMPLE, BAD_ROWS_FILE, "--data-dir", tmp_path / "data", check=False)
    return tmp_path / "data"


def rejects_of(store):
    [file] = (store / "rejects").iterdir()
    assert file.name == "2.jsonl"
    return file


def trips(store):
    return json.loads(cli("weekly-average", "--format=json", "--data-dir", store).stdout)["total_trips"]


def rejected(store):
    with closing(sqlite3.connect(store / "catalog.sqlite")) as catalog:
        return catalog.execute("SELECT rejected_rows FROM jobs WHERE id = 2").fetchone()[0]


def truncate(file):
    file.write_bytes(file.read_bytes()[:-20])


def cut_at_a_row(file):
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))


def fill_with_zeros(file):
    file.write_bytes(bytes(len(file.read_bytes())))


def write_garbage(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2:len(data) // 2 + 40] = b"\xff\x00{}\n" * 8
    file.write_bytes(data)


def exchange_rows(file):
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([lines[1], lines[0], *lines[2:]]))


def change_a_reason(file):
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    row = json.loads(lines[0])
    lines[0] = lines[0].replace(json.dumps(row["reason"], ensure_ascii=False), '"region of nobody"')
    padding = len(file.read_text(encoding="utf-8")) - sum(map(len, lines))
    lines[0] = lines[0].replace('"text": ', '"text": ' + " " * max(0, padding))
    file.write_text("".join(lines), encoding="utf-8")


DAMAGES = {"truncated": truncate, "cut at a row": cut_at_a_row, "zeros": fill_with_zeros, "garbage": write_garbage,
           "rows exchanged": exchange_rows, "another reason": change_a_reason, "missing": lambda file: file.unlink()}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_told_and_set_aside(store, damage):
    file, expected = rejects_of(store), trips(store)
    count = rejected(store)
    DAMAGES[damage](file)
    done = cli("verify", "--data-dir", store, check=False)
    assert done.returncode == 1 and "rejects/2.jsonl: " in done.stdout, done.stdout
    assert "its trips are not affected" in done.stdout and "load its file again" in done.stdout
    told = json.loads(cli("verify", "--format=json", "--data-dir", store, check=False).stdout)
    [damaged] = told["damaged"]
    assert (damaged["file"], damaged["quarantined"], len(damaged["problems"])) == ("rejects/2.jsonl", False, 1)
    assert trips(store) == expected
    done = cli("verify", "--quarantine", "--format=json", "--data-dir", store, check=False)
    assert done.returncode == 1 and json.loads(done.stdout)["damaged"][0]["quarantined"], done.stdout
    assert not list((store / "rejects").iterdir())
    assert [path.name for path in (store / "quarantine").glob("*")] == ([] if damage == "missing" else ["2.jsonl"])
    # It was reported; the rest is complete, and knows how many rows there were.
    cli("verify", "--data-dir", store)
    shown = cli("jobs", 2, "--rejects", 5, "--data-dir", store)
    assert f"0 of {count} rejected rows" in shown.stderr and "None of them were kept" in shown.stderr
    assert trips(store) == expected
    cli("ingest", "--quiet", "--allow-duplicate", SAMPLE, "--data-dir", store)
    assert trips(store) == expected + 100


def test_a_store_with_whole_rejects_passes(store, tmp_path):
    told = json.loads(cli("verify", "--format=json", "--data-dir", store).stdout)
    assert told["damaged"] == []
    cli("backup", tmp_path / "backup", "--data-dir", store)
    cli("verify", "--data-dir", tmp_path / "backup")
    cli("jobs", 2, "--remove", "--yes", "--data-dir", store)
    cli("verify", "--data-dir", store)


@pytest.mark.parametrize("damage", ["truncated", "garbage"])
def test_a_catalog_that_is_made_anew_tells_of_it(store, damage):
    expected, count = trips(store), rejected(store)
    whole = rejects_of(store).read_bytes()
    DAMAGES[damage](rejects_of(store))
    done = cli("rebuild-catalog", "--force", "--data-dir", store, check=False)
    assert done.returncode == 1 and "rejects/2.jsonl is damaged and was moved to quarantine" in done.stdout, done.stdout
    assert (trips(store), rejected(store)) == (expected, 0)
    assert (store / "quarantine/2.jsonl").exists() and not list((store / "rejects").iterdir())
    cli("verify", "--data-dir", store)
    # And reports it each time.
    done = cli("rebuild-catalog", "--force", "--data-dir", store, check=False)
    assert done.returncode == 1 and "how many rows of job 2 were rejected is unknown now" in done.stdout, done.stdout
    # With the whole file it knows all again, also how long that has to be.
    (store / "rejects/2.jsonl").write_bytes(whole)
    assert cli("rebuild-catalog", "--force", "--data-dir", store).returncode == 0
    assert rejected(store) == count
    cli("verify", "--data-dir", store)
    (store / "rejects/2.jsonl").unlink()
    assert "It is missing." in cli("verify", "--data-dir", store, check=False).stdout


def test_a_server_answers_with_damaged_rejects(store, tmp_path):
    write_garbage(rejects_of(store))
    with Server(store, tmp_path / "log") as server:
        assert server.get("/analytics/weekly-average").status == 200
        assert server.get("/ready").status == 200
        answer = server.get("/jobs/2/rejects", {"limit": 1000})
        assert answer.status == 500 and "does not affect queries" in answer.detail


def test_the_catalog_of_a_killed_rebuild_goes(store):
    """Found: it stayed for ever."""
    new = store / "catalog.sqlite.new"
    for suffix in ("", "-journal"):
        shutil.copy(store / "catalog.sqlite", f"{new}{suffix}")
    cli("verify", "--data-dir", store)
    assert new.exists()
    cli("ingest", "--quiet", "--allow-duplicate", SAMPLE, "--data-dir", store)
    assert not list(store.glob("catalog.sqlite.new*"))
    new.write_bytes(b"half")
    cli("rebuild-catalog", "--force", "--data-dir", store)
    assert not list(store.glob("catalog.sqlite.new*"))
    cli("verify", "--data-dir", store)
