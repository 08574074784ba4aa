"""A capacity model: what jobs and queries cost by rows, cores and shards, fitted to measured figures, and what that means for
sizes that no test here has.

    scripts/capacity-model              prints the model, the skew over shards and the sizes, from the figures that are kept
    scripts/capacity-model --write      puts them into docs/SCALABILITY.md as well
    scripts/capacity-model --measure    measures the ClickHouse engine again first: half an hour; --rounds N

The figures of the ClickHouse engine are kept in Benchmarks/Capacity/figures.json, with machine and revision; those of the embedded
engine are read from the tables of docs/BENCHMARKS.md. Every fit is least squares of relative errors, and its largest error over
the measured sizes is beside it. What is beyond them is extrapolated, and labelled so.
"""

import argparse


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/capacity-model", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="measure the ClickHouse engine again and keep the figures")
    parser.add_argument("--rounds", type=int, default=3, help="with --measure: times everything is done")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/SCALABILITY.md")
    return parser.parse_args()


def main():
    options = arguments()
    # Not before: `--help` is answered without the packages that fitting needs.
    from tripstore_tools.capacity import plan

    plan.run(options)


if __name__ == "__main__":
    main()
