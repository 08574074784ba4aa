"""What scripts/bench can measure, part by part: each returns its figures and makes its tables."""

import json
import tempfile
from pathlib import Path

from tripstore_tools import REPOSITORY
from tripstore_tools.bench import against, asking, clickhouse_engine, figures, growth, gzip_loads, http_loads, judge, loads, page, publishers, scaling
from tripstore_tools.bench.files import Files
from tripstore_tools.bench.origin import commit, machine

PAGE = REPOSITORY / "docs/BENCHMARKS.md"


def caption(options, rows):
    """What must be known to read a table."""
    command = f"scripts/bench {options.command}".strip()
    return f"{rows:,} rows; {machine()}; medians of {options.rounds}; commit {commit()}.\nPrinted by `{command}`."


# MARK: What is measured; each returns its figures and prints its tables

def loads_and_queries(made, folder, options, sections):
    csv = made.generated(options.rows)
    csv_bytes = csv.stat().st_size
    measured = {"rows": options.rows, "csv_bytes": csv_bytes, "cold": options.cold}
    words = caption(options, options.rows)
    measured["loads"] = loads.measure(csv, folder, options.rounds, options.peers, options.cold)
    measured["reading_seconds"] = loads.reading_seconds(csv, options.cold)
    state = "not in the page cache" if options.cold else "in the page cache"
    sections["loads-cold" if options.cold else "loads"] = (
        f"{words}\nThe file has {csv_bytes / 1e6:,.0f} MB and is {state}; reading it alone takes"
        f" {measured['reading_seconds']:.2f} s.\n\n"
        + page.markdown(loads.table(measured["loads"], options.rows, csv_bytes)))
    if options.cold:
        return measured
    facts = judge.judge(csv)["facts"]
    measured["queries"] = asking.measure(facts, folder, options.repeats, options.rounds, options.peers)
    asked = min(query["tripstore"]["asked"] for query in measured["queries"].values())
    sections["queries"] = f"{words} Each query at least {asked} times.\n" + "".join(
        f"\n{title}:\n\n{page.markdown(asking.table(measured['queries'], key))}\n" for title, key in (
            ("Median", "median_ms"), ("99th percentile", "p99_ms"), ("First query after opening the store", "first_ms")))
    if options.svg:
        draw(measured, words.partition(".\n")[0])
    return measured


def draw(measured, note):
    folder = REPOSITORY / "docs/figures"
    folder.mkdir(exist_ok=True)
    (folder / "ingest.svg").write_text(figures.ingest(measured["loads"], measured["rows"], note))
    names = asking.contenders_of(measured["queries"])
    (folder / "queries.svg").write_text(figures.queries(measured["queries"], names, note))


def shapes_and_sizes(made, folder, options, sections):
    measured = scaling.measure(made, folder, options.rounds, options.rows, options.huge)
    sections["scaling"] = (
        caption(options, options.rows) + "\n\n" + page.markdown(scaling.table(measured["sizes"], "rows of the file")) + "\n\n"
        + page.markdown(scaling.table(measured["shapes"], f"shape of a file of {options.rows:,} rows")))
    return measured


def growth_of_queries(made, folder, options, sections):
    measured = growth.measure(made, folder, options.rows, options.huge)
    rows, boxes, groups = growth.tables(measured)
    sections["growth"] = "\n\n".join([
        caption(options, options.rows).replace(f"medians of {options.rounds}", "medians of different instances"),
        page.markdown(rows), f"With {options.rows:,} rows:", page.markdown(boxes), page.markdown(groups)])
    return measured


def small_files(made, folder, options, sections):
    measured = scaling.measure_small_files(made, folder, options.rounds, options.repeats, count=1000, rows_each=1000)
    sections["small-files"] = caption(options, 1_000_000) + "\n\n" + "\n\n".join(
        page.markdown(table) for table in scaling.small_files_tables(measured))
    return measured


def uploads(made, folder, options, sections):
    sizes = sorted({1_000_000, max(options.rows, 1_000_000)} if options.rows >= 1_000_000 else {options.rows})
    measured = http_loads.measure(made, folder, options.rounds, sizes)
    sections["http"] = caption(options, sizes[-1]) + "\n\n" + page.markdown(http_loads.table(measured))
    return measured


def loads_in_a_row(made, folder, options, sections):
    measured = http_loads.measure_row(made, folder, count=64, rows_each=100_000)
    sections["row"] = caption(options, 6_400_000) + "\n\n" + page.markdown(http_loads.row_table(measured))
    return measured


def audiences(made, folder, options, sections):
    measured = http_loads.measure_subscribers(made, folder, options.rounds, options.rows)
    sections["subscribers"] = caption(options, options.rows) + "\n\n" + page.markdown(http_loads.subscribers_table(measured))
    return measured


def other_engine(made, folder, options, sections):
    measured = clickhouse_engine.measure(made, folder, options.rounds, options.rows, options.repeats)
    sections["clickhouse"] = caption(options, options.rows) + "\n\n" + "\n\n".join(
        page.markdown(table) for table in clickhouse_engine.tables(measured))
    return measured


def two_builds(made, folder, options, sections):
    csv = made.generated(options.rows)
    measured = against.measure(csv, judge.judge(csv)["facts"], folder, options.rounds, options.repeats, options.against)
    sections["against"] = caption(options, options.rows) + "\n\n" + page.markdown(against.table(measured))
    return measured


def publishers_forms(made, folder, options, sections):
    measured = publishers.measure(made, folder, options.rounds, options.rows)
    sections["publishers"] = caption(options, options.rows) + "\n\n" + page.markdown(publishers.table(measured))
    return measured


def compressed(made, folder, options, sections):
    measured = gzip_loads.measure(made, folder, options.rounds, options.rows)
    sections["gzip"] = caption(options, options.rows) + "\n\n" + page.markdown(gzip_loads.table(measured))
    return measured


PARTS = {"publishers": publishers_forms, "gzip": compressed, "against": two_builds, "scaling": shapes_and_sizes,
         "growth": growth_of_queries, "small_files": small_files, "http": uploads, "row": loads_in_a_row, "subscribers": audiences,
         "clickhouse": other_engine}


def run(options):
    """Measures what was chosen, prints its tables and writes them where requested."""
    chosen = {name: part for name, part in PARTS.items() if getattr(options, name)} or {"main": loads_and_queries}
    kept = Path(tempfile.gettempdir()) / "tripstore-bench"
    measured = {"machine": machine(), "command": options.command,
                "commit": commit()}
    sections = {}
    with tempfile.TemporaryDirectory(prefix="tripstore-bench-") as name:
        folder = Path(name)
        if options.keep:
            kept.mkdir(exist_ok=True)
        made = Files(kept if options.keep else folder, options.seed)
        for part, measure in chosen.items():
            measured[part] = measure(made, folder, options, sections)
    for section, text in sections.items():
        print(f"\n{text}")
        if options.write:
            page.replace(PAGE, section, text)
    if options.json:
        options.json.write_text(json.dumps(measured, indent=2) + "\n")
