"""Trips as CSV, from either engine: another store that loads it answers alike, and other programs read the same bits."""

import json
import struct
import subprocess

import duckdb
import pyarrow as pa
import pyarrow.csv
import pytest

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.generated import ASKED_ROWS
from tripstore_tools.harness.migration import NAMES, QUERIES, write_odd_trips
from tripstore_tools.harness.tripstore import SAMPLE, cli


@pytest.fixture(scope="module", params=["columnstore", "clickhouse"])
def odd(request, tmp_path_factory):
    """Where odd trips of two jobs are: arguments and variables of commands, and a server of them."""
    folder = tmp_path_factory.mktemp(f"odd-{request.param}")
    files = [write_odd_trips(folder / f"{number}.csv", 2500, number) for number in (1, 2)]
    variables = {}
    if request.param == "clickhouse":
        variables["DATABASE_URL"] = request.getfixturevalue("cluster").database_url("odd_csv", "&rows_per_insert=1000")
    cli("ingest", *files, "--data-dir", folder / "data", **variables)
    with tripstore.Server(folder / "data", folder / "log", **variables) as server:
        yield folder / "data", variables, server, files


def test_what_is_loaded_from_it_answers_alike(odd, tmp_path):
    data, variables, server, _ = odd
    path = tmp_path / "trips.csv"
    done = cli("export", "--csv", path, "--data-dir", data, **variables)
    assert "5,000 trips" in done.stdout
    assert "5,000 trips" in cli("ingest", path, "--data-dir", tmp_path / "data").stderr
    with tripstore.Server(tmp_path / "data", tmp_path / "log") as other:
        for query in QUERIES:
            ours, theirs = server.get(*query), other.get(*query)
            assert (ours.status, ours.body) == (theirs.status, theirs.body), query


def bits(value):
    return struct.pack("<d", value)


def test_other_programs_read_the_same_bits(odd, tmp_path):
    """Rows of the files that were loaded, and of the export: as DuckDB and pyarrow read them."""
    data, variables, _, files = odd
    path = tmp_path / "trips.csv"
    cli("export", "--csv", path, "--data-dir", data, **variables)

    def with_duckdb(paths):
        return duckdb.connect().read_csv([str(each) for each in paths], header=True, all_varchar=True, quotechar='"', escapechar='"',
                                         delimiter=",").fetchall()

    def with_pyarrow(paths):
        types = {name: pa.string() for name in ("region", "origin_coord", "destination_coord", "datetime", "datasource")}
        options = pyarrow.csv.ConvertOptions(column_types=types)
        tables = [pyarrow.csv.read_csv(each, convert_options=options) for each in paths]
        return [tuple(row.values()) for row in pa.concat_tables(tables).to_pylist()]

    def row(fields):
        region, origin, destination, time, datasource = fields
        points = [bits(float(number)) for point in (origin, destination) for number in point[len("POINT ("):-1].split()]
        whole, _, fraction = time.partition(".")
        return (region, *points, whole, fraction.ljust(6, "0"), datasource)

    for read in (with_duckdb, with_pyarrow):
        ours, theirs = sorted(map(row, read([path]))), sorted(map(row, read(files)))
        assert len(ours) == 5000 and ours == theirs
        assert {fields[0] for fields in ours} == set(NAMES)


@pytest.mark.parametrize("engine", ["columnstore", "clickhouse"])
def test_a_pipe_takes_it_and_a_load_gives_it_back(request, engine, tmp_path, oracle):
    server = request.getfixturevalue(f"generated_in_{engine}")
    variables = {"DATABASE_URL": server.variables["DATABASE_URL"]} if engine == "clickhouse" else {}
    export = subprocess.Popen([str(tripstore.BINARY), "export", "--csv", "-", "--data-dir", str(server.data_dir)],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=tripstore.clean_environment(**variables))
    load = subprocess.run([str(tripstore.BINARY), "ingest", "-", "--data-dir", str(tmp_path / "data")], stdin=export.stdout,
                          capture_output=True, text=True, env=tripstore.clean_environment(), timeout=tripstore.TIMEOUT_SECONDS)
    assert export.wait(timeout=tripstore.TIMEOUT_SECONDS) == 0 and load.returncode == 0, load.stderr
    with tripstore.Server(tmp_path / "data", tmp_path / "log") as other:
        assert other.get("/analytics/weekly-average").json["total_trips"] == ASKED_ROWS
        for query in QUERIES:
            assert server.get(*query).body == other.get(*query).body, query


def test_a_file_is_whole_or_as_it_was(sample_store, tmp_path):
    path = tmp_path / "trips.csv"
    report = json.loads(cli("export", "--csv", path, "--data-dir", sample_store, "--format", "json").stdout)
    assert report == {"file": str(path), "trips": 100, "bytes": path.stat().st_size}
    before = path.read_bytes()
    assert before.startswith(b"region,origin_coord,destination_coord,datetime,datasource\n") and before.count(b"\n") == 101
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([str(tripstore.BINARY), "export", "--csv", "-", "--data-dir", str(sample_store)], stdout=full, text=True,
                              stderr=subprocess.PIPE, env=tripstore.clean_environment(), timeout=tripstore.TIMEOUT_SECONDS)
    assert done.returncode == 1 and "standard output" in done.stderr
    refused = cli("export", "--csv", tmp_path, "--data-dir", sample_store, check=False)
    assert refused.returncode == 64 and "is not a file" in refused.stderr
    assert cli("export", "--csv", tmp_path / "none" / "x.csv", "--data-dir", sample_store, check=False).returncode == 1
    assert cli("export", "--data-dir", sample_store, check=False).returncode == 64
    assert cli("export", "--csv", path, "--hive", tmp_path / "lake", "--data-dir", sample_store, check=False).returncode == 64
    absent = cli("export", "--csv", path, "--data-dir", tmp_path / "absent", check=False)
    assert absent.returncode == 1 and path.read_bytes() == before
    assert not list(tmp_path.glob("*.tmp"))
    assert cli("ingest", path, "--data-dir", tmp_path / "data").returncode == 0
    assert SAMPLE.read_bytes() != before
