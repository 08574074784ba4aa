"""What pygeohash says: writes, or checks, the fixture that GeohashOracleTests.swift compares our geohashes with.

    pip install pygeohash
    python Tests/Interop/geohash_oracle.py            writes Tests/Fixtures/geohash_pygeohash.csv
    python Tests/Interop/geohash_oracle.py --check    fails where the committed file is not what pygeohash says

Points on cell borders are included, as pygeohash (3.5.1) puts them into the upper half as we do; a version that doesn't
would show up here.
"""

import math
import pathlib
import random
import sys

import pygeohash

FIXTURE = pathlib.Path(__file__).parent.parent / "Fixtures" / "geohash_pygeohash.csv"
SEED = 20180528
CITIES = [(14.4378, 50.0755), (7.6869, 45.0703), (9.9937, 53.5511), (-73.9857, 40.7484), (151.2093, -33.8688)]
CORNERS = [(0.0, 0.0), (-0.0, -0.0), (180.0, 90.0), (-180.0, -90.0), (180.0, -90.0), (-180.0, 90.0)]
TINY = [7.5652993e-7, -7.5652993e-7, 1e-20, -1e-20, 5e-324, -5e-324]


def on_border(rng: random.Random, end: float) -> float:
    """A cell border of a random level, or one of the doubles next to it."""
    level = rng.randrange(1, 31)
    border = rng.randrange(2**level + 1) * (2 * end / 2**level) - end
    value = rng.choice([border, math.nextafter(border, math.inf), math.nextafter(border, -math.inf)])
    return max(-end, min(end, value))


def points(rng: random.Random):
    yield from CORNERS
    for longitude in TINY:
        for latitude in TINY:
            yield longitude, latitude
    for _ in range(700):
        yield rng.uniform(-180, 180), rng.uniform(-90, 90)
    for _ in range(700):
        longitude, latitude = rng.choice(CITIES)
        yield longitude + rng.uniform(-0.2, 0.2), latitude + rng.uniform(-0.2, 0.2)
    for _ in range(700):
        yield on_border(rng, 180.0), on_border(rng, 90.0)


def fixture() -> str:
    rng = random.Random(SEED)
    lines = ["longitude,latitude,precision,geohash"]
    for index, (longitude, latitude) in enumerate(points(rng)):
        precision = 12 - index % 12
        lines.append(f"{longitude!r},{latitude!r},{precision},{pygeohash.encode(latitude, longitude, precision)}")
    return "\n".join(lines) + "\n"


def main() -> None:
    text = fixture()
    if sys.argv[1:] == ["--check"]:
        if FIXTURE.read_text() != text:
            sys.exit(f"{FIXTURE} is not what pygeohash says: run this script without --check and look at the difference")
        print(f"{FIXTURE.name}: pygeohash agrees with all {text.count(chr(10)) - 1} rows")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        FIXTURE.write_text(text)


if __name__ == "__main__":
    main()
