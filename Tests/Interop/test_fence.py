"""A process that is suspended during a job, loses it meanwhile and continues never stores anything that counts."""

import json
import os
import random
import signal
import socket
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


def test_an_insert_whose_client_is_suspended_ends_after_the_profiles_timeout(cluster):
    """A purge waits for it: the profile of the tests' servers has 10 s instead of 1,800, and a request's own setting is ignored."""
    shard = cluster.shards[0]
    shard.query("CREATE TABLE IF NOT EXISTS suspended (a Int64) ENGINE = MergeTree ORDER BY a", database="default")
    running = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO suspended %'"
    head = ("POST /?query=INSERT+INTO+suspended+FORMAT+TSV&http_receive_timeout=1000 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Content-Length: 9000000\r\n\r\n")
    with socket.create_connection(("127.0.0.1", shard.http_port)) as client:
        client.sendall(head.encode() + b"12345\n" * 1_200_000)
        wait_until(lambda: shard.query(running) == "1\n", "the INSERT to begin")
        wait_until(lambda: shard.query(running) == "0\n", "the INSERT to end")
        assert client.recv(100).startswith(b"HTTP/1.1 500")
    shard.query("DROP TABLE suspended", database="default")
