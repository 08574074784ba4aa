"""What the capacity model of docs/SCALABILITY.md takes for granted: how trips are spread over shards, and how likely each is.

A plan for sizes that no test has is worth what these two are."""

import random

import numpy
import pygeohash
import pytest

from tripstore_tools.bench.files import Files
from tripstore_tools.capacity import generated_cities, shard_costs, skew
from tripstore_tools.harness import clickhouse, tripstore

ROWS = 200_000


def mixed(job):
    """SplitMix64's finalizer, as `ClickHouseStore` has it."""
    mask = (1 << 64) - 1
    bits = job * 0x9E3779B97F4A7C15 & mask
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 & mask
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB & mask
    return bits ^ bits >> 31


def dealt_one_by_one(rows, city, shards, jobs):
    """Rows of each shard, and those of city 0: every batch of every file is looked at, as `ClickHouseStore.store` deals them."""
    counts, of_city = [0] * shards, [0] * shards
    for left, of, job in zip(rows, city, jobs, strict=True):
        parts, size = [[]], skew.FIRST_BATCH_ROWS
        while left > 0:
            if sum(parts[-1]) >= skew.ROWS_PER_INSERT * min(shards, skew.PART_SHARDS_MAX):
                parts.append([])
            parts[-1].append(min(size, left))
            left, size = left - parts[-1][-1], skew.BATCH_ROWS
        for number, batches in enumerate(parts):
            for shard in range(shards):
                share = sum(batches[(shard + mixed(job) + number) % shards::shards])
                counts[shard] += share
                of_city[shard] += share if of == 0 else 0
    return counts, of_city


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 64])
def test_files_are_dealt_to_shards_as_batch_by_batch(shards):
    seed = 60 + shards
    generator = random.Random(seed)
    rows = [1, skew.BATCH_ROWS, *(skew.FIRST_BATCH_ROWS + extra for extra in (-1, 0, 1, skew.BATCH_ROWS)), 9_000_001]
    rows += [generator.randrange(1, 200_000) for _ in range(20)]
    city, jobs = ([generator.randrange(limit) for _ in rows] for limit in (3, 1000))
    dealt = skew.in_turns(*map(numpy.array, (rows, city)), shards, numpy.array(jobs))
    assert [list(counts) for counts in dealt] == list(dealt_one_by_one(rows, city, shards, jobs)), f"seed {seed}"


@pytest.mark.skipif(not clickhouse.is_installed(), reason="clickhouse-server is not installed")
def test_the_program_deals_small_files_to_real_shards_as_calculated(tmp_path):
    found = shard_costs.follow_feeds(Files(tmp_path, seed=1), tmp_path)
    assert found["counted"] == found["followed"]


def test_generated_trips_are_as_likely_as_calculated(tmp_path):
    path = tmp_path / "trips.csv"
    tripstore.cli("generate", "--rows", ROWS, "--seed", 5, "--output", path)
    counted, groups = {}, set()
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        region, origin, destination, time, _ = line.split(",")
        cells = []
        for point in (origin, destination):
            longitude, latitude = map(float, point.removeprefix("POINT (").removesuffix(")").split())
            cells.append(pygeohash.encode(latitude, longitude, 5))
        counted[cells[0]] = counted.get(cells[0], 0) + 1
        groups.add((region, *cells, time[11:13]))
    expected = {}
    for _, key, share in generated_cities.origin_cells():
        cell = "".join("0123456789bcdefghjkmnpqrstuvwxyz"[key >> shift & 31] for shift in range(20, -1, -5))
        expected[cell] = expected.get(cell, 0) + share * ROWS
    assert set(counted) <= set(expected)
    # Six standard deviations of a Poisson distribution; for the few trips of a rare cell it is skewed, hence the two.
    odd = {cell: (counted.get(cell, 0), trips) for cell, trips in expected.items()
           if abs(counted.get(cell, 0) - trips) > 6 * trips ** 0.5 + 2}
    assert not odd
    assert abs(len(groups) / generated_cities.expected_groups(ROWS) - 1) < 0.01
