"""Foreign files are left alone, wherever they are; copies are never inside one another."""

import os
import shutil

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.damage import lose_catalog, rebuild
from tripstore_tools.harness.faults import answers

FOLDERS = ["segments", "uploads", "rollups", "rejects", "quarantine"]


def plant(store):
    """Puts what a volume or a person may put into each folder; returns all of it with its bytes."""
    planted = {}
    for folder in FOLDERS:
        place = store / folder
        (place / "lost+found").mkdir(parents=True)
        (place / "trips-000001-5.parquet.d").mkdir()
        # A folder and a link with the names of files of ours.
        for name in ("trips-000009-77.parquet", "groups-1-abc.rollup", "upload-abc.part", "9.jsonl"):
            (place / name).mkdir()
            (place / name / "kept").write_text("mine")
            planted[place / name / "kept"] = "mine"
        for name in ("README", ".nfs0001", "notes.parquet", "trips.parquet", "upload.csv", "x.rollup", "12.json", "group-1.parquet~"):
            (place / name).write_text(f"mine: {name}")
            planted[place / name] = f"mine: {name}"
        os.symlink(place / "README", place / "group-000077.parquet")
    return planted


def assert_untouched(planted, what):
    for path, text in planted.items():
        assert path.read_text() == text, f"{path} after {what}"
        place = path.parent
        if path.name == "README":
            assert (place / "lost+found").is_dir() and (place / "group-000077.parquet").is_symlink(), f"{place} after {what}"


def test_nothing_foreign_stops_the_store_or_is_swept(sample_store, tmp_path):
    """Every command that sweeps, beside what is not ours; files of ours that nothing names go all the same."""
    store, backup = tmp_path / "data", tmp_path / "backup"
    shutil.copytree(sample_store, store)
    before = answers(store)
    planted = plant(store) | plant(backup)
    ours = [store / "segments/trips-000042-7.parquet", store / "segments/merged-9.parquet.tmp", store / "uploads/upload-0a1.part",
            store / "uploads/fetched-0a1.fetching", store / "rollups/groups-7-abc1.rollup"]
    for path in ours:
        path.write_bytes(b"left behind")
    with tripstore.Server(store, tmp_path / "log") as server:
        assert server.get("/ready").status == 200
        assert [path for path in ours if path.exists()] == []
        server.delete(f"/jobs/{server.ingest(tripstore.SAMPLE)['id']}")
        failed = server.wait_for_job(server.post_csv(b"not,trips\n1,2\n").json["job_id"])
        server.delete(f"/jobs/{failed['id']}")
    assert_untouched(planted, "a server's life")
    assert (tmp_path / "log").read_text().count("Ignored files that do not belong to the store") == 3
    for what, command in {"verify": ["verify"], "verify --quarantine": ["verify", "--quarantine"], "inspect": ["inspect"],
                          "backup": ["backup", backup], "backup again": ["backup", backup]}.items():
        tripstore.cli(*command, "--data-dir", store)
        assert_untouched(planted, what)
    assert answers(backup) == before
    lose_catalog(store)
    rebuild(store)
    assert_untouched(planted, "rebuild-catalog")
    assert answers(store) == before
    tripstore.cli("jobs", 1, "--data-dir", store)
    assert '"id":1' in tripstore.cli("jobs", "--data-dir", store, "--format", "json").stdout


def test_a_new_store_on_a_volume_with_foreign_folders_is_no_lost_store(tmp_path):
    planted = plant(tmp_path / "data")
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", tmp_path / "data")
    assert_untouched(planted, "the first load")
    assert '"total_trips":100' in answers(tmp_path / "data")[0]


def test_a_copy_inside_a_store_or_around_it_is_refused(sample_store, tmp_path):
    """By every spelling; nothing is made and nothing is touched."""
    home = tmp_path / "home"
    store = home / "data"
    shutil.copytree(sample_store, store)
    os.symlink(store, tmp_path / "link")
    os.symlink(store / "segments", home / "elsewhere")
    before = sorted(path for path in home.rglob("*"))
    relative = os.path.relpath(store)
    for target, words in [
        (store, "is the store itself"), (store / ".", "is the store itself"), (tmp_path / "link", "is the store itself"),
        (store / "segments", "is in the store"), (store / "segments/backup", "is in the store"), (store / "uploads/a/b", "is in the store"),
        (tmp_path / "link/rollups/x", "is in the store"), (home / "elsewhere/x", "is in the store"),
        (f"{relative}/backup", "is in the store"), (store / "none/../backup", "is in the store"),
        (home, "contains the store"), (tmp_path, "contains the store"), ("/", "contains the store"),
    ]:
        refused = tripstore.cli("backup", target, "--data-dir", store, check=False)
        assert (refused.returncode, words in refused.stderr) == (64, True), f"{target}: {refused.stderr}"
        assert sorted(path for path in home.rglob("*")) == before, target
    # A restore is a copy from the backup, whichever way round it is named.
    refused = tripstore.cli("restore", store, "--data-dir", store / "segments/restored", check=False)
    assert refused.returncode == 64 and "is in the store" in refused.stderr
    assert sorted(path for path in home.rglob("*")) == before
    # Beside it, and with a name that merely begins like it, is fine.
    tripstore.cli("backup", home / "data-backup", "--data-dir", store)
    assert answers(home / "data-backup") == answers(store)


def test_a_restore_does_not_sweep_what_the_backup_lacks(tmp_path):
    store, backup = tmp_path / "data", tmp_path / "backup"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    tripstore.cli("backup", backup, "--data-dir", store)
    tripstore.cli("ingest", tripstore.SAMPLE, "--allow-duplicate", "--data-dir", store)
    before = answers(store)
    lose_catalog(store)
    refused = tripstore.cli("restore", backup, "--data-dir", store, check=False)
    assert refused.returncode == 1 and "rebuild-catalog" in refused.stderr
    rebuild(store)
    assert answers(store) == before
    # What an interrupted restore has already copied is in the backup, so it continues.
    again = tmp_path / "again"
    shutil.copytree(backup / "segments", again / "segments")
    tripstore.cli("restore", backup, "--data-dir", again)
    assert answers(again) == answers(backup)
