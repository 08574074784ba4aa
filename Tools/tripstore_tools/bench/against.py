"""Two builds of the program in turn (A B B A): loads of one file, and every query of `queries.py` with both stores open."""

import statistics

from tripstore_tools.bench import queries
from tripstore_tools.bench.asking import compare
from tripstore_tools.bench.contenders import BINARY, Tripstore
from tripstore_tools.bench.files import warm
from tripstore_tools.bench.loads import fresh, progress

# Instances of a query before those that count.
WARM_COUNT = 3


def measure(csv, facts, folder, rounds, repeats, program):
    """Returns {what: {"tripstore": figure, "before": figure}} of loads (seconds of wall and processor time) and of queries (ms)."""
    builds = [Tripstore("before", program), Tripstore("tripstore", BINARY)]
    loads = {build.name: [] for build in builds}
    for number in range(rounds):
        for build in builds if number % 2 == 0 else builds[::-1]:
            warm(csv)
            loads[build.name].append(build.load([csv], fresh(folder / build.name)))
            progress(f"load {number + 1} of {rounds}, {build.name}: {loads[build.name][-1]['seconds']:.2f} s")
    results = {
        f"load, s of {what}": {name: statistics.median(run[key] for run in runs) for name, runs in loads.items()}
        for what, key in (("wall time", "seconds"), ("processor time", "cpu_seconds"))}
    sessions = {build.name: build.open(folder / build.name) for build in builds}
    for name, instances in queries.instances(facts, count=WARM_COUNT + rounds * repeats).items():
        times, answers = {build.name: [] for build in builds}, {build.name: [] for build in builds}
        for number, instance in enumerate(instances):
            for build in builds if number % 2 == 0 else builds[::-1]:
                milliseconds, answer = sessions[build.name].ask(instance)
                times[build.name].append(milliseconds)
                answers[build.name].append(answer)
        compare(name, instances, answers)
        results[f"{name}, ms"] = {build: statistics.median(of_one[WARM_COUNT:]) for build, of_one in times.items()}
        progress(f"{name}: {results[f'{name}, ms']['tripstore'] / results[f'{name}, ms']['before']:.3f}")
    for session in sessions.values():
        session.close()
    return results


def table(results):
    body = [[name, f"{of_one['before']:,.3f}", f"{of_one['tripstore']:,.3f}", f"{of_one['tripstore'] / of_one['before']:.3f}"]
            for name, of_one in results.items()]
    return [["medians", "before", "now", "now ÷ before"], *body]
