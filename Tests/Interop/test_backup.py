"""Copies of a store that is in use: complete at every moment, a store themselves, and cheap where they can be."""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from tripstore_tools.harness import tripstore

QUERIES = ["/analytics/weekly-average", "/trip-groups?limit=1000&precision=6", "/regions"]


def answers(data_dir, tmp_path):
    with tripstore.Server(data_dir, tmp_path / "answers.log") as server:
        return [server.get(query).body for query in QUERIES]


def inodes(folder):
    return {path.name: path.stat().st_ino for path in Path(folder, "segments").iterdir()}


def trips(data_dir):
    done = tripstore.cli("inspect", "--data-dir", data_dir, "--format", "json")
    return json.loads(done.stdout)["trips"]


def test_backups_during_loads_have_whole_jobs_only(tmp_path):
    store, backup = tmp_path / "data", tmp_path / "backup"
    with tripstore.Server(store, tmp_path / "log") as server:
        seen = set()
        jobs = []
        for _ in range(6):
            jobs += [server.post_file(tripstore.SAMPLE) for _ in range(5)]
            tripstore.cli("backup", backup, "--data-dir", store)
            tripstore.cli("verify", "--data-dir", backup)
            seen.add(trips(backup))
            assert trips(backup) % 100 == 0
        for job in jobs:
            server.wait_for_job(job)
        # Deletions and merges take files away while they are copied.
        for job in jobs[::2]:
            assert server.delete(f"/jobs/{job}").status == 200
            tripstore.cli("backup", backup, "--data-dir", store)
        tripstore.cli("verify", "--data-dir", backup)
    assert trips(backup) == trips(store) == 1500
    assert answers(backup, tmp_path) == answers(store, tmp_path)


def test_what_is_there_is_not_brought_again(tmp_path):
    store, backup = tmp_path / "data", tmp_path / "backup"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    tripstore.cli("backup", backup, "--data-dir", store)
    first = inodes(backup)
    tripstore.cli("ingest", tripstore.SAMPLE, "--allow-duplicate", "--data-dir", store)
    tripstore.cli("backup", backup, "--data-dir", store)
    second = inodes(backup)
    assert first.items() <= second.items() and len(second) == 2
    # On one file system they are the store's own files.
    assert second == inodes(store)


def test_between_file_systems_bytes_are_copied(tmp_path):
    memory = Path("/dev/shm")
    if not memory.is_dir() or not os.access(memory, os.W_OK) or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system to write to")
    store = tmp_path / "data"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        backup = Path(folder, "backup")
        done = tripstore.cli("backup", backup, "--data-dir", store)
        assert "copied" in done.stdout
        tripstore.cli("verify", "--data-dir", backup)
        assert answers(backup, tmp_path) == answers(store, tmp_path)


def test_a_backup_is_restored_to_an_empty_place_only(tmp_path):
    store, backup, restored = tmp_path / "data", tmp_path / "backup", tmp_path / "restored"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    tripstore.cli("backup", backup, "--data-dir", store)
    tripstore.cli("restore", backup, "--data-dir", restored)
    assert answers(restored, tmp_path) == answers(store, tmp_path)
    again = tripstore.cli("restore", backup, "--data-dir", restored, check=False)
    assert again.returncode == 64
    assert "already" in again.stderr
    # The restored store works as any other.
    tripstore.cli("ingest", tripstore.SAMPLE, "--allow-duplicate", "--data-dir", restored)
    assert (trips(restored), trips(backup)) == (200, 100)


def test_an_upload_that_waits_is_in_the_backup_and_loaded_from_there(tmp_path):
    store, backup = tmp_path / "data", tmp_path / "backup"
    big = tmp_path / "big.csv"
    tripstore.cli("generate", "--rows", 500_000, "--output", big)
    with tripstore.Server(store, tmp_path / "log") as server:
        for _ in range(3):
            server.post_file(big)
        waiting = server.post_file(tripstore.SAMPLE)
        tripstore.cli("backup", backup, "--data-dir", store)
    with tripstore.Server(backup, tmp_path / "backup.log") as server:
        assert server.wait_for_job(waiting)["status"] == "completed"
        assert server.get("/analytics/weekly-average").json["total_trips"] == 1_500_100


def test_a_store_is_not_backed_up_onto_itself_or_onto_one_in_use(tmp_path, server):
    server.ingest(tripstore.SAMPLE)
    store = server.data_dir
    assert tripstore.cli("backup", store, "--data-dir", store, check=False).returncode == 64
    other = tmp_path / "other"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", other)
    done = tripstore.cli("backup", store, "--data-dir", other, check=False)
    assert done.returncode == 1
    assert "A server (process" in done.stderr
    assert server.get("/analytics/weekly-average").json["total_trips"] == 100


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*")
            if path.is_file() and path.name != "lock"}


def test_the_backup_of_another_store_is_not_replaced(tmp_path):
    """Found: it was, without a word."""
    store, other, backup = tmp_path / "data", tmp_path / "other", tmp_path / "backup"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", other)
    tripstore.cli("backup", backup, "--data-dir", store)

    def refuses(source, target, words):
        before = files(target)
        refused = tripstore.cli("backup", target, "--data-dir", source, check=False)
        assert refused.returncode == 1 and words in refused.stderr and "name another folder" in refused.stderr, refused.stderr
        assert files(target) == before
    refuses(other, backup, "another store, or a backup of another")
    # A store that is not in use, and one whose catalog is lost.
    refuses(store, other, "another store, or a backup of another")
    catalog = (other / "catalog.sqlite").read_bytes()
    (other / "catalog.sqlite").write_bytes(b"x" * len(catalog))
    refuses(store, other, "a store whose catalog cannot be read")
    (other / "catalog.sqlite").unlink()
    refuses(store, other, "the files of a store whose catalog is gone")
    # A copy of a copy is of the same store, and so is what was restored.
    tripstore.cli("backup", tmp_path / "copy", "--data-dir", backup)
    tripstore.cli("restore", backup, "--data-dir", tmp_path / "restored")
    tripstore.cli("backup", tmp_path / "copy", "--data-dir", tmp_path / "restored")
    # Foreign files are left alone, whatever they are.
    (tmp_path / "disk/lost+found").mkdir(parents=True)
    tripstore.cli("backup", tmp_path / "disk", "--data-dir", store)
    assert trips(tmp_path / "disk") == 100


def test_a_first_backup_that_broke_off_is_done_by_the_next(tmp_path):
    store, backup = tmp_path / "data", tmp_path / "backup"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    tripstore.cli("backup", backup, "--data-dir", store)
    # As it is before the catalog gets its name, with a segment that was merged into another since.
    (backup / "catalog.sqlite").rename(backup / "catalog.sqlite.new")
    (segment,) = (backup / "segments").iterdir()
    segment.rename(segment.with_name("merged-9.parquet"))
    tripstore.cli("backup", backup, "--data-dir", store)
    tripstore.cli("verify", "--data-dir", backup)
    assert inodes(backup) == inodes(store)


@pytest.mark.parametrize("is_copied", [False, True], ids=["linked", "copied"])
def test_what_is_damaged_is_not_backed_up(tmp_path, is_copied):
    """A byte of a segment has another value: the error names the file, and no backup contains it."""
    store, backup = tmp_path / "data", tmp_path / "backup"
    if is_copied:
        backup = Path(tempfile.mkdtemp(dir="/dev/shm")) / "backup"
        if os.stat("/dev/shm").st_dev == tmp_path.stat().st_dev:
            pytest.skip("needs a second file system")
    try:
        tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
        (segment,) = (store / "segments").iterdir()
        whole = segment.read_bytes()
        damaged = bytearray(whole)
        damaged[len(damaged) // 2] ^= 1
        segment.write_bytes(damaged)
        for _ in range(2):
            refused = tripstore.cli("backup", backup, "--data-dir", store, check=False)
            assert refused.returncode == 1 and str(segment) in refused.stderr and "verify --quarantine" in refused.stderr
            assert not (backup / "catalog.sqlite").exists() and not list((backup / "segments").iterdir())
        segment.write_bytes(whole)
        tripstore.cli("backup", backup, "--data-dir", store)
        # What an earlier backup brought stays whole.
        if is_copied:
            segment.write_bytes(damaged)
            tripstore.cli("backup", backup, "--data-dir", store)
        tripstore.cli("verify", "--data-dir", backup)
    finally:
        if is_copied:
            shutil.rmtree(backup.parent)


@pytest.mark.parametrize("kind, words", [
    ("nothing", "there is nothing of this name"), ("a file", "it is a file"), ("a folder", "the folder has no catalog.sqlite"),
    ("a broken backup", "as if a backup was interrupted; back up to it again")])
def test_what_is_no_backup_is_not_restored(tmp_path, kind, words):
    """Found: a restore from a missing folder told the user to load a file into it."""
    backup = tmp_path / "backup"
    if kind == "a file":
        backup.write_text("x")
    elif kind == "a folder":
        backup.mkdir()
    elif kind == "a broken backup":
        tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", tmp_path / "data")
        tripstore.cli("backup", backup, "--data-dir", tmp_path / "data")
        (backup / "catalog.sqlite").unlink()
    done = tripstore.cli("restore", backup, "--data-dir", tmp_path / "new", check=False)
    assert done.returncode == 1 and done.stderr.startswith(f"Error: There is no backup in {backup}: "), done.stderr
    assert words in done.stderr and "Name a folder that `tripstore backup FOLDER` made." in done.stderr
    assert "ingest" not in done.stderr and not (tmp_path / "new").exists()


READING = [["jobs"], ["regions"], ["weekly-average"], ["trip-groups"], ["inspect"], ["verify"], ["resume", "1"], ["backup", "OUT"],
           ["export", "--hive", "OUT"], ["rebuild-catalog"]]
# They make a store in a folder that is absent.
MAKING = [["ingest", tripstore.SAMPLE], ["serve", "--port", "0"], ["restore", "BACKUP"]]


@pytest.mark.parametrize(("place", "command"), [
    pytest.param(place, command, id=f"{place}-{command[0]}")
    for place in ("absent", "a file", "below a file") for command in READING + (MAKING if place != "absent" else [])])
def test_a_place_without_a_store_is_a_sentence_that_says_what_to_do(tmp_path, command, place):
    """Of every command; those that make a store are given a place where none can be."""
    file = tmp_path / "file"
    file.write_text("x")
    data_dir = {"absent": tmp_path / "absent", "a file": file, "below a file": file / "data"}[place]
    if command[0] == "restore":
        tripstore.cli("ingest", "--quiet", tripstore.SAMPLE, "--data-dir", tmp_path / "data")
        tripstore.cli("backup", tmp_path / "backup", "--data-dir", tmp_path / "data")
    words = [{"OUT": tmp_path / "out", "BACKUP": tmp_path / "backup"}.get(word, word) for word in command]
    done = tripstore.cli(*words, "--data-dir", data_dir, check=False)
    assert done.returncode == 1 and done.stdout == "", done.stdout
    [sentence] = done.stderr.splitlines()
    remedy = r"; (load a file|name|a part of the path is a file, name) .*|.* name (the folder|another) .*"
    assert re.fullmatch(rf"Error: .*({remedy})\.", sentence), sentence
    assert "check the file system" not in sentence
    assert file.read_text() == "x" and not (tmp_path / "out").exists() and not (tmp_path / "absent").exists()
