"""Polars, queried with expressions. peers.py says what it does."""

import datetime
from pathlib import Path

from tripstore_tools.bench.peer import Peer, axis_bits


class Polars(Peer):
    def __init__(self, folder):
        import polars

        self.pl = polars
        self.folder = Path(folder)
        self.file = self.folder / "trips.parquet"

    def load(self, csv):
        pl = self.pl

        def point(end):
            parts = pl.col(f"{end}_coord").str.strip_prefix("POINT (").str.strip_suffix(")").str.split_exact(" ", 1)
            return [parts.struct.field(f"field_{index}").cast(pl.Float64).alias(f"{end}_{axis}")
                    for index, axis in enumerate(("longitude", "latitude"))]

        (pl.scan_csv(csv, infer_schema=False)
            .select("region", "datasource", *point("origin"), *point("destination"),
                    pl.col("datetime").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us").alias("time"))
            .sink_parquet(self.file, compression="zstd", compression_level=1))

    def filtered(self, filters):
        pl = self.pl
        trips = pl.scan_parquet(self.file)
        for name in ("region", "datasource"):
            if name in filters:
                trips = trips.filter(pl.col(name) == filters[name])
        if "from" in filters:
            trips = trips.filter(pl.col("time") >= datetime.datetime.fromisoformat(filters["from"]))
        if "to" in filters:
            trips = trips.filter(pl.col("time") < datetime.datetime.fromisoformat(filters["to"]))
        if "min_lat" in filters:
            trips = trips.filter(pl.col("origin_longitude").is_between(filters["min_lng"], filters["max_lng"]),
                                 pl.col("origin_latitude").is_between(filters["min_lat"], filters["max_lat"]))
        return trips

    def weeks(self, filters):
        pl = self.pl
        week = pl.col("time").dt.truncate("1w").alias("week")
        return self.filtered(filters).group_by(week).len().sort("week").collect().rows()

    def groups(self, filters, precision, minutes, limit):
        pl = self.pl
        longitude_bits, latitude_bits = axis_bits(precision)

        def axis(column, low, span, bits):
            return ((pl.col(column) + low) * ((1 << bits) / span)).cast(pl.Int64)

        def cell(end):
            return (axis(f"{end}_longitude", 180.0, 360, longitude_bits) * (1 << latitude_bits)
                    + axis(f"{end}_latitude", 90.0, 180, latitude_bits)).alias(end)

        bucket = pl.col("time").dt.hour().cast(pl.Int32)
        if minutes != 60:
            bucket = (bucket * 60 + pl.col("time").dt.minute().cast(pl.Int32)) // minutes
        groups = self.filtered(filters).group_by("region", cell("origin"), cell("destination"), bucket.alias("bucket")).len()
        return groups.top_k(limit, by="len").sort("len", descending=True).collect().rows()

    def datasources(self):
        pl = self.pl
        return self.filtered({}).group_by("region", "datasource").agg(pl.len(), pl.col("time").max()).collect().rows()

    def regions_of(self, datasource):
        return self.filtered({"datasource": datasource}).select("region").unique().collect().rows()
