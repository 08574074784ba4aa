"""Servers of one machine that share a catalog in PostgreSQL and a database of ClickHouse, with short leases."""

import contextlib

from tripstore_tools.harness import postgresql, tripstore

LEASE_SECONDS = 2
PURGE_SECONDS = 1


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
