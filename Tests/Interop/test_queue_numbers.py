"""What an operator sees of a queue that processes share: which process works on a job, how many could, how long jobs wait, which lost one."""

import json
import re

import pytest

from tripstore_tools.harness import postgresql, tripstore
from tripstore_tools.harness.file_servers import FileServer
from tripstore_tools.harness.processes import frozen
from tripstore_tools.harness.shared_jobs import shared
from tripstore_tools.harness.tripstore import wait_until


def metric(server, name):
    return int(re.search(rf"^{name} (\d+)$", server.get("/metrics").body.decode(), re.MULTILINE)[1])


@pytest.mark.skipif(not postgresql.is_installed(), reason="PostgreSQL is not installed")
def test_workers_losses_and_waiting_jobs_are_counted(tmp_path, cluster):
    source = tmp_path / "trips.csv"
    tripstore.cli("generate", "--rows", 150_000, "--seed", 3, "--output", source)
    with shared(tmp_path, cluster, "queue_numbers") as servers, FileServer(source.read_bytes()) as files, servers.server("second") as second:
        wait_until(servers.has_leader, "the second to lead")
        with servers.server("first") as first:
            for server in (first, second):
                wait_until(lambda: metric(server, "tripstore_workers") == 2, "both workers")
                assert metric(server, "tripstore_oldest_pending_job_age_seconds") == 0
            with frozen(second.process):
                body = json.dumps({"url": files.url()})
                job = first.request("POST", "/ingest", body, {"Content-Type": "application/json"}).json["job_id"]
                wait_until(lambda: servers.stored() > 0, "the first rows", pause=0.005)
                worker = first.get(f"/jobs/{job}").json["worker"]
                assert worker.split(":")[1] == str(first.process.pid)
            with frozen(first.process):
                assert second.wait_for_job(job)["status"] == "completed"
                # One that is silent for a lease is none.
                wait_until(lambda: metric(second, "tripstore_workers") == 1, "the other to be missed")
            wait_until(lambda: metric(first, "tripstore_lease_losses_total") == 1, "the loss to be counted")
            assert metric(second, "tripstore_lease_losses_total") == 0
            for server in (first, second):
                # The one that lost it may publish its own attempt for a moment.
                wait_until(lambda: "worker" not in server.get(f"/jobs/{job}").json, "nobody to work on it")
        wait_until(lambda: metric(second, "tripstore_workers") == 1, "the other to have gone")


def test_the_age_of_what_waits_is_told(tmp_path):
    """Of one process alone as well; there are no others to be counted."""
    with tripstore.Server(tmp_path / "data", tmp_path / "log", ROLE="both") as server:
        assert metric(server, "tripstore_oldest_pending_job_age_seconds") == 0
        text = server.get("/metrics").body.decode()
        assert "tripstore_workers" not in text and "tripstore_lease_losses_total" not in text
