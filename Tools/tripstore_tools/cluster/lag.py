"""How much later a process that only serves publishes a job's progress than the process that runs it: two WebSocket clients, one at each.

    scripts/cluster test --lag

Both clients are in one thread of this process, so their clocks are one. A message is taken for the same at both when it says the
same rows and the same status. The first message, with the state of the job when the client connected, is left out.
"""

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

from websockets.asyncio.client import connect

from tripstore_tools.harness import topology, tripstore

TERMINAL = {"completed", "failed", "cancelled", "deleted"}
# Many parts, each with progress of its own, so that there are many messages.
PARAMETERS = "&rows_per_insert=20000"


async def listen(port, job, heard):
    """Records when each message came; the first one is the state when the client connected."""
    async with connect(f"ws://127.0.0.1:{port}/ws/ingestion/{job}") as socket:
        is_first = True
        async for text in socket:
            now = time.monotonic()
            message = json.loads(text)
            if not is_first:
                heard.setdefault((message["status"], message["processed_rows"], message.get("message")), now)
            is_first = False


async def follow(loader, other, job):
    """Messages that both got: milliseconds of delay by message, and how many only one of them got."""
    at_loader, at_other = {}, {}
    await asyncio.gather(listen(loader.port, job, at_loader), listen(other.port, job, at_other))
    both = at_loader.keys() & at_other.keys()
    lags = {key: 1000 * (at_other[key] - at_loader[key]) for key in both}
    return lags, len(at_loader.keys() ^ at_other.keys())


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main(options):
    with tempfile.TemporaryDirectory(prefix="tripstore-lag-") as folder:
        folder = Path(folder)
        csv = folder / "trips.csv"
        tripstore.cli("generate", "--rows", options.rows, "--seed", options.seed or 1, "--output", csv)
        lags, ends, alone = [], [], 0
        with topology.Topology(folder / "cluster", apis=1, workers=0, boths=1, parameters=PARAMETERS) as cluster:
            other, = cluster.apis
            loader, = cluster.of("both")
            for _ in range(options.rounds):
                job = other.post_file(csv)
                found, unmatched = asyncio.run(follow(loader, other, job))
                lags += found.values()
                ends += [lag for (status, *_), lag in found.items() if status in TERMINAL]
                alone += unmatched
                other.delete(f"/jobs/{job}")
        for name, values in (("all messages", lags), ("the last of each job", ends)):
            print(f"{name}: {len(values)}; later at the other process by {statistics.median(values):.1f} ms (median), "
                  f"{quantile(values, 0.99):.1f} ms (99 %), {max(values):.1f} ms (most)")
        print(f"{options.rounds} jobs of {options.rows:,} trips; {alone} messages came to one of the two only, as newer ones "
              "took their place")
