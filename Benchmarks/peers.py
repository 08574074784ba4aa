"""DuckDB and Polars doing tripstore's work, each in the way that suits it: a process of its own that bench.py starts.

    peers.py PEER load CSV FOLDER
    peers.py PEER ask FOLDER PATH PARAMETERS REPEATS      prints {"milliseconds": [...], "answer": {...}}

DuckDB keeps a database file, Polars a zstd-compressed Parquet file; both keep the decoded columns, sorted by nothing. Geohash
cells are computed when asked for. Polars groups by cell numbers and never makes their text, which is in its favour.
"""

import datetime
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Tests/Interop"))


class DuckDB:
    def __init__(self, folder):
        import duckdb
        import oracle

        self.oracle = oracle
        self.database = duckdb.connect(str(Path(folder) / "trips.duckdb"))
        self.database.execute(oracle.CELL.replace("CREATE MACRO", "CREATE TEMP MACRO"))

    def load(self, csv):
        self.database.execute(self.oracle.LOAD, [csv])
        self.database.close()

    def filtered(self, parameters):
        return self.oracle.Oracle.where(None, parameters)

    def weekly_average(self, parameters):
        where, values = self.filtered(parameters)
        weeks = self.database.execute(
            f"SELECT date_trunc('week', time)::DATE AS week, count(*) FROM trips WHERE {where} GROUP BY week ORDER BY week",
            values).fetchall()
        count = (weeks[-1][0] - weeks[0][0]).days // 7 + 1 if weeks else None
        return {"total_trips": sum(trips for _, trips in weeks), "week_count": count}

    def trip_groups(self, parameters):
        where, values = self.filtered(parameters)
        precision = parameters.get("precision", 5)
        cells = self.oracle
        rows = self.database.execute(
            f"""WITH cells AS (
                    SELECT region,
                        {cells.longitude_cell('origin_longitude', precision)} AS ox,
                        {cells.latitude_cell('origin_latitude', precision)} AS oy,
                        {cells.longitude_cell('destination_longitude', precision)} AS dx,
                        {cells.latitude_cell('destination_latitude', precision)} AS dy,
                        hour(time) AS bucket
                    FROM trips WHERE {where}
                ),
                groups AS (SELECT region, ox, oy, dx, dy, bucket, count(*) AS trips FROM cells GROUP BY ALL),
                total AS (SELECT count(*) AS groups, sum(trips)::BIGINT AS trips FROM groups)
                SELECT groups.trips, region, {cells.geohash_text('ox', 'oy', precision)} AS origin,
                    {cells.geohash_text('dx', 'dy', precision)} AS destination, bucket, total.groups, total.trips
                FROM groups, total
                ORDER BY groups.trips DESC, region, origin, destination, bucket LIMIT 50""", values).fetchall()
        return {"total_groups": rows[0][-2], "total_trips": rows[0][-1]} if rows else {"total_groups": 0, "total_trips": 0}

    def regions(self, _):
        rows = self.database.execute(
            """SELECT region, datasource, count(*), min(time), max(time), min(origin_longitude), min(origin_latitude),
                   max(origin_longitude), max(origin_latitude) FROM trips GROUP BY ALL""").fetchall()
        return summed(rows)


class Polars:
    def __init__(self, folder):
        import polars

        self.pl = polars
        self.file = Path(folder) / "trips.parquet"

    def load(self, csv):
        pl = self.pl

        def point(column, prefix):
            parts = pl.col(column).str.strip_prefix("POINT (").str.strip_suffix(")").str.split_exact(" ", 1)
            return [parts.struct.field(f"field_{index}").cast(pl.Float64).alias(f"{prefix}_{axis}")
                    for index, axis in enumerate(("longitude", "latitude"))]

        (pl.scan_csv(csv, infer_schema=False)
            .select("region", "datasource", *point("origin_coord", "origin"), *point("destination_coord", "destination"),
                    pl.col("datetime").str.to_datetime("%Y-%m-%d %H:%M:%S").alias("time"))
            .sink_parquet(self.file, compression="zstd", compression_level=1))

    def filtered(self, parameters):
        pl = self.pl
        trips = pl.scan_parquet(self.file)
        for name in ("region", "datasource"):
            if name in parameters:
                trips = trips.filter(pl.col(name) == parameters[name])
        if "from" in parameters:
            trips = trips.filter(pl.col("time") >= datetime.datetime.fromisoformat(parameters["from"]))
        if "to" in parameters:
            trips = trips.filter(pl.col("time") < datetime.datetime.fromisoformat(parameters["to"]))
        if "min_lat" in parameters:
            for end in ("origin", "destination") if parameters.get("within") == "both" else ("origin",):
                trips = trips.filter(pl.col(f"{end}_latitude").is_between(parameters["min_lat"], parameters["max_lat"]),
                                     pl.col(f"{end}_longitude").is_between(parameters["min_lng"], parameters["max_lng"]))
        return trips

    def weekly_average(self, parameters):
        pl = self.pl
        weeks = self.filtered(parameters).group_by(pl.col("time").dt.truncate("1w").alias("week")).len().sort("week").collect()
        count = (weeks["week"][-1] - weeks["week"][0]).days // 7 + 1 if weeks.height else None
        return {"total_trips": int(weeks["len"].sum()), "week_count": count}

    def trip_groups(self, parameters):
        pl = self.pl
        bits = 5 * parameters.get("precision", 5)

        def cell(column, low, span, bits):
            return ((pl.col(column) - low) / span * (1 << bits)).floor().cast(pl.Int64).alias(column)

        keys = [pl.col("region"), pl.col("time").dt.hour().alias("bucket")]
        for end in ("origin", "destination"):
            keys += [cell(f"{end}_longitude", -180.0, 360.0, (bits + 1) // 2), cell(f"{end}_latitude", -90.0, 180.0, bits // 2)]
        groups = self.filtered(parameters).group_by(keys).len().collect()
        groups.top_k(50, by="len")
        return {"total_groups": groups.height, "total_trips": int(groups["len"].sum())}

    def regions(self, _):
        pl = self.pl
        return summed(self.filtered({}).group_by("region", "datasource").agg(
            pl.len(), pl.col("time").min().alias("first"), pl.col("time").max().alias("last"),
            pl.col("origin_longitude").min().alias("west"), pl.col("origin_latitude").min().alias("south"),
            pl.col("origin_longitude").max().alias("east"), pl.col("origin_latitude").max().alias("north")).collect().rows())


def summed(rows):
    trips = {}
    for region, _, count, *_ in rows:
        trips[region] = trips.get(region, 0) + count
    most_first = sorted(trips.items(), key=lambda item: (-item[1], item[0]))
    return {"regions": [{"region": region, "trips": count} for region, count in most_first]}


def main():
    peer, action, *rest = sys.argv[1:]
    make = {"duckdb": DuckDB, "polars": Polars}[peer]
    if action == "load":
        csv, folder = rest
        make(folder).load(csv)
        return
    folder, path, parameters, repeats = rest
    database = make(folder)
    ask = {"/analytics/weekly-average": database.weekly_average, "/trip-groups": database.trip_groups,
           "/regions": database.regions}[path]
    milliseconds = []
    for _ in range(int(repeats)):
        started = time.perf_counter()
        answer = ask(json.loads(parameters))
        milliseconds.append((time.perf_counter() - started) * 1000)
    print(json.dumps({"milliseconds": milliseconds, "answer": answer}))


if __name__ == "__main__":
    main()
