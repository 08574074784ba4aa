"""The oracles are checked: fixtures are what their scripts say, and DuckDB's geohashes are pygeohash's."""

import subprocess
import sys

import duckdb
import pytest

from tripstore_tools.harness import oracle
from tripstore_tools.harness.tripstore import FIXTURES


@pytest.mark.parametrize("script", ["geohash_oracle", "iso_week_oracle"])
def test_committed_fixture_is_what_its_script_says(script):
    subprocess.run([sys.executable, "-m", f"tripstore_tools.fixtures.{script}", "--check"], check=True)


@pytest.mark.parametrize("precision", range(1, 13))
def test_geohashes_in_sql_equal_pygeohash_on_borders_too(precision):
    database = duckdb.connect()
    database.execute(oracle.CELL)
    checked, different = database.execute(
        f"""WITH cells AS (
                SELECT geohash, {oracle.longitude_cell('longitude', precision)} AS x,
                    {oracle.latitude_cell('latitude', precision)} AS y
                FROM read_csv(?, types = {{'longitude': 'DOUBLE', 'latitude': 'DOUBLE', 'geohash': 'VARCHAR'}})
                WHERE precision = ?
            )
            SELECT count(*), count(*) FILTER ({oracle.geohash_text('x', 'y', precision)} <> geohash) FROM cells""",
        [str(FIXTURES / "geohash_pygeohash.csv"), precision]).fetchone()
    assert checked > 100
    assert different == 0
