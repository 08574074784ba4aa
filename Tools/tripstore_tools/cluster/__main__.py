"""The command behind scripts/cluster: a complete cluster on loopback that runs in the background until it is stopped.

    scripts/cluster up [--shards N] [--apis N] [--workers N] [--port N] [--folder DIR]
    scripts/cluster status | down [--purge]
    scripts/cluster add api | worker | shard
    scripts/cluster remove api | worker
    scripts/cluster restart [--program FILE]
    scripts/cluster test [--rounds N] [--only KIND]... | test --lag | test --jobs | test --before FILE

`up` leaves a process behind that has all others as its children: it starts again what ends, as a container engine would, ends what
answers no more, adds processes and shards, and takes everything with it when it ends. The other commands talk to it over a socket in the folder.
"""

import argparse
from pathlib import Path

from tripstore_tools import REPOSITORY
from tripstore_tools.cluster import HANG_SECONDS

FOLDER = REPOSITORY / ".cluster"
# Kinds of rounds of `test`.
KINDS = ["older catalog", "bad worker", "hung part", "worker", "api", "shard", "PostgreSQL"]


def main():
    parser = argparse.ArgumentParser(prog="scripts/cluster", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    subparsers = parser.add_subparsers(required=True, metavar="command")

    def command(name, **options):
        sub = subparsers.add_parser(name, **options)
        sub.set_defaults(run=name)
        sub.add_argument("--folder", type=lambda text: Path(text).resolve(), default=FOLDER,
                         help="where its data is (default: .cluster in the repository)")
        return sub

    for name in ("up", "supervise"):
        sub = command(name, **({"help": "starts all, and comes back while it runs"} if name == "up" else {}))
        sub.add_argument("--shards", type=int, help="ClickHouse servers (default: as before, else 2)")
        sub.add_argument("--apis", type=int, help="API processes (default: as before, else 2)")
        sub.add_argument("--workers", type=int, help="workers (default: as before, else 2)")
        sub.add_argument("--port", type=int, default=8000, help="of the proxy (default: 8000); the others' are free ones")
        sub.add_argument("--hang-seconds", type=float, default=HANG_SECONDS,
                         help=f"time after which a part that answers no more is ended and started again (default: {HANG_SECONDS:g})")
    command("status", help="shows what runs")
    sub = command("add", help="adds one while all others run")
    sub.add_argument("what", choices=["api", "worker", "shard"])
    sub = command("remove", help="ends one, the last that was added, while all others run")
    sub.add_argument("what", choices=["api", "worker"])
    sub = command("restart", help="starts API processes and workers again one after the other, as for an update")
    sub.add_argument("--program", type=lambda text: Path(text).resolve(), help="of another version (default: the same)")
    sub = command("down", help="ends all, and keeps the data")
    sub.add_argument("--purge", action="store_true", help="removes the data too")
    sub = command("test", help="kills, freezes and troubles parts of a cluster of its own while files are loaded")
    sub.add_argument("--rounds", type=int, default=28, help="faults, of every kind as many (default: 28)")
    sub.add_argument("--only", action="append", metavar="KIND", choices=KINDS,
                     help=f"rounds of this kind, which may be repeated (default: all): {', '.join(KINDS)}")
    sub.add_argument("--rows", type=int, default=500_000, help="trips of a file (default: 500,000)")
    sub.add_argument("--seed", type=int, help="of the random moments (default: another one each time, printed)")
    sub.add_argument("--lag", action="store_true", help="measures how much later another process tells of a job instead")
    sub.add_argument("--jobs", action="store_true", help="measures how many small jobs a second come to their end instead")
    sub.add_argument("--before", type=Path, metavar="FILE",
                     help="exchanges the program of another version for this one under load instead")
    options = parser.parse_args()
    # Not before: `--help` is answered without the packages that a cluster needs.
    from tripstore_tools.cluster import commands

    getattr(commands, options.run)(options)


if __name__ == "__main__":
    main()
