"""A million synthetic trips: every answer over HTTP equals the one that DuckDB computes from the CSV."""

import subprocess

import pytest

from tripstore_tools.harness.queries import FILTERS, GROUPINGS
from tripstore_tools.harness.tripstore import REPOSITORY


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


def test_sql_queries_equal_duckdb(generated_in_columnstore, oracle):
    shell = subprocess.run(["sqlite3", "-readonly", str(generated_in_columnstore.data_dir / "catalog.sqlite")],
                           input=(REPOSITORY / "sql_queries.sql").read_text(), capture_output=True, text=True, check=True)
    expected = oracle.latest_datasource_of_top_regions() + oracle.regions_of_cheap_mobile()
    assert shell.stdout.splitlines() == ["|".join(row) for row in expected]
