"""Rows that publishers write with defects: each file has the trips of the one without the defect, in our own form and in another.

The beginning of a file decides how it is read, so defects come early, late and everywhere."""

import json

import duckdb
import pytest

from tripstore_tools.harness.tripstore import SOME_REJECTED, cli

ROWS = 3000
COLUMNS = "region, datasource, origin_longitude, origin_latitude, destination_longitude, destination_latitude, time"
FORMS = {
    "own": ["region,origin_coord,destination_coord,datetime,datasource",
            lambda number, region, datasource: [region, f"POINT (14.{number % 10} 50.0)", "POINT (14.5 50.1)",
                                                f"2018-05-28 09:{number % 60:02}:00", datasource]],
    "publisher": ["trip_id,started_at,start_lat,start_lng,end_lat,end_lng,region,datasource",
                  lambda number, region, datasource: [str(number), f"2018-05-28 09:{number % 60:02}:00", "50.0", f"14.{number % 10}",
                                                      "50.1", "14.5", region, datasource]],
}
NONE = ["", "NA", "N/A", "NULL", "null", "None", "none", "nil", "\\N", "{}", " "]


def names(_):
    return "Prague", "app"


def write(path, form, names=names, change=lambda number, fields: fields, ending=lambda number: "\n", delimiter=","):
    header, row = FORMS[form]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(header.replace(",", delimiter) + "\n")
        for number in range(ROWS):
            file.write(delimiter.join(change(number, row(number, *names(number)))) + ending(number))
    return path


def ingested(path, *flags, check=True):
    """The trips of a file, and what the command said."""
    store = path.parent / f"{path.name}.store"
    done = cli("ingest", path, *flags, "--data-dir", store, check=check)
    trips = duckdb.connect().execute(f"SELECT {COLUMNS} FROM '{store}/segments/*.parquet' ORDER BY ALL").fetchall()
    return trips, done


@pytest.fixture(scope="module", params=FORMS)
def form(request):
    return request.param


@pytest.fixture(scope="module")
def expected(form, tmp_path_factory):
    trips, _ = ingested(write(tmp_path_factory.mktemp("without") / "trips.csv", form))
    assert len(trips) == ROWS
    return trips


def quoted(fields):
    return [f'"{field}"' for field in fields]


@pytest.mark.parametrize("defect", [
    {"change": lambda number, fields: [*fields, "", ""]},
    {"change": lambda number, fields: [*fields, "", ""] if number % 5 else fields},
    {"ending": lambda number: ["\n", "\n\n", "\r\n\n", "\n\r\n"][number % 4]},
    {"ending": lambda number: "\n" if number < ROWS - 1 else ""},
    {"change": lambda number, fields: quoted(fields)},
    {"change": lambda number, fields: quoted(fields) if number > 2500 else fields},
    {"change": lambda number, fields: quoted(fields) if number % 97 == 0 else fields},
], ids=["surplus fields", "surplus fields in most rows", "blank lines", "no last line end", "quotes", "late quotes", "some quotes"])
def test_a_usual_defect_costs_nothing(form, expected, tmp_path, defect):
    assert ingested(write(tmp_path / "trips.csv", form, **defect))[0] == expected


def test_text_in_a_surplus_field_costs_its_row_alone(form, expected, tmp_path):
    path = write(tmp_path / "trips.csv", form, change=lambda number, fields: [*fields, "", "x" if number in (3, 2900) else ""])
    trips, done = ingested(path, check=False)
    assert done.returncode == SOME_REJECTED and "2 rejected: more fields than the header" in done.stderr
    assert len(trips) == ROWS - 2


@pytest.mark.parametrize("none", NONE)
def test_an_empty_name_takes_the_constant(tmp_path, none):
    def some(number):
        return (none if number % 3 == 0 else "Prague", none if number % 3 == 1 else "app")

    trips, _ = ingested(write(tmp_path / "trips.csv", "publisher", names=some), "--region", "Brno")
    assert {(region, datasource) for region, datasource, *_ in trips} == {("Brno", "app"), ("Prague", "csv"), ("Prague", "app")}
    assert len(trips) == ROWS
    # In our own form a name is what it is, and only nothing is none: an exported CSV comes back as it was.
    for flags in ([], ["--missing-destination", "keep"]):
        path = write(tmp_path / f"own{len(flags)}.csv", "own", names=some)
        trips, _ = ingested(path, *flags)
        assert {row[0] for row in trips} == {none or "default", "Prague"} and {row[1] for row in trips} == {none or "csv", "app"}


def test_a_thousands_separator_in_quotes_is_part_of_its_field(tmp_path):
    plain, _ = ingested(write(tmp_path / "plain.csv", "publisher"))
    path = write(tmp_path / "trips.csv", "publisher", change=lambda number, fields: [f'"{number + 1000:,}"', *fields[1:]])
    assert ingested(path)[0] == plain


@pytest.mark.parametrize("delimiter", [";", ","])
def test_a_decimal_comma_is_read_when_it_is_said(tmp_path, delimiter):
    plain, _ = ingested(write(tmp_path / "plain.csv", "publisher"))

    def change(_, fields):
        fields = [*fields[:2], *(field.replace(".", ",") for field in fields[2:6]), *fields[6:]]
        return quoted(fields) if delimiter == "," else fields

    path = write(tmp_path / "trips.csv", "publisher", change=change, delimiter=delimiter)
    assert ingested(path, "--decimal-comma")[0] == plain


def test_trips_at_0_0_are_kept_or_rejected(form, tmp_path):
    def change(number, fields):
        return [field.replace("POINT (14.5 50.1)", "POINT (0 -0.0)") if number % 10 == 0 else field for field in fields] \
            if form == "own" else [*fields[:4], *(["0.0", "0"] if number % 10 == 0 else fields[4:6]), *fields[6:]]

    path = write(tmp_path / "trips.csv", form, change=change)
    kept, _ = ingested(path)
    assert len(kept) == ROWS and sum(row[4] == row[5] == 0 for row in kept) == ROWS // 10
    (tmp_path / "trips.csv.store").rename(tmp_path / "kept")
    rest, done = ingested(path, "--null-island", "reject", check=False)
    assert done.returncode == SOME_REJECTED and f"{ROWS // 10} rejected: origin or destination is 0, 0" in done.stderr
    assert rest == [row for row in kept if row[4] != 0]


def test_a_date_of_the_other_order_behind_the_sample_fails_the_job(tmp_path):
    """The sample has 64 MiB; rows behind it that both orders explain may have been misread."""
    path, store = tmp_path / "trips.csv", tmp_path / "data"
    row = "05/16/2020 07:08,50.1,14.2,50.2,14.3," + "x" * 3000 + "\n"
    with path.open("w") as file:
        file.write("started_at,start_lat,start_lng,end_lat,end_lng,note\n")
        for _ in range((70 << 20) // len(row)):
            file.write(row)
        file.write("06/05/2020 07:09,50.1,14.2,50.2,14.3,\n16/05/2020 07:08,50.1,14.2,50.2,14.3,\n")
    line = sum(1 for _ in path.open())
    done = cli("ingest", path, "--data-dir", store, check=False)
    assert done.returncode == 1 and f"that in line {line:,} is day-first" in done.stderr and "started_at" in done.stderr, done.stderr
    assert json.loads(cli("regions", "--format", "json", "--data-dir", store).stdout)["regions"] == []
    asked = cli("ingest", path, "--dry-run", "--data-dir", store, check=False)
    assert asked.returncode == 1 and "in two orders" in asked.stdout + asked.stderr
