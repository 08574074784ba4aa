"""Runs the eight queries on all contenders in turn, and compares their answers every time."""

import math
import statistics
import sys

from tripstore_tools.bench import queries
from tripstore_tools.bench.contenders import PEERS, Tripstore
from tripstore_tools.bench.loads import progress

# A contender that takes longer than this for the instances of one round runs fewer of them, but at least LEAST_COUNT.
SECONDS_OF_A_ROUND = 10
LEAST_COUNT = 4


def measure(facts, folder, repeats, rounds, with_peers):
    """A B C A B C …; returns {query: {contender: {first_ms, median_ms, p99_ms, asked}}}.

    At its turn a contender opens its store again and gets its instances in a row, so that all but the first find its caches hot.
    """
    contenders = [Tripstore()] + (PEERS if with_peers else [])
    results = {}
    for name, instances in queries.instances(facts, count=rounds * repeats).items():
        first = {contender.name: [] for contender in contenders}
        rest = {contender.name: [] for contender in contenders}
        shares = []
        for number in range(rounds):
            asked = instances[number * repeats:(number + 1) * repeats]
            answers = {}
            for contender in contenders:
                times, answers[contender.name] = ask_in_a_row(contender, folder / contender.name, asked)
                first[contender.name].append(times[0])
                rest[contender.name] += times[1:]
            compare(name, asked, answers)
            if asked[0]["kind"] == "weeks":
                shares += [sum(trips for _, trips in answer) / facts["rows"] for answer in answers["tripstore"]]
        results[name] = {
            contender: {"first_ms": statistics.median(first[contender]), "median_ms": statistics.median(rest[contender]),
                        "p99_ms": percentile(rest[contender], 0.99), "asked": len(rest[contender])}
            for contender in first}
        if shares:
            results[name]["share_of_rows"] = statistics.median(shares)
        progress(f"{name}: " + ", ".join(f"{contender} {results[name][contender]['median_ms']:.2f} ms" for contender in first))
    return results


def ask_in_a_row(contender, store, instances):
    """Milliseconds and answers of a contender that has just opened its store."""
    session = contender.open(store)
    times, answers = [], []
    for instance in instances:
        milliseconds, answer = session.ask(instance)
        times.append(milliseconds)
        answers.append(answer)
        if len(times) >= LEAST_COUNT and sum(times) > SECONDS_OF_A_ROUND * 1000:
            break
    session.close()
    return times, answers


def compare(name, instances, answers):
    """Ends the run if a contender's answer is not ours; one that ran fewer instances is compared on those."""
    for contender, theirs in answers.items():
        for instance, ours, other in zip(instances, answers["tripstore"], theirs, strict=True):
            wrong = queries.disagreement(instance, ours, other)
            if wrong:
                sys.exit(f"{name}: tripstore and {contender} differ on {instance}: {wrong}")


def percentile(values, share):
    return sorted(values)[math.ceil(share * len(values)) - 1]


def contenders_of(results):
    return [name for name in next(iter(results.values())) if name != "share_of_rows"]


def best_peer(query, key="median_ms"):
    """Name and figure of the fastest peer, or None if there is none."""
    peers = {name: times[key] for name, times in query.items() if name not in ("tripstore", "share_of_rows")}
    return min(peers.items(), key=lambda item: item[1]) if peers else None


def table(results, key):
    """One figure of every query and contender as rows of a table, head first."""
    contenders = contenders_of(results)
    has_peers = len(contenders) > 1
    head = ["milliseconds", *contenders] + (["best peer ÷ tripstore"] if has_peers else [])
    body = []
    for name, query in results.items():
        label = name + (f" ({query['share_of_rows'] * 100:.2g} % of rows)" if "share_of_rows" in query else "")
        row = [label] + [f"{query[contender][key]:,.2f}" for contender in contenders]
        body.append(row + ([f"{best_peer(query, key)[1] / query['tripstore'][key]:.1f} ×"] if has_peers else []))
    return [head, *body]
