"""Trips without a destination: kept by `missing_destination=keep`, counted by every query of origins, NULL to other programs.

DuckDB reads the same CSV, in which their cells are empty, and answers every query from it."""

import json
import signal
import subprocess

import duckdb
import polars
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as parquet
import pytest

from tripstore_tools.harness import clickhouse
from tripstore_tools.harness.generated import generate
from tripstore_tools.harness.oracle import Oracle
from tripstore_tools.harness.parquet_rows import COLUMNS, in_one_order
from tripstore_tools.harness.queries import FILTERS, GROUPINGS
from tripstore_tools.harness.tripstore import BINARY, SOME_REJECTED, TIMEOUT_SECONDS, Server, clean_environment, cli, wait_until

KEEP = {"missing_destination": "keep"}
ROWS = 60_000
NULLABLE = {"destination_longitude", "destination_latitude", "destination_geohash"}


def lose(path, target, is_lost):
    """Writes a file without the destinations of some rows; returns how many."""
    lost = 0
    with open(path, encoding="utf-8") as source, open(target, "w", encoding="utf-8") as file:
        file.write(next(source))
        for number, line in enumerate(source):
            region, origin, destination, *rest = line.split(",")
            if is_lost(number):
                destination, lost = "", lost + 1
            file.write(",".join([region, origin, destination, *rest]))
    return lost


@pytest.fixture(scope="module")
def whole_csv(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("whole"), ROWS)


@pytest.fixture(scope="module")
def lacking_csv(whole_csv, tmp_path_factory):
    """Every fifth trip has no destination; of the first 10,000 all have one."""
    path = tmp_path_factory.mktemp("lacking") / "lacking.csv"
    assert lose(whole_csv, path, lambda number: number > 10_000 and number % 5 == 0) == (ROWS - 10_000) // 5 - 1
    return path


@pytest.fixture(scope="module")
def truth(lacking_csv):
    return Oracle(lacking_csv)


def filled(server, path):
    job = server.ingest(path, **KEEP)
    assert (job["status"], job["processed_rows"], job["rejected_rows"]) == ("completed", ROWS, 0), job
    return server


@pytest.fixture(scope="module")
def in_columnstore(lacking_csv, tmp_path_factory):
    folder = tmp_path_factory.mktemp("columnstore")
    with Server(folder / "data", folder / "log") as server:
        yield filled(server, lacking_csv)


@pytest.fixture(scope="module")
def in_clickhouse(cluster, lacking_csv, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clickhouse")
    with Server(folder / "data", folder / "log", DATABASE_URL=cluster.database_url("lacking")) as server:
        yield filled(server, lacking_csv)


@pytest.fixture(scope="module")
def in_current_clickhouse(lacking_csv, tmp_path_factory):
    if not clickhouse.is_installed():
        pytest.skip("clickhouse-server is not installed")
    folder = tmp_path_factory.mktemp("current")
    with clickhouse.Current(folder / "chdb") as current, \
            Server(folder / "data", folder / "log", DATABASE_URL=current.database_url("lacking")) as server:
        yield filled(server, lacking_csv)


@pytest.fixture(scope="module", params=["columnstore", "clickhouse", "current_clickhouse"])
def server(request):
    return request.getfixturevalue(f"in_{request.param}")


# MARK: Answers

@pytest.mark.parametrize("name", FILTERS)
def test_weekly_averages_equal_duckdb(server, truth, name):
    for within in ("origin", "destination", "both", "either"):
        parameters = FILTERS[name](truth)
        if "min_lat" in parameters:
            parameters["within"] = within
        for weeks in ("calendar", "active", "elapsed"):
            total, count, by_week = truth.weekly_average(parameters | {"weeks": weeks})
            response = server.get("/analytics/weekly-average", parameters | {"weeks": weeks})
            if total == 0:
                assert response.status == 404, (within, weeks)
                continue
            answer = response.json
            assert (answer["total_trips"], answer["week_count"]) == (total, count), (within, weeks)
            assert {week["week_start"]: (week["week"], week["trips"]) for week in answer["weeks"] if week["trips"]} == by_week


def test_the_whole_world_has_every_origin_and_not_every_destination(server, truth):
    world = {"min_lat": -90, "max_lat": 90, "min_lng": -180, "max_lng": 180}
    kept = truth.value("SELECT count(*) FROM trips WHERE destination_longitude IS NOT NULL")
    totals = {within: server.get("/analytics/weekly-average", world | {"within": within}).json["total_trips"]
              for within in ("origin", "destination", "both", "either")}
    assert totals == {"origin": ROWS, "destination": kept, "both": kept, "either": ROWS} and kept < ROWS


@pytest.mark.parametrize("name", FILTERS)
def test_groups_equal_duckdb_under_every_filter(server, truth, name):
    parameters = FILTERS[name](truth)
    assert server.get("/trip-groups", parameters).json == truth.trip_groups(parameters)


@pytest.mark.parametrize("name", sorted(GROUPINGS.keys() - {"beyond the end"}))
def test_groups_equal_duckdb_in_every_grouping(server, truth, name):
    for scope in ("all", "region", "large box", "either"):
        parameters = FILTERS[scope](truth) | GROUPINGS[name]
        assert server.get("/trip-groups", parameters).json == truth.trip_groups(parameters), scope


def test_groups_of_twelve_characters_equal_duckdb(server, truth):
    for precision in (1, 6, 12):
        parameters = {"precision": precision, "limit": 10_000}
        assert server.get("/trip-groups", parameters).json == truth.trip_groups(parameters)


def test_regions_equal_duckdb(server, truth):
    expected = truth.regions()
    for region in expected["regions"]:
        region["datasources"].sort(key=lambda source: (-source["trips"], source["datasource"]))
    assert server.get("/regions").json == expected


def test_verify_finds_nothing(in_columnstore):
    done = cli("verify", "--data-dir", in_columnstore.data_dir)
    assert "damage" not in done.stdout and done.returncode == 0


# MARK: Other programs

def with_pyarrow(files):
    return pa.concat_tables([parquet.ParquetFile(file, page_checksum_verification=True).read() for file in files])


def with_dataset(files):
    return pa.dataset.dataset([str(file) for file in files], format="parquet").to_table()


def with_duckdb(files):
    return duckdb.connect().read_parquet([str(file) for file in files]).to_arrow_table()


def with_polars(files):
    return polars.read_parquet(files).to_arrow()


READERS = [with_pyarrow, with_dataset, with_duckdb, with_polars]


@pytest.fixture(scope="module")
def segments(in_columnstore):
    return sorted((in_columnstore.data_dir / "segments").glob("*.parquet"))


@pytest.fixture(scope="module")
def rows(truth):
    return in_one_order(truth.database.sql("SELECT * FROM trips").to_arrow_table())


@pytest.mark.parametrize("read", READERS)
def test_segments_have_null_where_there_is_no_destination(segments, rows, read):
    table = read(segments)
    assert in_one_order(table).equals(rows)
    for name in COLUMNS:
        assert table[name].null_count == (rows["destination_longitude"].null_count if name in NULLABLE else 0), name


def test_statistics_of_segments_count_the_nulls(segments, truth):
    low, high = truth.rows("SELECT min(destination_latitude), max(destination_latitude) FROM trips")[0]
    nulls, lows, highs = dict.fromkeys(COLUMNS, 0), [], []
    for file in segments:
        metadata = parquet.ParquetFile(file).metadata
        for group in (metadata.row_group(index) for index in range(metadata.num_row_groups)):
            for chunk in (group.column(index) for index in range(group.num_columns)):
                nulls[chunk.path_in_schema] += chunk.statistics.null_count
                if chunk.path_in_schema == "destination_latitude":
                    lows.append(chunk.statistics.min)
                    highs.append(chunk.statistics.max)
                assert chunk.has_column_index and chunk.has_offset_index
    missing = truth.value("SELECT count(*) FROM trips WHERE destination_latitude IS NULL")
    assert nulls == {name: missing if name in NULLABLE else 0 for name in COLUMNS}
    assert (min(lows), max(highs)) == (low, high)


@pytest.mark.parametrize("bound", ["destination_latitude < 45", "destination_latitude >= 45", "destination_latitude IS NULL",
                                   "destination_geohash > 'm'", "destination_geohash IS NULL"])
def test_predicates_skip_no_row(segments, bound):
    """Other engines skip pages by the bounds and the null counts."""
    connection = duckdb.connect()
    connection.register("loaded", with_pyarrow(segments))
    by_bounds = connection.execute(f"SELECT count(*) FROM read_parquet(?) WHERE {bound}", [[str(file) for file in segments]]).fetchall()
    assert by_bounds == connection.execute(f"SELECT count(*) FROM loaded WHERE {bound}").fetchall() and by_bounds[0][0] > 0


def test_files_without_such_trips_are_as_before(whole_csv, tmp_path):
    cli("ingest", whole_csv, "--missing-destination", "keep", "--data-dir", tmp_path / "data")
    for file in (tmp_path / "data/segments").glob("*.parquet"):
        assert not any(field.nullable for field in parquet.read_schema(file))
        assert parquet.ParquetFile(file).metadata.metadata[b"tripstore.format_version"] == b"1"


def test_an_exported_folder_has_null_too(in_columnstore, rows, tmp_path):
    cli("export", "--hive", tmp_path / "lake", "--data-dir", in_columnstore.data_dir)
    partitioning = pa.dataset.partitioning(pa.schema([("week", pa.date32())]), flavor="hive")
    for table in (
            duckdb.connect().read_parquet(f"{tmp_path}/lake/*/*.parquet", hive_partitioning=True).to_arrow_table(),
            pa.dataset.dataset(tmp_path / "lake", format="parquet", partitioning=partitioning).to_table(),
            polars.scan_parquet(f"{tmp_path}/lake/*/*.parquet", hive_partitioning=True).collect().to_arrow()):
        assert in_one_order(table).equals(rows)


def test_an_exported_csv_has_empty_cells_and_is_ingested_again(in_columnstore, truth, rows, tmp_path):
    path = tmp_path / "trips.csv"
    cli("export", "--csv", path, "--data-dir", in_columnstore.data_dir)
    empty = duckdb.connect().execute(
        "SELECT count(*) FROM read_csv(?, all_varchar = true) WHERE destination_coord IS NULL", [str(path)]).fetchall()
    assert empty == [(rows["destination_longitude"].null_count,)]
    cli("ingest", path, "--missing-destination", "keep", "--data-dir", tmp_path / "data")
    with Server(tmp_path / "data", tmp_path / "log") as copy:
        assert clickhouse.answers(copy) == clickhouse.answers(in_columnstore)


def test_a_migration_to_clickhouse_and_back_keeps_them(in_columnstore, cluster, tmp_path):
    clustered = ["--database-url", cluster.database_url("migrated_lacking"), "--cluster-data-dir", tmp_path / "clustered"]
    # The server may go on: the store is only read.
    cli("migrate", *clustered, "--data-dir", in_columnstore.data_dir)
    cli("migrate", "--back", *clustered, "--data-dir", tmp_path / "back")
    with Server(tmp_path / "back", tmp_path / "log") as back:
        assert clickhouse.answers(back) == clickhouse.answers(in_columnstore)


def test_tables_name_their_version_only_with_such_trips(in_clickhouse, cluster, whole_csv, tmp_path):
    """Programs that would form groups of such trips refuse tables that have them, and only those."""
    def versions(database):
        return [cluster.query(f"SELECT max(toUInt32(value)) FROM {database}.tripstore WHERE name = 'version'", shard=shard).strip()
                for shard in range(2)]
    assert versions("lacking") == ["2", "2"]
    url = cluster.database_url("whole_trips")
    cli("ingest", whole_csv, "--missing-destination", "keep", "--data-dir", tmp_path / "data", DATABASE_URL=url)
    assert versions("whole_trips") == ["1", "1"]


# MARK: Without the option, and without a column

def test_by_default_they_are_rejected_and_counted_with_the_remedy(lacking_csv, truth, tmp_path):
    missing = truth.value("SELECT count(*) FROM trips WHERE destination_latitude IS NULL")
    done = cli("ingest", lacking_csv, "--data-dir", tmp_path / "data", check=False)
    assert done.returncode == SOME_REJECTED
    assert f"{missing:,}" in done.stderr and "missing_destination=keep" in done.stderr
    job = json.loads(cli("jobs", 1, "--format", "json", "--data-dir", tmp_path / "data").stdout)
    assert (job["status"], job["rejected_rows"]) == ("completed", missing)


@pytest.mark.parametrize("header, row", [
    ("started_at,start_lng,start_lat,end_lng,end_lat,note", "2019-04-03 08:00:00,10.5,59.5,{0},{0},x"),
    ("started_at,start_lng,start_lat,note", "2019-04-03 08:00:00,10.5,59.5,x"),
    ("started_at,start,end,note", '2019-04-03 08:00:00,"[10.5, 59.5]",{0},x'),
])
def test_files_of_publishers_without_destinations(header, row, tmp_path):
    path = tmp_path / "rides.csv"
    texts = ["", "NA", "NULL", "None", "nil", "\\N", "{}", " "]
    path.write_text(header + "\n" + "".join(row.format(text) + "\n" for text in texts), encoding="utf-8")
    cli("ingest", path, "--missing-destination", "keep", "--data-dir", tmp_path / "data")
    table = with_pyarrow((tmp_path / "data/segments").glob("*.parquet"))
    assert table.num_rows == len(texts) and table["destination_geohash"].null_count == len(texts)
    weeks = cli("weekly-average", "--format", "json", "--data-dir", tmp_path / "data").stdout
    assert json.loads(weeks)["total_trips"] == len(texts)
    assert json.loads(cli("trip-groups", "--format", "json", "--data-dir", tmp_path / "data").stdout)["total_trips"] == 0


# MARK: Interruptions

def test_every_trip_once_though_the_program_is_killed(lacking_csv, in_columnstore, tmp_path):
    path = tmp_path / "lacking.csv"
    path.write_bytes(lacking_csv.read_bytes())
    command = [str(BINARY), "ingest", str(path), "--missing-destination", "keep", "--data-dir", str(tmp_path / "data")]
    environment = clean_environment(INGESTION_CHUNK_SIZE="1000", SEGMENT_ROWS="16384")

    def has_begun():
        return any((tmp_path / "data/segments").glob("*"))

    for _ in range(2):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        wait_until(lambda process=process: has_begun() or process.poll() is not None, "a part", pause=0.001)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=TIMEOUT_SECONDS)
    cli("ingest", path, "--missing-destination", "keep", "--data-dir", tmp_path / "data")
    with Server(tmp_path / "data", tmp_path / "log") as again:
        assert clickhouse.answers(again) == clickhouse.answers(in_columnstore)
