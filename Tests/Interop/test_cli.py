"""The command line as a person and a script meet it: help, mistakes and exit codes, formats, jobs, inspect.

Other tests check the answers themselves; these check how they are requested and printed.
"""

import csv
import io
import json
import re
import shutil
import subprocess

import pytest

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.tripstore import BAD_ROWS_FILE, COMMANDS, FAILED, FIXTURES, SAMPLE, SOME_REJECTED, assert_refused, cli


@pytest.fixture
def store(sample_store, tmp_path):
    """A store of this test's own, with the sample."""
    shutil.copytree(sample_store, tmp_path / "data")
    return tmp_path / "data"


# MARK: Help

def help_of(command):
    done = cli(command, "--help")
    assert done.stderr == ""
    return done.stdout


def examples_in(text):
    """The lines between "Example" and the next empty line."""
    found = re.search(r"^(?:Examples?|Start with):\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    return found[1].split("\n") if found else []


def test_help_lists_every_command_with_a_sentence():
    text = cli("--help").stdout
    listed = dict(re.findall(r"^  ([a-z-]+) {2,}(\S.*)$", text.split("SUBCOMMANDS:")[1], re.MULTILINE))
    assert sorted(listed) == sorted(COMMANDS)
    assert "OVERVIEW:" in text and examples_in(text)


def test_no_command_at_all_is_a_query_for_help():
    assert cli().stdout == cli("--help").stdout == cli("help").stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_teaches(command):
    """What it does, how it is written, and each of its options in words."""
    text = help_of(command)
    assert re.match(r"OVERVIEW: [A-Z][^\n]{20,}", text)
    assert f"USAGE: tripstore {command}" in text
    options = re.findall(r"^  (?:-\w, )?--([a-z-]+)[^\n]*\n?(?: {20,}[^\n]+)?", text, re.MULTILINE)
    assert {"help", "version"} < set(options)
    bare = [line for line in re.findall(r"^  -.*(?:\n {20,}.*)*", text, re.MULTILINE) if not re.search(r" {2,}\S+ \S+", line)]
    assert bare == [], "options without a description"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_can_be_asked_both_ways(command):
    assert cli("help", command).stdout == help_of(command) == cli(command, "-h").stdout


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in ("regions", "verify")])
def test_help_shows_an_example(command):
    assert any(line.startswith(f"  tripstore {command}") for line in examples_in(help_of(command)))


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in ("regions", "verify")])
def test_an_example_is_one_line_that_can_be_copied(command):
    assert [line for line in examples_in(help_of(command)) if not re.match(r"  (tripstore|curl|zcat) ", line)] == []


@pytest.mark.parametrize("variable, commands", [
    ("DATA_DIR", [command for command in COMMANDS if command != "generate"]), ("HOST", ["serve"]), ("PORT", ["serve"]),
    ("GEOHASH_PRECISION", ["serve", "trip-groups"]), ("TIME_BUCKET_MINUTES", ["serve", "trip-groups"]),
    ("INGESTION_CHUNK_SIZE", ["serve", "ingest"]), ("DATABASE_URL", ["serve"]), ("SWAGGER_UI_DIR", ["serve"]),
    ("LOG_LEVEL", ["serve"]), ("ALLOW_PRIVATE_ADDRESSES", ["serve"])])
def test_help_names_the_variable_of_a_setting(variable, commands):
    for command in commands:
        assert f"${variable}" in help_of(command), command


def test_version():
    version = cli("--version").stdout.strip()
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert cli("ingest", "--version").stdout.strip() == version


# MARK: What makes no sense

@pytest.mark.parametrize("arguments, suggestion", [
    (["weekly-average", "--regio=Prague"], "--region"),
    (["weekly-average", "--min-lan=1"], "--min-l"),
    (["trip-groups", "--limits=3"], "--limit"),
    (["trip-groups", "--bucket-minuts=30"], "--bucket-minutes"),
    (["jobs", "--reject=3"], "--rejects"),
    (["ingest", "--quite", "x.csv"], "--quiet"),
    (["serve", "--prot=1"], "--port"),
    (["generate", "--rows=1", "--sed=2"], "--seed"),
    (["weekly-averag"], "weekly-average"),
    (["serv", "--port=1"], "serve"),
    (["tripgroups"], "trip-groups"),
])
def test_a_misspelt_word_is_answered_with_the_right_one(arguments, suggestion):
    done = cli(*arguments, check=False)
    assert_refused(done)
    assert re.search(rf"Did you mean '{suggestion}", done.stderr), done.stderr
    assert "--help" in done.stderr


@pytest.mark.parametrize("arguments, words", [
    (["frobnicate"], "frobnicate"),
    (["frobnicate"], "known are: serve, ingest"),
    (["regions", "--frobnicate"], "--frobnicate"),
    (["regions", "--format=xml"], "'table', 'json' or 'csv'"),
    (["regions", "Prague"], "Prague"),
    (["trip-groups", "--limit"], "Missing value for '--limit"),
    (["ingest"], "<files>"),
    (["generate"], "--rows"),
    (["generate", "--rows=many"], "many"),
    (["generate", "--rows=1", "--seed=-1"], "--seed"),
    (["jobs", "first"], "first"),
    (["jobs", "--remove"], "tripstore jobs ID"),
    (["jobs", "1", "--rejects=0"], "1 to 10000"),
    (["jobs", "1", "--rejects=10001"], "1 to 10000"),
    (["serve", "--port=web"], "--port"),
    (["serve", "--log-level=loud"], "trace, debug, info"),
    (["serve", "--geohash-precision=13"], "1 to 12"),
    (["serve", "--time-bucket-minutes=7"], "divide a day"),
    (["serve", "--database-url=postgresql://host/trips"], "columnstore:"),
    (["ingest", "--ingestion-chunk-size=0", "x.csv"], "--ingestion-chunk-size must be from 1 to"),
    (["serve", "--ingestion-chunk-size=0"], "--ingestion-chunk-size must be from 1 to"),
    (["serve", "--port=99999"], "--port must be from 0 to 65535, not 99999"),
    (["inspect", "--format=csv"], "The value 'csv' is invalid for '--format"),
    (["verify", "--format=csv"], "The value 'csv' is invalid for '--format"),
])
def test_what_makes_no_sense_ends_with_64_and_says_what_would(store, arguments, words):
    done = cli(*arguments, check=False, DATA_DIR=str(store))
    assert_refused(done)
    assert words in done.stderr


@pytest.mark.parametrize("flag", ["--limit=0", "--precision=13", "--bucket=weekly", "--from=yesterday", "--min-lat=1"])
def test_a_parameter_that_makes_no_sense_ends_with_64(store, flag):
    assert_refused(cli("trip-groups", flag, "--data-dir", store, check=False))


# MARK: What fails

def test_what_cannot_be_done_ends_with_1_and_says_what_could(store, tmp_path):
    (tmp_path / "notes.txt").write_text("no store")
    for arguments, words in [
        (["regions", "--data-dir", tmp_path / "absent"], "tripstore ingest FILE --data-dir"),
        (["regions", "--data-dir", tmp_path / "notes.txt"], "There is no store in"),
        (["ingest", tmp_path / "absent.csv", "--data-dir", store], "check the path"),
        (["ingest", tmp_path, "--data-dir", store], f"The folder {tmp_path} has no files that end in .csv, "),
        (["inspect", tmp_path / "absent.parquet"], "check the path"),
        (["inspect", tmp_path / "notes.txt"], "notes.txt"),
        (["jobs", 99, "--data-dir", store], f"Job 99 not found in the store {store}; list"),
        (["jobs", 99, "--rejects", 1, "--data-dir", store], f"Job 99 not found in the store {store}; list"),
        (["jobs", 99, "--remove", "--data-dir", store], f"Job 99 not found in the store {store}; list"),
        (["resume", 99, "--data-dir", store], f"Job 99 not found in the store {store}; list"),
        (["weekly-average", "--region=Atlantis", "--data-dir", store], "No trips found for the specified filters"),
    ]:
        done = cli(*arguments, check=False)
        assert done.returncode == FAILED, arguments
        assert words in done.stdout + done.stderr, arguments
        assert "Fatal error" not in done.stderr


def test_a_file_that_cannot_be_written_is_a_failure(tmp_path):
    done = cli("generate", "--rows=1", "--output", tmp_path / "absent/trips.csv", check=False)
    assert_refused(done, code=FAILED)


def test_reading_makes_no_store(tmp_path):
    cli("regions", "--data-dir", tmp_path / "absent", check=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["jobs", 1, "--remove"], ["resume", 1], ["verify"], ["verify", "--quarantine"]], ids=str)
def test_what_needs_a_store_makes_none(tmp_path, command):
    done = cli(*command, "--data-dir", tmp_path / "absent", check=False)
    assert_refused(done, code=FAILED)
    assert "There is no store" in done.stderr and list(tmp_path.iterdir()) == []


def test_a_host_that_does_not_exist_is_one_sentence(tmp_path):
    done = cli("serve", "--port=0", "--host=198.51.100.1", "--data-dir", tmp_path / "data", check=False)
    assert_refused(done, code=FAILED)
    assert "choose another address or port" in done.stderr


def test_a_host_without_an_address_is_one_sentence(tmp_path):
    # A name with a part of more than 63 letters needs no network to be found missing.
    done = cli("serve", "--port=0", f"--host={'n' * 64}", "--data-dir", tmp_path / "data", check=False)
    assert_refused(done, code=FAILED)
    assert "there is no host of this name; choose another" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_named(server, tmp_path):
    done = cli("serve", "--port", server.port, "--data-dir", tmp_path / "other", check=False)
    assert_refused(done, code=FAILED)
    assert str(server.port) in done.stderr


def test_a_store_that_a_server_writes_to_is_refused_and_the_way_round_is_said(server):
    done = cli("ingest", SAMPLE, "--data-dir", server.data_dir, check=False)
    assert_refused(done, code=FAILED)
    assert f"curl -T trips.csv {server.url}/ingest/" in done.stderr


@pytest.mark.parametrize("files, code", [
    ([SAMPLE], 0), ([SAMPLE, SAMPLE], 0), ([SAMPLE, BAD_ROWS_FILE], SOME_REJECTED), ([BAD_ROWS_FILE], SOME_REJECTED),
    ([FIXTURES / "BadCSV/excel.csv", SAMPLE], FAILED), ([BAD_ROWS_FILE, FIXTURES / "BadCSV/excel.csv"], FAILED),
    ([SAMPLE, "absent.csv"], FAILED), (["absent.csv", BAD_ROWS_FILE], FAILED)], ids=str)
def test_the_exit_code_of_a_load_is_that_of_its_worst_file(tmp_path, files, code):
    assert cli("ingest", *files, "--data-dir", tmp_path / "data", check=False).returncode == code


# MARK: Formats

QUERIES = {"weekly-average": "week,week_start,trips",
             "trip-groups": "region,origin_geohash,destination_geohash,time_bucket_start,time_bucket_minutes,trip_count",
             "regions": "region,trips,first_at,last_at,min_lng,min_lat,max_lng,max_lat"}
ROWS_OF = {"weekly-average": "weeks", "trip-groups": "groups", "regions": "regions"}


@pytest.mark.parametrize("query", QUERIES)
def test_csv_has_the_rows_of_the_json(sample_store, query):
    answer = json.loads(cli(query, "--format=json", "--data-dir", sample_store).stdout)[ROWS_OF[query]]
    text = cli(query, "--format=csv", "--data-dir", sample_store).stdout
    assert text.splitlines()[0] == QUERIES[query]
    rows = list(csv.DictReader(io.StringIO(text)))
    for row, expected in zip(rows, answer, strict=True):
        bounds = dict(zip(("min_lng", "min_lat", "max_lng", "max_lat"), expected["bounds"], strict=True)) if "bounds" in expected else {}
        for name, value in row.items():
            assert value == str((expected | bounds)[name]), (name, expected)


@pytest.mark.parametrize("query", QUERIES)
def test_table_lines_up_and_has_a_row_for_each_of_the_json(sample_store, query):
    answer = json.loads(cli(query, "--format=json", "--data-dir", sample_store).stdout)[ROWS_OF[query]]
    table = cli(query, "--data-dir", sample_store).stdout.split("\n\n")[-1].splitlines()
    rule = next(number for number, line in enumerate(table) if set(line) == {"─", " "})
    assert len(table) - rule - 1 == len(answer)
    for start in re.finditer(r"(?<= )─", table[rule]):
        # Before each column but the first there are two blanks, in every line.
        assert all(line[start.start() - 2:start.start()] == "  " for line in table)


def test_names_that_need_quotes_are_quoted_in_csv(tmp_path):
    names = ['a,b', 'say "hi"', "plain", " blanks ", "São Paulo 🚋"]
    row = '"{}",POINT (14.4 50.0),POINT (14.5 50.1),2018-05-28 09:03:40,{}\n'
    text = "region,origin_coord,destination_coord,datetime,datasource\n" + "".join(
        row.format(name.replace('"', '""'), "car") for name in names)
    cli("ingest", "-", "--data-dir", tmp_path / "data", stdin=text)
    printed = cli("regions", "--format=csv", "--data-dir", tmp_path / "data").stdout
    assert sorted(row["region"] for row in csv.DictReader(io.StringIO(printed))) == sorted(names)


def test_what_a_command_prints_is_loaded_as_a_file(tmp_path):
    """A shell's `<(command)` is a path to a pipe that has no name; one for each of several files."""
    line = f'"{tripstore.BINARY}" ingest <(cat "{SAMPLE}") <(sed s/Prague/Brno/ "{SAMPLE}") --data-dir "{tmp_path}/data"'
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=tripstore.clean_environment(), check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(cli("weekly-average", "--format", "json", "--data-dir", tmp_path / "data").stdout)["total_trips"] == 200
    assert cli("verify", "--data-dir", tmp_path / "data").returncode == 0


def test_json_of_jobs_is_the_servers_to_the_byte(tmp_path):
    with tripstore.Server(tmp_path / "data", tmp_path / "log") as server:
        server.ingest(SAMPLE)
        server.ingest(BAD_ROWS_FILE)
        api = {path: server.get(path).body for path in ("/jobs/2", "/jobs/2/rejects?limit=7", "/jobs")}
    for path, arguments in {"/jobs/2": ["2"], "/jobs/2/rejects?limit=7": ["2", "--rejects=7"], "/jobs": []}.items():
        printed = cli("jobs", *arguments, "--format=json", "--data-dir", tmp_path / "data").stdout
        assert printed.encode() == api[path] + b"\n"


# MARK: Jobs

@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A store with three jobs: the sample, one with bad rows, one that failed."""
    data_dir = tmp_path_factory.mktemp("jobs") / "data"
    cli("ingest", SAMPLE, BAD_ROWS_FILE, FIXTURES / "BadCSV/excel.csv", "--data-dir", data_dir, check=False)
    return data_dir


def test_jobs_are_listed_newest_first_with_what_became_of_them(loaded):
    rows = cli("jobs", "--data-dir", loaded).stdout.splitlines()
    assert rows[0].split() == ["job", "file", "status", "rows", "rejected", "created", "message"]
    assert [row.split()[:5] for row in rows[2:]] == [
        ["3", "excel.csv", "failed", "0", "0"], ["2", "bad_rows.csv", "completed", "489", "241"],
        ["1", "trips.csv", "completed", "100", "0"]]
    assert "save it as CSV" in rows[2]


def test_one_job_is_shown(loaded):
    assert cli("jobs", 1, "--data-dir", loaded).stdout.splitlines()[2].split()[:3] == ["1", "trips.csv", "completed"]


def test_rejects_are_shown_with_line_reason_and_text(loaded):
    done = cli("jobs", 2, "--rejects", 3, "--data-dir", loaded)
    header, _, *rows = done.stdout.splitlines()
    assert header.split() == ["line", "reason", "text"]
    assert [re.split(r"  +", row.strip(), maxsplit=2)[:2] for row in rows] == [
        [str(line), "quote inside an unquoted field"] for line in (3, 5, 7)]
    assert "3 of 241" in done.stderr


def test_rejected_text_cannot_drive_the_terminal(loaded):
    """A rejected row may hold anything, a sequence that moves the cursor or a line end too."""
    shown = cli("jobs", 2, "--rejects=10000", "--data-dir", loaded).stdout
    assert shown.count("\n") == 2 + 241
    assert set(re.findall(r"[\x00-\x1f\x7f-\x9f]", shown)) == {"\n"}
    assert r"\u001b[31mPrague" in shown and r"Pra\tgue" in shown


def test_csv_of_jobs_and_rejects_has_the_fields_of_the_json(loaded):
    for arguments, rows in (([], lambda json: json), ([2], lambda json: [json]), ([2, "--rejects=10000"],
                                                                                 lambda json: json["rejects"])):
        expected = rows(json.loads(cli("jobs", *arguments, "--format=json", "--data-dir", loaded).stdout))
        # As bytes: text would lose the carriage returns of what was rejected.
        text = subprocess.run([str(tripstore.BINARY), "jobs", *map(str, arguments), "--format=csv", "--data-dir", str(loaded)],
                              capture_output=True, check=True).stdout.decode()
        shown = list(csv.DictReader(io.StringIO(text, newline="")))
        # What is no text and no number, such as notes, is in the JSON only.
        flat = [{name: value for name, value in row.items() if not isinstance(value, (dict, list))} for row in expected]
        assert shown == [{name: "" if value is None else str(value) for name, value in row.items()} for row in flat]


def test_removing_a_job_takes_its_trips_out_and_keeps_the_others(loaded, tmp_path):
    shutil.copytree(loaded, tmp_path / "data")
    before = json.loads(cli("inspect", "--format=json", "--data-dir", tmp_path / "data").stdout)["trips"]
    shown = cli("jobs", 1, "--remove", "--data-dir", tmp_path / "data").stdout
    assert shown.splitlines()[2].split()[:3] == ["1", "trips.csv", "deleted"]
    assert json.loads(cli("inspect", "--format=json", "--data-dir", tmp_path / "data").stdout)["trips"] == before - 100
    again = json.loads(cli("jobs", 1, "--remove", "--format=json", "--data-dir", tmp_path / "data").stdout)
    assert again["status"] == "deleted"
    cli("verify", "--data-dir", tmp_path / "data")


def test_removing_a_job_while_a_server_writes_is_refused(server):
    server.ingest(SAMPLE)
    assert_refused(cli("jobs", 1, "--remove", "--data-dir", server.data_dir, check=False), code=FAILED)
    assert server.job(1)["status"] == "completed"


# MARK: Inspect and verify

def test_inspect_of_a_store_says_the_same_in_both_forms(loaded):
    summary = json.loads(cli("inspect", "--format=json", "--data-dir", loaded).stdout)
    table = cli("inspect", "--data-dir", loaded).stdout
    assert summary["trips"] == 348
    assert summary["jobs"] == {"pending": 0, "running": 0, "interrupted": 0, "completed": 2, "failed": 1, "cancelled": 0,
                               "deleted": 0}
    assert re.search(r"^trips +348$", table, re.MULTILINE)
    for segment in summary["segments"]:
        assert re.search(rf"^{re.escape(segment['file'])} .* {segment['rows']} .* live$", table, re.MULTILINE)
        assert (loaded / "segments" / segment["file"]).stat().st_size == segment["bytes"]


def test_inspect_of_a_segment_says_the_same_in_both_forms(loaded):
    path = max((loaded / "segments").iterdir())
    layout = json.loads(cli("inspect", path, "--format=json").stdout)
    table = cli("inspect", path).stdout
    assert re.search(rf"^rows +{layout['rows']}$", table, re.MULTILINE)
    for group in layout["row_groups"]:
        for column in group["columns"]:
            assert re.search(rf"^{column['name']} ", table, re.MULTILINE)
    for week in layout["index"]["weeks"]:
        assert re.search(rf"^ +{week['week']} +{week['rows']}$", table, re.MULTILINE)
    assert sum(week["rows"] for week in layout["index"]["weeks"]) == layout["rows"]


def test_verify_in_both_forms(loaded, tmp_path):
    assert "whole" in cli("verify", "--data-dir", loaded).stdout
    assert json.loads(cli("verify", "--format=json", "--data-dir", loaded).stdout)["damaged"] == []
    shutil.copytree(loaded, tmp_path / "data")
    segment = max((tmp_path / "data/segments").iterdir())
    segment.write_bytes(segment.read_bytes()[:-1])
    done = cli("verify", "--format=json", "--data-dir", tmp_path / "data", check=False)
    assert done.returncode == FAILED
    assert [file["file"].split("/")[-1] for file in json.loads(done.stdout)["damaged"]] == [segment.name]


def test_a_script_may_hold_the_data_directory(tmp_path):
    """`flock DIR COMMAND` keeps a nightly load from itself."""
    store = tmp_path / "data"
    store.mkdir()
    for rows in (100, 200):
        done = subprocess.run(["flock", store, tripstore.BINARY, "ingest", "--allow-duplicate", tripstore.SAMPLE, "--data-dir", store],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        answer = json.loads(tripstore.cli("weekly-average", "--data-dir", store, "--format", "json").stdout)
        assert answer["total_trips"] == rows
