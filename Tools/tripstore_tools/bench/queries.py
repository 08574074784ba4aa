"""The eight queries of the benchmark, each in many instances, so that none runs twice if the query allows it.

A query is a value that every contender understands:

    {"kind": "weeks", "where": FILTERS}                         [[Monday, trips], …] of the weeks that have trips
    {"kind": "groups", "where": FILTERS, "precision", "minutes", "limit"}
                                                                [[region, origin, destination, bucket, trips], …], most first
    {"kind": "latest"}                                          [[region, datasource, time], …] of the two largest regions
    {"kind": "regions_of", "datasource": NAME}                  [region, …]

FILTERS are the API's parameters: region, datasource, from, to, min_lat, max_lat, min_lng, max_lng.
"""

import datetime
import math
import random

DEGREES_PER_KILOMETRE = 1 / 111.2


def box(longitude, latitude, kilometres):
    height = kilometres * DEGREES_PER_KILOMETRE
    width = height / math.cos(math.radians(latitude))
    return {"min_lat": latitude - height / 2, "max_lat": latitude + height / 2,
            "min_lng": longitude - width / 2, "max_lng": longitude + width / 2}


def instances(facts, count=200, seed=1):
    """Returns {name of a query: its instances}; `facts` are those of judge.py about the file."""
    generator = random.Random(seed)
    regions = [region["region"] for region in facts["regions"]]
    datasources = sorted(facts["datasources"])
    west, south, east, north = facts["regions"][0]["bounds"]

    def small_box(_):
        # Around a spot where many trips start, up to half a kilometre off.
        longitude, latitude = generator.choice(facts["spots"])
        shift = DEGREES_PER_KILOMETRE / 2
        return {"kind": "weeks", "where": box(
            longitude + generator.uniform(-shift, shift), latitude + generator.uniform(-shift, shift), kilometres=2)}

    def city_box(_):
        # The bounds of the largest region, cut by up to a twentieth on each side.
        cut = [generator.uniform(0, 0.05) for _ in range(4)]
        width, height = east - west, north - south
        return {"kind": "weeks", "where": {
            "min_lat": south + cut[0] * height, "max_lat": north - cut[1] * height,
            "min_lng": west + cut[2] * width, "max_lng": east - cut[3] * width}}

    def fine_groups(index):
        start = datetime.date(2018, 1, 1) + datetime.timedelta(days=7 * generator.randrange(39))
        return groups({"datasource": datasources[index % len(datasources)], "from": start.isoformat(),
                       "to": (start + datetime.timedelta(days=91)).isoformat()}, precision=7, minutes=15)

    def groups(where, precision=5, minutes=60):
        return {"kind": "groups", "where": where, "precision": precision, "minutes": minutes, "limit": 100}

    makers = {
        "weekly average, one region": lambda index: {"kind": "weeks", "where": {"region": regions[index % len(regions)]}},
        "weekly average, box of 2 km": small_box,
        "weekly average, box of a city": city_box,
        "trip groups, top 100 of all": lambda _: groups({}),
        "trip groups, top 100 of a region": lambda index: groups({"region": regions[index % len(regions)]}),
        "latest datasource of the top two regions": lambda _: {"kind": "latest"},
        "regions of one datasource":
            lambda index: {"kind": "regions_of", "datasource": datasources[index % len(datasources)]},
        "trip groups, precision 7, 15 minutes, one datasource, three months": fine_groups,
    }
    return {name: [make(index) for index in range(count)] for name, make in makers.items()}


def disagreement(query, ours, theirs):
    """What is wrong between two answers to a query, or None.

    Peers give groups of equal count in any order, so of the last count only the number of groups can be compared.
    """
    if query["kind"] == "groups":
        counts = [group[-1] for group in ours], [group[-1] for group in theirs]
        if counts[0] != counts[1]:
            return f"counts differ: {counts[0][:5]}… and {counts[1][:5]}…"
        last = counts[0][-1] if ours else 0
        ours, theirs = (sorted(group for group in groups if group[-1] > last) for groups in (ours, theirs))
    return None if ours == theirs else f"{str(ours)[:200]} and {str(theirs)[:200]}"
