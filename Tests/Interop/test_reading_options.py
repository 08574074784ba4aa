"""How a file is read, as its user says: on the command line and over HTTP, kept by the job, saved under a name."""

import json
import re
import sqlite3
import subprocess

import pytest

from tripstore_tools.harness.tripstore import FAILED, SAMPLE, Server, assert_refused, cli

FLAGS = ["--map", "time=Start (local)", "--map", "origin=it's", "--region", "São Paulo", "--time-zone", "Europe/Oslo",
         "--date-order", "day-first", "--missing-destination", "keep", "--null-island", "reject", "--delimiter", ";",
         "--encoding", "Latin1", "--decimal-comma", "--header", "none", "--datasource", "a,b"]
OPTIONS = {"map": ["time=Start (local)", "origin=it's"], "region": "São Paulo", "datasource": "a,b", "time_zone": "Europe/Oslo",
           "date_order": "day-first", "missing_destination": "keep", "null_island": "reject", "delimiter": ";",
           "encoding": "iso-8859-1", "decimal_comma": True, "header": "none"}


def stored(store):
    """The options of each job in the catalog."""
    with sqlite3.connect(store / "catalog.sqlite") as database:
        return [options and json.loads(options) for options, in database.execute("SELECT options FROM jobs ORDER BY id")]


def profiles(store):
    done = cli("profiles", "--format", "json", "--data-dir", store)
    return {profile["name"]: profile["options"] for profile in json.loads(done.stdout)["profiles"]}


# MARK: Options of a job

def test_flags_and_parameters_give_a_job_the_same_options(tmp_path):
    cli("ingest", SAMPLE, *FLAGS, "--data-dir", tmp_path / "cli", check=False)
    with Server(tmp_path / "http", tmp_path / "log") as server:
        fields = [field for name, value in OPTIONS.items() for text in (value if name == "map" else [value])
                  for field in ("--form-string", f"{name}={'true' if text is True else text}")]
        subprocess.run(["curl", "--silent", "--fail", *fields, "-F", f"file=@{SAMPLE}", f"{server.url}/ingest"],
                       capture_output=True, check=True)
        server.wait_for_job(1)
    assert stored(tmp_path / "cli") == stored(tmp_path / "http") == [OPTIONS]


@pytest.mark.parametrize(("flags", "sentence"), [
    (["--map", "Start"], "--map must be TARGET=COLUMN, such as time=started_at, not 'Start'."),
    (["--map", "begin=a"], "--map has the unknown target 'begin' in 'begin=a'; use one of time, date, "),
    (["--map", "time=a", "--map", "date=b"], "--map gives columns for time and for date, which say the same in two ways;"),
    (["--date-order", "mdy"], "--date-order must be month-first or day-first, not 'mdy'."),
    (["--time-zone", "Europe/Olso"], "the time zone database of this machine has no 'Europe/Olso';"),
    (["--encoding", "koi8-r"], "--encoding must be one of utf-8, "),
    (["--delimiter", ":"], "--delimiter must be one of , ; | tab, not ':'; in words: comma, semicolon, pipe, tab."),
    (["--missing-destination", "drop"], "--missing-destination must be reject or keep, not 'drop'."),
    (["--header", "no"], "--header must be none or present, not 'no'."),
    (["--profile", "nobody"], "There is no profile 'nobody'; none is saved yet."),
    (["--profile", "a/b"], "The name of a profile has 1 to 100 letters"),
])
def test_a_wrong_option_is_refused_before_there_is_a_job(tmp_path, flags, sentence):
    done = cli("ingest", SAMPLE, *flags, "--data-dir", tmp_path / "data", check=False)
    assert_refused(done)
    assert sentence in done.stderr and "See 'tripstore ingest --help'" in done.stderr
    assert json.loads(cli("ingest", SAMPLE, "--quiet", "--data-dir", tmp_path / "data").stdout or "null") is None
    assert stored(tmp_path / "data") == [None]


def test_the_same_bytes_under_other_options_are_refused_and_not_skipped(tmp_path):
    store = ["--data-dir", tmp_path / "data"]
    cli("ingest", SAMPLE, "--region", "Oslo", *store)
    assert "skipped" in cli("ingest", SAMPLE, "--region", "Oslo", *store).stderr
    for way in ([SAMPLE], [SAMPLE, "--region", "Bergen"]):
        done = cli("ingest", *way, *store, check=False)
        assert done.returncode == FAILED
        assert "The same bytes were loaded with other reading options, as job 1 (trips.csv); delete job 1 first" in done.stderr
    cli("ingest", SAMPLE, "--region", "Bergen", "--allow-duplicate", *store)
    assert [options["region"] for options in stored(tmp_path / "data")] == ["Oslo", "Bergen"]


def test_the_same_content_in_another_compression_under_other_options_is_a_failure(tmp_path):
    store = ["--data-dir", tmp_path / "data"]
    cli("ingest", SAMPLE, *store)
    done = cli("ingest", SAMPLE.with_suffix(".csv.gz"), "--region", "Oslo", *store, check=False)
    assert done.returncode == FAILED
    assert json.loads(cli("jobs", 2, "--format", "json", *store).stdout)["status"] == "failed"


# MARK: Questions

def rides(path, *days):
    """A file of trips whose dates may be read in two ways."""
    path.write_text("started_at,start_lng,start_lat,end_lng,end_lat\n" + "".join(
        f"{day} 08:00,10.{number},59.9,10.8,59.8\n" for number, day in enumerate(days)), encoding="utf-8")
    return path


def test_a_question_ends_with_exit_code_2_and_the_flag_that_it_names_loads_the_file(tmp_path):
    store = ["--data-dir", tmp_path / "data"]
    path = rides(tmp_path / "rides.csv", "03/04/2019", "05/06/2019")
    done = cli("ingest", path, SAMPLE, *store, check=False)
    assert_refused(done, 2)
    assert "--date-order month-first or --date-order day-first" in done.stderr and "-F date_order=day-first" in done.stderr
    job = json.loads(cli("jobs", 1, "--format", "json", *store).stdout)
    assert job["status"] == "failed" and "--date-order day-first" in job["message"]
    assert job["question"] == {"option": "date_order", "column": "started_at", "example": "03/04/2019 08:00",
                               "choices": ["month-first", "day-first"]}
    assert cli("resume", 1, *store, check=False).returncode == 2

    cli("ingest", path, "--date-order", "day-first", *store)
    job = json.loads(cli("jobs", 3, "--format", "json", *store).stdout)
    assert job["status"] == "completed" and "question" not in job
    assert job["format"]["date_order"] == "day-first" and "time=started_at" in job["format"]["map"]
    assert "Read with: --map time=started_at" in cli("jobs", 3, *store).stderr
    weeks = cli("weekly-average", "--format", "json", "--from", "2019-04-03", "--to", "2019-04-04", *store)
    assert json.loads(weeks.stdout)["total_trips"] == 1


def test_a_question_over_http_and_a_profile_that_answers_it_for_every_file(tmp_path):
    with Server(tmp_path / "data", tmp_path / "log") as server:
        path = rides(tmp_path / "rides.csv", "03/04/2019")
        subprocess.run(["curl", "--silent", "--fail", "-T", path, f"{server.url}/ingest/"], capture_output=True, check=True)
        asked = server.wait_for_job(1)
        assert asked["status"] == "failed" and asked["question"]["option"] == "date_order"
        subprocess.run(["curl", "--silent", "--fail", "-X", "PUT", "--json", json.dumps({"date_order": asked["question"]["choices"][1]}),
                        f"{server.url}/profiles/rides"], capture_output=True, check=True)
        for job, file in ((2, path), (3, rides(tmp_path / "next.csv", "01/02/2020"))):
            subprocess.run(["curl", "--silent", "--fail", "-T", file, f"{server.url}/ingest/?profile=rides"], capture_output=True,
                           check=True)
            loaded = server.wait_for_job(job)
            assert loaded["status"] == "completed" and loaded["format"]["date_order"] == "day-first"


# MARK: Profiles

def test_profiles_on_the_command_line(tmp_path):
    store = ["--data-dir", tmp_path / "data"]
    done = cli("profiles", "set", "sp", *FLAGS, *store)
    assert done.stdout == "" and done.stderr.startswith("Saved profile sp: --map 'time=Start (local)' --map 'origin=it'\\''s'")
    # What is printed can be pasted.
    shown = done.stderr.removeprefix("Saved profile sp: ").rstrip("\n")
    pasted = subprocess.run(["sh", "-c", f"printf '%s\\n' {shown}"], capture_output=True, text=True, check=True).stdout
    cli("profiles", "set", "pasted", *pasted.splitlines(), *store)
    assert profiles(tmp_path / "data") == {"pasted": OPTIONS, "sp": OPTIONS}
    assert json.loads(cli("profiles", "show", "sp", "--format", "json", *store).stdout)["options"] == OPTIONS
    assert "map,time=Start (local)\n" in cli("profiles", "show", "sp", "--format", "csv", *store).stdout
    assert re.search(r"^sp +--map ", cli("profiles", *store).stdout, re.MULTILINE)
    cli("profiles", "set", "sp", "--no-decimal-comma", *store)
    assert profiles(tmp_path / "data")["sp"] == {"decimal_comma": False}
    assert cli("profiles", "delete", "sp", *store).stderr == "Deleted profile sp.\n"
    assert_refused(cli("profiles", "show", "sp", *store, check=False), FAILED)
    assert_refused(cli("profiles", "delete", "sp", *store, check=False), FAILED)


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["show"], "Name the profile: tripstore profiles show NAME"),
    (["list", "a"], "`profiles list` takes no name"),
    (["show", "a", "--region", "x"], "Reading options only apply to `profiles set`"),
    (["set", "a"], "The profile 'a' would have no options; give at least one"),
    (["set", "a b", "--region", "x"], "The name of a profile has 1 to 100 letters"),
    (["set", "a", "--date-order", "x"], "--date-order must be month-first or day-first, not 'x'."),
])
def test_what_is_wrong_with_profiles_is_said(tmp_path, arguments, sentence):
    done = cli("profiles", *arguments, "--data-dir", tmp_path / "data", check=False)
    assert done.returncode == 64 and sentence in done.stderr


def test_a_profile_completes_flags_and_the_job_keeps_what_it_was_given(tmp_path):
    store = ["--data-dir", tmp_path / "data"]
    cli("profiles", "set", "oslo", "--region", "Oslo", "--datasource", "bikes", *store)
    cli("ingest", SAMPLE, "--profile", "oslo", "--region", "Bergen", *store)
    cli("profiles", "delete", "oslo", *store)
    assert stored(tmp_path / "data") == [{"region": "Bergen", "datasource": "bikes"}]


def test_profiles_are_the_same_over_http_and_in_a_backup(tmp_path):
    cli("profiles", "set", "sp", *FLAGS, "--data-dir", tmp_path / "data")
    with Server(tmp_path / "data", tmp_path / "log") as server:
        assert server.get("/profiles/sp").json["options"] == OPTIONS
        assert profiles(tmp_path / "data") == {"sp": OPTIONS}, "a reader beside the server"
        refused = cli("profiles", "set", "x", "--region", "x", "--data-dir", tmp_path / "data", check=False)
        assert refused.returncode == FAILED and "Error: " in refused.stderr
        cli("backup", tmp_path / "copy", "--data-dir", tmp_path / "data")
    assert profiles(tmp_path / "copy") == {"sp": OPTIONS}


# MARK: Answers to questions

DATES = "start_time,start_lng,start_lat,end_lng,end_lat\n" + "1/2/2020 8:00,1,2,3,4\n" * 3


def weeks(store):
    return json.loads(cli("weekly-average", "--format", "json", "--data-dir", store).stdout)["weeks"]


def test_a_question_is_answered_by_resuming_the_job(tmp_path):
    with Server(tmp_path / "data", tmp_path / "log") as server:
        def upload(region):
            answer = server.request("POST", f"/ingest?region={region}", DATES.replace("8:00", f"8:0{len(region)}"), {"Content-Type": "text/csv"})
            return answer.json["job_id"]

        def resume(job, query="", body=None):
            return server.request("POST", f"/jobs/{job}/resume{query}", body, {"Content-Type": "application/json"} if body else None)

        jobs = [upload("a"), upload("bc")]
        for job in jobs:
            assert server.wait_for_job(job)["question"]["option"] == "date_order"
        assert resume(jobs[0]).status == 202, "without an answer it asks again"
        assert server.wait_for_job(jobs[0])["question"]["option"] == "date_order"
        assert resume(jobs[0], "?date_order=day-first").status == 202
        assert resume(jobs[1], "?date_order=day-first", '{"date_order": "month-first"}').status == 202, "the body wins"
        for job, order, region in zip(jobs, ("day-first", "month-first"), ("a", "bc"), strict=True):
            done = server.wait_for_job(job)
            assert (done["status"], done["format"]["date_order"], done["format"]["region"]) == ("completed", order, region), done
            assert "question" not in done
        wrong = resume(jobs[0], "?date_order=mdy")
        assert wrong.status == 400 and "'date_order' must be month-first or day-first" in wrong.json["detail"]
        assert resume(jobs[0], "?limit=1").status == 400
        assert resume(jobs[0], body='{"url": "http://x"}').status == 400
        assert resume(jobs[0], "?date_order=day-first").status == 409
    assert [option["date_order"] for option in stored(tmp_path / "data")] == ["day-first", "month-first"]
    assert [week["week_start"] for week in weeks(tmp_path / "data") if week["trips"]] == ["2019-12-30", "2020-01-27"]


def test_the_command_line_answers_as_well(tmp_path):
    store = ["--data-dir", tmp_path / "data"]
    file = tmp_path / "trips.csv"
    file.write_text(DATES)
    assert cli("ingest", file, "--region", "Oslo", *store, check=False).returncode == 2
    assert cli("resume", 1, *store, check=False).returncode == 2
    wrong = cli("resume", 1, "--date-order", "mdy", *store, check=False)
    assert wrong.returncode == 64 and "--date-order must be" in wrong.stderr
    cli("profiles", "set", "uk", "--date-order", "day-first", *store)
    cli("resume", 1, "--profile", "uk", *store)
    assert stored(tmp_path / "data") == [{"region": "Oslo", "date_order": "day-first"}]


def test_an_interrupted_job_keeps_its_options(tmp_path):
    cli("ingest", SAMPLE, "--region", "Oslo", "--data-dir", tmp_path / "data")
    with sqlite3.connect(tmp_path / "data/catalog.sqlite") as database:
        database.execute("UPDATE jobs SET status = 'interrupted', committed_bytes = 0, committed_hash = NULL")
    done = cli("resume", 1, "--region", "Bergen", "--data-dir", tmp_path / "data", check=False)
    assert done.returncode == FAILED and "was interrupted and continues as it began" in done.stderr


def test_streams_of_progress_say_how_a_file_is_read_and_what_is_asked(tmp_path):
    with Server(tmp_path / "data", tmp_path / "log") as server:
        server.request("POST", "/ingest", DATES, {"Content-Type": "text/csv"})
        server.wait_for_job(1)
        server.request("POST", "/ingest?date_order=day-first", DATES, {"Content-Type": "text/csv"})
        server.wait_for_job(2)
        last = [json.loads(server.get(f"/jobs/{job}/events").body.decode().strip().split("data: ")[-1]) for job in (1, 2)]
        for job, message in zip((1, 2), last, strict=True):
            shown = server.get(f"/jobs/{job}").json
            assert {name: message.get(name) for name in ("format", "notes", "question")} == {
                name: shown.get(name) for name in ("format", "notes", "question")}
        assert last[0]["question"]["option"] == "date_order" and last[1]["format"]["date_order"] == "day-first"


def test_a_rebuilt_catalog_knows_the_options_of_its_jobs(tmp_path):
    store = ["--data-dir", tmp_path / "data"]
    cli("ingest", SAMPLE, "--region", "Oslo", "--null-island", "reject", *store)
    (tmp_path / "data/catalog.sqlite").unlink()
    cli("rebuild-catalog", *store)
    assert stored(tmp_path / "data") == [{"region": "Oslo", "null_island": "reject"}]
    assert "skipped" in cli("ingest", SAMPLE, "--region", "Oslo", "--null-island", "reject", *store).stderr


# MARK: Earlier versions

def test_jobs_of_an_earlier_version_have_no_options(tmp_path):
    store = tmp_path / "data"
    cli("ingest", SAMPLE, "--data-dir", store)
    with sqlite3.connect(store / "catalog.sqlite") as database:
        database.executescript("""
            ALTER TABLE jobs DROP COLUMN options; ALTER TABLE jobs DROP COLUMN format; ALTER TABLE jobs DROP COLUMN notes;
            ALTER TABLE jobs DROP COLUMN question; ALTER TABLE jobs DROP COLUMN survey; DROP TABLE profiles;
            DROP TABLE places; DELETE FROM grdb_migrations WHERE identifier LIKE 'v16%' OR identifier LIKE 'v17%';""")
    assert "skipped" in cli("ingest", SAMPLE, "--data-dir", store).stderr
    job = json.loads(cli("jobs", 1, "--format", "json", "--data-dir", store).stdout)
    assert job["status"] == "completed" and not {"options", "format", "notes", "question"} & set(job)
    assert stored(store) == [None] and profiles(store) == {}
