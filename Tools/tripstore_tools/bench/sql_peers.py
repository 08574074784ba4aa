"""The peers that are queried in SQL: DuckDB, DataFusion and ClickHouse. peers.py says what each one does."""

import json
from pathlib import Path

from tripstore_tools.bench.peer import Peer, axis_bits

# Cells that sorted stores order by: numbers of 15 bits each way.
SORT_PRECISION = 6


class SQL(Peer):
    """Three engines, one set of queries; what differs is how each says week, bucket, whole number and time."""

    table = "trips"
    week = "date_trunc('week', time)"
    hour, minute = "date_part('hour', time)", "date_part('minute', time)"
    whole = "CAST(floor({}) AS BIGINT)"
    moment = "TIMESTAMP '{}'"

    def where(self, filters):
        def text(value):
            return "'" + value.replace("'", "''") + "'"

        terms = [f"{name} = {text(filters[name])}" for name in ("region", "datasource") if name in filters]
        for name, sign in (("from", ">="), ("to", "<")):
            if name in filters:
                terms.append(f"time {sign} " + self.moment.format(filters[name] + " 00:00:00"))
        if "min_lat" in filters:
            terms += [f"origin_longitude BETWEEN {filters['min_lng']!r} AND {filters['max_lng']!r}",
                      f"origin_latitude BETWEEN {filters['min_lat']!r} AND {filters['max_lat']!r}"]
        return " WHERE " + " AND ".join(terms) if terms else ""

    def axis(self, column, precision):
        """The number of a cell on one axis. Cell borders are doubles, so that a sum rounded by 1e-14 degrees at most is right
        for all but one coordinate in 10^9; the comparison of answers would show it."""
        longitude_bits, latitude_bits = axis_bits(precision)
        bits, low, span = (longitude_bits, 180, 360) if column.endswith("longitude") else (latitude_bits, 90, 180)
        return self.whole.format(f"({column} + {low}.0) * {(1 << bits) / span!r}")

    def cell(self, end, precision):
        return (f"{self.axis(end + '_longitude', precision)} * {1 << axis_bits(precision)[1]}"
                f" + {self.axis(end + '_latitude', precision)}")

    def bucket(self, minutes):
        if minutes == 60:
            return self.whole.format(self.hour)
        return self.whole.format(f"({self.hour} * 60 + {self.minute}) / {minutes}.0")

    def weeks(self, filters):
        return self.rows(f"SELECT {self.week} AS week, count(*) FROM {self.table}{self.where(filters)} GROUP BY 1 ORDER BY 1")

    def groups(self, filters, precision, minutes, limit):
        return self.rows(
            f"SELECT region, {self.cell('origin', precision)} AS o, {self.cell('destination', precision)} AS d,"
            f" {self.bucket(minutes)} AS b, count(*) AS n FROM {self.table}{self.where(filters)}"
            f" GROUP BY 1, 2, 3, 4 ORDER BY n DESC LIMIT {limit}")

    def datasources(self):
        return self.rows(f"SELECT region, datasource, count(*), max(time) FROM {self.table} GROUP BY 1, 2")

    def regions_of(self, datasource):
        return self.rows(f"SELECT DISTINCT region FROM {self.table}{self.where({'datasource': datasource})}")


class DuckDB(SQL):
    order = ""

    def __init__(self, folder):
        import duckdb

        self.folder = Path(folder)
        self.database = duckdb.connect(str(self.folder / "trips.duckdb"))

    def decoded(self):
        # Twice as fast as a regular expression.
        def point(end):
            return (f"split_part(substr({end}_coord, 8), ' ', 1)::DOUBLE AS {end}_longitude,"
                    f" rtrim(split_part({end}_coord, ' ', 3), ')')::DOUBLE AS {end}_latitude")

        return (f"SELECT region, datasource, {point('origin')}, {point('destination')}, datetime::TIMESTAMP AS time"
                f" FROM read_csv(?, header = true, all_varchar = true)")

    def load(self, csv):
        self.database.execute(f"CREATE TABLE trips AS {self.decoded()}", [csv])
        self.database.close()

    def rows(self, sql):
        return self.database.execute(sql).fetchall()


class SortedDuckDB(DuckDB):
    def decoded(self):
        x, y = (self.axis(f"origin_{axis}", SORT_PRECISION) for axis in ("longitude", "latitude"))
        sql = f"SELECT *, {x} AS x, {y} AS y FROM ({super().decoded()})"
        for shift, mask in ((8, 0x00ff00ff), (4, 0x0f0f0f0f), (2, 0x33333333), (1, 0x55555555)):
            spread = ", ".join(f"({axis} | ({axis} << {shift})) & {mask} AS {axis}" for axis in "xy")
            sql = f"SELECT * EXCLUDE (x, y), {spread} FROM ({sql})"
        return f"SELECT * EXCLUDE (x, y) FROM ({sql}) ORDER BY (x << 1) | y, {self.week}"


class DataFusion(SQL):
    def __init__(self, folder):
        from datafusion import SessionContext

        self.folder = Path(folder)
        self.context = SessionContext()
        if any(self.folder.glob("*.parquet")):
            self.context.sql(f"CREATE EXTERNAL TABLE trips STORED AS PARQUET LOCATION '{self.folder}/'")

    def load(self, csv):
        def point(end):
            return (f"CAST(split_part(substr({end}_coord, 8), ' ', 1) AS DOUBLE) AS {end}_longitude,"
                    f" CAST(rtrim(split_part({end}_coord, ' ', 3), ')') AS DOUBLE) AS {end}_latitude")

        names = ("region", "origin_coord", "destination_coord", "datetime", "datasource")
        self.context.sql(f"CREATE EXTERNAL TABLE csv ({', '.join(name + ' VARCHAR' for name in names)})"
                         f" STORED AS CSV LOCATION '{csv}' OPTIONS ('has_header' 'true')")
        self.context.sql(
            f"COPY (SELECT region, datasource, {point('origin')}, {point('destination')},"
            f" arrow_cast(datetime, 'Timestamp(Microsecond, None)') AS time FROM csv)"
            f" TO '{self.folder}/' STORED AS PARQUET OPTIONS ('compression' 'zstd(1)')").collect()

    def rows(self, sql):
        return [tuple(row.values()) for batch in self.context.sql(sql).collect() for row in batch.to_pylist()]


class ChDB(SQL):
    table = "bench.trips"
    week = "toMonday(time)"
    hour, minute = "toHour(time)", "toMinute(time)"
    # Its cast cuts the fraction off, and no value is negative.
    whole = "toUInt64({})"
    moment = "toDateTime64('{}', 6, 'UTC')"

    def __init__(self, folder):
        from chdb import session

        self.folder = Path(folder)
        self.session = session.Session(str(self.folder))

    def load(self, csv):
        def point(end):
            text = f"{end}_coord"
            blank = f"position({text}, ' ', 8)"
            return (f"toFloat64(substring({text}, 8, {blank} - 8)),"
                    f" toFloat64(substring({text}, {blank} + 1, length({text}) - {blank} - 1))")

        def axis(column):
            return self.axis(column, SORT_PRECISION).replace("toUInt64", "toUInt32")

        columns = ["region LowCardinality(String)", "datasource LowCardinality(String)"]
        columns += [f"{end}_{axis_name} Float64 CODEC(ZSTD(1))"
                    for end in ("origin", "destination") for axis_name in ("longitude", "latitude")]
        self.rows("CREATE DATABASE bench", has_rows=False)
        self.rows(
            f"CREATE TABLE bench.trips ({', '.join(columns)}, time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),"
            f" INDEX origin (origin_longitude, origin_latitude) TYPE minmax GRANULARITY 1) ENGINE = MergeTree"
            f" ORDER BY (mortonEncode({axis('origin_latitude')}, {axis('origin_longitude')}), toMonday(time))", has_rows=False)
        names = ("region", "origin_coord", "destination_coord", "datetime", "datasource")
        self.rows(
            f"INSERT INTO bench.trips SELECT region, datasource, {point('origin')}, {point('destination')},"
            f" toDateTime64(datetime, 6, 'UTC')"
            f" FROM file('{csv}', CSVWithNames, '{', '.join(name + ' String' for name in names)}')"
            f" SETTINGS precise_float_parsing = 1", has_rows=False)

    def settle(self):
        self.rows("OPTIMIZE TABLE bench.trips FINAL", has_rows=False)

    def bytes_on_disk(self):
        # Not all files: a merged part stays for some minutes.
        return self.rows("SELECT sum(bytes_on_disk) FROM system.parts WHERE database = 'bench' AND active")[0][0]

    def close(self):
        self.session.close()

    def rows(self, sql, has_rows=True):
        answer = self.session.query(sql, "JSONCompact")
        if not has_rows:
            return []
        # JSON has whole numbers of 64 bits as texts.
        return [tuple(int(value) if isinstance(value, str) and value.isdigit() else value for value in row)
                for row in json.loads(answer.bytes())["data"]]
