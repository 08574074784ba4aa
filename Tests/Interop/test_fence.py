"""A process that is suspended during a load, loses its job meanwhile and goes on stores nothing that counts, then or ever."""

import contextlib
import json
import os
import random
import signal
import time

import pytest

import postgresql
import tripstore
from file_servers import FileServer
from processes import frozen
from tripstore import wait_until

LEASE_SECONDS = 2
PURGE_SECONDS = 1
ROWS = 150_000


class Shared:
    """Servers that share a catalog in PostgreSQL and a database of ClickHouse, on one machine with folders of their own."""

    def __init__(self, folder, cluster, name):
        self.folder, self.cluster, self.name = folder, cluster, name
        self.catalog = postgresql.PostgreSQL(folder / "postgresql")
        self.catalog.start()
        self.catalog.make_database("jobs")
        self.variables = {
            "DATABASE_URL": cluster.database_url(name, f"&rows_per_insert=20000&purge_after_seconds={PURGE_SECONDS}"),
            "CATALOG_URL": self.catalog.url("jobs", f"?lease_seconds={LEASE_SECONDS}"), "ALLOW_PRIVATE_ADDRESSES": "true"}

    def server(self, name):
        return tripstore.Server(self.folder / name, self.folder / f"{name}.log", **self.variables)

    def stored(self):
        """Rows in all shards, whether they count or not."""
        return sum(int(self.cluster.query(f"SELECT count() FROM {self.name}.trips", shard)) for shard in range(2))

    def attempts(self):
        """Attempts of which rows may be stored that do not count."""
        return int(self.catalog.query(
            "SELECT count(*) FROM load_attempts a JOIN jobs j ON j.id = a.job_id "
            "WHERE j.status IN ('cancelled', 'deleted', 'failed') OR a.attempt <> j.attempt AND NOT a.is_settled", "jobs"))

    def sessions(self):
        return int(self.catalog.query("SELECT count(sessions) FROM load_attempts", "jobs"))

    def has_leader(self):
        return int(self.catalog.query("SELECT count(*) FROM leaders WHERE task = 'purge'", "jobs")) > 0

    def close(self):
        self.catalog.kill()
        self.catalog.remove()


@contextlib.contextmanager
def shared(folder, cluster, name):
    servers = Shared(folder, cluster, name)
    try:
        yield servers
    finally:
        servers.close()


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
        # The one that removes what does not count is the one that goes on.
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
            # Both go on, with sessions of which the catalog knows.
            for server in (first, second):
                again = server.request("POST", "/ingest?duplicate=allow", source.read_bytes(), {"Content-Type": "text/csv"})
                assert server.wait_for_job(again.json["job_id"])["status"] == "completed"
            assert servers.stored() == rows + 2 * ROWS and servers.sessions() == 0
