"""Everything at once for a while: loads, deletions, queries, listeners, merges, and `kill -9` now and then.

    scripts/soak                   five minutes
    scripts/soak --minutes 60

Each job has a region of its own, so that one answer of /regions shows whether the trips of each job are there, all of them and
once. An answer must have every job that was completed before the query and is not being deleted, none that was deleted
before, and of the others all trips or none. Beside it stores of their own go through random steps, compared with a model after
each (tripstore_tools.state_machine). The end: a summary, and exit code 1 where something was wrong.
"""

import argparse
import time


def main():
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--no-kills", action="store_true", help="for memory and descriptors of one process")
    options = parser.parse_args()
    # Not before: `--help` is answered without the packages that the soak needs.
    from tripstore_tools.soak import everything

    everything.run(options)


if __name__ == "__main__":
    main()
