"""Random rounds of faults in one cluster, in an order by chance, and the table of what was found.

    scripts/cluster test                              four rounds of each kind
    scripts/cluster test --rounds 50                  the fault table
    scripts/cluster test --only "older catalog"       one kind

The kinds are the victims of `kills.py` and those of `troubles.py`. The printed seed repeats an order and its moments. Exit code 1 if
something was wrong.
"""

import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tripstore_tools.cluster import troubles
from tripstore_tools.cluster.kills import VICTIMS, Round, timed_load, undisturbed
from tripstore_tools.harness import topology, tripstore

# Parts of a job are this small, so that most moments are between two commits.
PARAMETERS = "&rows_per_insert=30000&purge_after_seconds=3"
COLUMNS = ["rounds", "kills", "freezes", "older, refused", "older, not refused", "bad workers", "hangs", "acknowledged before the kill",
           "rows lost", "rows twice", "clients", "connections lost", "clients without the end", "jobs under way", "objects left",
           "manual steps"]


def table(counts):
    """Lines of a Markdown table, a row a kind."""
    total = sum(counts.values(), Counter())
    yield "| kind | " + " | ".join(COLUMNS) + " |"
    yield "| --- |" + " ---: |" * len(COLUMNS)
    for name, row in [*counts.items(), ("all", total)]:
        yield f"| {name} | " + " | ".join(str(row[column]) for column in COLUMNS) + " |"


def order_of(kinds, rounds, chance):
    """Each kind as often as the others, half the time frozen and half the time after the answer, in an order by chance."""
    forms = [(kind, is_frozen, after_answer) for after_answer in (False, True) for is_frozen in (False, True) for kind in kinds]
    order = [forms[number % len(forms)] for number in range(rounds)]
    chance.shuffle(order)
    return order


def main(options):
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    chance = random.Random(seed)
    kinds = options.only or [*troubles.KINDS, *VICTIMS]
    counts = {kind: Counter() for kind in kinds}
    faults = []
    with tempfile.TemporaryDirectory(prefix="tripstore-cluster-") as folder:
        folder = Path(folder)
        csv = folder / "trips.csv"
        tripstore.cli("generate", "--rows", options.rows, "--seed", seed, "--output", csv)
        (folder / "embedded").mkdir()
        expected = undisturbed(folder / "embedded", csv)
        with troubles.uneven(topology.Topology(folder / "cluster", lease_seconds=3, parameters=PARAMETERS), csv) as cluster:
            upload, load = min((timed_load(cluster.proxy, csv) for _ in range(2)), key=sum)
            print(f"seed {seed}; {options.rows:,} trips are uploaded in {upload:.1f} s and loaded in {load:.1f} s", flush=True)
            for number, (kind, is_frozen, after_answer) in enumerate(order_of(kinds, options.rounds, chance), 1):
                seconds = load if after_answer else upload + load
                make = troubles.KINDS.get(kind, Round)
                # Its own, as how much chance a round takes depends on what happens in it.
                own = random.Random(f"{seed} {number}")
                played = make(cluster, kind, csv, expected, own, seconds, f"round-{number}.csv", after_answer, is_frozen).play()
                longest = played.counts.pop("longest answer", 0)
                counts[kind] += Counter(rounds=1) + played.counts
                how = "" if kind in troubles.KINDS else " frozen" if is_frozen else " killed"
                what = f"{kind}{how} at {played.moment}"
                print(f"round {number}: {what}; over after {played.counts['seconds']:.1f} s"
                      + (f", longest answer {longest:.1f} s" if longest else ""), flush=True)
                found = [f"round {number} ({what}): {fault}" for fault in played.faults]
                for fault in found:
                    print(f"FAULT in {fault}", flush=True)
                faults += found
            if faults:
                keep_logs(cluster)
    print("\n".join(["", *table(counts)]))
    print(f"{options.rounds} rounds, seed {seed}: {len(faults)} faults")
    sys.exit(1 if faults else 0)


def keep_logs(cluster):
    """Leaves what all processes have written where somebody can read it."""
    place = Path(tempfile.mkdtemp(prefix="tripstore-cluster-logs-"))
    for path in [*cluster.folder.glob("*/log"), *cluster.folder.glob("**/output.log"), *cluster.folder.glob("**/server.log"),
                 *cluster.folder.glob("proxy/*.log")]:
        (place / f"{path.parent.name}-{path.name}").write_bytes(path.read_bytes())
    print(f"the logs are in {place}")
