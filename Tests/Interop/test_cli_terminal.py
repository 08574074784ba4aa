"""What a person sees on a terminal: tables that fit, colours that can be refused, names that were nearly right, and never silence."""

import re
import subprocess
import threading
import unicodedata

import pytest

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.file_servers import FileServer
from tripstore_tools.harness.terminal import Terminal
from tripstore_tools.harness.tripstore import SAMPLE, clean_environment, cli

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
HEADER = "region,origin_coord,destination_coord,datetime,datasource\n"
LONG = "Region of the long name " * 5 + "end"
WIDE = "東京都渋谷区" * 8


def row(region, datasource="car"):
    return f'"{region}",POINT (14.4 50.0),POINT (14.5 50.1),2018-05-28 09:03:40,{datasource}\n'


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """A store of regions with long names, wide names and names that are nearly the same."""
    data_dir = tmp_path_factory.mktemp("named") / "data"
    text = HEADER + "".join(row(name) for name in (LONG, WIDE, "Prague", "Turin", "Hamburg", "Hamburk"))
    cli("ingest", "-", "--data-dir", data_dir, stdin=text + row("Turin", "funny_car"))
    return data_dir


def on_terminal(*arguments, **options):
    """What is shown in the end, and how it ended."""
    terminal = Terminal(*arguments, **options)
    code = terminal.finish()
    return terminal.text, code


def lines_of(text):
    """Lines as on the screen: without colours and without erased text."""
    return [line.split("\r\x1b[K")[-1] for line in COLOUR.sub("", text).split("\r\n")]


def width(line):
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


# MARK: Tables

@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_table_fits_the_terminal_and_says_where_it_was_cut(named, columns):
    text, code = on_terminal("regions", "--data-dir", named, columns=columns)
    assert code == 0
    lines = lines_of(text)
    assert max(map(width, lines)) <= columns
    cut = [line for line in lines if "…" in line]
    assert any(line.startswith("Region") for line in cut) and any(line.startswith("東京") for line in cut)
    # Columns are still aligned.
    rule = next(line for line in lines if line and set(line) == {"─", " "})
    starts = [match.start() for match in re.finditer(r"(?<= )─", rule)]
    prague = next(line for line in lines if line.startswith("Prague"))
    assert all(prague[start - 2:start] == "  " for start in starts)


def test_a_cut_table_is_whole_with_wide_and_in_a_pipe(named):
    text, _ = on_terminal("regions", "--wide", "--data-dir", named, columns=60)
    assert LONG in text and WIDE in text and "…" not in text
    piped = cli("regions", "--data-dir", named).stdout
    assert LONG in piped and WIDE in piped and "…" not in piped
    assert lines_of(text)[:-1] == piped.splitlines()


def test_numbers_are_never_cut(named):
    text, _ = on_terminal("regions", "--data-dir", named, columns=20)
    rows = [line for line in lines_of(text) if re.match(r"Turin\b", line)]
    assert rows and re.match(r"Turin +2  ", rows[0])


def test_the_message_of_one_job_is_never_cut(tmp_path):
    path = tmp_path / "page.csv"
    path.write_text("<html>")
    cli("ingest", path, "--data-dir", tmp_path / "data", check=False)
    message = cli("jobs", 1, "--format=csv", "--data-dir", tmp_path / "data").stdout
    text, _ = on_terminal("jobs", 1, "--data-dir", tmp_path / "data", columns=60)
    *_, sentence = [line for line in lines_of(text) if line]
    assert sentence in message and sentence.endswith(".") and len(sentence) > 60


# MARK: Colours

def test_colours_are_few_and_where_they_help(named, tmp_path):
    text, _ = on_terminal("regions", "--data-dir", named)
    assert COLOUR.findall(text) == ["\x1b[1m", "\x1b[0m"]
    assert text.startswith("\x1b[1mregion")
    text, code = on_terminal("regions", "--data-dir", tmp_path / "absent")
    assert code == 1 and text.startswith("\x1b[1;31mError:\x1b[0m There is no store")


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
@pytest.mark.parametrize("command", ["regions", "frobnicate"])
def test_colours_can_be_refused(named, variables, command):
    text, _ = on_terminal(command, DATA_DIR=str(named), **variables)
    assert text and "\x1b" not in text


def test_an_empty_no_color_refuses_nothing(named):
    text, _ = on_terminal("regions", "--data-dir", named, NO_COLOR="")
    assert COLOUR.search(text)


def test_a_dumb_terminal_gets_lines_that_do_not_move(generated_csv, tmp_path):
    text, code = on_terminal("ingest", generated_csv, "--data-dir", tmp_path / "data", TERM="dumb")
    assert code == 0 and "\x1b" not in text and "trips ingested (job 1" in text


def test_a_pipe_and_a_file_get_no_colours(named, tmp_path):
    """Each stream for itself: one may be a terminal while the other is not."""
    done = cli("regions", "--data-dir", named)
    assert "\x1b" not in done.stdout + done.stderr
    assert "\x1b" not in cli("regions", "--data-dir", tmp_path / "absent", check=False).stderr


# MARK: What was nearly right

@pytest.mark.parametrize("command", ["weekly-average", "trip-groups"])
@pytest.mark.parametrize("flags, words", [
    (["--region=Pargue"], "There is no region 'Pargue'. Did you mean 'Prague'?"),
    (["--region=prague"], "There is no region 'prague'. Did you mean 'Prague'?"),
    (["--region=Hamburt"], "There is no region 'Hamburt'. Did you mean 'Hamburg' or 'Hamburk'?"),
    (["--region=Atlantis"], "There is no region 'Atlantis'; see what there is with: tripstore regions."),
    (["--datasource=funy_car"], "There is no datasource 'funy_car'. Did you mean 'funny_car'?"),
    (["--region=Turin", "--datasource=funnycar"],
     "There is no datasource 'funnycar' in the region 'Turin'. Did you mean 'funny_car'?"),
    (["--region=Prague", "--datasource=funny_car"], "There is no datasource 'funny_car' in the region 'Prague'; see what there"),
    (["--region=Prague", "--from=2030-01-01"],
     "The region 'Prague' has trips from 2018-05-28T09:03:40 to 2018-05-28T09:03:40; widen the time"),
    (["--to=2000-01-01"], "The store has trips from 2018-05-28T09:03:40 to"),
])
def test_a_query_that_finds_nothing_says_why(named, command, flags, words):
    done = cli(command, *flags, "--data-dir", named, check=False)
    assert words in done.stderr, done.stderr
    assert done.returncode == (1 if command == "weekly-average" else 0)
    # What programs read is what it was.
    as_json = cli(command, *flags, "--format=json", "--data-dir", named, check=False)
    assert words not in as_json.stdout and (command == "weekly-average" or as_json.stderr == "")


def test_an_empty_store_says_so(tmp_path):
    cli("ingest", "-", "--data-dir", tmp_path / "data", stdin=HEADER)
    done = cli("weekly-average", "--region=Prague", "--data-dir", tmp_path / "data", check=False)
    assert done.returncode == 1 and "The store has no trips yet; load some with: tripstore ingest FILE." in done.stderr


@pytest.mark.parametrize("arguments, words", [
    (["help", "ingset"], "Unknown command 'ingset'. Did you mean 'ingest'?"),
    # Found: the value that followed it was what the parser complained of.
    (["jobs", "--reject", "x"], "Unknown option '--reject'. Did you mean '--rejects'?"),
    (["resume", "--dat-dir", "store", "1"], "Unknown option '--dat-dir'. Did you mean '--data-dir'?"),
])
def test_a_misspelt_word_is_found_behind_other_mistakes(arguments, words):
    done = cli(*arguments, check=False)
    assert done.returncode == 64 and done.stdout == "" and words in done.stderr and "--help" in done.stderr


BOX = ["--min-lng=14", "--max-lng=15"]


@pytest.mark.parametrize("command", ["weekly-average", "trip-groups"])
@pytest.mark.parametrize("flags, words", [
    (["--min-lat=50.2", "--max-lat=50.0", *BOX], "--min-lat 50.2 is north of --max-lat 50.0; swap them."),
    (["--min-lat=1", "--max-lat=2", "--min-lng=15", "--max-lng=14.5"], "--min-lng 15 is east of --max-lng 14.5; swap them, or"),
    (["--min-lat=1"], "A bounding box needs --min-lat, --max-lat, --min-lng and --max-lng; missing: --max-lat, --min-lng, --max-lng."),
    (["--min-lat=north"], "--min-lat must be a number of degrees from -90 to 90, not 'north'."),
    (["--from=2018-06-01", "--to=2018-05-01"], "--from is after --to; swap them."),
    (["--within=both"], "--within needs a box; give --min-lat, --max-lat, --min-lng and --max-lng too."),
    (["--region", ""], "--region is empty; give it a value or leave it out."),
])
def test_errors_spell_a_flag_as_it_was_typed(named, command, flags, words):
    done = cli(command, *flags, "--data-dir", named, check=False)
    assert done.returncode == 64
    assert words in done.stderr, done.stderr
    assert "Parameter" not in done.stderr and "_l" not in done.stderr


@pytest.mark.parametrize("arguments, words", [
    (["trip-groups", "--bucket-minutes=7"], "--bucket-minutes must divide a day of 1440 minutes; 7 does not."),
    (["trip-groups", "--limit=0"], "--limit must be a whole number from 1 to 10000, not '0'."),
    (["regions", "--offset=x"], "--offset must be a whole number from 0 to"),
    (["weekly-average", "--weeks=all"], "--weeks must be one of calendar, active, elapsed, not 'all'."),
])
def test_errors_of_one_command_do_too(named, arguments, words):
    done = cli(*arguments, "--data-dir", named, check=False)
    assert done.returncode == 64 and words in done.stderr


def test_the_api_keeps_its_names(server):
    server.ingest(SAMPLE)
    for query, words in [("min_lat=1", "missing: max_lat, min_lng, max_lng"), ("limit=0", "Parameter 'limit' must be"),
                         ("min_lat=2&max_lat=1&min_lng=0&max_lng=1", "Invalid bounding box coordinates")]:
        assert words in server.get(f"/trip-groups?{query}").detail


# MARK: Silence

@pytest.fixture
def stalled():
    """A server of a file that answers only when released."""
    release = threading.Event()
    with FileServer(SAMPLE.read_bytes()) as files:
        def instead(*_):
            release.wait(tripstore.TIMEOUT_SECONDS)
            return False

        files.instead = instead
        yield files, release
        release.set()


def test_a_terminal_sees_that_a_fetch_still_waits(stalled, tmp_path):
    files, release = stalled
    terminal = Terminal("ingest", files.url(), "--data-dir", tmp_path / "data")
    terminal.read_until("(0:03)")
    assert re.search(r"\x1b\[Ktrips\.csv  .*\(0:0[23]\)", terminal.text)
    release.set()
    assert terminal.finish() == 0
    assert lines_of(terminal.text)[0].startswith("trips.csv: 100 trips ingested (job 1")


def test_a_log_sees_that_a_fetch_still_waits(stalled, tmp_path):
    files, release = stalled
    with subprocess.Popen([str(tripstore.BINARY), "ingest", files.url(), "--data-dir", str(tmp_path / "data")], text=True,
                          stderr=subprocess.PIPE, env=clean_environment()) as process:
        assert re.fullmatch(r"trips\.csv  .*\(0:0\d\)\n", process.stderr.readline())
        release.set()
        assert process.wait(timeout=tripstore.TIMEOUT_SECONDS) == 0
        assert "100 trips ingested (job 1" in process.stderr.read()


def test_retries_of_a_fetch_are_told(tmp_path):
    with FileServer(SAMPLE.read_bytes()) as files:
        files.instead = lambda number, handler: number < 2 and (handler.answer(503, {}) or True)
        done = cli("ingest", files.url(), "--data-dir", tmp_path / "data")
    told = re.findall(r"^trips\.csv  Fetching again in \d+ s \(attempt (\d) of \d+\): (.*)$", done.stderr, re.MULTILINE)
    assert [number for number, _ in told] == ["2", "3"], done.stderr
    assert all("503" in reason for _, reason in told)


@pytest.mark.parametrize("command, words", [
    (["verify"], "1 of 2  catalog.sqlite"), (["backup", "copy"], "1 of 1 segment copied"),
    (["rebuild-catalog", "--force"], "1 of 1  ")], ids=str)
def test_long_work_shows_how_far_it_is(tmp_path, monkeypatch, command, words):
    monkeypatch.chdir(tmp_path)
    cli("ingest", SAMPLE, "--data-dir", "data")
    text, code = on_terminal(*command, "--data-dir", "data")
    assert code == 0, text
    assert f"\r\x1b[K{words}" in text
    # The moving line leaves nothing behind.
    assert not any(words in line for line in lines_of(text))
    assert cli("verify", "--data-dir", "data").stderr == ""


def test_quiet_is_quiet_however_long_it_takes(stalled, tmp_path):
    files, release = stalled
    with subprocess.Popen([str(tripstore.BINARY), "ingest", "-q", files.url(), "--data-dir", str(tmp_path / "data")], text=True,
                          stderr=subprocess.PIPE, env=clean_environment()) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=3)
        release.set()
        assert process.wait(timeout=tripstore.TIMEOUT_SECONDS) == 0
        assert process.stderr.read() == ""
