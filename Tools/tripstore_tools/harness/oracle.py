"""The same queries answered by DuckDB from the CSV: nothing here shares a line, a file or an idea with tripstore's engine.

Geohash cells are computed in SQL from the definition: cell `q` of `2^bits` covers [low + q * span / 2^bits, next cell's low).
Those edges are exact doubles at every precision up to 12, so one comparison corrects the rounding of the division.
"""

import datetime

import duckdb

BASE32 = "0123456789bcdefghjkmnpqrstuvwxyz"

LOAD = r"""
CREATE TABLE trips AS
WITH parts AS (
    SELECT region, datasource, datetime,
        regexp_extract(origin_coord, '^POINT \((\S+) (\S+)\)$', ['x', 'y']) AS origin,
        regexp_extract(destination_coord, '^POINT \((\S+) (\S+)\)$', ['x', 'y']) AS destination
    FROM read_csv(?, header = true, all_varchar = true)
)
SELECT region, datasource,
    origin.x::DOUBLE AS origin_longitude, origin.y::DOUBLE AS origin_latitude,
    destination.x::DOUBLE AS destination_longitude, destination.y::DOUBLE AS destination_latitude,
    datetime::TIMESTAMP AS time
FROM parts
"""

CELL = """
CREATE MACRO cell_edge(q, low, span, bits) AS low + q * span / (1::BIGINT << bits);
CREATE MACRO cell_guess(v, low, span, bits) AS
    greatest(0, least((1::BIGINT << bits) - 1, floor((v - low) / span * (1::BIGINT << bits))::BIGINT));
CREATE MACRO cell_corrected(v, q, low, span, bits) AS
    q - (v < cell_edge(q, low, span, bits))::BIGINT
      + (v >= cell_edge(q + 1, low, span, bits) AND q + 1 < (1::BIGINT << bits))::BIGINT;
CREATE MACRO cell(v, low, span, bits) AS cell_corrected(v, cell_guess(v, low, span, bits), low, span, bits);
"""


def longitude_cell(column, precision):
    return f"cell({column}, -180.0, 360.0, {(5 * precision + 1) // 2})"


def latitude_cell(column, precision):
    return f"cell({column}, -90.0, 180.0, {5 * precision // 2})"


def geohash_text(longitude, latitude, precision):
    """SQL for a geohash's text from its two cell numbers: their bits in turn, longitude's first, five to a character."""
    remaining = {longitude: (5 * precision + 1) // 2, latitude: 5 * precision // 2}
    characters = []
    for start in range(0, 5 * precision, 5):
        bits = []
        for position in range(start, start + 5):
            number = latitude if position % 2 else longitude
            remaining[number] -= 1
            bits.append(f"((({number} >> {remaining[number]}) & 1) << {start + 4 - position})")
        characters.append(f"substr('{BASE32}', ({' + '.join(bits)})::INTEGER + 1, 1)")
    return " || ".join(characters)


# A time as the catalog has it: a fraction if there is one, without zeros at its end.
MOMENT = r"CREATE MACRO moment(time) AS regexp_replace(strftime(time, '%Y-%m-%d %H:%M:%S.%f'), '\.?0+$', '');"


def iso(moment):
    return moment.isoformat(sep="T")


class Oracle:
    """The trips of one CSV, and the contract's answers about them."""

    def __init__(self, path):
        self.database = duckdb.connect()
        self.database.execute(CELL + MOMENT)
        self.database.execute(LOAD, [str(path)])

    def rows(self, sql, parameters=()):
        return self.database.execute(sql, list(parameters)).fetchall()

    def value(self, sql, parameters=()):
        return self.rows(sql, parameters)[0][0]

    def where(self, parameters):
        """The filter parameters of the contract as SQL and its values."""
        terms, values = ["true"], []
        comparisons = {"region": "region = ?", "datasource": "datasource = ?",
                       "from": "time >= ?::TIMESTAMP", "to": "time < ?::TIMESTAMP"}
        for name, term in comparisons.items():
            if name in parameters:
                terms.append(term)
                values.append(parameters[name])
        if "min_lat" in parameters:
            ends = {"origin": ["origin"], "destination": ["destination"]}.get(
                parameters.get("within", "origin"), ["origin", "destination"])
            joint = " OR " if parameters.get("within") == "either" else " AND "
            terms.append("(" + joint.join(
                f"({end}_latitude BETWEEN ?::DOUBLE AND ?::DOUBLE AND {end}_longitude BETWEEN ?::DOUBLE AND ?::DOUBLE)"
                for end in ends) + ")")
            values += [parameters[edge] for edge in ("min_lat", "max_lat", "min_lng", "max_lng")] * len(ends)
        return " AND ".join(terms), values

    def weekly_average(self, parameters):
        """(total trips, weeks counted, {Monday: (label, trips)} of the weeks that have trips)."""
        where, values = self.where(parameters)
        weeks = {monday.isoformat(): (label, trips) for monday, label, trips in self.rows(
            f"""SELECT date_trunc('week', time)::DATE AS monday, strftime(min(time), '%G-W%V'), count(*)
                FROM trips WHERE {where} GROUP BY monday ORDER BY monday""", values)}
        first, last, total = self.rows(f"SELECT min(time), max(time), count(*) FROM trips WHERE {where}", values)[0]
        if total == 0:
            return 0, 0, {}
        mondays = [datetime.date.fromisoformat(monday) for monday in weeks]
        count = {
            "calendar": (mondays[-1] - mondays[0]).days // 7 + 1,
            "active": len(weeks),
            "elapsed": (last - first).days // 7 + 1,
        }[parameters.get("weeks", "calendar")]
        return total, count, weeks

    def trip_groups(self, parameters):
        """The answer of /trip-groups as it must be, JSON values and all."""
        where, values = self.where(parameters)
        precision = parameters.get("precision", 5)
        minutes = parameters.get("bucket_minutes", 60)
        absolute = parameters.get("bucket") == "absolute"
        midnight = "date_trunc('day', time)" if absolute else "TIMESTAMP '1970-01-01'"
        bucket = f"{midnight} + to_minutes((hour(time) * 60 + minute(time)) // {minutes} * {minutes})"
        self.database.execute(
            f"""CREATE OR REPLACE TEMP TABLE groups AS
                WITH cells AS (
                    SELECT region,
                        {longitude_cell('origin_longitude', precision)} AS ox,
                        {latitude_cell('origin_latitude', precision)} AS oy,
                        {longitude_cell('destination_longitude', precision)} AS dx,
                        {latitude_cell('destination_latitude', precision)} AS dy,
                        {bucket} AS bucket
                    FROM trips WHERE {where} AND destination_longitude IS NOT NULL
                ),
                counted AS (SELECT region, ox, oy, dx, dy, bucket, count(*) AS trips FROM cells GROUP BY ALL)
                SELECT region, {geohash_text('ox', 'oy', precision)} AS origin,
                    {geohash_text('dx', 'dy', precision)} AS destination,
                    strftime(bucket, '{'%Y-%m-%dT' if absolute else ''}%H:%M:%S') AS bucket, trips
                FROM counted""", values)
        total_groups, total_trips = self.rows("SELECT count(*), coalesce(sum(trips), 0)::BIGINT FROM groups")[0]
        groups = self.rows("SELECT * FROM groups ORDER BY trips DESC, region, origin, destination, bucket LIMIT ? OFFSET ?",
                           [parameters.get("limit", 50), parameters.get("offset", 0)])
        return {
            "groups": [
                {"region": region, "origin_geohash": origin, "destination_geohash": destination,
                 "time_bucket_start": start, "time_bucket_minutes": minutes, "trip_count": trips}
                for region, origin, destination, start, trips in groups],
            "total_groups": total_groups,
            "total_trips": total_trips,
        }

    def regions(self):
        """The expected answer of /regions, except for the order of a region's datasources."""
        datasources = {}
        for region, name, trips, first, last in self.rows(
                "SELECT region, datasource, count(*), min(time), max(time) FROM trips GROUP BY ALL"):
            datasources.setdefault(region, []).append(
                {"datasource": name, "trips": trips, "first_at": iso(first), "last_at": iso(last)})
        regions = [
            {"region": region, "trips": trips, "first_at": iso(first), "last_at": iso(last),
             "datasources": datasources[region], "bounds": bounds}
            for region, trips, first, last, *bounds in self.rows(
                """SELECT region, count(*) AS trips, min(time), max(time),
                       min(origin_longitude), min(origin_latitude), max(origin_longitude), max(origin_latitude)
                   FROM trips GROUP BY region ORDER BY trips DESC, region""")]
        return {"regions": regions, "total_regions": len(regions)}

    def latest_datasource_of_top_regions(self):
        rows = []
        for region, in self.rows("SELECT region FROM trips GROUP BY region ORDER BY count(*) DESC, region LIMIT 2"):
            rows += self.rows(
                """SELECT region, datasource, moment(max(time)) FROM trips WHERE region = ?
                   GROUP BY region, datasource ORDER BY max(time) DESC, datasource LIMIT 1""", [region])
        return rows

    def regions_of_cheap_mobile(self):
        return self.rows("SELECT DISTINCT region FROM trips WHERE datasource = 'cheap_mobile' ORDER BY region")
