"""What is right: DuckDB's answers about a CSV, from the harness's oracle, which shares nothing with the engine.

A process of its own, since a database in the memory of the benchmark would count as peak memory of what it starts:

    python -m tripstore_tools.bench.judge CSV JSON      writes what is in the file and the right answers
"""

import hashlib
import json
import subprocess
import sys
import urllib.parse
from pathlib import Path

from tripstore_tools import REPOSITORY
from tripstore_tools.bench import contenders, queries

# Instances of each query whose answers are compared in full.
COMPARED_COUNT = 3


# MARK: The oracle's process

def answers(csv):
    from tripstore_tools.harness import oracle  # DuckDB comes with it

    trips = oracle.Oracle(csv)
    facts = {
        "rows": trips.value("SELECT count(*) FROM trips"),
        "regions": trips.regions()["regions"],
        "datasources": [name for name, in trips.rows("SELECT DISTINCT datasource FROM trips ORDER BY datasource")],
        # Where most trips start, in squares of a hundredth of a degree.
        "spots": trips.rows(
            """SELECT avg(origin_longitude), avg(origin_latitude) FROM trips
               GROUP BY floor(origin_longitude * 100), floor(origin_latitude * 100) ORDER BY count(*) DESC, 1 LIMIT 64"""),
    }
    asked = [{"kind": "weeks", "where": {}}]
    for instances in queries.instances(facts).values():
        asked += [instance for instance in instances[:COMPARED_COUNT] if instance["kind"] in ("weeks", "groups")]
    right = []
    for query in asked:
        path, parameters = contenders.as_request(query)
        if query["kind"] == "weeks":
            total, count, weeks = trips.weekly_average(parameters)
            answer = {"total_trips": total, "week_count": count,
                      "weeks": {monday: trips for monday, (_, trips) in weeks.items()}}
        else:
            answer = trips.trip_groups(parameters)
        right.append([path, parameters, answer])
    return {"facts": facts, "answers": right}


# MARK: What the benchmark calls

def judge(csv):
    """The right answers about a file; kept beside it, so that a file that is kept is evaluated once."""
    csv = Path(csv)
    sources = [Path(__file__), Path(queries.__file__), REPOSITORY / "Tools/tripstore_tools/harness/oracle.py"]
    version = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    key = [version, csv.stat().st_size, csv.stat().st_mtime_ns]
    kept = csv.with_suffix(".judged.json")
    if not kept.exists() or json.loads(kept.read_text())["key"] != key:
        print(f"  DuckDB answers from {csv.name}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "tripstore_tools.bench.judge", str(csv), str(kept)], check=True)
        kept.write_text(json.dumps(json.loads(kept.read_text()) | {"key": key}))
    return json.loads(kept.read_text())


def check(store, judged):
    """Ends the run if a store's answers are not DuckDB's."""
    with contenders.Server(store, Path(store).parent / "server.log") as server:
        connection = contenders.Connection(server.port)
        differences = []
        for path, parameters, right in judged["answers"]:
            target = path + ("?" + urllib.parse.urlencode(parameters) if parameters else "")
            answer = connection.json(target)
            if "weeks" in right:
                answer = {"total_trips": answer["total_trips"], "week_count": answer["week_count"],
                          "weeks": {week["week_start"]: week["trips"] for week in answer["weeks"] if week["trips"]}}
            if answer != right:
                differences.append(target)
        if in_order(connection.json("/regions?limit=10000")["regions"]) != in_order(judged["facts"]["regions"]):
            differences.append("/regions")
        connection.close()
    if differences:
        sys.exit(f"{store} does not answer as DuckDB does: {', '.join(differences)}")


def in_order(regions):
    """Regions with their datasources in one order."""
    for region in regions:
        region["datasources"].sort(key=lambda datasource: datasource["datasource"])
    return regions


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(answers(sys.argv[1]) | {"key": None}))
