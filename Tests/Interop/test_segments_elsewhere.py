"""Segments are standard Parquet: pyarrow, DuckDB and Polars read the very files the server serves from, to the same rows."""

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from tripstore_tools.harness.parquet_rows import COLUMNS, in_one_order


@pytest.fixture(scope="module")
def segments(generated_in_columnstore):
    files = sorted((generated_in_columnstore.data_dir / "segments").glob("*.parquet"))
    assert files
    return files


@pytest.fixture(scope="module")
def expected(oracle):
    return in_one_order(oracle.database.sql("SELECT * FROM trips").to_arrow_table())


def read_with_pyarrow(files):
    # ParquetFile, not a data set: only it verifies the pages' checksums.
    return pa.concat_tables([parquet.ParquetFile(file, page_checksum_verification=True).read() for file in files])


def read_with_duckdb(files):
    return duckdb.connect().read_parquet([str(file) for file in files]).to_arrow_table()


def read_with_polars(files):
    return polars.read_parquet(files).to_arrow()


@pytest.mark.parametrize("read", [read_with_pyarrow, read_with_duckdb, read_with_polars])
def test_rows_are_those_of_the_csv(segments, expected, read):
    table = read(segments)
    assert table.column_names == list(COLUMNS)
    assert table.num_rows == expected.num_rows
    assert in_one_order(table).equals(expected)


def test_schema_is_the_documented_one(segments):
    for file in segments:
        schema = parquet.read_schema(file)
        assert dict(zip(schema.names, schema.types, strict=True)) == COLUMNS


def order(file):
    """What the rows of a segment should be sorted by."""
    pairs = parquet.read_table(file, columns=["datasource", "week"])
    rows = pairs.num_rows / pairs.group_by(["datasource", "week"]).aggregate([]).num_rows
    return (["datasource"] if rows >= 1024 else []) + ["week", "origin_geohash"]


def test_layout_is_the_documented_one(segments):
    for file in segments:
        metadata = parquet.ParquetFile(file).metadata
        for group in (metadata.row_group(index) for index in range(metadata.num_row_groups)):
            sorting = [(list(COLUMNS)[key.column_index], key.descending) for key in group.sorting_columns]
            assert sorting == [(name, False) for name in order(file)]
            for chunk in (group.column(index) for index in range(group.num_columns)):
                assert chunk.compression == "ZSTD"
                assert chunk.has_column_index and chunk.has_offset_index
                assert chunk.statistics.has_min_max and chunk.statistics.null_count == 0


def test_rows_are_in_the_order_that_the_file_declares(segments):
    for file in segments:
        table = parquet.read_table(file, columns=order(file))
        keys = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
        assert keys == sorted(keys)


def test_weeks_are_mondays_of_the_times(segments):
    for file in segments:
        assert duckdb.connect().execute(
            "SELECT count(*) FROM read_parquet(?) WHERE week <> date_trunc('week', time)::DATE", [str(file)]).fetchone() == (0,)


def test_duckdb_filters_on_week_without_losing_rows(segments, oracle):
    count = duckdb.connect().execute(
        "SELECT count(*) FROM read_parquet(?) WHERE week = (SELECT max(week) FROM read_parquet(?))",
        [[str(file) for file in segments]] * 2).fetchone()
    last = oracle.value(
        "SELECT count(*) FROM trips WHERE date_trunc('week', time) = (SELECT date_trunc('week', max(time)) FROM trips)")
    assert count == (last,)


def test_default_groups_from_the_files_own_columns_equal_the_servers(generated_in_columnstore, segments):
    rows = duckdb.connect().execute(
        """SELECT region, origin_geohash, destination_geohash, strftime(date_trunc('hour', time), '%H:%M:%S') AS bucket,
               count(*) AS trips
           FROM read_parquet(?) GROUP BY ALL
           ORDER BY trips DESC, region, origin_geohash, destination_geohash, bucket LIMIT 1000""",
        [[str(file) for file in segments]]).fetchall()
    groups = generated_in_columnstore.get("/trip-groups", {"limit": 1000}).json["groups"]
    assert rows == [(group["region"], group["origin_geohash"], group["destination_geohash"], group["time_bucket_start"],
                     group["trip_count"]) for group in groups]
