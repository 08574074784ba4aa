"""How the rate of ingestion depends on the size and the shape of its input and the number of cores; and many small files at once."""

import statistics

from tripstore_tools.bench import asking, files, judge, queries
from tripstore_tools.bench.contenders import Tripstore, segment_count
from tripstore_tools.bench.loads import fresh, medians, progress

SIZES = [1_000, 10_000, 100_000, 1_000_000, 10_000_000]
HUGE_SIZE = 100_000_000
SHAPES = {
    "as generated: in order of time, 21 regions, 8 datasources": None,
    "shuffled": "shuffled",
    "coordinates uniform over the globe": "uniform",
    "coordinates within a square kilometre": "clustered",
    **{f"{count:,} regions, in no order": f"regions-{count}" for count in (3, 100, 1_000, 10_000, 100_000)},
    **{f"{count:,} datasources, in no order": f"datasources-{count}" for count in (3, 1_000, 10_000, 100_000)},
}
ONE_CORE = ("taskset", "-c", "0")


# MARK: Sizes and shapes

def measure(made, folder, rounds, shape_rows, is_huge):
    """Returns {"sizes": […], "shapes": […]}; each with the medians on one core and on all of them."""
    sizes = [{"rows": rows} | both(made.generated(rows), folder, rounds) for rows in SIZES + [HUGE_SIZE] * is_huge]
    shapes = []
    for name, variant in SHAPES.items():
        csv = made.variant(shape_rows, variant) if variant else made.generated(shape_rows)
        shapes.append({"shape": name, "rows": shape_rows} | both(csv, folder, rounds))
    return {"sizes": sizes, "shapes": shapes}


def both(csv, folder, rounds):
    """Loads a file on one core and on all, in turn; every answer is DuckDB's."""
    judged = judge.judge(csv)
    runs = {"one_core": [], "all_cores": []}
    for _ in range(rounds):
        for cores, prefix in (("one_core", ONE_CORE), ("all_cores", ())):
            store = fresh(folder / "scaling")
            files.warm(csv)
            runs[cores].append(Tripstore().load([csv], store, prefix))
            judge.check(store, judged)
    figures = {cores: medians(of_one) for cores, of_one in runs.items()}
    progress(f"{csv.name}: {judged['facts']['rows'] / figures['all_cores']['seconds']:,.0f} rows/s")
    return {"csv_bytes": csv.stat().st_size} | figures


def table(measured, label):
    head = [label, "rows/s, one core", "rows/s, all", "all ÷ one", "ns CPU/row", "peak MB", "bytes/row"]
    body = []
    for line in measured:
        rows, one, every = line["rows"], line["one_core"], line["all_cores"]
        body.append([
            line.get("shape", f"{rows:,}"), f"{rows / one['seconds']:,.0f}", f"{rows / every['seconds']:,.0f}",
            f"{one['seconds'] / every['seconds']:.2f}", f"{every['cpu_seconds'] / rows * 1e9:,.0f}",
            f"{every['peak_bytes'] / 1e6:,.0f}", f"{every['bytes'] / rows:.1f}"])
    return [head, *body]


# MARK: Small files

def measure_small_files(made, folder, rounds, repeats, count, rows_each):
    """One call of the program with many files beside one with a file of the same trips; then the queries to both stores."""
    whole, pieces = made.generated(count * rows_each), made.pieces(count, rows_each)
    judged = judge.judge(whole)
    stores = {"one file": folder / "whole", "small files": folder / "pieces"}
    runs = {name: [] for name in stores}
    segments = []
    for _ in range(rounds):
        for name, csvs in (("one file", [whole]), ("small files", pieces)):
            files.warm(whole)
            runs[name].append(Tripstore().load(csvs, fresh(stores[name])))
            if name == "small files":
                segments.append(segment_count(stores[name]))
            judge.check(stores[name], judged)
    figures = {name: medians(of_one) for name, of_one in runs.items()}
    return {
        "files": count, "rows_each": rows_each, "loads": figures, "segments_after": statistics.median(segments),
        "queries": ask_both(stores, judged["facts"], repeats, rounds)}


def ask_both(stores, facts, repeats, rounds):
    """Medians of the queries to both stores, in turn."""
    results = {}
    for name, instances in queries.instances(facts, count=rounds * repeats).items():
        times = {store: [] for store in stores}
        for number in range(rounds):
            asked = instances[number * repeats:(number + 1) * repeats]
            answers = {}
            for store, path in stores.items():
                taken, answers[store] = asking.ask_in_a_row(Tripstore(), path, asked)
                times[store] += taken[1:]
            asking.compare(name, asked, answers | {"tripstore": answers["one file"]})
        results[name] = {store: statistics.median(taken) for store, taken in times.items()}
    return results


def small_files_tables(measured):
    count, rows = measured["files"], measured["files"] * measured["rows_each"]
    loads = [["load", "seconds", "files/s", "rows/s", "segments"]]
    for name, load in measured["loads"].items():
        is_many = name == "small files"
        loads.append([
            f"{count:,} files of {measured['rows_each']:,} rows" if is_many else f"one file of {rows:,} rows",
            f"{load['seconds']:.2f}", f"{(count if is_many else 1) / load['seconds']:,.0f}", f"{rows / load['seconds']:,.0f}",
            f"{measured['segments_after']:.0f}" if is_many else ""])
    asked = [["median milliseconds", "one file", "small files", "small ÷ one"]]
    for name, times in measured["queries"].items():
        asked.append([name, f"{times['one file']:.2f}", f"{times['small files']:.2f}",
                      f"{times['small files'] / times['one file']:.2f}"])
    return loads, asked
