"""How likely each trip of `tripstore generate` is, calculated instead of drawn: what a hundred billion trips would look like.

Cities, their weights, journeys and hours are read from the generator's own source (Sources/TripGenerator), and the map of each city
is made with its random numbers, so this follows the generator and is not a guess about it. Spots are sums of four uniform
numbers, east and north apart, so the probability of a cell is a product; everywhere else is a disc.
"""

import functools
import math
import re

import numpy

from tripstore_tools import REPOSITORY

SOURCES = REPOSITORY / "Sources/TripGenerator"
PURPOSES = ["home", "work", "leisure"]
# Morton keys of geohashes of 5 characters, the cells of groups by default: 13 bits of longitude, 12 of latitude.
LONGITUDE_CELLS, LATITUDE_CELLS = 1 << 13, 1 << 12
MASK = (1 << 64) - 1


def source(name):
    return (SOURCES / f"{name}.swift").read_text()


def numbers(text):
    return [int(number) for number in re.findall(r"-?\d+", text.replace("_", ""))]


# MARK: What the source says

@functools.cache
def cities():
    """Name, centre and half the extent in degrees, share of all trips."""
    found = []
    for name, values in re.findall(r'City\("([^"]+)", ([-\d_, ]+), \[', source("City")):
        longitude, latitude, longitude_radius, latitude_radius, weight = numbers(values)
        found.append({"name": name, "longitude": longitude, "latitude": latitude, "longitude_radius": longitude_radius,
                      "latitude_radius": latitude_radius, "weight": weight})
    total = sum(city["weight"] for city in found)
    assert len(found) == 21 and total == 1000, "City.swift no longer looks as this expects"
    return [city | {"share": city["weight"] / total} for city in found]


@functools.cache
def hour_weights():
    """How many trips each hour of the 52 weeks has, as shares of all."""
    text = source("TripClock")
    profile = {name: numbers(re.search(rf"let {name} = \[([^\]]+)\]", text).group(1))
               for name in ("workday", "saturday", "sunday")}
    days = numbers(re.search(r"let days = \[([^\]]+)\]", text).group(1))
    weights = []
    for hour in range(52 * 168):
        week, day = hour // 168, hour // 24 % 7
        # As in TripClock.weight(ofHour:).
        season = 62 if week in (0, 51) else 80 - abs(week - 31) % 4 if 27 <= week <= 34 else 94 + (week * 7 + 3) % 13
        name = "saturday" if day == 5 else "sunday" if day == 6 else "workday"
        weights.append(profile[name][hour % 24] * days[day] * season // 100)
    return numpy.array(weights) / sum(weights)


@functools.cache
def journeys():
    """[(purpose of the start, of the end)], and their shares in each hour of the week."""
    text = source("Journey")
    kinds = [(PURPOSES.index(start), PURPOSES.index(end))
             for start, end in re.findall(r"Journey\(origin: \.(\w+), destination: \.(\w+)\)", text)]
    cases = [(is_weekend == "true", range(int(first), int(last) + 1), numbers(weights)) for is_weekend, first, last, weights in
             re.findall(r"case \((\w+), (\d+)\.\.\.(\d+)\): CumulativeWeights\(\[([^\]]+)\]\)", text)]
    night = numbers(re.search(r"default: CumulativeWeights\(\[([^\]]+)\]\)", text).group(1))
    shares = []
    for hour in range(168):
        weights = next((weights for is_weekend, hours, weights in cases
                        if is_weekend == (hour // 24 >= 5) and hour % 24 in hours), night)
        shares.append(numpy.array(weights) / sum(weights))
    return kinds, shares


# MARK: Maps

class SplitMix64:
    def __init__(self, seed, row):
        self.state = mix((mix((seed + 0x9E37_79B9_7F4A_7C15) & MASK) + row * 0xD1B5_4A32_D192_ED03) & MASK)

    def below(self, bound):
        self.state = (self.state + 0x9E37_79B9_7F4A_7C15) & MASK
        return (mix(self.state) >> 32) * bound >> 32


def mix(bits):
    bits = ((bits ^ bits >> 30) * 0xBF58_476D_1CE4_E5B9) & MASK
    bits = ((bits ^ bits >> 27) * 0x94D0_49BB_1331_11EB) & MASK
    return bits ^ bits >> 31


def spots(index, city):
    """The spots of each purpose (weight, centre and standard deviation in degrees); as in CityMap.init."""
    text = source("CityMap")
    random = SplitMix64(0x7472_6970, index)
    weights = [numbers(found) for found in re.findall(r"CumulativeWeights\(\[([^\]]+)\]\)", text)]
    found = []
    for weight, (count, distance, narrow, wide) in zip(weights, [
            numbers(line) for line in re.findall(r"cluster\((\d+, distanceMax: \d+, widths: \d+\.\.\.\d+)\)", text)], strict=True):
        places = []
        for number in range(count):
            width = narrow + random.below(wide - narrow + 1)
            east, north = (random.below(2 * distance + 1) - distance for _ in range(2))
            places.append((weight[number] / sum(weight),
                           (city["longitude"] + east * city["longitude_radius"] / 1000) / 1e6,
                           width * city["longitude_radius"] / 1e9,
                           (city["latitude"] + north * city["latitude_radius"] / 1000) / 1e6,
                           width * city["latitude_radius"] / 1e9))
        found.append(places)
    return found, int(re.search(r"backgroundPercent: UInt32 = (\d+)", text).group(1)) / 100


# MARK: Cells

def below(x):
    """Probability that a sum of four uniform numbers, of standard deviation 1, is below x (Irwin-Hall)."""
    place = numpy.clip(numpy.asarray(x) * math.sqrt(4 / 12) + 2, 0, 4)
    return sum((-1) ** k * math.comb(4, k) * numpy.maximum(place - k, 0) ** 4 for k in range(5)) / 24


def grid(city, margin=1.3):
    """Edges of the cells around a city, in degrees, and the number of the first one east and north."""
    edges = []
    for centre, radius, count, span in ((city["longitude"], city["longitude_radius"], LONGITUDE_CELLS, 360),
                                        (city["latitude"], city["latitude_radius"], LATITUDE_CELLS, 180)):
        first, last = (math.floor((centre + sign * margin * radius) / 1e6 / span * count + count / 2) for sign in (-1, 1))
        edges.append((first, (numpy.arange(first, last + 2) - count / 2) * span / count))
    return edges


def cell_shares(index, city):
    """Of each purpose the probability of each cell of the city's grid, row by row of longitude."""
    (_, easts), (_, norths) = grid(city)
    places, background = spots(index, city)
    everywhere = disc(city, easts, norths)
    shares = []
    for of_purpose in places:
        sum_of_spots = sum(weight * numpy.outer(numpy.diff(below((easts - x) / width)), numpy.diff(below((norths - y) / height)))
                           for weight, x, width, y, height in of_purpose)
        shares.append(background * everywhere + (1 - background) * sum_of_spots)
    return shares


def disc(city, easts, norths, steps=400):
    """The share of the city's ellipse in each cell, by counting points of a fine grid."""
    x, y = (numpy.linspace(-1, 1, 2 * steps + 1)[:-1] + 0.5 / steps for _ in range(2))
    inside = numpy.add.outer(x ** 2, y ** 2) < 1
    columns = numpy.searchsorted(easts, city["longitude"] / 1e6 + x * city["longitude_radius"] / 1e6) - 1
    rows = numpy.searchsorted(norths, city["latitude"] / 1e6 + y * city["latitude_radius"] / 1e6) - 1
    counts = numpy.zeros((len(easts) - 1, len(norths) - 1))
    numpy.add.at(counts, (columns[:, None].repeat(len(y), 1)[inside], rows[None, :].repeat(len(x), 0)[inside]), 1)
    return counts / counts.sum()


def purposes_by_hour():
    """Shares of (hour of the day, purpose of the start, of the end)."""
    kinds, shares = journeys()
    sums = numpy.zeros((24, len(PURPOSES), len(PURPOSES)))
    for hour, weight in enumerate(hour_weights()):
        for (start, end), share in zip(kinds, shares[hour % 168], strict=True):
            sums[hour % 24, start, end] += weight * share
    return sums


@functools.cache
def origin_cells():
    """[(city, Morton key of 25 bits, share of all trips)], of cells in which one trip in 10^13 starts or more."""
    starts = purposes_by_hour().sum(axis=(0, 2))
    found = []
    for index, city in enumerate(cities()):
        (first_east, _), (first_north, _) = grid(city)
        shares = city["share"] * sum(share * cells for share, cells in zip(starts, cell_shares(index, city), strict=True))
        for east, north in zip(*numpy.nonzero(shares > 1e-13), strict=True):
            found.append((index, morton(first_east + int(east), first_north + int(north)), float(shares[east, north])))
    return found


def morton(east, north):
    """Bits of both, longitude first, as a geohash has them: 13 and 12."""
    key = 0
    for bit in range(12, -1, -1):
        key = key << 1 | east >> bit & 1
        if bit:
            key = key << 1 | north >> bit - 1 & 1
    return key


@functools.cache
def group_shares():
    """The probability of each group of region, cells of 5 characters and hour of the day; of one in 10^14 trips or more."""
    hours = purposes_by_hour()
    found = []
    for index, city in enumerate(cities()):
        cells = numpy.array([share.ravel() for share in cell_shares(index, city)])
        cells = cells[:, cells.max(axis=0) > 0]
        for hour in hours:
            shares = city["share"] * (cells.T @ hour @ cells)
            found.append(shares[shares > 1e-14])
    return numpy.concatenate(found)


def expected_groups(trips):
    """How many groups that many trips are expected to have."""
    return float(-numpy.expm1(-trips * group_shares()).sum())
