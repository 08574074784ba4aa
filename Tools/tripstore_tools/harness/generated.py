"""Synthetic trips that several tests share: how many, and from which seed."""

from tripstore_tools.harness import tripstore

# Of jobs that are interrupted, killed and watched, and of those that are queried in all ways.
ROWS, ASKED_ROWS = 1_000_000, 300_000
SEED = 7


def generate(folder, rows):
    path = folder / "trips.csv"
    tripstore.cli("generate", "--rows", rows, "--seed", SEED, "--output", path)
    return path
