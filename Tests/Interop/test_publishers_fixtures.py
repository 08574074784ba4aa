"""The made-up files of publishers say what their truth says: DuckDB reads each as it is told to, and finds the same trips.

No test here runs the program. What it makes of these files is tested elsewhere, against the same truth.
"""

import json
from collections import Counter
from datetime import datetime, timedelta

import duckdb
import pytest

from tripstore_tools import REPOSITORY
from tripstore_tools.fixtures import publishers
from tripstore_tools.fixtures.publisher_forms.duckdb_reading import Reading
from tripstore_tools.fixtures.publishers import FORMS

LOADABLE = [form for form in FORMS if not form.refused]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("publishers")
    publishers.write(folder)
    return folder


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        yield connection


def cell(longitude, latitude):
    """The column and row of the geohash cell of five characters."""
    return int((longitude + 180) / 360 * 8192), int((latitude + 90) / 180 * 4096)


@pytest.mark.parametrize("form", LOADABLE, ids=lambda form: form.name)
def test_duckdb_reads_the_same_trips(folder, connection, form):
    reading = Reading(form, folder)
    if form.places:
        connection.execute(reading.places_sql())
    connection.execute(f"create or replace temp table trips as {reading.sql()}")
    weeks = dict(connection.execute("select cast(date_trunc('week', started) as date)::varchar, count(*) from trips group by 1").fetchall())
    cells = connection.execute("select floor((o_lng + 180) / 360 * 8192)::int, floor((o_lat + 90) / 180 * 4096)::int, count(*) "
                               "from trips group by 1, 2").fetchall()
    times = [datetime.fromisoformat(row[4]) for row in form.truth]
    assert weeks == Counter((time.date() - timedelta(days=time.weekday())).isoformat() for time in times)
    assert {(x, y): trips for x, y, trips in cells} == Counter(cell(row[0], row[1]) for row in form.truth)
    # Stronger than both: every trip with all that is said of it.
    read = connection.execute("select * from trips").fetchall()
    assert Counter((*row[:4], row[4].isoformat(), *row[5:]) for row in read) == Counter(map(tuple, form.truth))
    (records,) = connection.execute(f"select count(*) from {reading.table()}").fetchone()
    assert records == len(form.truth) + form.rejected["count"]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_form_is_consistent(form):
    record = form.as_json()
    assert 60 <= len(form.trips) <= 200
    # Every row is a trip or rejected, but for the lines that are no rows of the table.
    if form.refused:
        assert record["options"] is None and record["mapping"] is None and not record["trips"]
        return
    assert record["trip_count"] + record["rejected"]["count"] == len(form.trips) + len(form.junk)
    assert record["mapping"]["origin"] and record["mapping"]["time"]
    assert bool(record["mapping"]["destination"]) or form.given["missing_destination"] == "keep"
    assert not record["questions"] or record["options"], "what is asked has an answer"
    if form.has_header:
        assert all(name in form.names for target in ("origin", "destination", "time") for name in record["mapping"][target])


def test_files_are_the_same_each_time(folder):
    for name, data in publishers.files().items():
        assert (folder / name).read_bytes() == data, name
    records = json.loads((folder / "forms.json").read_text())
    assert [record["name"] for record in records] == [form.name for form in FORMS]


def test_there_are_enough_of_them():
    assert len(FORMS) >= 40 and len({form.publisher for form in FORMS}) >= 20


def test_dates_whose_order_is_asked_prove_none(folder):
    """And those whose order is not asked prove it: a value above 12 stands in one of the two places, in one place alone."""
    for form in LOADABLE:
        if form.time.template.startswith(("{m", "{d")) or form.time.date.startswith(("{m", "{d")):
            asked = any(question["option"] == "date_order" for question in form.questions)
            assert asked == all(datetime.fromisoformat(row[4]).day <= 12 for row in form.truth), form.name


def test_the_table_of_publishers_is_what_the_forms_say():
    page = (REPOSITORY / "docs/INGESTION.md").read_text()
    _, _, rest = page.partition("<!-- table of publishers -->\n")
    assert rest.partition("<!-- end -->")[0] == publishers.table(), "print it with python -m tripstore_tools.fixtures.publishers --table"
