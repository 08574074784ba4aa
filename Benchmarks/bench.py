"""Measures the program as it is used, beside other engines on the same file.

    scripts/bench                      loads a million rows and asks eight questions
    scripts/bench --rows 10000000      ten million
    scripts/bench --peers              DuckDB, Polars, DataFusion and chDB as well, in turn with tripstore (A B C A B C)
    scripts/bench --cold               before each load the file is dropped from the page cache
    scripts/bench --scaling            loads of 1,000 to 10 million rows and of other shapes, on one core and on all
    scripts/bench --growth             questions over 100,000 to 10 million rows, boxes of all sizes, cells and buckets
    scripts/bench --small-files        1,000 files of 1,000 rows through one call, and the questions afterwards
    scripts/bench --http               uploads beside the command line
    scripts/bench --row                64 uploads of 100,000 rows that wait in a row, and the merging of their segments
    scripts/bench --subscribers        an upload with nobody and with 100 WebSocket subscribers
    scripts/bench --clickhouse         the ClickHouse engine on two shards, beside ClickHouse's own client and bare SQL

`--json FILE` keeps the figures, `--write` puts the tables into docs/BENCHMARKS.md, `--svg` draws docs/figures. Every load of
ours must answer as DuckDB does from the CSV, and every answer must be the other contenders', or the run ends.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import asking
import clickhouse_engine
import figures
import growth
import http_loads
import judge
import loads
import page
import scaling
from contenders import REPOSITORY
from files import Files

PAGE = REPOSITORY / "docs/BENCHMARKS.md"


def command_output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY).stdout.strip()


def machine():
    names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    return f"{os.cpu_count()} × {names[0] if names else platform.machine()}"


def caption(options, rows):
    """What must be known to read a table."""
    commit = command_output("git", "describe", "--always", "--dirty")
    command = f"scripts/bench {options.command}".strip()
    return f"{rows:,} rows; {machine()}; medians of {options.rounds}; commit {commit}.\nPrinted by `{command}`."


# MARK: What is measured; each returns its figures and prints its tables

def loads_and_questions(made, folder, options, sections):
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
    measured["questions"] = asking.measure(facts, folder, options.repeats, options.rounds, options.peers)
    asked = min(question["tripstore"]["asked"] for question in measured["questions"].values())
    sections["questions"] = f"{words} Each question {asked} times or more.\n" + "".join(
        f"\n{title}:\n\n{page.markdown(asking.table(measured['questions'], key))}\n" for title, key in (
            ("Median", "median_ms"), ("99th percentile", "p99_ms"), ("First question after opening the store", "first_ms")))
    if options.svg:
        draw(measured, words.partition(".\n")[0])
    return measured


def draw(measured, note):
    folder = REPOSITORY / "docs/figures"
    folder.mkdir(exist_ok=True)
    (folder / "ingest.svg").write_text(figures.ingest(measured["loads"], measured["rows"], note))
    names = asking.contenders_of(measured["questions"])
    (folder / "questions.svg").write_text(figures.questions(measured["questions"], names, note))


def shapes_and_sizes(made, folder, options, sections):
    measured = scaling.measure(made, folder, options.rounds, options.rows, options.huge)
    sections["scaling"] = (
        caption(options, options.rows) + "\n\n" + page.markdown(scaling.table(measured["sizes"], "rows of the file")) + "\n\n"
        + page.markdown(scaling.table(measured["shapes"], f"shape of a file of {options.rows:,} rows")))
    return measured


def growth_of_questions(made, folder, options, sections):
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


PARTS = {"scaling": shapes_and_sizes, "growth": growth_of_questions, "small_files": small_files, "http": uploads, "row": loads_in_a_row,
         "subscribers": audiences, "clickhouse": other_engine}


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3, help="times everything is done, contenders in turn")
    parser.add_argument("--repeats", type=int, default=41, help="instances of a question in a round")
    parser.add_argument("--peers", action="store_true", help="the other engines as well; installs them into .venv-bench")
    parser.add_argument("--cold", action="store_true", help="loads only, of a file that is not in the page cache")
    parser.add_argument("--scaling", action="store_true", help="sizes and shapes of files, one core and all")
    parser.add_argument("--growth", action="store_true", help="questions by rows, size of a box, cells and buckets")
    parser.add_argument("--huge", action="store_true", help="with --scaling or --growth: 100 million rows as well (13 GB)")
    parser.add_argument("--small-files", action="store_true", help="1,000 files of 1,000 rows in one call")
    parser.add_argument("--http", action="store_true", help="uploads beside the command line, 1 million rows and --rows")
    parser.add_argument("--row", action="store_true", help="64 uploads of 100,000 rows that wait in a row, and their merging")
    parser.add_argument("--subscribers", action="store_true", help="an upload with 0 and with 100 subscribers")
    parser.add_argument("--clickhouse", action="store_true", help="the ClickHouse engine on two shards (needs clickhouse-client)")
    parser.add_argument("--keep", action="store_true", help="keep the files that were made for the next run")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--svg", action="store_true", help="draw docs/figures")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/BENCHMARKS.md")
    options = parser.parse_args()
    if options.repeats < 2:
        parser.error("--repeats must be 2 or more, as the first question of a round is reported apart")
    # What decides about the figures, without where they go.
    options.command = re.sub(r"(--keep|--svg|--write|--json[ =]\S+) ?", "", " ".join(sys.argv[1:])).strip()
    return options


def main():
    options = arguments()
    chosen = {name: part for name, part in PARTS.items() if getattr(options, name)} or {"main": loads_and_questions}
    kept = Path(tempfile.gettempdir()) / "tripstore-bench"
    measured = {"machine": machine(), "command": options.command,
                "commit": command_output("git", "describe", "--always", "--dirty")}
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


if __name__ == "__main__":
    main()
