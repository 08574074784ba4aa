"""Rows of a segment or an export as other programs read them, in one order."""

from pathlib import Path

import pyarrow as pa
import pyarrow.dataset

COLUMNS = {
    "region": pa.string(),
    "datasource": pa.string(),
    "origin_longitude": pa.float64(),
    "origin_latitude": pa.float64(),
    "destination_longitude": pa.float64(),
    "destination_latitude": pa.float64(),
    "time": pa.timestamp("us"),
    "week": pa.date32(),
    "origin_geohash": pa.string(),
    "destination_geohash": pa.string(),
    "job_id": pa.int64(),
}
TRIP = [name for name in COLUMNS if name not in ("week", "origin_geohash", "destination_geohash", "job_id")]


def in_one_order(table):
    """The trips of a table as a sorted arrow table, doubles as their bits: equal tables have the same rows to the last bit."""
    table = table.select(TRIP).cast(pa.schema([(name, COLUMNS[name]) for name in TRIP]))
    for index, name in enumerate(TRIP):
        if COLUMNS[name] == pa.float64():
            table = table.set_column(index, name, table[name].combine_chunks().view(pa.int64()))
    return table.sort_by([(name, "ascending") for name in TRIP]).combine_chunks()


def contents(folder):
    """Files of a folder that are not those of the export alone, and their bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).glob("week=*/*")}
