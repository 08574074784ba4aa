"""What all peers have in common: queries (queries.py) to calls of an engine, its rows to answers, cells to geohashes."""

from pathlib import Path


def axis_bits(precision):
    """Bits of a cell's longitude and latitude."""
    return (5 * precision + 1) // 2, 5 * precision // 2


def geohash(cell, precision):
    """The text of a cell whose longitude's bits come before its latitude's."""
    longitude_bits, latitude_bits = axis_bits(precision)
    longitude, latitude = cell >> latitude_bits, cell & ((1 << latitude_bits) - 1)
    key = 0
    for position in range(5 * precision):
        if position % 2:
            latitude_bits -= 1
            key = key << 1 | (latitude >> latitude_bits & 1)
        else:
            longitude_bits -= 1
            key = key << 1 | (longitude >> longitude_bits & 1)
    return "".join("0123456789bcdefghjkmnpqrstuvwxyz"[key >> shift & 31] for shift in range(5 * (precision - 1), -1, -5))


class Peer:
    """What is common: queries to calls, and rows to the answers that queries.py compares."""

    def settle(self):
        pass

    def close(self):
        pass

    def bytes_on_disk(self):
        return sum(path.stat().st_size for path in Path(self.folder).rglob("*") if path.is_file())

    def answer(self, query):
        """Asks the engine; returns what makes the answer of its rows, to be called after the clock has stopped."""
        kind = query["kind"]
        if kind == "weeks":
            rows = self.weeks(query["where"])
            return lambda: [[str(week)[:10], trips] for week, trips in rows]
        if kind == "groups":
            precision, minutes = query["precision"], query["minutes"]
            rows = self.groups(query["where"], precision, minutes, query["limit"])
            return lambda: [
                [region, geohash(origin, precision), geohash(destination, precision),
                 f"{bucket * minutes // 60:02}:{bucket * minutes % 60:02}:00", trips]
                for region, origin, destination, bucket, trips in rows]
        if kind == "latest":
            rows = self.datasources()
            trips = {}
            for region, _, count, _ in rows:
                trips[region] = trips.get(region, 0) + count
            top = sorted(trips, key=lambda region: (-trips[region], region))[:2]
            # Of those that are last at the same time the first by name.
            best = [max(sorted(row[1:] for row in rows if row[0] == region), key=lambda row: row[2]) for region in top]
            return lambda: [[region, name, str(last)[:19]] for region, (name, _, last) in zip(top, best, strict=True)]
        rows = self.regions_of(query["datasource"])
        return lambda: sorted(region for region, in rows)
