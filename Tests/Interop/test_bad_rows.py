"""Bad rows, and bad files, through the command line and over HTTP.

The exit code tells, each bad row is kept with its line, reason and text, and the good ones beside it count.
"""

import collections
import json
import re

import pytest

from tripstore_tools.fixtures import bad_csv
from tripstore_tools.harness import tripstore
from tripstore_tools.harness.tripstore import BAD_ROWS_FILE, FIXTURES, REPOSITORY, SAMPLE, cli

# The exit codes of `tripstore ingest`.
SOME_REJECTED, NOT_LOADED, ASKED = 3, 1, 2

HEADER = "region,origin_coord,destination_coord,datetime,datasource"
GOOD = ("Prague,POINT (14.4973794438195 50.00136875782316),POINT (14.43109483523328 50.04052930943246),"
        "2018-05-28 09:03:40,funny_car")

# What is wrong, the row, a word of the reason.
BAD_ROWS = [
    ("too few fields", "Prague,POINT (14.4 50.0),POINT (14.5 50.1),2018-05-28 09:03:40", "fields"),
    ("too many fields", GOOD + ",extra", "fields"),
    ("no point", GOOD.replace("POINT (14.4973794438195 50.00136875782316)", "14.49 50.00"), "origin"),
    ("other geometry", GOOD.replace("POINT (14.43", "LINESTRING (14.43"), "destination"),
    ("one coordinate", GOOD.replace("POINT (14.4973794438195 50.00136875782316)", "POINT (14.49)"), "origin"),
    ("three coordinates", GOOD.replace("50.04052930943246)", "50.04 1.5)"), "destination"),
    ("not a number", GOOD.replace("14.4973794438195", "NaN"), "origin"),
    ("axes swapped", GOOD.replace("14.4973794438195 50.00136875782316", "50.0 114.4"), "origin"),
    ("longitude out of range", GOOD.replace("14.43109483523328", "180.0000001"), "destination"),
    ("no time", GOOD.replace("2018-05-28 09:03:40", ""), "datetime"),
    ("30 February", GOOD.replace("2018-05-28", "2018-02-30"), "datetime"),
    ("25 o'clock", GOOD.replace("09:03:40", "25:03:40"), "datetime"),
    ("time with a zone", GOOD.replace("09:03:40", "09:03:40Z"), "zone"),
    ("quote inside a field", GOOD.replace("Prague", 'Pra"gue'), "quote"),
]
BAD_FILES = sorted((FIXTURES / "BadCSV").glob("*.csv*"))
EXPECTED = json.loads((FIXTURES / "BadCSV/bad_rows.expected.json").read_text())
RECORD_BYTES_MAX = 2_097_152
KEPT_BYTES_MAX = 65_536


def load(path, data_dir):
    return cli("ingest", path, "--data-dir", data_dir, check=False)


def load_all(paths, data_dir):
    return cli("ingest", *paths, "--data-dir", data_dir, check=False)


def first_job(data_dir, log):
    """The only job of a store as the API shows it, and its rejects."""
    with tripstore.Server(data_dir, log) as server:
        job, = server.get("/jobs").json
        return job, server.get(f"/jobs/{job['id']}/rejects", {"limit": 10_000}).json


def test_exit_code_is_zero_when_every_row_was_taken(tmp_path):
    done = load(SAMPLE, tmp_path / "data")
    assert done.returncode == 0
    assert "100" in done.stdout + done.stderr


def test_bad_rows_are_kept_with_line_reason_and_text(tmp_path):
    """All kinds at once, each between good rows."""
    lines = [HEADER]
    for _, row, _ in BAD_ROWS:
        lines += [GOOD, row]
    lines.append(GOOD)
    file = tmp_path / "bad.csv"
    file.write_text("\n".join(lines) + "\n")
    done = load(file, tmp_path / "data")
    assert done.returncode == SOME_REJECTED
    assert str(len(BAD_ROWS)) in done.stdout + done.stderr
    job, report = first_job(tmp_path / "data", tmp_path / "log")
    assert (job["status"], job["rejected_rows"]) == ("completed", len(BAD_ROWS))
    assert job["processed_rows"] == job["total_rows"] == len(lines) - 1
    assert [(row["line"], row["text"]) for row in report["rejects"]] == [
        (3 + 2 * index, row) for index, (_, row, _) in enumerate(BAD_ROWS)]
    wrong = [(name, row["reason"]) for (name, _, word), row in zip(BAD_ROWS, report["rejects"], strict=True) if word not in row["reason"]]
    assert wrong == []
    printed = cli("weekly-average", "--data-dir", tmp_path / "data").stdout
    assert str(len(BAD_ROWS) + 1) in printed


@pytest.mark.parametrize("character", ["\x7f", "\x80", "\x85", "\x9f"], ids=ascii)
def test_a_name_has_no_control_character_of_any_block(tmp_path, character):
    """Beyond the usual ones: DEL, and those that ISO 8859 has from 0x80 on."""
    file = tmp_path / "names.csv"
    rows = [GOOD.replace("Prague", f"Pra{character}gue"), GOOD.replace("funny_car", f"{character}funny_car" + "r" * 40),
            GOOD.replace("Prague", "Pra\xa0gue")]
    file.write_text("\n".join([HEADER, *rows]) + "\n")
    assert load(file, tmp_path / "data").returncode == SOME_REJECTED
    report = json.loads(cli("jobs", 1, "--rejects", 9, "--format", "json", "--data-dir", tmp_path / "data").stdout)
    assert [(row["line"], row["reason"], row["text"]) for row in report["rejects"]] == [
        (2, "region has a control character", rows[0]), (3, "datasource has a control character", rows[1])]


def test_reasons_are_told_by_their_number_and_then_by_their_name(tmp_path):
    file = tmp_path / "bad.csv"
    rows = [GOOD.replace("funny_car", "\x01"), "x", GOOD + ",x", GOOD.replace("Prague", "\x01"), "x"]
    file.write_text("\n".join([HEADER, *rows]) + "\n")
    told = re.findall(r"^  (\d+) rejected: (.*)$", load(file, tmp_path / "data").stderr, re.MULTILINE)
    assert told == [("2", "fewer fields than the header"), ("1", "datasource has a control character"), ("1", "more fields than the header"),
                    ("1", "region has a control character")]


def test_lines_are_counted_across_quoted_line_ends(tmp_path):
    file = tmp_path / "quoted.csv"
    file.write_text("\r\n".join([HEADER, GOOD, GOOD.replace("funny_car", '"funny\r\ncar"'), "bad", GOOD]) + "\r\n", newline="")
    assert load(file, tmp_path / "data").returncode == SOME_REJECTED
    _, report = first_job(tmp_path / "data", tmp_path / "log")
    # A name with a line end is itself refused; the row after it starts one line further on.
    assert [row["line"] for row in report["rejects"]] == [3, 5]


@pytest.mark.parametrize("text", [
    "", "\n", "a,b,c\n1,2,3\n", GOOD + "\n", "\x00\x01\x02" * 100, HEADER.replace("datetime", "note") + "\n" + GOOD])
def test_a_file_that_is_no_trips_csv_fails_with_one_sentence(tmp_path, text):
    file = tmp_path / "other.csv"
    file.write_text(text)
    done = load(file, tmp_path / "data")
    assert done.returncode in (NOT_LOADED, ASKED)
    assert done.stderr.strip()
    assert "Fatal error" not in done.stderr


def test_a_missing_file_is_named(tmp_path):
    done = load(tmp_path / "absent.csv", tmp_path / "data")
    assert done.returncode == NOT_LOADED
    assert "absent.csv" in done.stderr


def test_there_are_bad_files():
    assert BAD_FILES


@pytest.mark.parametrize("file", BAD_FILES, ids=lambda path: path.name)
def test_every_bad_file_is_taken_or_refused_but_never_silently(tmp_path, file):
    done = load(file, tmp_path / "data")
    assert done.returncode in (SOME_REJECTED, NOT_LOADED, ASKED)
    assert "Fatal error" not in done.stderr
    assert done.stdout.strip() or done.stderr.strip()


def test_standard_input(tmp_path):
    done = cli("ingest", "-", "--data-dir", tmp_path / "data", stdin=SAMPLE.read_text())
    assert "100" in done.stdout + done.stderr
    assert "20" in cli("weekly-average", "--data-dir", tmp_path / "data").stdout


# MARK: Every kind of bad row

def loaded(path, folder):
    """A file loaded by the command line: how that ended, the rejects and the trips of each region."""
    done = load(path, folder / "data")
    report = json.loads(cli("jobs", 1, "--rejects", 10_000, "--format", "json", "--data-dir", folder / "data").stdout)
    regions = json.loads(cli("regions", "--format", "json", "--data-dir", folder / "data").stdout)
    return done, report, {region["region"]: region["trips"] for region in regions["regions"]}


def differences(found, expected):
    """Where two lists of rejects differ, the first few."""
    missing = [reject for reject in expected if reject not in found]
    unexpected = [reject for reject in found if reject not in expected]
    return {"missing": missing[:5], "unexpected": unexpected[:5], "order": found != expected}


AS_EXPECTED = {"missing": [], "unexpected": [], "order": False}


def documented_reasons():
    """Those that rows in our own form are rejected for."""
    text = (REPOSITORY / "docs/API.md").read_text().split("## Reasons for rejecting a row")[1].split("##")[0]
    rows = {line.split("|")[1].strip(): re.findall("`([^`]+)`", line) for line in text.splitlines() if line.startswith("| ")}
    rows["destination"] = rows["destination"][:1] + [
        reason.replace("origin", "destination", 1) for reason in rows["origin"] if reason != "origin is empty"]
    rows["datasource"] = [reason.replace("region", "datasource", 1) for reason in rows["region"]]
    return {reason for reasons in rows.values() for reason in reasons}


def test_the_committed_bad_files_are_what_their_generator_makes():
    committed = {path.name: path.read_bytes() for path in bad_csv.FOLDER.iterdir()}
    made = bad_csv.files()
    assert sorted(committed) == sorted(made)
    assert [name for name in made if committed[name] != made[name]] == []


def test_the_bad_rows_have_every_documented_reason():
    """But one: a row of more than 2 MiB, which another test makes."""
    found = {reject["reason"] for reject in EXPECTED["rejects"]}
    assert documented_reasons() - found == {"row longer than 2,097,152 bytes"}
    assert found <= documented_reasons()


def test_every_kind_of_bad_row_is_kept_and_every_good_row_beside_it_is_in(tmp_path):
    done, report, regions = loaded(BAD_ROWS_FILE, tmp_path)
    assert done.returncode == SOME_REJECTED, done.stderr
    assert differences(report["rejects"], EXPECTED["rejects"]) == AS_EXPECTED
    assert regions == EXPECTED["regions"]
    assert sum(regions.values()) == EXPECTED["good_rows"]
    reasons = collections.Counter(reject["reason"] for reject in EXPECTED["rejects"])
    assert (report["rejected_rows"], report["reasons"]) == (len(EXPECTED["rejects"]), reasons)
    for reason, count in reasons.items():
        assert f"{count} rejected: {reason}\n" in done.stderr


def test_every_kind_of_bad_row_comes_out_the_same_over_http(server):
    job = server.ingest(BAD_ROWS_FILE)
    rows = EXPECTED["good_rows"] + len(EXPECTED["rejects"])
    assert (job["status"], job["processed_rows"], job["total_rows"]) == ("completed", rows, rows), job
    assert job["rejected_rows"] == len(EXPECTED["rejects"])
    report = server.get(f"/jobs/{job['id']}/rejects", {"limit": 10_000}).json
    assert differences(report["rejects"], EXPECTED["rejects"]) == AS_EXPECTED
    assert {region["region"]: region["trips"] for region in server.get("/regions").json["regions"]} == EXPECTED["regions"]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["newline", "carriage return and newline"])
def test_bad_rows_are_the_same_with_columns_in_another_order(tmp_path, line_end):
    """And with a column of someone else's, and quotes around every field."""
    order = ["datasource", "datetime", "note", "origin", "region", "destination"]
    header = "datasource,datetime,note,origin_coord,region,destination_coord"
    one_line = [(reason, text) for field, values in (("region", bad_csv.NAMES), ("origin", bad_csv.POINTS),
                                                     ("datetime", bad_csv.TIMES), ("datasource", bad_csv.NAMES))
                for text, why in values if isinstance(text, str) and '"' not in text and "\r" not in text
                for reason, text in [(f"{field} {why}", bad_csv.FIELDS | {"note": "a ""b""", field: text})]]
    lines = [",".join(f'"{fields[name]}"' for name in order) for _, fields in one_line]
    file = tmp_path / "bad.csv"
    file.write_text(line_end.join([header, *lines]) + line_end, newline="")
    done, report, regions = loaded(file, tmp_path)
    # Every row is bad, so the file is.
    assert done.returncode == NOT_LOADED
    expected = [{"line": number, "reason": reason, "text": line}
                for number, (line, (reason, _)) in enumerate(zip(lines, one_line, strict=True), start=2)]
    assert differences(report["rejects"], expected) == AS_EXPECTED
    assert regions == {}


# MARK: Giant rows

def cut(text, size):
    """What is kept of a text of `size` bytes."""
    return text[:KEPT_BYTES_MAX] + f"… ({size} bytes)"


def test_a_field_of_a_megabyte_costs_its_row_alone(tmp_path):
    bad = [GOOD.replace("Prague", "x" * 1_000_000), GOOD.replace("2018-05-28", "9" * 1_000_000),
           GOOD.replace("14.4973794438195", "1" * 1_000_000), GOOD.replace("funny_car", '"' + "y\n" * 500_000 + '"'),
           GOOD.replace("POINT (14.43", "POINT" + " " * 1_000_000 + "(x")]
    reasons = ["region is longer than 1,024 bytes", "datetime is not a date and time",
               "origin longitude out of range -180...180", "datasource is longer than 1,024 bytes",
               "destination has a coordinate that is not a number"]
    file = tmp_path / "giant.csv"
    file.write_text("\n".join([HEADER, *(line for row in bad for line in (GOOD, row)), GOOD]) + "\n")
    _, report, regions = loaded(file, tmp_path)
    assert regions == {"Prague": len(bad) + 1}
    # The fourth takes half a million lines.
    lines = [3, 5, 7, 9, 500_011]
    assert [(row["line"], row["reason"], row["text"]) for row in report["rejects"]] == [
        (line, reason, cut(row, len(row))) for line, reason, row in zip(lines, reasons, bad, strict=True)]


def test_a_long_number_that_is_in_range_is_a_coordinate(tmp_path):
    file = tmp_path / "long.csv"
    file.write_text(f"{HEADER}\n{GOOD.replace('14.4973794438195', '14.' + '3' * 1_000_000)}\n")
    done, _, regions = loaded(file, tmp_path)
    assert (done.returncode, regions) == (0, {"Prague": 1})


def test_a_row_may_have_2097152_bytes_and_no_more(tmp_path):
    """The bytes are in a column that is not ours; a carriage return at the end is none of them."""
    def row_of(size):
        return GOOD + "," + "n" * (size - len(GOOD) - 1)

    rows = [row_of(RECORD_BYTES_MAX), row_of(RECORD_BYTES_MAX + 1), row_of(RECORD_BYTES_MAX) + "\r",
            row_of(RECORD_BYTES_MAX + 1) + "\r", row_of(9_000_000), GOOD + ",", row_of(RECORD_BYTES_MAX + 1)]
    file = tmp_path / "long.csv"
    file.write_text("\n".join([HEADER + ",note", *rows]), newline="")
    done, report, regions = loaded(file, tmp_path)
    assert done.returncode == SOME_REJECTED
    assert regions == {"Prague": 3}
    assert [(row["line"], row["reason"]) for row in report["rejects"]] == [
        (line, "row longer than 2,097,152 bytes") for line in (3, 5, 6, 8)]
    assert {row["text"] for row in report["rejects"]} == {row_of(KEPT_BYTES_MAX) + "… (more than 2097152 bytes)"}


def test_a_quote_that_is_open_for_more_than_2097152_bytes_costs_one_row(tmp_path):
    """The quotes are well formed but the record is too long, so its lines are rows of their own."""
    lines = [GOOD.replace("Prague", '"Prague')] + [GOOD] * 20_000 + [GOOD.replace("Prague", 'Prague"')]
    assert sum(map(len, lines)) > RECORD_BYTES_MAX
    file = tmp_path / "open.csv"
    file.write_text("\n".join([HEADER, *lines]) + "\n")
    _, report, regions = loaded(file, tmp_path)
    assert regions == {"Prague": 20_000}
    assert [(row["line"], row["reason"], row["text"]) for row in report["rejects"]] == [
        (2, "unterminated quote", lines[0]), (20_003, "quote inside an unquoted field", lines[-1])]


# MARK: Files with one fault in the file itself

def errors(done):
    """What the command line says of files that it did not load, without lines of the log."""
    assert done.returncode in (NOT_LOADED, ASKED)
    assert done.stdout == ""
    return [line for line in done.stderr.splitlines() if not re.match(r"\d{4}-\d\d-\d\dT\S+ warning ", line)]


def sentence(done, name):
    """What it says of one file: one line, one sentence."""
    said = "\n".join(errors(done))
    found = re.fullmatch(rf"Error: {re.escape(name)}: ([^\n]+\.)", said)
    assert found, said
    return found[1]


@pytest.mark.parametrize("name, remedy", [(name, remedy) for name, _, remedy in bad_csv.FAULTS])
def test_a_bad_file_fails_with_one_sentence_that_says_what_to_do(tmp_path, name, remedy):
    done = load(FIXTURES / "BadCSV" / name, tmp_path / "data")
    message = sentence(done, name)
    assert remedy in message
    # A file that an option may make readable is a question.
    assert done.returncode == (ASKED if "--" in remedy else NOT_LOADED)
    job, = json.loads(cli("jobs", "--format", "json", "--data-dir", tmp_path / "data").stdout)
    assert (job["status"], job["message"]) == ("failed", message)
    assert json.loads(cli("regions", "--format", "json", "--data-dir", tmp_path / "data").stdout) == {"regions": [], "total_regions": 0}


def test_bad_files_fail_with_the_same_sentences_over_http(tmp_path, server):
    files = {name: FIXTURES / "BadCSV" / name for name, _, _ in bad_csv.FAULTS}
    jobs = {name: server.ingest(path) for name, path in files.items()}
    printed = errors(load_all(files.values(), tmp_path / "other"))
    assert [line for line in printed if line.startswith("Error: ")] == [
        f"Error: {name}: {job['message']}" for name, job in jobs.items()]
    assert {job["status"] for job in jobs.values()} == {"failed"}
    assert server.get("/regions").json == {"regions": [], "total_regions": 0}


def test_a_bad_file_is_named_once(tmp_path):
    assert load(FIXTURES / "BadCSV/excel.csv", tmp_path / "data").stderr.count("save it as CSV") == 1


def test_a_header_of_more_than_2_mib_is_one_sentence(tmp_path):
    file = tmp_path / "long.csv"
    file.write_text("n" * RECORD_BYTES_MAX + "," + HEADER + "\n" + GOOD + "\n")
    assert "first line names its columns" in sentence(load(file, tmp_path / "data"), "long.csv")


def test_a_bad_file_does_not_keep_the_next_one_out(tmp_path):
    done = load_all([FIXTURES / "BadCSV/excel.csv", SAMPLE, FIXTURES / "BadCSV/parquet.csv"], tmp_path / "data")
    assert done.returncode == NOT_LOADED
    jobs = json.loads(cli("jobs", "--format", "json", "--data-dir", tmp_path / "data").stdout)
    assert [job["status"] for job in jobs] == ["failed", "completed", "failed"]
    assert re.fullmatch(r"1 of 3 files: 100 trips ingested, [\d,]+ rows/s", done.stderr.splitlines()[-1])
    assert json.loads(cli("weekly-average", "--format", "json", "--data-dir", tmp_path / "data").stdout)["total_trips"] == 100
