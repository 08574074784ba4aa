"""Measures the program as it is used, beside other engines on the same file.

    scripts/bench                      loads a million rows and runs eight queries
    scripts/bench --rows 10000000      ten million
    scripts/bench --peers              DuckDB, Polars, DataFusion and chDB as well, in turn with tripstore (A B C A B C)
    scripts/bench --against PROGRAM    another build of the program in turn with this one (A B B A), its answers compared
    scripts/bench --publishers         files in the forms of Citi Bike, TLC and Divvy, beside DuckDB, Polars and DataFusion
    scripts/bench --gzip               a gzip file, beside programs that only decompress it (needs isal)
    scripts/bench --cold               before each load the file is dropped from the page cache
    scripts/bench --scaling            loads of 1,000 to 10 million rows and of other shapes, on one core and on all
    scripts/bench --growth             queries over 100,000 to 10 million rows, boxes of all sizes, cells and buckets
    scripts/bench --small-files        1,000 files of 1,000 rows through one call, and the queries afterwards
    scripts/bench --http               uploads beside the command line
    scripts/bench --row                64 uploads of 100,000 rows that wait in a row, and the merging of their segments
    scripts/bench --subscribers        an upload without and with 100 WebSocket subscribers
    scripts/bench --clickhouse         the ClickHouse engine on two shards, beside ClickHouse's own client and bare SQL

`--json FILE` keeps the figures, `--write` puts the tables into docs/BENCHMARKS.md, `--svg` draws docs/figures. Every load of
ours must answer as DuckDB does from the CSV, and every answer must equal the other contenders', or the run ends.
"""

import argparse
import re
import sys
from pathlib import Path


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3, help="times everything is done, contenders in turn")
    parser.add_argument("--repeats", type=int, default=41, help="instances of a query in a round")
    parser.add_argument("--peers", action="store_true", help="the other engines as well; installs them into .venv-bench")
    parser.add_argument("--against", type=Path, metavar="PROGRAM", help="another build of the program, such as the last release")
    parser.add_argument("--publishers", action="store_true", help="files in publishers' forms beside other engines' readers")
    parser.add_argument("--gzip", action="store_true", help="a gzip file, beside programs that only decompress it")
    parser.add_argument("--cold", action="store_true", help="loads only, of a file that is not in the page cache")
    parser.add_argument("--scaling", action="store_true", help="sizes and shapes of files, one core and all")
    parser.add_argument("--growth", action="store_true", help="queries by rows, size of a box, cells and buckets")
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
        parser.error("--repeats must be 2 or more, as the first query of a round is reported apart")
    # The options that affect the figures, without those that say where they go.
    options.command = re.sub(r"(--keep|--svg|--write|--json[ =]\S+) ?", "", " ".join(sys.argv[1:])).strip()
    return options


def main():
    options = arguments()
    # Not before: `--help` is answered without the packages that measuring needs.
    from tripstore_tools.bench import parts

    parts.run(options)


if __name__ == "__main__":
    main()
