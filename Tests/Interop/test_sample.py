"""The 100 trips of the sample: their known answers, the same from the command line and over HTTP, byte for byte."""

import csv
import re
import subprocess

import pytest

from tripstore_tools.harness.tripstore import FIXTURES, REPOSITORY, cli, flags

BOX = {"min_lat": 50.0, "max_lat": 50.1, "min_lng": 14.3, "max_lng": 14.6}

# region (None: all), trips, calendar weeks, average
KNOWN = [("Prague", 34, 5, 6.8), ("Turin", 38, 5, 7.6), ("Hamburg", 28, 5, 5.6), (None, 100, 5, 20.0)]

WEEKLY_AVERAGES = [
    {},
    {"region": "Prague"},
    {"region": "Turin", "weeks": "active"},
    {"datasource": "cheap_mobile", "weeks": "elapsed"},
    {"from": "2018-05-07", "to": "2018-05-21T12:00:00"},
    BOX,
    BOX | {"within": "both"},
    BOX | {"within": "either", "region": "Prague"},
    BOX | {"min_lat": -90, "min_lng": -180},
]

TRIP_GROUPS = [
    {},
    {"limit": 5},
    {"limit": 5, "offset": 95},
    {"precision": 3, "bucket_minutes": 1440},
    {"precision": 12, "bucket": "absolute", "bucket_minutes": 15},
    {"region": "Hamburg", "precision": 4},
    BOX | {"within": "destination"},
    {"from": "2030-01-01"},
]

# path, parameters, status, what `detail` is (or contains, if it ends in an ellipsis)
ERRORS = [
    ("weekly-average", {"region": "Atlantis"}, 404, "No trips found for the specified filters"),
    ("weekly-average", BOX | {"min_lat": 51.0}, 400, "Invalid bounding box coordinates"),
    ("weekly-average", BOX | {"min_lng": 15.0}, 400, "Invalid bounding box coordinates"),
    ("weekly-average", {"min_lat": 50.0}, 400, "max_lat…"),
    ("weekly-average", BOX | {"max_lat": 91}, 400, "max_lat…"),
    ("weekly-average", BOX | {"min_lng": "west"}, 400, "min_lng…"),
    ("weekly-average", {"weeks": "lunar"}, 400, "weeks…"),
    ("weekly-average", {"from": "yesterday"}, 400, "from…"),
    ("weekly-average", {"colour": "red"}, 400, "colour…"),
    ("trip-groups", {"limit": 0}, 400, "limit…"),
    ("trip-groups", {"limit": 10_001}, 400, "limit…"),
    ("trip-groups", {"precision": 13}, 400, "precision…"),
    ("trip-groups", {"bucket_minutes": 7}, 400, "bucket_minutes…"),
    ("trip-groups", {"bucket": "weekly"}, 400, "bucket…"),
    ("trip-groups", BOX | {"within": "nearby"}, 400, "within…"),
]

PATHS = {"weekly-average": "/analytics/weekly-average", "trip-groups": "/trip-groups", "regions": "/regions"}
QUERIES = [("weekly-average", parameters) for parameters in WEEKLY_AVERAGES] + [
    ("trip-groups", parameters) for parameters in TRIP_GROUPS] + [("regions", {})]


@pytest.mark.parametrize("region, trips, weeks, average", KNOWN)
def test_weekly_average_is_the_known_one(sample_server, region, trips, weeks, average):
    answer = sample_server.get("/analytics/weekly-average", {"region": region} if region else None).json
    assert (answer["total_trips"], answer["week_count"], answer["weekly_average"]) == (trips, weeks, average)
    assert answer["area_description"] == (region or "All trips")
    assert [week["week"] for week in answer["weeks"]] == [f"2018-W{number}" for number in range(18, 23)]
    assert answer["weeks"][-1]["week_start"] == "2018-05-28"
    assert sum(week["trips"] for week in answer["weeks"]) == trips


def test_box_describes_itself(sample_server):
    answer = sample_server.get("/analytics/weekly-average", BOX).json
    assert answer["area_description"] == "BBox(50.0,14.3)-(50.1,14.6)"


def test_every_trip_of_the_sample_is_a_group_of_its_own(sample_server):
    answer = sample_server.get("/trip-groups", {"limit": 1000}).json
    assert (answer["total_groups"], answer["total_trips"], len(answer["groups"])) == (100, 100, 100)
    assert {group["trip_count"] for group in answer["groups"]} == {1}
    assert {group["time_bucket_minutes"] for group in answer["groups"]} == {60}


def test_regions_are_listed_with_most_trips_first(sample_server):
    regions = sample_server.get("/regions").json["regions"]
    assert [(region["region"], region["trips"]) for region in regions] == [("Turin", 38), ("Prague", 34), ("Hamburg", 28)]
    assert all(sum(source["trips"] for source in region["datasources"]) == region["trips"] for region in regions)


def test_sql_queries_answer_with_the_stock_shell(sample_store):
    text = (REPOSITORY / "sql_queries.sql").read_text()
    shell = subprocess.run(["sqlite3", "-csv", "-header", str(sample_store / "catalog.sqlite")],
                           input=text, capture_output=True, text=True, check=True)
    printed = list(csv.reader(shell.stdout.splitlines()))
    expected = []
    for line in text.splitlines():
        if line.startswith("-- name: "):
            name = line.removeprefix("-- name: ").strip()
            expected += csv.reader((FIXTURES / "Expected" / f"{name}.csv").read_text().splitlines())
    assert printed == expected


@pytest.mark.parametrize("command, parameters", QUERIES, ids=str)
def test_command_line_gives_the_same_json_as_the_api(sample_store, sample_server, command, parameters):
    api = sample_server.get(PATHS[command], parameters)
    assert api.status == 200, api.body
    printed = cli(command, *flags(parameters), "--format", "json", "--data-dir", sample_store).stdout
    assert printed.removesuffix("\n").encode() == api.body.removesuffix(b"\n")


def with_flags(sentence):
    """A sentence of the API as the command line says it."""
    if sentence == "Invalid bounding box coordinates":
        return "swap them"
    sentence = re.sub(r"Parameter '(\w+)'", lambda name: "--" + name[1].replace("_", "-"), sentence)
    edges = r"(?<!-)\b(min|max)_(lat|lng)\b"
    return re.sub(edges, r"--\1-\2", sentence)


@pytest.mark.parametrize("command, parameters, status, detail", ERRORS, ids=str)
def test_mistakes_are_answered_with_one_sentence(sample_store, sample_server, command, parameters, status, detail):
    answer = sample_server.get(PATHS[command], parameters)
    assert answer.status == status, answer.body
    if detail.endswith("…"):
        assert detail[:-1] in answer.detail
    else:
        assert answer.detail == detail
    # The command line says the same of its flags, unless its own parser speaks first (an unknown flag).
    done = cli(command, *flags(parameters), "--data-dir", sample_store, check=False)
    assert done.returncode != 0
    assert done.stdout == ""
    if "colour" not in parameters:
        assert with_flags(answer.detail) in done.stderr


@pytest.mark.parametrize("form", ["table", "csv"])
def test_other_formats_say_the_same(sample_store, form):
    printed = cli("trip-groups", "--region=Turin", "--limit=3", "--format", form, "--data-dir", sample_store).stdout
    groups = cli("trip-groups", "--region=Turin", "--limit=3", "--format", "json", "--data-dir", sample_store).stdout
    assert "Turin" in printed and "Turin" in groups
    if form == "csv":
        header, *rows = csv.reader(printed.splitlines())
        assert header[0] == "region" and len(rows) == 3


def test_table_is_the_default_format(sample_store):
    plain = cli("weekly-average", "--region=Turin", "--data-dir", sample_store).stdout
    assert plain == cli("weekly-average", "--region=Turin", "--format", "table", "--data-dir", sample_store).stdout
    assert "7.6" in plain
