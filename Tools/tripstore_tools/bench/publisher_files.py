"""Files of millions of rows in the forms of three publishers, and how each is read: columns, text of times.

Made by DuckDB from generated trips, moved to New York or Chicago by nothing but their header: what a column costs is its text, not its
city. Columns that no trip needs have the publisher's kind of text, as those are what a reader has to skip.
"""

import subprocess
import sys
from dataclasses import dataclass

HEX = "upper(lpad(to_hex(hash(row)), 16, '0'))"
LOCAL = "strftime(time, '%Y-%m-%d %H:%M:%S')"
LATER = "strftime(time + to_seconds(300 + (hash(row) % 2400)::BIGINT), '%Y-%m-%d %H:%M:%S')"
RIDER = "case when hash(row) % 4 = 0 then 'casual' else 'member' end"


def station(salt):
    """A station's name of 8 to 34 characters; one of twenty has a comma and thus quotes."""
    names = ("['W 21 St & 6 Ave', 'Broadway & W 58 St', 'Clinton St & Grand St', 'Kingsbury St & Kinzie St', 'DuSable Lake Shore Dr & Monroe St',"
             " 'E 17 St & Broadway', 'Lafayette St & E 8 St', 'Streeter Dr & Grand Ave', 'Pershing Square North', 'Wells St & Elm St']")
    return f"(case when hash(row + {salt}) % 20 = 0 then 'Warsaw, Ave ' else '' end || {names}[1 + (hash(row * 3 + {salt}) % 10)::INT])"


@dataclass(frozen=True)
class PublisherForm:
    name: str
    columns: dict  # name: SQL of its text
    longitudes: tuple
    latitudes: tuple
    time: str
    time_format: str

    @property
    def ends(self):
        """The four columns of degrees: origin and destination, longitude before latitude."""
        return [column for pair in zip(self.longitudes, self.latitudes, strict=True) for column in pair]


def degrees(name, digits):
    return f"printf('%.{digits}f', {name})"


FORMS = [
    PublisherForm("citibike", {
        "ride_id": HEX, "rideable_type": "case when hash(row) % 3 = 0 then 'classic_bike' else 'electric_bike' end",
        "started_at": f"{LOCAL} || '.' || lpad((hash(row) % 1000)::VARCHAR, 3, '0')", "ended_at": f"{LATER} || '.123'",
        "start_station_name": station(1), "start_station_id": "printf('%.2f', 4000 + hash(row) % 4000 / 1.0)",
        "end_station_name": station(2), "end_station_id": "printf('%.2f', 4000 + hash(row + 1) % 4000 / 1.0)",
        "start_lat": degrees("o_lat", 8), "start_lng": degrees("o_lng", 8), "end_lat": degrees("d_lat", 8), "end_lng": degrees("d_lng", 8),
        "member_casual": RIDER},
        ("start_lng", "end_lng"), ("start_lat", "end_lat"), "started_at", "%Y-%m-%d %H:%M:%S.%f"),
    PublisherForm("tlc_yellow", {
        "VendorID": "1 + hash(row) % 2", "tpep_pickup_datetime": LOCAL, "tpep_dropoff_datetime": LATER, "passenger_count": "1 + hash(row) % 5",
        "trip_distance": "printf('%.2f', hash(row) % 1500 / 100.0)", "pickup_longitude": degrees("o_lng", 15),
        "pickup_latitude": degrees("o_lat", 15), "RateCodeID": "1", "store_and_fwd_flag": "'N'", "dropoff_longitude": degrees("d_lng", 15),
        "dropoff_latitude": degrees("d_lat", 15), "payment_type": "1 + hash(row) % 2", "fare_amount": "printf('%.1f', hash(row) % 500 / 10.0)",
        "extra": "0.5", "mta_tax": "0.5", "tip_amount": "printf('%.2f', hash(row) % 900 / 100.0)", "tolls_amount": "0",
        "improvement_surcharge": "0.3", "total_amount": "printf('%.2f', hash(row) % 9000 / 100.0)"},
        ("pickup_longitude", "dropoff_longitude"), ("pickup_latitude", "dropoff_latitude"), "tpep_pickup_datetime", "%Y-%m-%d %H:%M:%S"),
    PublisherForm("divvy", {
        "ride_id": HEX, "rideable_type": "case when hash(row) % 3 = 0 then 'classic_bike' else 'electric_bike' end", "started_at": LOCAL,
        "ended_at": LATER, "start_station_name": station(1), "start_station_id": "'TA' || (1300000000 + hash(row) % 100000)",
        "end_station_name": station(2), "end_station_id": "'TA' || (1300000000 + hash(row + 1) % 100000)", "start_lat": degrees("o_lat", 6),
        "start_lng": degrees("o_lng", 6), "end_lat": degrees("d_lat", 6), "end_lng": degrees("d_lng", 6), "member_casual": RIDER},
        ("start_lng", "end_lng"), ("start_lat", "end_lat"), "started_at", "%Y-%m-%d %H:%M:%S"),
]


def made(files, rows, form):
    """The path of a file in a form, made on first use."""
    source = files.generated(rows)

    def make(target):
        subprocess.run([sys.executable, "-m", "tripstore_tools.bench.publisher_files", str(source), str(target), form.name], check=True)

    return files.made(f"{source.stem}-{form.name}.csv", make)


def make(source, target, name):
    import duckdb

    form = next(form for form in FORMS if form.name == name)
    select = ", ".join(f'{text} AS "{column}"' for column, text in form.columns.items())
    point = ", ".join(
        f"split_part(substr({end}_coord, 8), ' ', 1)::DOUBLE AS {letter}_lng, rtrim(split_part({end}_coord, ' ', 3), ')')::DOUBLE AS {letter}_lat"
        for letter, end in (("o", "origin"), ("d", "destination")))
    duckdb.execute(
        f"COPY (SELECT {select} FROM (SELECT {point}, datetime::TIMESTAMP AS time, row_number() OVER () AS row FROM read_csv('{source}',"
        f" header = true, all_varchar = true))) TO '{target}' (HEADER, DELIMITER ',')")


if __name__ == "__main__":
    make(*sys.argv[1:])
