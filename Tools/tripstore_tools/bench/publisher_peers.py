"""Other engines reading a publisher's file: the five columns that trips need, as four doubles and a timestamp of microseconds.

    publisher_peers.py NAME FORM CSV     prints {"seconds": …, "cpu_seconds": …, "trips": …, "sum": …}

The result stays in memory: nothing is sorted, compressed or stored, all of which our `ingest` does besides. The clock starts when the
library is imported.
"""

import json
import resource
import sys
import time

from tripstore_tools.bench.publisher_files import FORMS


def duckdb_reader(form, csv):
    import duckdb

    names = dict.fromkeys(form.columns, "VARCHAR") | dict.fromkeys(form.ends, "DOUBLE") | {form.time: "TIMESTAMP"}
    database = duckdb.connect()

    def read():
        database.execute(
            f"CREATE TABLE trips AS SELECT {', '.join(form.ends)}, {form.time} FROM read_csv('{csv}', header = true, columns = {names!r},"
            f" timestampformat = '{form.time_format}')")
        return database.execute(f"SELECT count(*), sum({form.ends[0]}) FROM trips").fetchone()

    return read


def polars_reader(form, csv):
    import polars as pl

    def read():
        trips = pl.scan_csv(csv, schema={column: pl.Float64 if column in form.ends else pl.String for column in form.columns}).select(
            *form.ends, pl.col(form.time).str.to_datetime(form.time_format.replace(".%f", "%.f"), time_unit="us")).collect(engine="streaming")
        return trips.height, trips[form.ends[0]].sum()

    return read


def datafusion_reader(form, csv):
    import datafusion
    import pyarrow as pa
    import pyarrow.compute as pc

    context = datafusion.SessionContext()
    schema = pa.schema([(column, pa.float64() if column in form.ends else pa.timestamp("us") if column == form.time else pa.string())
                        for column in form.columns])
    context.register_csv("trips", str(csv), schema=schema, has_header=True)

    def read():
        names = ", ".join(f'"{name}"' for name in [*form.ends, form.time])
        table = pa.Table.from_batches(context.sql(f"SELECT {names} FROM trips").collect())
        return table.num_rows, pc.sum(table[form.ends[0]]).as_py()

    return read


READERS = {"duckdb": duckdb_reader, "polars": polars_reader, "datafusion": datafusion_reader}


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    name, form_name, csv = sys.argv[1:]
    read = READERS[name](next(form for form in FORMS if form.name == form_name), csv)
    started, cpu_started = time.perf_counter(), cpu_seconds()
    trips, total = read()
    print(json.dumps({"seconds": time.perf_counter() - started, "cpu_seconds": cpu_seconds() - cpu_started, "trips": trips, "sum": total}))


if __name__ == "__main__":
    main()
