"""The judges are judged: fixtures are what their scripts say, and DuckDB's geohashes are pygeohash's."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import oracle
from tripstore import FIXTURES


@pytest.mark.parametrize("script", ["geohash_oracle.py", "iso_week_oracle.py"])
def test_committed_fixture_is_what_its_script_says(script):
    subprocess.run([sys.executable, Path(__file__).with_name(script), "--check"], check=True)


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
