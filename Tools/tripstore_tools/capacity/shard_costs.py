"""What jobs and queries cost the ClickHouse engine by rows and by shards: the figures that `capacity.py` fits its model to.

Servers are Debian's `clickhouse-server`, real ones on loopback, all on this machine's cores. So the clock says how long a query
takes where each of two shards has about one core; the processor time of each process says what it costs wherever it runs.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy

from tripstore_tools.bench import clickhouse_engine, files
from tripstore_tools.bench.contenders import BINARY, Connection, Server, Tripstore, memory, timed_process
from tripstore_tools.bench.loads import fresh, progress
from tripstore_tools.capacity import generated_cities, skew
from tripstore_tools.harness import clickhouse  # of the acceptance tests, to which `contenders` leads

SIZES = [1_000_000, 2_500_000, 5_000_000, 10_000_000, 20_000_000]
FAN_OUT_SHARDS = [1, 2, 4, 8]
FAN_OUT_ROWS = 2_000_000
EMBEDDED_ROWS = 10_000_000
FILES, FILE_ROWS = 200, 5_000
REPEATS = 5
TICKS = os.sysconf("SC_CLK_TCK")  # a second, of /proc/PID/stat

# Paths of the API; the largest groups are those of `clickhouse_engine`, so that the two tables can be compared.
QUERIES = {name: path for name, (path, _) in clickhouse_engine.QUERIES.items()} | {
    "trips a week of a region, 13 weeks": "/analytics/weekly-average?region=Berlin&from=2018-04-02&to=2018-07-02",
    "groups of a region, 7 characters, 15 minutes": "/trip-groups?region=Berlin&precision=7&bucket_minutes=15",
}
BARE = {name: sql for name, (_, sql) in clickhouse_engine.QUERIES.items()
        if name in ("trips a week", "trips a week of a region", "trips a week of a box", "50 largest groups")}


def measure(made, folder, rounds, sizes=None):
    """Medians of some rounds; each size and each number of shards has new servers."""
    runs = {rows: [] for rows in sizes or SIZES}
    fans = {shards: [] for shards in FAN_OUT_SHARDS}
    for number in range(rounds):
        for rows in runs:
            runs[rows].append(cost_of(made.generated(rows), folder, rows))
            progress(f"round {number + 1} of {rounds}: {rows:,} rows")
        for shards in fans:
            fans[shards].append(fan_out(made.generated(FAN_OUT_ROWS), folder, shards))
            progress(f"round {number + 1} of {rounds}: {shards} shards")
    return {"feeds": follow_feeds(made, folder),
            "small_files": middle([small_files(made, folder) for _ in range(rounds)]),
            "embedded": middle([embedded_load(made, folder) for _ in range(rounds)]),
            "sizes": [{"rows": rows} | middle(of_one) for rows, of_one in runs.items()],
            "fan_out": [{"shards": shards, "rows": FAN_OUT_ROWS} | middle(of_one) for shards, of_one in fans.items()]}


def middle(runs):
    """Medians of figures that lie in dictionaries of the same shape."""
    first = runs[0]
    if isinstance(first, dict):
        return {key: middle([run[key] for run in runs]) for key in first}
    return statistics.median(runs)


# MARK: Processor time

def processor_seconds(process):
    """What a process has used so far, with its threads that have ended."""
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def shards_seconds(cluster):
    return [processor_seconds(shard.process) for shard in cluster.shards]


def new(folder):
    """A folder for servers. Those before it stay until the end: a file system is slow to make files after it removed some (ext4)."""
    return Path(tempfile.mkdtemp(prefix="shards-", dir=folder))


def difference(before, after):
    return [end - start for start, end in zip(before, after, strict=True)]


# MARK: By rows

def cost_of(csv, folder, rows):
    """Ingests a file into two new shards and runs the queries."""
    with clickhouse.Cluster(new(folder), memory_bytes=8_000_000_000) as cluster:
        figures = load(cluster, [csv], folder)
        idle = memory(cluster.shards[0].process)[1]
        figures["bytes_by_column"] = column_bytes(cluster)
        figures["rows_of_shards"] = largest_share(cluster, rows)
        with Server(folder / "store", folder / "capacity.log", DATABASE_URL=cluster.database_url("trips")) as server:
            figures["queries"] = {name: ask(cluster, server, path) for name, path in QUERIES.items()}
        figures["shard_memory"] = {"idle": idle, "after_queries": memory(cluster.shards[0].process)[1],
                                   "peak": max(memory(shard.process)[0] for shard in cluster.shards)}
    return figures


def load(cluster, csvs, folder):
    """The load, and what its shards do afterwards until nothing is left to merge."""
    for csv in csvs:
        files.warm(csv)
    before = shards_seconds(cluster)
    _, loader = timed_process([str(BINARY), "ingest", "--quiet", *map(str, csvs), "--data-dir", str(fresh(folder / "store"))],
                              DATABASE_URL=cluster.database_url("trips"))
    loaded = shards_seconds(cluster)
    started = time.perf_counter()
    clickhouse_engine.settle(cluster)
    settled = shards_seconds(cluster)
    parts, size = (total(cluster, what) for what in ("count()", "sum(bytes_on_disk)"))
    return {"seconds": loader["seconds"], "loader_cpu": loader["cpu_seconds"], "loader_peak": loader["peak_bytes"],
            "shards_cpu": sum(difference(before, loaded)), "merging_seconds": time.perf_counter() - started,
            "merging_cpu": sum(difference(loaded, settled)), "parts": parts, "bytes": size}


def small_files(made, folder):
    """Files of a batch each, in order of time: each is a job, and a block for one shard."""
    csvs = made.pieces(FILES, FILE_ROWS)
    with clickhouse.Cluster(new(folder)) as cluster:
        return {"files": FILES, "rows_each": FILE_ROWS} | load(cluster, csvs, folder)


def embedded_load(made, folder):
    """A load of the embedded engine: this machine beside that of docs/BENCHMARKS.md."""
    csv = made.generated(EMBEDDED_ROWS)
    files.warm(csv)
    figures = Tripstore().load([csv], fresh(folder / "embedded"))
    return {"rows": EMBEDDED_ROWS, "cpu": figures["cpu_seconds"], "seconds": figures["seconds"]}


def total(cluster, what):
    return sum(int(shard.query(f"SELECT {what} FROM system.parts WHERE database = 'trips' AND table = 'trips' AND active"))
               for shard in cluster.shards)


def column_bytes(cluster):
    sums = {}
    for shard in cluster.shards:
        answer = shard.query("SELECT name, data_compressed_bytes FROM system.columns WHERE database = 'trips' AND table = 'trips'")
        for line in answer.splitlines():
            name, size = line.split("\t")
            sums[name] = sums.get(name, 0) + int(size)
    return sums


def largest_share(cluster, rows):
    """The largest shard by the mean, counted and as `skew` says."""
    counts = [int(shard.query("SELECT count() FROM trips.trips")) for shard in cluster.shards]
    followed, _ = skew.in_turns(numpy.array([rows]), None, len(counts), numpy.array([1]))
    return {"counted": max(counts) * len(counts) / sum(counts), "followed": float(skew.uneven(followed))}


def ask(cluster, server, path):
    """Elapsed milliseconds of a query over HTTP, and processor time of all shards and the server."""
    connection = Connection(server.port)
    answer = connection.json(path)
    before, own = shards_seconds(cluster), processor_seconds(server.process)
    times = [connection.get(path)[0] for _ in range(REPEATS)]
    shards = sum(difference(before, shards_seconds(cluster))) * 1000 / REPEATS
    own = (processor_seconds(server.process) - own) * 1000 / REPEATS
    connection.close()
    return {"ms": statistics.median(times), "least_ms": min(times), "shards_cpu_ms": shards, "server_cpu_ms": own,
            "trips": answer["total_trips"] if "total_trips" in answer else sum(region["trips"] for region in answer["regions"]),
            "groups": answer.get("total_groups", 0)}


# MARK: By shards

def fan_out(csv, folder, shards):
    """The same trips on more shards, a single part a week on each, so that nothing differs but the number of shards."""
    with clickhouse.Cluster(new(folder), shards=shards, memory_bytes=2_000_000_000) as cluster:
        figures = load(cluster, [csv], folder)
        for shard in cluster.shards:
            for week in shard.query("SELECT DISTINCT partition FROM system.parts WHERE database = 'trips' AND table = 'trips' "
                                    "AND active").split():
                shard.query(f"OPTIMIZE TABLE trips.trips PARTITION {week} FINAL")
        clickhouse_engine.settle(cluster)
        figures["parts_asked"] = total(cluster, "count()")
        figures["queries"] = {name: ask_bare(cluster, sql.format(table="trips.trips_cluster")) for name, sql in BARE.items()}
    return figures


def ask_bare(cluster, sql):
    """Queries the first shard, which queries the others: what it costs that one, and each of the others."""
    repeats = 4 * REPEATS
    cluster.query(sql)
    before = shards_seconds(cluster)
    started = time.perf_counter()
    for _ in range(repeats):
        cluster.query(sql)
    seconds = time.perf_counter() - started
    first, *others = (used * 1000 / repeats for used in difference(before, shards_seconds(cluster)))
    return {"ms": seconds * 1000 / repeats, "first_cpu_ms": first,
            "each_other_cpu_ms": statistics.mean(others) if others else 0.0}


# MARK: The rule that spreads trips, on the program itself

FEED_SHARDS, FEED_CYCLES, FEED_ROWS = 4, 5, 12_000


def follow_feeds(made, folder):
    """Small files of one city each, the cities in the same order again and again: rows of each shard, counted and as `skew` says."""
    names = [city["name"] for city in generated_cities.cities()[:skew.FEEDS]]
    csvs, rows, city = feed_files(made.generated(1_000_000), fresh(folder / "feeds"), names)
    with clickhouse.Cluster(new(folder), shards=FEED_SHARDS) as cluster:
        timed_process([str(BINARY), "ingest", "--quiet", *map(str, csvs), "--data-dir", str(fresh(folder / "store"))],
                      DATABASE_URL=cluster.database_url("trips"))
        counted = [[int(shard.query(f"SELECT count() FROM trips.trips {where}")) for shard in cluster.shards]
                   for where in ("", f"WHERE region = '{names[0]}'")]
    # A job's number is one more than its place.
    followed = skew.in_turns(numpy.array(rows), numpy.array(city), FEED_SHARDS, numpy.arange(1, len(rows) + 1))
    return {"shards": FEED_SHARDS, "counted": counted, "followed": [list(map(int, counts)) for counts in followed]}


def feed_files(source, folder, names):
    lines = {name: [] for name in names}
    with source.open(encoding="utf-8") as file:
        header = next(file)
        for text in file:
            name = text.partition(",")[0]
            if name in lines:
                lines[name].append(text)
    share = FEED_ROWS / sum(city["share"] for city in generated_cities.cities()[:len(names)])
    csvs, rows, numbers = [], [], []
    for cycle in range(FEED_CYCLES):
        for number, name in enumerate(names):
            count = round(generated_cities.cities()[number]["share"] * share)
            path = folder / f"{cycle:03}-{number:02}.csv"
            path.write_text(header + "".join(lines[name][cycle * count:(cycle + 1) * count]), encoding="utf-8")
            csvs.append(path)
            rows.append(count)
            numbers.append(number)
    return csvs, rows, numbers
