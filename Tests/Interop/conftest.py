"""Stores that several tests query; each is made once and never changed by a test."""

import contextlib
import os
import re
import shutil
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from tripstore_tools.harness import clickhouse, faults, migration, postgresql, tripstore
from tripstore_tools.harness.generated import ASKED_ROWS, ROWS, generate
from tripstore_tools.harness.oracle import Oracle
from tripstore_tools.harness.s3_server import S3Server

# What the API promises of answers holds for every engine: tests of what these servers have ask one of each.
ENGINES = ["columnstore", "clickhouse"]
# What it promises of jobs holds for both catalogs as well: "postgresql" has its trips in ClickHouse and its jobs in PostgreSQL.
CATALOGS = [*ENGINES, "postgresql"]


# Files whose tests wait longest, for leases and for servers that were killed: they begin first.
SLOW_FILES = ["test_state_machine", "test_replicas", "test_cluster", "test_clickhouse", "test_export_s3", "test_url_ingestion", "test_crash"]


def pytest_collection_modifyitems(items):
    def place(item):
        name = item.path.stem
        return SLOW_FILES.index(name) if name in SLOW_FILES else len(SLOW_FILES)

    items.sort(key=place)


def pytest_xdist_make_scheduler(config, log):
    """Side by side go the tests of different files, since those of one share servers, and those that have servers of their own.

    `--dist loadgroup` would say so with marks, which do nothing: xdist 3.8 writes the group into `_nodeid`, which items of pytest 9.2
    don't have, and each test would go to any worker, which creates all servers that it shares again."""
    replicas = (Path(__file__).parent / "test_replicas.py").read_text(encoding="utf-8")
    alone = {"test_state_machine.py": "", "test_full_disk.py": "",
             "test_replicas.py": "|".join(re.findall(r"^def (test_\w+)\([^)]*\bown\b", replicas, re.M))}

    class ByServers(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            path, _, test = nodeid.partition("::")
            file = path.rpartition("/")[2]
            return nodeid if file in alone and re.match(alone[file], test) else path

    return ByServers(config, log)


def pytest_report_header():
    return f"program under test: {tripstore.BINARY}"


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory):
    """A data directory with the sample of 100 trips, loaded from the command line."""
    data_dir = tmp_path_factory.mktemp("sample") / "data"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", data_dir)
    return data_dir


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """Two ClickHouse shards, for all tests that need no shard of their own to kill."""
    if not clickhouse.is_installed():
        pytest.skip("clickhouse-server is not installed")
    with clickhouse.Cluster(tmp_path_factory.mktemp("clickhouse")) as cluster:
        yield cluster


def fill(server, path):
    job = server.ingest(path)
    assert (job["status"], job["rejected_rows"]) == ("completed", 0), job
    return server


@pytest.fixture(scope="session")
def sample_in_columnstore(sample_store, tmp_path_factory):
    """A server on a copy of the sample's store, so that the command line can query the same trips meanwhile."""
    folder = tmp_path_factory.mktemp("sample-server")
    shutil.copytree(sample_store, folder / "data")
    with tripstore.Server(folder / "data", folder / "log") as server:
        yield server


@pytest.fixture(scope="session")
def sample_in_clickhouse(cluster, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample-clickhouse")
    with tripstore.Server(folder / "data", folder / "log", DATABASE_URL=cluster.database_url("sample")) as server:
        yield fill(server, tripstore.SAMPLE)


@pytest.fixture(scope="session")
def sample_in_postgresql(cluster, tmp_path_factory):
    if not postgresql.is_installed():
        pytest.skip("PostgreSQL is not installed")
    folder = tmp_path_factory.mktemp("sample-postgresql")
    catalog = postgresql.PostgreSQL(folder / "postgresql")
    try:
        catalog.start()
        catalog.make_database("jobs")
        with tripstore.Server(folder / "data", folder / "log", DATABASE_URL=cluster.database_url("shared_sample"),
                              CATALOG_URL=catalog.url("jobs")) as server:
            yield fill(server, tripstore.SAMPLE)
    finally:
        catalog.kill()
        catalog.remove()


@pytest.fixture(scope="session", params=CATALOGS)
def sample_server(request):
    """A server that has the sample, of each engine and each catalog."""
    return request.getfixturevalue(f"sample_in_{request.param}")


@contextlib.contextmanager
def serving(folder, path):
    """A server of the column store that was given a file over HTTP."""
    with tripstore.Server(folder / "data", folder / "log") as server:
        yield fill(server, path)


@pytest.fixture(scope="session")
def generated_csv(tmp_path_factory):
    """A million synthetic trips."""
    return generate(tmp_path_factory.mktemp("generated"), ROWS)


@pytest.fixture(scope="session")
def loaded_in_columnstore(generated_csv, tmp_path_factory):
    """A server that has them."""
    with serving(tmp_path_factory.mktemp("loaded-server"), generated_csv) as server:
        yield server


@pytest.fixture(scope="session")
def asked_csv(tmp_path_factory):
    """Synthetic trips that all queries are about."""
    return generate(tmp_path_factory.mktemp("asked"), ASKED_ROWS)


@pytest.fixture(scope="session")
def generated_in_columnstore(asked_csv, tmp_path_factory):
    """A server that has them."""
    with serving(tmp_path_factory.mktemp("generated-server"), asked_csv) as server:
        yield server


@pytest.fixture(scope="session")
def generated_in_clickhouse(cluster, asked_csv, tmp_path_factory):
    """The same with the trips in ClickHouse."""
    folder = tmp_path_factory.mktemp("generated-clickhouse")
    with tripstore.Server(folder / "data", folder / "log", DATABASE_URL=cluster.database_url("generated")) as server:
        yield fill(server, asked_csv)


@pytest.fixture(scope="session", params=ENGINES)
def generated_server(request):
    """A server that has the synthetic trips, of each engine."""
    return request.getfixturevalue(f"generated_in_{request.param}")


@pytest.fixture(scope="session")
def oracle(asked_csv):
    """DuckDB with the same trips, read from the CSV by DuckDB."""
    return Oracle(asked_csv)


@pytest.fixture(scope="session")
def s3():
    """An S3 server for all tests; each has keys of its own in the bucket `trips`."""
    with S3Server() as server:
        yield server


@pytest.fixture
def scale():
    """How large an attack is: `scale(100, full=10_000)` is 100 in scripts/test and 10,000 in scripts/attack."""
    is_full = os.environ.get("TRIPSTORE_ATTACK") == "full"
    return lambda quick, full: full if is_full else quick


@pytest.fixture
def server(tmp_path):
    """A server of this test's own, on an empty store."""
    with tripstore.Server(tmp_path / "data", tmp_path / "log") as server:
        yield server

@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """Comes between the program and the C library, to fail or hold calls that change files."""
    return faults.build(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    server = postgresql.PostgreSQL(tmp_path_factory.mktemp("catalog") / "postgresql")
    try:
        server.start()
        yield server
    finally:
        server.kill()
        server.remove()


@pytest.fixture
def places(request, tmp_path, cluster, catalog):
    """Makes clusters."""
    def make(kind="postgresql", parameters="", suffix=""):
        name = "m" + "".join(letter if letter.isalnum() else "_" for letter in request.node.name.lower())[-40:] + suffix
        folder = tmp_path / f"cluster{suffix}"
        folder.mkdir()
        return migration.Cluster(kind, name, folder, cluster, catalog, parameters)

    return make


def pytest_terminal_summary(terminalreporter):
    """The conformance report: how many tests of what the API promises each engine and catalog passed."""
    counts = {name: {} for name in CATALOGS}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            parameters = getattr(report, "nodeid", "").partition("[")[2].partition("]")[0]
            engine = next((part for part in parameters.split("-") if part in CATALOGS), None)
            if engine and (outcome != "passed" or report.when == "call"):
                counts[engine][outcome] = counts[engine].get(outcome, 0) + 1
    for name, found in counts.items():
        if found:
            terminalreporter.write_line(f"conformance of {name}: " + ", ".join(f"{found[key]} {key}" for key in found))
