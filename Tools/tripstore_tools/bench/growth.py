"""How the time of a query follows the rows of the store, the size of a box, the cells and the buckets; ours alone.

Each figure is the median over different instances, over HTTP, in a server that has just opened the store; beside it is
what the answer cost in pages and rows, as `explain=true` reports it. The last figures are the start of a server, and its memory.
"""

import json
import random
import statistics
import sys
import time
import urllib.parse

from tripstore_tools.bench import files, judge, queries
from tripstore_tools.bench.contenders import Server, Tripstore, as_request, memory
from tripstore_tools.bench.loads import fresh, progress

SIZES = [100_000, 1_000_000, 10_000_000]
HUGE_SIZE = 100_000_000
BOX_KILOMETRES = [0.25, 1, 2, 4, 8, 16, 32]
# Cells of 5 characters and whole hours, and coarser ones, are counted ahead; the others are scanned.
CELLS_AND_MINUTES = [(3, 60), (5, 1440), (5, 60), (5, 15), (6, 60), (7, 60), (7, 15), (8, 15), (12, 1)]
INSTANCES = 41
SCANNING_INSTANCES = 5
SEED = 1


def measure(made, folder, rows, is_huge):
    """Returns {"sizes": […], "boxes": […], "groups": […]}; the last two in a store of `rows`."""
    measured = {"sizes": []}
    for size in sorted({*SIZES, rows} | ({HUGE_SIZE} if is_huge else set())):
        csv = made.generated(size)
        facts = judge.judge(csv)["facts"]
        store = fresh(folder / "growth")
        files.warm(csv)
        Tripstore().load([csv], store)
        session = Tripstore().open(store)
        regions = [region["region"] for region in facts["regions"]]
        line = {
            "weekly average of a region": ask(session, [weeks({"region": name}) for name in regions * 2]),
            "of a box of 2 km": ask(session, boxes(facts, 2)),
            "of a box of 30 km": ask(session, boxes(facts, 30)),
            "top 100 groups of all": ask(session, [groups({}, 5, 60, 100 + extra) for extra in range(INSTANCES)]),
            "of a region": ask(session, [groups({"region": name}, 5, 60) for name in regions * 2]),
            "of a region, 7 characters, 15 minutes": ask(
                session, [groups({"region": name}, 7, 15) for name in regions[:SCANNING_INSTANCES]]),
        }
        _, anonymous = memory(session.server.process)
        measured["sizes"].append({"rows": size, "figures": line, "memory_after": anonymous})
        progress(f"{size:,} rows asked")
        if size == rows:
            measured["boxes"] = [{"kilometres": side} | ask(session, boxes(facts, side)) for side in BOX_KILOMETRES]
            measured["groups"] = [
                {"precision": precision, "minutes": minutes}
                | ask(session, [groups({"region": name}, precision, minutes) for name in regions[:SCANNING_INSTANCES]])
                for precision, minutes in CELLS_AND_MINUTES]
        session.close()
        measured["sizes"][-1] |= reopened(store)
    return measured


def reopened(store):
    """Returns the milliseconds from the start of a server to its first answer, and its memory then: the median of five starts."""
    starts = []
    for _ in range(5):
        server = Server(store, store.parent / "server.log")
        started = time.perf_counter()
        with server:
            starts.append(((time.perf_counter() - started) * 1000, memory(server.process)[1]))
    return {"opened_ms": statistics.median(ms for ms, _ in starts), "memory_idle": statistics.median(size for _, size in starts)}


def weeks(where):
    return {"kind": "weeks", "where": where}


def groups(where, precision, minutes, limit=100):
    return {"kind": "groups", "where": where, "precision": precision, "minutes": minutes, "limit": limit}


def boxes(facts, kilometres):
    """Boxes around the spots where most trips start, up to half a kilometre off."""
    generator = random.Random(SEED)
    shift = queries.DEGREES_PER_KILOMETRE / 2
    return [weeks(queries.box(longitude + generator.uniform(-shift, shift), latitude + generator.uniform(-shift, shift),
                                kilometres))
            for longitude, latitude in (generator.choice(facts["spots"]) for _ in range(INSTANCES))]


def ask(session, instances):
    """The median time of some instances, and what the answers had and cost."""
    times, costs = [], []
    for instance in instances:
        path, parameters = as_request(instance)
        target = f"{path}?{urllib.parse.urlencode(parameters | {'explain': 'true'})}"
        milliseconds, status, body = session.connection.get(target)
        if status == 404:
            continue  # no trip in this box
        if status != 200:
            sys.exit(f"{target}: {status} {body.decode()}")
        answer = json.loads(body)
        times.append(milliseconds)
        explain = answer["explain"]
        costs.append((answer["total_trips"], answer.get("total_groups", 0), explain["rows"]["tested"],
                      explain["pages"]["read"]))
    trips, group_count, tested, pages = (statistics.median(values) for values in zip(*costs, strict=True))
    return {"median_ms": statistics.median(times), "trips": trips, "groups": group_count, "rows_tested": tested, "pages": pages}


def tables(measured):
    names = list(measured["sizes"][0]["figures"])
    yield [["milliseconds", *(f"{line['rows']:,} rows" for line in measured["sizes"])]] + [
        [name, *(f"{line['figures'][name]['median_ms']:,.2f}" for line in measured["sizes"])] for name in names] + [
        ["server start to first answer", *(f"{line['opened_ms']:,.0f}" for line in measured["sizes"])],
        ["memory then, without mapped files, MB", *(f"{line['memory_idle'] / 1e6:,.0f}" for line in measured["sizes"])],
        ["memory after these queries, MB", *(f"{line['memory_after'] / 1e6:,.0f}" for line in measured["sizes"])]]
    yield [["box", "ms", "trips in it", "rows tested", "pages read"]] + [
        [f"{line['kilometres']} km", f"{line['median_ms']:.2f}", f"{line['trips']:,.0f}", f"{line['rows_tested']:,.0f}",
         f"{line['pages']:,.0f}"] for line in measured["boxes"]]
    yield [["groups of a region", "ms", "trips", "groups", "pages read"]] + [
        [f"{line['precision']} characters, {line['minutes']} minutes", f"{line['median_ms']:,.2f}", f"{line['trips']:,.0f}",
         f"{line['groups']:,.0f}", f"{line['pages']:,.0f}"] for line in measured["groups"]]
