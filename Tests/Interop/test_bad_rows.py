"""Bad rows through the command line: the exit code tells, each is kept with its line, and the good ones beside them count."""

import pytest

import tripstore
from tripstore import FIXTURES, SAMPLE, cli

# The exit codes of `tripstore ingest`.
SOME_REJECTED, NOT_LOADED = 3, 1

HEADER = "region,origin_coord,destination_coord,datetime,datasource"
GOOD = ("Prague,POINT (14.4973794438195 50.00136875782316),POINT (14.43109483523328 50.04052930943246),"
        "2018-05-28 09:03:40,funny_car")

# What is wrong, the row, a word of the reason.
BAD_ROWS = [
    ("too few fields", "Prague,POINT (14.4 50.0),POINT (14.5 50.1),2018-05-28 09:03:40", "fields"),
    ("too many fields", GOOD + ",extra", "fields"),
    ("empty region", GOOD.replace("Prague", ""), "region"),
    ("empty datasource", GOOD.replace("funny_car", ""), "datasource"),
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


def load(path, data_dir):
    return cli("ingest", path, "--data-dir", data_dir, check=False)


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
    wrong = [(name, row["reason"]) for (name, _, word), row in zip(BAD_ROWS, report["rejects"]) if word not in row["reason"]]
    assert wrong == []
    printed = cli("weekly-average", "--data-dir", tmp_path / "data").stdout
    assert str(len(BAD_ROWS) + 1) in printed


def test_lines_are_counted_across_quoted_line_ends(tmp_path):
    file = tmp_path / "quoted.csv"
    file.write_text("\r\n".join([HEADER, GOOD, GOOD.replace("funny_car", '"funny\r\ncar"'), "bad", GOOD]) + "\r\n", newline="")
    assert load(file, tmp_path / "data").returncode == SOME_REJECTED
    _, report = first_job(tmp_path / "data", tmp_path / "log")
    # A name with a line end is itself refused; the row after it starts one line further on.
    assert [row["line"] for row in report["rejects"]] == [3, 5]


@pytest.mark.parametrize("text", [
    "", "\n", "a,b,c\n1,2,3\n", GOOD + "\n", "\x00\x01\x02" * 100, HEADER.replace("region", "area") + "\n" + GOOD])
def test_a_file_that_is_no_trips_csv_fails_with_one_sentence(tmp_path, text):
    file = tmp_path / "other.csv"
    file.write_text(text)
    done = load(file, tmp_path / "data")
    assert done.returncode == NOT_LOADED
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
    assert done.returncode in (SOME_REJECTED, NOT_LOADED)
    assert "Fatal error" not in done.stderr
    assert done.stdout.strip() or done.stderr.strip()


def test_standard_input(tmp_path):
    done = cli("ingest", "-", "--data-dir", tmp_path / "data", stdin=SAMPLE.read_text())
    assert "100" in done.stdout + done.stderr
    assert "20" in cli("weekly-average", "--data-dir", tmp_path / "data").stdout
