"""Writes Tests/Fixtures/Pyarrow: one table in every way that our reader claims to read, and its values as CSV.

    pip install pyarrow
    python Tests/Interop/parquet_fixtures.py

Each file's name says how it was written. Doubles are bit patterns in the CSV, since text does not hold -0.0 and NaN apart.
"""
import itertools
import pathlib
import random
import struct

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 300
OUT = pathlib.Path(__file__).resolve().parent.parent / "Fixtures" / "Pyarrow"
NAMES = ["Prague", "Turin", "Hamburg", "Žižkov", "東京"]


def values():
    """Returns the columns; extremes are frequent, and `region` has runs."""
    rng = random.Random(20180528)
    doubles = [-0.0, 0.0, 5e-324, -2.2250738585072014e-308, 1.7976931348623157e308, float("inf"), float("nan"), 14.5]
    return {
        "day": [17679 + i // 40 for i in range(ROWS)],
        "count": [rng.choice([-(2**31), 2**31 - 1, 0, -1, rng.randint(-9, 9)]) for _ in range(ROWS)],
        "time": [1527465600000000 + rng.randrange(604800) * 1000000 for _ in range(ROWS)],
        "number": [rng.choice([-(2**63), 2**63 - 1, 0, -1, rng.randint(-9, 9)]) for _ in range(ROWS)],
        "place": [14.42 + rng.gauss(0, 0.1) for _ in range(ROWS)],
        "odd": [rng.choice(doubles) for _ in range(ROWS)],
        "region": [NAMES[0] if i % 60 < 30 else rng.choice(NAMES) for i in range(ROWS)],
        "note": [f"row {i} of {'x' * (i % 5)}" for i in range(ROWS)],
    }


TYPES = {
    "day": pa.date32(),
    "count": pa.int32(),
    "time": pa.timestamp("us"),
    "number": pa.int64(),
    "place": pa.float64(),
    "odd": pa.float64(),
    "region": pa.string(),
    "note": pa.string(),
}

ENCODINGS = {
    "dictionary": {},
    "plain": {"use_dictionary": False},
    "delta": {
        "use_dictionary": False,
        "column_encoding": {name: "DELTA_BINARY_PACKED" for name in ["day", "count", "time", "number"]},
    },
    "split": {
        "use_dictionary": False,
        "column_encoding": {name: "BYTE_STREAM_SPLIT" for name in ["day", "count", "time", "number", "place", "odd"]},
    },
    # Dictionaries outgrow their limit, so chunks begin with codes and end with plain values.
    "fallback": {"dictionary_pagesize_limit": 256},
}


def table(columns, nullable):
    fields = [pa.field(name, TYPES[name], nullable=nullable) for name in columns]
    arrays = [pa.array(columns[name], pa.int32() if name == "day" else TYPES[name]).cast(TYPES[name]) for name in columns]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def text(cell):
    return str(struct.unpack("<Q", struct.pack("<d", cell))[0]) if isinstance(cell, float) else str(cell)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.glob("*"):
        old.unlink()
    columns = values()
    ways = itertools.product(ENCODINGS, ["1.0", "2.0"], ["zstd", "none"])
    for number, (encoding, version, codec) in enumerate(ways):
        # The other choices change at other paces, so that any two occur together.
        nullable = (number + number // 4) % 2 == 0
        has_index = number % 3 != 0
        has_checksum = number % 5 != 0
        words = [encoding, "v" + version[0], codec, "optional" if nullable else "required"]
        words += (["index"] if has_index else []) + (["crc"] if has_checksum else [])
        pq.write_table(
            table(columns, nullable), OUT / ("_".join(words) + ".parquet"), row_group_size=200, data_page_size=400,
            write_batch_size=50, data_page_version=version, compression=codec, write_page_index=has_index,
            write_page_checksum=has_checksum, store_schema=False,
            **ENCODINGS[encoding])
    with open(OUT / "expected.csv", "w", encoding="utf-8") as out:
        print(",".join(columns), file=out)
        for row in zip(*columns.values()):
            print(",".join(text(cell) for cell in row), file=out)


main()
