"""How evenly trips spread over shards: the program's own rule beside those that people would think of, at 1 to 100 billion trips.

The program's rule is that of `ClickHouseStore.store`: a job is cut into batches, the first of 4.5 MiB of CSV and then of half a
megabyte; in part `p` of job `j` shard `s` gets the batches `t, t + N, t + 2 N, …` with `t = (s + j + p) mod N`. It is followed
file by file for a year of files. The others are probabilities of cities and cells (`generated_cities.py`), from which counts are
drawn as multinomials.

What counts is the largest shard over the mean: 1 is even, N means that one shard of N does everything.
"""

import functools

import numpy

from tripstore_tools.capacity import generated_cities

SHARDS = [2, 4, 8, 16, 32, 64]
TRIPS = [10**9, 10**10, 10**11]
SEED = 6
HASHES = 200
# 512 KiB of CSV (Limits.chunkByteCount). The first batch of a file is what the header was looked for in: a whole buffer, which has
# room for two of the longest records besides (IngestionJob.run). Then rows of a part for each shard, and for how many shards at the
# most (ClickHouseStore).
ROW_BYTES = 129
BATCH_ROWS = (512 << 10) // ROW_BYTES
FIRST_BATCH_ROWS = ((512 << 10) + (4 << 20)) // ROW_BYTES
ROWS_PER_INSERT, PART_SHARDS_MAX = 1 << 20, 4
SMALL_FILES_A_DAY = 10_000
FEEDS = 16


def measure():
    """{rule: {trips: {shards: (largest ÷ mean of all trips, of the largest city's, shards that have any of those)}}}."""
    return {name: {trips: {shards: tuple(float(value) for value in rule(trips, shards)) for shards in SHARDS} for trips in TRIPS}
            for name, rule in RULES.items()}


def random(trips, shards):
    return numpy.random.default_rng([SEED, trips, shards])


def uneven(counts):
    return counts.max() / counts.mean()


def figures(counts, of_city):
    return uneven(counts), uneven(of_city), numpy.count_nonzero(of_city)


# MARK: The program's rule

def mixed(jobs):
    """Jobs' numbers as the program takes them for turns: SplitMix64's finalizer."""
    with numpy.errstate(over="ignore"):
        bits = numpy.asarray(jobs).astype(numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ (bits >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        return bits ^ (bits >> numpy.uint64(31))


def in_turns(rows, city, shards, jobs=None):
    """Rows of each shard, and of those the rows of the largest city.

    - rows: of each file, in the order of the jobs; city: which one it is of, or None if it has all of them.
    - jobs: the jobs' numbers.
    """
    jobs = numpy.arange(len(rows)) if jobs is None else jobs
    jobs = (mixed(jobs) % numpy.uint64(shards)).astype(numpy.int64)
    batches = 1 + -(-(rows - FIRST_BATCH_ROWS).clip(0) // BATCH_ROWS)
    counts, of_city = numpy.zeros(shards), numpy.zeros(shards)
    is_largest = numpy.zeros(len(rows)) if city is None else (city == 0).astype(float)

    def add(chosen, place, rows_each):
        nonlocal counts, of_city
        counts += numpy.bincount(place, weights=rows_each * numpy.ones(len(place)), minlength=shards)
        of_city += numpy.bincount(place, weights=rows_each * is_largest[chosen], minlength=shards)

    part_rows = ROWS_PER_INSERT * min(shards, PART_SHARDS_MAX)
    first, part = 0, 0
    while first < batches.max():
        # Each part is closed by the batch that fills it. All batches are counted as usual ones, then the odd ones put right.
        count = 1 + -(-(part_rows - FIRST_BATCH_ROWS) // BATCH_ROWS) if part == 0 else -(-part_rows // BATCH_ROWS)
        now = (batches - first).clip(0, count)
        every, extra = now // shards, now % shards
        counts += every.sum() * BATCH_ROWS
        of_city += (every * is_largest).sum() * BATCH_ROWS
        for turn in range(int(extra.max())):
            chosen = numpy.nonzero(extra > turn)[0]
            add(chosen, (turn - jobs[chosen] - part) % shards, BATCH_ROWS)
        ends = numpy.nonzero((batches > max(first, 1)) & (batches <= first + count))[0]
        add(ends, (now[ends] - 1 - jobs[ends] - part) % shards,
            (rows - FIRST_BATCH_ROWS - (batches - 1) * BATCH_ROWS)[ends])
        if part == 0:
            add(slice(None), -jobs % shards, numpy.minimum(rows, FIRST_BATCH_ROWS) - BATCH_ROWS)
        first, part = first + count, part + 1
    return counts, of_city


def ratios(trips, shards, rows, city=None, jobs=None):
    counts, of_city = in_turns(rows, city, shards, jobs)
    assert abs(counts.sum() - rows.sum()) < 1, "every row is on a shard"
    if city is None:
        # Each shard's rows are a sample of all cities.
        of_city = random(trips, shards).binomial(counts.astype(numpy.int64), generated_cities.cities()[0]["share"])
    return figures(counts, of_city)


def daily_files(trips, shards):
    days = generated_cities.hour_weights().reshape(-1, 24).sum(axis=1)
    return ratios(trips, shards, numpy.rint(trips * days).astype(numpy.int64))


@functools.cache
def small_files_rows(trips):
    """Files of a day differ in size as many things do: log-normally."""
    days = generated_cities.hour_weights().reshape(-1, 24).sum(axis=1)
    sizes = numpy.random.default_rng([SEED, trips]).lognormal(size=(len(days), SMALL_FILES_A_DAY))
    return numpy.rint(trips * days[:, None] * sizes / sizes.sum(axis=1, keepdims=True)).astype(numpy.int64).ravel().clip(1)


def small_files(trips, shards):
    return ratios(trips, shards, small_files_rows(trips))


@functools.cache
def feed_files(trips):
    """Rows and city of each file: one of each feed every ten minutes, the feeds in the same order, each of one city."""
    hours = generated_cities.hour_weights().repeat(6) / 6
    shares = numpy.array([city["share"] for city in generated_cities.cities()[:FEEDS]])
    rows = numpy.rint(trips * numpy.outer(hours, shares / shares.sum())).astype(numpy.int64).clip(1)
    return rows.ravel(), numpy.tile(numpy.arange(FEEDS), len(hours))


def feeds_in_order(trips, shards):
    return ratios(trips, shards, *feed_files(trips))


# MARK: Other rules

def each_trip(trips, shards):
    """A random shard for each trip: `rand()`, what a Distributed table does by default."""
    generator = random(trips, shards)
    share = generated_cities.cities()[0]["share"]
    return figures(*(generator.multinomial(count, numpy.full(shards, 1 / shards)) for count in (trips, round(trips * share))))


def hashed(trips, shards, keys):
    """Medians over hash functions; keys: [(is it the largest city, share of all trips)]."""
    generator = random(trips, shards)
    is_largest, shares = (numpy.array(column) for column in zip(*keys, strict=True))
    counts = generator.multinomial(trips, shares / shares.sum(), size=HASHES)
    # The same hash functions for any number of trips.
    functions = numpy.random.default_rng([SEED, shards])
    found = []
    for drawn in counts:
        place = functions.integers(0, shards, len(shares))
        found.append(figures(*(numpy.bincount(place, weights=drawn * chosen, minlength=shards) for chosen in (1, is_largest))))
    return tuple(numpy.median(found, axis=0))


def by_region(trips, shards):
    return hashed(trips, shards, [(city == generated_cities.cities()[0], city["share"]) for city in generated_cities.cities()])


def by_cell(trips, shards):
    return hashed(trips, shards, [(city == 0, share) for city, _, share in generated_cities.origin_cells()])


def by_range(trips, shards, growth=1):
    """Ranges of the origin's cell that were even when they were cut; then the largest city had `growth` times as many trips."""
    cells = sorted(generated_cities.origin_cells(), key=lambda cell: cell[1])
    city, _, shares = (numpy.array(column) for column in zip(*cells, strict=True))
    ends = numpy.cumsum(shares) / shares.sum()
    starts = numpy.concatenate([[0], ends[:-1]])
    edges = numpy.arange(shards + 1) / shards
    inside = (numpy.minimum(ends[None], edges[1:, None]) - numpy.maximum(starts[None], edges[:-1, None])).clip(0)
    inside[:, city == 0] *= growth
    generator = random(trips, shards)
    found = []
    for chosen in (slice(None), city == 0):
        share = inside[:, chosen].sum(axis=1)
        found.append(generator.multinomial(round(trips * share.sum()), share / share.sum()))
    return figures(*found)


def by_range_later(trips, shards):
    return by_range(trips, shards, growth=2)


RULES = {
    "round robin (tripstore's rule), one file per day": daily_files,
    f"round robin, {SMALL_FILES_A_DAY:,} files per day": small_files,
    f"round robin, files of {FEEDS} cities in the same order every 10 minutes": feeds_in_order,
    "a random shard for each trip": each_trip,
    "hash of the region": by_region,
    "hash of the origin's cell, 5 characters": by_cell,
    "ranges of the origin's cell": by_range,
    "the same, after the largest city has doubled": by_range_later,
}


# MARK: Tables

def ratio(value):
    return f"{value:.1f}" if value >= 9.95 else f"{value:.2f}"


def tables(measured):
    """All trips, the trips of the largest city, and how many shards have any of those, if not all do."""
    for place, title in enumerate(("all trips: largest shard ÷ mean", "trips of the largest city: largest shard ÷ mean",
                                   "shards with trips of the largest city, if not all have some")):
        rows = [[title, "trips", *(f"{shards} shards" for shards in SHARDS)]]
        for name, by_trips in measured.items():
            lines = {trips: [by_shards[shards][place] for shards in SHARDS] for trips, by_shards in by_trips.items()}
            text = ratio if place < 2 else lambda count: f"{count:.0f}"
            if all(max(values) <= 1.01 * min(values) for values in zip(*lines.values(), strict=True)):
                # Alike: the most uneven of them.
                lines = {None: [max(values) for values in zip(*lines.values(), strict=True)]}
            for trips, line in lines.items():
                size = f"{trips // 10**9} G" if trips else ", ".join(str(trips // 10**9) for trips in TRIPS) + " G"
                if place < 2 or line != SHARDS:
                    rows.append([name, size, *map(text, line)])
        yield rows
