"""A million synthetic trips: every answer over HTTP equals the one that DuckDB computes from the CSV."""

import subprocess

import pytest

from tripstore import REPOSITORY


def busiest(oracle, column):
    return oracle.value(f"SELECT {column} FROM trips GROUP BY ALL ORDER BY count(*) DESC, {column} LIMIT 1")


def box(oracle, low, high):
    """A box whose edges are coordinates of real trips of the busiest region, so that edges count."""
    edges = oracle.rows(
        f"""SELECT quantile_disc(origin_latitude, [{low}, {high}]), quantile_disc(origin_longitude, [{low}, {high}])
            FROM trips WHERE region = ?""", [busiest(oracle, "region")])[0]
    (min_lat, max_lat), (min_lng, max_lng) = edges
    return {"min_lat": min_lat, "max_lat": max_lat, "min_lng": min_lng, "max_lng": max_lng}


def middle(oracle):
    """A date-time in the middle of the data, to the second."""
    return oracle.value("SELECT strftime(quantile_disc(time, 0.5), '%Y-%m-%dT%H:%M:%S') FROM trips")


# name: the parameters, made when the trips are known
FILTERS = {
    "all": lambda oracle: {},
    "region": lambda oracle: {"region": busiest(oracle, "region")},
    "datasource": lambda oracle: {"datasource": busiest(oracle, "datasource")},
    "from": lambda oracle: {"from": middle(oracle)},
    "to": lambda oracle: {"to": middle(oracle)},
    "one day": lambda oracle: {"from": middle(oracle)[:10], "to": middle(oracle)[:10] + "T23:59:59"},
    "small box": lambda oracle: box(oracle, 0.49, 0.51),
    "large box": lambda oracle: box(oracle, 0.05, 0.95),
    "whole world": lambda oracle: {"min_lat": -90, "max_lat": 90, "min_lng": -180, "max_lng": 180},
    "destination": lambda oracle: box(oracle, 0.3, 0.7) | {"within": "destination"},
    "both": lambda oracle: box(oracle, 0.3, 0.7) | {"within": "both"},
    "either": lambda oracle: box(oracle, 0.3, 0.7) | {"within": "either"},
    "everything": lambda oracle: box(oracle, 0.1, 0.9) | {
        "within": "both", "region": busiest(oracle, "region"), "datasource": busiest(oracle, "datasource"),
        "from": middle(oracle)},
}

GROUPINGS = {
    "default": {},
    "precision 3": {"precision": 3},
    "precision 7": {"precision": 7, "limit": 500},
    "quarter hours": {"bucket_minutes": 15},
    "whole days": {"bucket_minutes": 1440, "precision": 4, "limit": 10_000},
    "absolute": {"bucket": "absolute"},
    "absolute quarter hours": {"bucket": "absolute", "bucket_minutes": 15, "precision": 4},
    "second page": {"limit": 100, "offset": 100},
    "beyond the end": {"offset": 2_000_000},
}


@pytest.mark.parametrize("weeks", ["calendar", "active", "elapsed"])
@pytest.mark.parametrize("name", FILTERS)
def test_weekly_average_equals_duckdb(generated_server, oracle, name, weeks):
    parameters = FILTERS[name](oracle) | {"weeks": weeks}
    total, count, by_week = oracle.weekly_average(parameters)
    assert total > 0, "the filter must match something, or nothing is tested"
    answer = generated_server.get("/analytics/weekly-average", parameters).json
    assert (answer["total_trips"], answer["week_count"], answer["weekly_average"]) == (total, count, total / count)
    assert {week["week_start"]: (week["week"], week["trips"]) for week in answer["weeks"] if week["trips"]} == by_week
    if weeks != "elapsed":
        assert len(answer["weeks"]) == count


@pytest.mark.parametrize("name", FILTERS)
def test_trip_groups_equal_duckdb_under_every_filter(generated_server, oracle, name):
    parameters = FILTERS[name](oracle)
    expected = oracle.trip_groups(parameters)
    assert expected["total_trips"] > 0
    assert generated_server.get("/trip-groups", parameters).json == expected


@pytest.mark.parametrize("name", GROUPINGS)
@pytest.mark.parametrize("scope", ["all", "region", "large box"])
def test_trip_groups_equal_duckdb_in_every_grouping(generated_server, oracle, scope, name):
    parameters = FILTERS[scope](oracle) | GROUPINGS[name]
    assert generated_server.get("/trip-groups", parameters).json == oracle.trip_groups(parameters)


def test_regions_equal_duckdb(generated_server, oracle):
    answer = generated_server.get("/regions").json
    expected = oracle.regions()
    for region in expected["regions"]:
        region["datasources"].sort(key=lambda source: (-source["trips"], source["datasource"]))
    assert answer == expected


def test_sql_questions_equal_duckdb(generated_in_columnstore, oracle):
    shell = subprocess.run(["sqlite3", "-readonly", str(generated_in_columnstore.data_dir / "catalog.sqlite")],
                           input=(REPOSITORY / "sql_queries.sql").read_text(), capture_output=True, text=True, check=True)
    expected = oracle.latest_datasource_of_top_regions() + oracle.regions_of_cheap_mobile()
    assert shell.stdout.splitlines() == ["|".join(row) for row in expected]
