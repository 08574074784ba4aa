"""A folder whose files are ingested once they are completely written, and then moved: whatever writes them, and whatever ends meanwhile."""

import json
import os
import shutil
import subprocess
import time
import zipfile

import pytest

from tripstore_tools.harness.tripstore import BINARY, SAMPLE, Server, cli, wait_until

HEADER = "region,origin_coord,destination_coord,datetime,datasource\n"
ROW = "Oslo,POINT (10.7 59.9),POINT (10.8 59.8),2018-05-28 09:03:40,bike\n"
AMBIGUOUS = "start_time,start_lng,start_lat,end_lng,end_lat\n1/2/2020 8:00,1,2,3,4\n"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def server(tmp_path, folder, name="data", **variables):
    return Server(tmp_path / name, tmp_path / f"{name}.log", WATCH=str(folder), **variables)


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def put(folder, name, text):
    """Writes a file in one go, as `cp` does."""
    (folder / name).write_text(text, encoding="utf-8")


def trips(server):
    return sum(region["trips"] for region in server.get("/regions").json["regions"])


def wait_for(folder, *expected):
    wait_until(lambda: set(expected) <= set(names(folder)), f"{expected} in {folder}")


# MARK: Files

def test_files_that_are_there_and_files_that_come_are_ingested_and_moved(tmp_path, folder):
    put(folder, "early.csv", HEADER + ROW)
    with server(tmp_path, folder) as running:
        wait_for(folder / "done", "early.csv")
        for number in range(30):
            put(folder, f"{number}.csv", HEADER + ROW.replace("Oslo", f"Oslo {number}"))
        (tmp_path / "later.csv.gz").write_bytes(SAMPLE.with_suffix(".csv.gz").read_bytes())
        os.rename(tmp_path / "later.csv.gz", folder / "later.csv.gz")
        wait_for(folder / "done", "later.csv.gz", *(f"{number}.csv" for number in range(30)))
        assert names(folder) == ["done", "failed"] and names(folder / "failed") == []
        assert len(names(folder / "done")) == 32, "no reasons"
        assert trips(running) == 131
        assert {job["status"] for job in running.get("/jobs", {"limit": 100}).json} == {"completed"}
        assert running.stop() == 0


def test_a_file_that_is_being_written_is_left_alone(tmp_path, folder):
    with server(tmp_path, folder) as running:
        with (folder / "slow.csv").open("w", encoding="utf-8") as file:
            file.write(HEADER + ROW)
            file.flush()
            put(folder, "other.csv", HEADER + ROW.replace("Oslo", "Bergen"))
            wait_for(folder / "done", "other.csv")
            # It stays while other files come and go.
            assert "slow.csv" in names(folder) and len(running.get("/jobs").json) == 1
            file.write(ROW * 99)
        wait_for(folder / "done", "slow.csv")
        assert trips(running) == 101


def test_names_of_files_under_way_are_ignored(tmp_path, folder):
    (folder / "inner").mkdir()
    put(folder / "inner", "a.csv", HEADER + ROW)
    ignored = [".hidden.csv", "a.csv.part", "b.tmp", "c.csv~", ".d.csv.Xy12"]
    with server(tmp_path, folder):
        for name in ignored:
            put(folder, name, HEADER + ROW)
        put(folder, "z.csv", HEADER + ROW)
        wait_for(folder / "done", "z.csv")
        assert names(folder) == sorted([*ignored, "done", "failed", "inner"])
        os.rename(folder / "a.csv.part", folder / "a.csv")
        wait_for(folder / "done", "a.csv", "a.csv.reason.txt")
        assert "Not loaded again: the same bytes were loaded as job 1 (z.csv)." in (folder / "done/a.csv.reason.txt").read_text()


def test_reasons_stand_beside_what_failed_and_what_lost_rows(tmp_path, folder):
    with server(tmp_path, folder):
        put(folder, "bad.csv", HEADER + ROW + "Oslo,nowhere,POINT (1 2),2018-05-28 09:03:40,bike\n")
        put(folder, "page.csv", "<html>\n")
        put(folder, "asks.csv", AMBIGUOUS)
        wait_for(folder / "done", "bad.csv", "bad.csv.reason.txt")
        wait_for(folder / "failed", "page.csv", "page.csv.reason.txt", "asks.csv", "asks.csv.reason.txt")
        reason = (folder / "done/bad.csv.reason.txt").read_text()
        assert "but 1 of 2 rows were rejected: 1 origin is not POINT (longitude latitude)." in reason
        reason = (folder / "failed/asks.csv.reason.txt").read_text()
        assert "Add --date-order month-first or --date-order day-first" in reason and "The option that decides is date_order" in reason


def test_an_archive_waits_for_all_its_files(tmp_path, folder):
    def archive(name, **files):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as file:
            for part, text in files.items():
                file.writestr(f"{part}.csv", text)
        os.rename(tmp_path / name, folder / name)

    with server(tmp_path, folder) as running:
        bad = HEADER + ROW + "Oslo,nowhere,POINT (1 2),2018-05-28 09:03:40,bike\n"
        archive("mixed.zip", a=HEADER + ROW.replace("Oslo", "A"), b=bad, c="a,b\n1,2\n")
        wait_for(folder / "failed", "mixed.zip", "mixed.zip.reason.txt")
        lines = (folder / "failed/mixed.zip.reason.txt").read_text().splitlines()
        assert lines[0].startswith("mixed.zip/a.csv: Loaded as job ") and "1 of 2 rows were rejected" in lines[1], lines
        assert lines[2].startswith("mixed.zip/c.csv: ") and trips(running) == 2, lines
        archive("good.zip", a=HEADER + ROW.replace("Oslo", "C"), b=HEADER + ROW.replace("Oslo", "D"))
        wait_for(folder / "done", "good.zip")
        # Moved back, as after a crash between its jobs and its move.
        os.rename(folder / "done/good.zip", folder / "good.zip")
        wait_for(folder / "done", "good.zip")
        assert names(folder / "failed") == ["mixed.zip", "mixed.zip.reason.txt"] and trips(running) == 4


def test_folders_that_are_deleted_are_made_again(tmp_path, folder):
    with server(tmp_path, folder) as running:
        for number, gone in enumerate((folder / "done", folder)):
            wait_until((folder / "failed").is_dir, "made")
            shutil.rmtree(gone)
            folder.mkdir(exist_ok=True)
            put(folder, f"a{number}.csv", HEADER + ROW.replace("Oslo", f"A{number}"))
            put(folder, f"b{number}.csv", HEADER + ROW.replace("Oslo", f"B{number}"))
            wait_for(folder / "done", f"a{number}.csv", f"b{number}.csv")
        assert trips(running) == 4


def test_what_cannot_be_read_is_told_once(tmp_path, folder):
    os.mkfifo(folder / "pipe.csv")
    (folder / "link.csv").symlink_to(tmp_path / "elsewhere.csv")
    with server(tmp_path, folder) as running:
        put(folder, "a.csv", HEADER + ROW)
        wait_for(folder / "done", "a.csv")
        put(folder, "b\nc.csv", HEADER + ROW.replace("Oslo", "B"))
        wait_for(folder / "done", "a.csv", "b\nc.csv")
        assert len(running.get("/jobs").json) == 2
        log = (tmp_path / "data.log").read_text()
        assert log.count("Left a file of a watched folder alone") == 2 and "b\nc" not in log and "b\\nc.csv" in log


def test_the_profile_of_the_folder_cannot_be_deleted(tmp_path, folder):
    cli("profiles", "set", "us", "--date-order", "month-first", "--data-dir", tmp_path / "data")
    with server(tmp_path, folder, WATCH_PROFILE="us") as running:
        answer = running.request("DELETE", "/profiles/us")
        assert answer.status == 409 and "watched folder" in answer.detail


def test_a_profile_answers_for_every_file(tmp_path, folder):
    cli("profiles", "set", "us", "--date-order", "month-first", "--data-dir", tmp_path / "data")
    put(folder, "asks.csv", AMBIGUOUS)
    with server(tmp_path, folder, WATCH_PROFILE="us") as running:
        wait_for(folder / "done", "asks.csv")
        assert running.get("/jobs/1").json["format"]["date_order"] == "month-first"


def test_names_that_are_taken_get_a_number(tmp_path, folder):
    with server(tmp_path, folder):
        for region in ("Oslo", "Bergen", "Trondheim"):
            put(folder, "trips.csv.txt", HEADER + ROW.replace("Oslo", region))
            wait_until(lambda: "trips.csv.txt" not in names(folder), "moved")
        assert names(folder / "done") == ["trips-2.csv.txt", "trips-3.csv.txt", "trips.csv.txt"]


def test_a_file_that_replaces_another_is_ingested_as_well(tmp_path, folder):
    with server(tmp_path, folder) as running:
        for number in range(20):
            put(tmp_path, "next.csv", HEADER + ROW.replace("Oslo", f"Oslo {number}"))
            os.rename(tmp_path / "next.csv", folder / "trips.csv")
            if number % 5 == 4:
                wait_until(lambda: "trips.csv" not in names(folder), "moved")
        done = len(names(folder / "done"))
        assert trips(running) >= done >= 4
        assert not names(folder / "failed") or all("changed" in path.read_text() for path in (folder / "failed").glob("*.reason.txt"))


# MARK: Crashes and other processes

def test_a_crash_between_the_job_and_the_move_loads_nothing_twice(tmp_path, folder):
    put(folder, "trips.csv", HEADER + ROW)
    cli("ingest", folder / "trips.csv", "--data-dir", tmp_path / "data")
    with server(tmp_path, folder) as running:
        wait_for(folder / "done", "trips.csv")
        assert len(running.get("/jobs").json) == 1 and trips(running) == 1
        assert names(folder / "done") == ["trips.csv"]


def test_kills_at_any_moment_lose_and_double_nothing(tmp_path, folder):
    subprocess.run([BINARY, "generate", "--rows", "1500000", "--output", tmp_path / "big.csv"], check=True, capture_output=True)
    os.rename(tmp_path / "big.csv", folder / "big.csv")
    running = server(tmp_path, folder, SEGMENT_ROWS="65536")
    # A job can be started three times before its file counts as what kills the process; each of these commits more.
    for pause in (0.5, 1.0):
        running.start()
        time.sleep(pause)
        running.kill()
    with running:
        wait_for(folder / "done", "big.csv")
        jobs = running.get("/jobs").json
        assert [job["status"] for job in jobs] == ["completed"], jobs
        assert trips(running) == 1_500_000
    assert names(folder) == ["done", "failed"]


def test_two_servers_watch_one_folder(places, tmp_path, folder):
    cluster = places("postgresql")
    with server(tmp_path, folder, "a", **cluster.variables) as one, server(tmp_path, folder, "b", **cluster.variables):
        for number in range(40):
            put(folder, f"{number}.csv", HEADER + ROW.replace("Oslo", f"Oslo {number}"))
        wait_until(lambda: not any(name.endswith(".csv") for name in names(folder)), "all moved")
        assert trips(one) == 40
        assert sorted(name for name in names(folder / "done") if name.endswith(".csv")) == sorted(f"{number}.csv" for number in range(40))
        assert names(folder / "failed") == []


# MARK: What is refused

@pytest.mark.parametrize(("variables", "sentence"), [
    ({"WATCH": "/nowhere/at/all"}, "The folder to watch, /nowhere/at/all, is no folder; create it"),
    ({"WATCH_PROFILE": "us"}, "--watch-profile is for the files of --watch"),
    ({"WATCH": "FOLDER", "WATCH_PROFILE": "us"}, "There is no profile 'us'"),
    ({"WATCH": "STORE"}, "belongs to the store; name another one."),
])
def test_what_cannot_be_watched_ends_the_start(tmp_path, folder, variables, sentence):
    (tmp_path / "data").mkdir()
    paths = {"FOLDER": str(folder), "STORE": str(tmp_path / "data")}
    running = Server(tmp_path / "data", tmp_path / "log", **{name: paths.get(value, value) for name, value in variables.items()})
    running.launch()
    assert running.process.wait(timeout=60) not in (0, None)
    assert sentence in (tmp_path / "log").read_text()


def test_a_folder_of_which_the_system_reports_nothing_is_looked_at(tmp_path, folder):
    """As on a network's file system, where only a file's age tells: here its name says nothing new, and no event comes."""
    with server(tmp_path, folder) as running:
        # A link to a name outside: no writer ever closed it here.
        put(tmp_path, "outside.csv", HEADER + ROW)
        os.link(tmp_path / "outside.csv", folder / "linked.csv")
        wait_for(folder / "done", "linked.csv")
        assert json.loads(running.get("/jobs/1").body)["filename"] == "linked.csv"
