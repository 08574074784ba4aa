"""A gzip file, beside programs that only decompress it, on one core each.

`igzip` is ISA-L's own program, `gzip` zlib's kin; both write to /dev/null. What they deliver alone is the most that a load can take in, since
a gzip stream is inflated by one thread. A dry run decodes every row beside it; a whole load also sorts, compresses and writes, for which the other
cores must suffice.
"""

import shutil
import subprocess
import sys

from tripstore_tools.bench.contenders import BINARY, timed_process
from tripstore_tools.bench.files import warm
from tripstore_tools.bench.loads import fresh, medians, progress

INFLATERS = {"igzip": ["igzip", "-d", "-c"], "gzip": ["gzip", "-d", "-c"]}


def measure(made, folder, rounds, rows):
    """A B C A B C …; returns the bytes of the file, plain and compressed, and the medians of each."""
    csv = made.generated(rows)

    def compress(target):
        with target.open("wb") as file:
            subprocess.run(["gzip", "-c", str(csv)], stdout=file, check=True)

    packed = made.made(f"{csv.name}.gz", compress)
    commands = {name: ["taskset", "-c", "0", "sh", "-c", f"exec {' '.join(command)} \"$0\" > /dev/null", str(packed)]
                for name, command in INFLATERS.items() if shutil.which(command[0])}
    if "igzip" not in commands:
        sys.exit("igzip is missing: install Debian's isal")
    runs = {name: [] for name in ["tripstore, read", "tripstore, load", "tripstore, load of plain CSV", *commands]}
    for number in range(rounds):
        for name in runs:
            file = csv if name.endswith("plain CSV") else packed
            warm(file)
            ingest = [str(BINARY), "ingest", str(file)]
            command = commands.get(name) or [
                *ingest, *(["--dry-run", "--format", "json"] if name.endswith("read") else ["--data-dir", str(fresh(folder / "gzip")), "--quiet"])]
            runs[name].append(timed_process(command)[1])
            progress(f"{number + 1} of {rounds}, {name}: {runs[name][-1]['seconds']:.2f} s")
    return {"csv_bytes": csv.stat().st_size, "gzip_bytes": packed.stat().st_size} | {
        name: medians(of_one) for name, of_one in runs.items()}


def table(figures):
    head = ["what", "seconds", "MB/s of CSV", "CPU s", "share of igzip"]
    fastest = figures["igzip"]["seconds"]
    return [head, *(
        [name, f"{run['seconds']:.2f}", f"{figures['csv_bytes'] / 1e6 / run['seconds']:,.0f}", f"{run['cpu_seconds']:.2f}",
         f"{fastest / run['seconds']:.0%}"] for name, run in figures.items() if isinstance(run, dict))]
