"""A process that is suspended during a job, loses it meanwhile and continues never stores anything that counts."""

import json
import os
import random
import signal
import time

import pytest

from tripstore_tools.harness import postgresql, tripstore
from tripstore_tools.harness.file_servers import FileServer
from tripstore_tools.harness.processes import frozen
from tripstore_tools.harness.shared_jobs import shared
from tripstore_tools.harness.tripstore import wait_until

ROWS = 150_000


@pytest.mark.skipif(not postgresql.is_installed(), reason="PostgreSQL is not installed")
@pytest.mark.parametrize("what", ["taken over", "deleted"])
def test_a_suspended_worker_that_goes_on_adds_no_trips(tmp_path, cluster, what):
    """Found: 6,508,922 trips of 5,000,000 for good, and trips of a deleted job that came back.

    Frozen at a random moment of its INSERTs, thawed once what it left is removed and forgotten."""
    seed = int(os.environ.get("TRIPSTORE_SEED", time.time()))
    print(f"seed {seed}")
    chance = random.Random(f"{seed}/{what}")
    source = tmp_path / "trips.csv"
    tripstore.cli("generate", "--rows", ROWS, "--seed", 3, "--output", source)
    name = f"fence_{what.replace(' ', '_')}"
    with shared(tmp_path, cluster, name) as servers, FileServer(source.read_bytes()) as files, servers.server("second") as second:
        # The process that purges is the one that continues.
        wait_until(servers.has_leader, "the second to lead")
        with servers.server("first") as first, frozen(second.process):
            body = json.dumps({"url": files.url()})
            job = first.request("POST", "/ingest", body, {"Content-Type": "application/json"}).json["job_id"]
            wait_until(lambda: servers.stored() > 0, "the first rows", pause=0.005)
            time.sleep(chance.uniform(0, 0.3))
            with frozen(first.process):
                second.process.send_signal(signal.SIGCONT)
                if what == "deleted":
                    assert second.request("DELETE", f"/jobs/{job}").status == 200
                    rows = 0
                else:
                    assert second.wait_for_job(job)["status"] == "completed"
                    rows = ROWS
                wait_until(lambda: servers.attempts() == 0 and servers.stored() == rows, "the removal")
            wait_until(lambda: first.request("GET", "/health").status == 200, "the first to go on")
            for _ in range(10):
                assert servers.stored() == rows
                for server in (first, second):
                    answer = server.get("/analytics/weekly-average")
                    assert (answer.json["total_trips"] if answer.status == 200 else 0) == rows, answer.body
                time.sleep(0.2)
            # Both continue, with sessions that the catalog knows.
            for server in (first, second):
                again = server.request("POST", "/ingest?duplicate=allow", source.read_bytes(), {"Content-Type": "text/csv"})
                assert server.wait_for_job(again.json["job_id"])["status"] == "completed"
            assert servers.stored() == rows + 2 * ROWS and servers.sessions() == 0
