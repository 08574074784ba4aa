"""The capacity model: fits to measured figures, and tables of what they mean for sizes that no test here has."""

import json
import math
import sys
import tempfile
from pathlib import Path

import numpy

from tripstore_tools import REPOSITORY
from tripstore_tools.bench import origin, page
from tripstore_tools.bench.files import Files
from tripstore_tools.capacity import generated_cities, shard_costs, skew

PAGE, MEASURED_PAGE = REPOSITORY / "docs/SCALABILITY.md", REPOSITORY / "docs/BENCHMARKS.md"
FIGURES = REPOSITORY / "Benchmarks/Capacity/figures.json"
TRIPS = [10**7, 10**8, 10**9, 10**10, 10**11]

# Concurrent INSERTs of a job at a shard, which works on each with one core: the program's default.
INSERTS_AT_ONCE = 2
# The shard of the plan. Nothing of this size was measured here: cores are taken to share a scan evenly.
SHARD_CORES = 16
SHARD_MEMORY = 64 * 2**30
# Of it for the page cache; the rest is for queries, merges and the server itself.
CACHE_SHARE = 0.6
# Columns that queries about weeks, regions and groups read; boxes read coordinates of few rows besides.
HOT_COLUMNS = ["region", "datasource", "time", "week", "origin_cell", "destination_cell"]
# What feeds a worker: 10 Gbit/s, by which 129 bytes of CSV come in for each row (and about 90 go out, the other way).
NETWORK_BYTES_PER_SECOND, CSV_BYTES = 1.25e9, 129
AVAILABILITY_OF_A_SHARD = 0.999
LARGEST_GROUPS, FINE_GROUPS = "50 largest groups", "groups of a region, 7 characters, 15 minutes"
ASKED = ["trips a week", "trips a week of a region", "trips a week of a box", LARGEST_GROUPS, FINE_GROUPS]
# ClickHouseClient waits so long for an answer.
QUERY_TIMEOUT_MS = 300_000


# MARK: Fits

class Fit:
    """y = sum of coefficients × columns, none negative, by least squares of relative errors."""

    def __init__(self, columns, y):
        columns, y = numpy.array(columns, dtype=float).T, numpy.array(y, dtype=float)
        used = list(range(columns.shape[1]))
        while True:
            found = numpy.linalg.lstsq(columns[:, used] / y[:, None], numpy.ones(len(y)), rcond=None)[0]
            if found.min() >= 0:
                break
            used.pop(int(found.argmin()))
        self.coefficients = numpy.zeros(columns.shape[1])
        self.coefficients[used] = found
        self.error = float(numpy.abs(columns @ self.coefficients / y - 1).max())

    def at(self, *values):
        return float(self.coefficients @ values)


def line(x, y):
    return Fit([[1] * len(x), x], y)


class Model:
    def __init__(self, figures):
        self.sizes, self.fans = figures["sizes"], figures["fan_out"]
        self.rows = [size["rows"] for size in self.sizes]
        self.loader, self.storing, self.loading, self.bytes = (
            line(self.rows, [size[name] for size in self.sizes]) for name in ("loader_cpu", "shards_cpu", "seconds", "bytes"))
        self.merging_most = max(size["merging_cpu"] / size["rows"] for size in self.sizes)
        self.hot_bytes = line(self.rows, [sum(size["bytes_by_column"][name] for name in HOT_COLUMNS) for size in self.sizes])
        self.files, self.embedded = figures["small_files"], figures["embedded"]
        self.fan_out()
        self.clocks, self.processors = {}, {}
        for name in self.sizes[0]["queries"]:
            asked = [size["queries"][name] for size in self.sizes]
            # Merging groups, which the fan-out separates, is added where its cost is known.
            merging = [self.merging_ms(name, rows, 2) for rows in self.rows]
            # The least time: others use the machine too, and the plan is for shards that have their cores to themselves.
            self.clocks[name] = line([rows / 2 for rows in self.rows],
                                     [figure["least_ms"] - part for figure, part in zip(asked, merging, strict=True)])
            self.processors[name] = line(self.rows, [figure["shards_cpu_ms"] - part for figure, part in zip(asked, merging, strict=True)])

    def fan_out(self):
        """What an additional shard costs the coordinating shard, and the others; and what merging groups costs the coordinating one."""
        several = [fan for fan in self.fans if fan["shards"] > 1]
        shards = [fan["shards"] for fan in several]
        weeks = [fan["queries"]["trips a week"] for fan in several]
        self.asking = line(shards, [figure["first_cpu_ms"] for figure in weeks])
        self.being_asked = float(numpy.mean([figure["each_other_cpu_ms"] for figure in weeks]))
        groups = [fan["queries"][LARGEST_GROUPS] for fan in several]
        self.states = [fan["shards"] * generated_cities.expected_groups(fan["rows"] / fan["shards"]) for fan in several]
        self.merging_groups = line(self.states, [figure["first_cpu_ms"] - figure["each_other_cpu_ms"] for figure in groups])

    def milliseconds(self, name, trips, shards, cores):
        """The time of a query without others, with what it reads in memory: the minimum and the maximum.

        The minimum is the processor time on all cores, evenly; the maximum is the elapsed time if a shard has one core, and as
        much less as there are more. The coordinating shard merges the groups of all shards, here on one core.
        """
        (start, slope), (clock_start, clock_slope) = self.processors[name].coefficients, self.clocks[name].coefficients
        alone = self.merging_ms(name, trips, shards) + self.asking.coefficients[1] * max(shards - 2, 0)
        return tuple(sorted((start / 2 + slope * trips / shards / cores + alone,
                             clock_start + clock_slope * trips / shards / cores + alone)))

    def merging_ms(self, name, trips, shards):
        return self.merging_groups.coefficients[1] * self.groups_to_merge(name, trips, shards) if shards > 1 else 0

    def groups_to_merge(self, name, trips, shards):
        """Groups that the shards send to the coordinating one: each its own."""
        if name == LARGEST_GROUPS:
            return shards * generated_cities.expected_groups(trips / shards)
        if name == FINE_GROUPS:
            # Hardly two trips are in the same one, wherever they are.
            asked = self.sizes[-1]["queries"][FINE_GROUPS]
            return asked["groups"] / asked["trips"] * self.share_of_region * trips
        return 0

    @property
    def share_of_region(self):
        return self.sizes[-1]["queries"][FINE_GROUPS]["trips"] / self.rows[-1]

    def shards_for(self, trips):
        """Enough that the page cache holds the columns that are read."""
        return max(1, math.ceil(self.hot_bytes.at(0, trips) / (CACHE_SHARE * SHARD_MEMORY)))

    def load_rate(self, shards):
        """Rows a second by one worker of a shard's size, and what bounds it."""
        return min((SHARD_CORES / self.loader.coefficients[1], "its cores"),
                   (NETWORK_BYTES_PER_SECOND / CSV_BYTES, "its network"),
                   (shards * INSERTS_AT_ONCE / self.storing.coefficients[1],
                    f"{INSERTS_AT_ONCE} concurrent INSERTs per shard"))


class Embedded:
    """Of tables in docs/BENCHMARKS.md; stores from a million trips on, where groups are counted ahead."""

    def __init__(self):
        head, *lines = table_of(MEASURED_PAGE, "growth")
        rows = [cell_number(cell) for cell in head[1:]]
        chosen = [place for place, count in enumerate(rows) if count >= 10**6]
        self.rows = [rows[place] for place in chosen]
        figures = {cells[0]: [cell_number(cells[1 + place]) for place in chosen] for cells in lines}
        decades = [math.log10(count / 10**6) for count in self.rows]
        self.box = line(decades, figures["of a box of 2 km"])
        self.region = Fit([[1] * len(chosen)], figures["weekly average of a region"])
        self.groups = Fit([[1] * len(chosen)], figures["top 100 groups of all"])
        self.fine_groups = line(self.rows, figures["of a region, 7 characters, 15 minutes"])
        self.start = line(self.rows, figures["server start to first answer"])
        self.memory = line(self.rows, figures["memory then, without mapped files, MB"])
        loads = [cells for cells in table_of(MEASURED_PAGE, "scaling")[1:] if cell_number(cells[0]) >= 10**6]
        rows = [cell_number(cells[0]) for cells in loads]
        self.processor = line(rows, [cell_number(cells[4]) * 1e-9 * count for cells, count in zip(loads, rows, strict=True)])
        self.bytes = line(rows, [cell_number(cells[6]) * count for cells, count in zip(loads, rows, strict=True)])
        self.loading = line(rows, [count / cell_number(cells[2]) for cells, count in zip(loads, rows, strict=True)])

    def box_ms(self, trips):
        return self.box.at(1, math.log10(trips / 10**6))

    def beyond(self, time, trips):
        """A time as it grew up to the largest measured store; beyond, between that and growing as trips do: there are more segments
        to look into, which is not seen yet there."""
        if trips <= self.rows[-1]:
            return duration(time(trips))
        return f"{duration(time(trips))} – {duration(time(self.rows[-1]) * trips / self.rows[-1])}"


def table_of(path, section, number=0):
    """The cells of a table of a section of a page, head first."""
    text = path.read_text().partition(f"<!-- {section} -->")[2].partition(f"<!-- /{section} -->")[0]
    tables = [part for part in text.split("\n\n") if part.strip().startswith("|")]
    lines = [[cell.strip() for cell in row.strip("|").split("|")] for row in tables[number].strip().splitlines()]
    return [lines[0], *lines[2:]]


def cell_number(cell):
    return float(cell.split(" rows")[0].replace(",", ""))


# MARK: Tables

def significant(value, unit=""):
    """Two or three digits: a model has no more."""
    if value == 0:
        return f"0{unit}"
    digits = max(0, 1 - math.floor(math.log10(abs(value))))
    rounded = round(value, digits) if value < 100 else round(value, 1 - math.floor(math.log10(value)))
    return f"{rounded:,.{min(digits, 2)}f}{unit}"


def duration(milliseconds):
    units = ((1000, 1, "ms"), (100_000, 1000, "s"), (6_000_000, 60_000, "min"), (math.inf, 3_600_000, "h"))
    divisor, unit = next((divisor, unit) for limit, divisor, unit in units if milliseconds < limit)
    return significant(milliseconds / divisor, f" {unit}")


def span(least, most):
    return f"{duration(least)} – {duration(most)}" if most < QUERY_TIMEOUT_MS else f"{duration(least)} – over 300 s" \
        if least < QUERY_TIMEOUT_MS else "over 300 s"


def bytes_text(count):
    units = ((1e9, 1e6, "MB"), (1e12, 1e9, "GB"), (math.inf, 1e12, "TB"))
    divisor, unit = next((divisor, unit) for limit, divisor, unit in units if count < limit)
    return significant(count / divisor, f" {unit}")


def amount(trips):
    return f"{trips // 10**9:,} G" if trips >= 10**9 else f"{trips // 10**6:,} M"


def percent(error):
    return f"{error:.0%}"


def coefficients(model, embedded):
    def row(name, fit, scale, start_unit, slope_unit, slope_scale):
        start, slope = fit.coefficients
        return [name, significant(start * scale, f" {start_unit}"), significant(slope * slope_scale, f" {slope_unit}"),
                percent(fit.error)]

    rows = [["ClickHouse engine", "fixed", "per row", "largest error"]]
    rows.append(row("CPU time of tripstore during ingestion", model.loader, 1, "s", "ns", 1e9))
    rows.append(row("CPU time of the shards during ingestion", model.storing, 1, "s", "ns", 1e9))
    rows.append(row("elapsed time of a job, everything on two shared cores", model.loading, 1, "s", "ns", 1e9))
    rows.append(row("bytes on disk", model.bytes, 1e-6, "MB", "bytes", 1))
    rows.append(row("… in the columns that most queries read", model.hot_bytes, 1e-6, "MB", "bytes", 1))
    yield rows
    rows = [["query", "elapsed", "per row of a shard", "largest error", "CPU time of all", "per row",
             "largest error"]]
    for name, fit in model.clocks.items():
        rows.append(row(name, fit, 1, "ms", "ns", 1e6) + row(name, model.processors[name], 1, "ms", "ns", 1e6)[1:])
    yield rows
    start, slope = model.asking.coefficients
    merge_start, merge = model.merging_groups.coefficients
    yield [["fan-out, CPU time", "fixed", "per unit", "largest error"],
           ["coordinating shard, trips a week", significant(start, " ms"), significant(slope, " ms per shard"),
            percent(model.asking.error)],
           ["every other shard", significant(model.being_asked, " ms"), "", ""],
           ["coordinating shard, merging groups", significant(merge_start, " ms"),
            significant(merge * 1e6, " ns per group of a shard"), percent(model.merging_groups.error)]]
    rows = [["embedded engine, two cores", "fixed", "per row", "largest error"]]
    rows.append(row("CPU time of a job", embedded.processor, 1, "s", "ns", 1e9))
    rows.append(row("elapsed time of a job", embedded.loading, 1, "s", "ns", 1e9))
    rows.append(row("bytes on disk", embedded.bytes, 1e-6, "MB", "bytes", 1))
    rows.append(row("memory without mapped files after a start", embedded.memory, 1, "MB", "bytes", 1e6))
    rows.append(row("start to first answer", embedded.start, 1, "ms", "ns", 1e6))
    rows.append(row("groups of a region, 7 characters, 15 minutes", embedded.fine_groups, 1, "ms", "ns", 1e6))
    start, slope = embedded.box.coefficients
    rows.append(["trips a week of a box of 2 km", significant(start, " ms"), f"{slope:.2f} ms per tenfold rows",
                 percent(embedded.box.error)])
    for name, fit in (("trips a week of a region", embedded.region), ("100 largest groups", embedded.groups)):
        rows.append([name, significant(fit.coefficients[0], " ms"), "none measured", percent(fit.error)])
    yield rows


def sizes_table(model, embedded):
    """Rows are figures, columns are sizes: a page has room for five."""
    head = ["trips", *(amount(trips) for trips in TRIPS)]

    def add(rows, name, values):
        rows.append([name, *values])

    one = [["one machine, embedded engine", *head[1:]]]
    add(one, "disk", [bytes_text(embedded.bytes.at(0, trips)) for trips in TRIPS])
    add(one, "memory without mapped files", [bytes_text(embedded.memory.at(1, trips) * 1e6) for trips in TRIPS])
    add(one, "start to first answer", [duration(embedded.start.at(1, trips)) for trips in TRIPS])
    add(one, "ingesting all of it, 2 cores", [duration(embedded.loading.at(1, trips) * 1000) for trips in TRIPS])
    for name, time in (("trips a week of a region, 100 largest groups", lambda trips: embedded.groups.coefficients[0]),
                       ("trips a week of a box of 2 km", embedded.box_ms)):
        add(one, name, [embedded.beyond(time, trips) for trips in TRIPS])
    add(one, "groups of a region, 7 characters, 15 minutes, 2 cores",
        [duration(embedded.fine_groups.at(1, trips)) for trips in TRIPS])
    yield one
    shards = [model.shards_for(trips) for trips in TRIPS]
    many = [["ClickHouse engine", *head[1:]]]
    add(many, f"shards of {SHARD_CORES} cores and {SHARD_MEMORY // 2**30} GiB", [f"{count}" for count in shards])
    disk = [model.bytes.at(0, trips) for trips in TRIPS]
    add(many, "disk: total, per shard", [f"{bytes_text(all_of_it)}, {bytes_text(all_of_it / count)}"
                                           for all_of_it, count in zip(disk, shards, strict=True)])
    add(many, "columns that most queries read, per shard", [bytes_text(model.hot_bytes.at(0, trips) / count)
                                                           for trips, count in zip(TRIPS, shards, strict=True)])
    rates = [model.load_rate(count) for count in shards]
    add(many, f"ingesting all of it, one worker of {SHARD_CORES} cores",
        [duration(trips / rate * 1000) for trips, (rate, _) in zip(TRIPS, rates, strict=True)])
    add(many, "… bounded by", [bound for _, bound in rates])
    add(many, "rows of a part per shard", [f"{2**20 * min(count, 4) // count:,}" for count in shards])
    for name in ASKED:
        times = [model.milliseconds(name, trips, count, SHARD_CORES) for trips, count in zip(TRIPS, shards, strict=True)]
        add(many, name, [span(*time) for time in times])
    add(many, "queries about a region per second, all cores busy",
        [significant(count * SHARD_CORES * 1000 / region_cost(model, trips, count)) for trips, count in zip(TRIPS, shards, strict=True)])
    add(many, f"all shards up, each {AVAILABILITY_OF_A_SHARD:.1%} of the time",
        [f"{AVAILABILITY_OF_A_SHARD ** count:.1%}" for count in shards])
    yield many


def region_cost(model, trips, shards):
    """Milliseconds of processor time of a query about a region: each shard's fixed part, and all rows."""
    start, slope = model.processors["trips a week of a region"].coefficients
    return start / 2 * shards + slope * trips


def groups_check(model):
    """The calculated number of groups beside the counted one: whether the calculation is the generator's."""
    return [[size["rows"], size["queries"][LARGEST_GROUPS]["groups"], generated_cities.expected_groups(size["rows"])]
            for size in model.sizes]


def machine_ratio(model):
    """Processor time of a job of the embedded engine: on the machine of BENCHMARKS.md, as a multiple of that on the model's."""
    rows = next(cells for cells in table_of(MEASURED_PAGE, "scaling") if cells[0] == f"{model.embedded['rows']:,}")
    return cell_number(rows[4]) * 1e-9 * model.embedded["rows"] / model.embedded["cpu"]


def check(model):
    """The model beside the table of BENCHMARKS.md, which it was not fitted to."""
    lines = [["10,000,000 rows, two shards, one core each", "model", "measured"]]
    for cells in table_of(MEASURED_PAGE, "clickhouse", 1)[1:]:
        lines.append([cells[0], span(*model.milliseconds(cells[0], 10**7, 2, 1)), duration(cell_number(cells[1]))])
    return lines


def sections(figures):
    model, embedded = Model(figures), Embedded()
    worst = max(abs(expected / counted - 1) for _, counted, expected in groups_check(model))
    loads, queries, fans, ours = coefficients(model, embedded)
    small = model.files
    each = [small[name] * 1000 / small["files"] for name in ("loader_cpu", "shards_cpu", "seconds")]
    return {
        "capacity-fits":
            f"{figures['machine']}; medians of {figures['rounds']}; commit {figures['commit']}; two shards of 18.16,\n"
            f"{model.rows[0]:,} to {model.rows[-1]:,} rows; fan-out: {model.fans[0]['rows']:,} rows on"
            f" {', '.join(str(fan['shards']) for fan in model.fans)} shards.\nPrinted by `scripts/capacity-model`.\n\n"
            + "\n\n".join(page.markdown(table) for table in (loads, queries, fans))
            + f"\n\nMerging after these jobs took at most {model.merging_most * 1e9:.0f} ns of CPU time per row. A file\nof"
              f" {small['rows_each']:,} rows takes {each[0]:.1f} ms of CPU time in tripstore and {each[1]:.1f} ms in the shards,"
              f" {each[2]:.0f} ms elapsed, one after the other ({small['files']} files)."
            + f"\n\nFrom tables in BENCHMARKS.md, {embedded.rows[0]:,.0f} to {embedded.rows[-1]:,.0f} rows, on a machine that takes"
              f" {machine_ratio(model):.2f} times the\nCPU time of the one above for the same job:\n\n"
            + page.markdown(ours)
            + "\n\nThe model compared with the table of two shards in BENCHMARKS.md, to which it was not fitted:\n\n"
            + page.markdown(check(model)),
        "capacity-skew":
            f"Seed {skew.SEED}; medians of {skew.HASHES} hash functions; a first batch of {skew.FIRST_BATCH_ROWS:,} rows, then"
            f" {skew.BATCH_ROWS:,}. Printed by `scripts/capacity-model`.\n\n"
            + "\n\n".join(page.markdown(table) for table in skew.tables(skew.measure()))
            + f"\n\nThe calculated distribution has as many groups as the engine counted, within {worst:.1%},"
              f" at {model.rows[0]:,} to {model.rows[-1]:,} rows.",
        "capacity-sizes": "Printed by `scripts/capacity-model`.\n\n" + "\n\n".join(
            page.markdown(table) for table in sizes_table(model, embedded)),
    }


def measure(rounds):
    if not shard_costs.clickhouse.is_installed():
        sys.exit("This needs clickhouse-server: apt-get install it.")
    with tempfile.TemporaryDirectory(prefix="tripstore-capacity-") as folder:
        measured = shard_costs.measure(Files(folder, seed=1), Path(folder), rounds)
    figures = {"machine": origin.machine(), "rounds": rounds,
               "commit": origin.commit()} | measured
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")


def run(options):
    if options.measure:
        measure(options.rounds)
    for section, text in sections(json.loads(FIGURES.read_text())).items():
        print(f"\n{text}")
        if options.write:
            page.replace(PAGE, section, text)
