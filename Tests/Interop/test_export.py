"""The exported folder is a table to other engines: DuckDB, pyarrow and Polars find the store's trips and answers in it."""

import datetime
import fcntl
import json
import os
import re
import threading
import zlib

import duckdb
import polars
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as parquet
import pytest

from tripstore_tools.harness.faults import refusing
from tripstore_tools.harness.generated import ASKED_ROWS
from tripstore_tools.harness.parquet_rows import COLUMNS, contents, in_one_order
from tripstore_tools.harness.terminal import Terminal
from tripstore_tools.harness.tripstore import SAMPLE, cli

IN_FILES = {name: kind for name, kind in COLUMNS.items() if name != "week"}
MAKES_NO_SENSE, FAILED = 64, 1


def export(folder, store, **variables):
    return json.loads(cli("export", "--hive", folder, "--data-dir", store, "--format", "json", **variables).stdout)


@pytest.fixture(scope="module")
def lake(generated_in_columnstore, tmp_path_factory):
    """The synthetic million, exported beside the server that has them."""
    folder = tmp_path_factory.mktemp("lake") / "trips"
    report = export(folder, generated_in_columnstore.data_dir)
    assert report["trips"] == ASKED_ROWS
    assert report["files"] == report["weeks"] == len(list(folder.glob("week=*")))
    return folder


def with_duckdb(folder):
    return duckdb.connect().read_parquet(f"{folder}/*/*.parquet", hive_partitioning=True).to_arrow_table()


def with_pyarrow(folder):
    partitioning = pa.dataset.partitioning(pa.schema([("week", pa.date32())]), flavor="hive")
    return pa.dataset.dataset(folder, format="parquet", partitioning=partitioning).to_table()


def with_polars(folder):
    return polars.scan_parquet(f"{folder}/*/*.parquet", hive_partitioning=True).collect().to_arrow()


READERS = [with_duckdb, with_pyarrow, with_polars]


@pytest.mark.parametrize("read", READERS)
def test_rows_are_those_of_the_csv(lake, oracle, read):
    table = read(lake)
    assert set(table.column_names) == set(COLUMNS)
    assert table.schema.field("week").type == pa.date32()
    assert in_one_order(table).equals(in_one_order(oracle.database.sql("SELECT * FROM trips").to_arrow_table()))


@pytest.mark.parametrize("read", READERS)
def test_weekly_average_equals_the_programs(lake, generated_in_columnstore, read):
    trips = duckdb.connect()
    trips.register("trips", read(lake))
    answer = generated_in_columnstore.get("/analytics/weekly-average").json
    counts = trips.execute("SELECT week, count(*) FROM trips GROUP BY week ORDER BY week").fetchall()
    assert [(week.isoformat(), count) for week, count in counts] == [
        (week["week_start"], week["trips"]) for week in answer["weeks"] if week["trips"]]
    first, last = counts[0][0], counts[-1][0]
    assert sum(count for _, count in counts) / ((last - first).days // 7 + 1) == answer["weekly_average"]


@pytest.mark.parametrize("read", READERS)
def test_trip_groups_equal_the_programs(lake, generated_in_columnstore, read):
    trips = duckdb.connect()
    trips.register("trips", read(lake))
    groups = trips.execute(
        """SELECT region, origin_geohash, destination_geohash, strftime(date_trunc('hour', time), '%H:%M:%S') AS bucket,
               count(*) AS trips
           FROM trips GROUP BY ALL
           ORDER BY trips DESC, region, origin_geohash, destination_geohash, bucket LIMIT 1000""").fetchall()
    expected = generated_in_columnstore.get("/trip-groups", {"limit": 1000, "precision": 5}).json["groups"]
    assert groups == [(group["region"], group["origin_geohash"], group["destination_geohash"], group["time_bucket_start"],
                       group["trip_count"]) for group in expected]


def test_a_filter_on_week_reads_the_folder_of_that_week_alone(lake):
    weeks = sorted(path.name.removeprefix("week=") for path in lake.glob("week=*"))
    plan = duckdb.connect().execute(
        f"EXPLAIN ANALYZE SELECT count(*) FROM read_parquet('{lake}/*/*.parquet', hive_partitioning = true)"
        f" WHERE week = DATE '{weeks[1]}'").fetchall()[0][1]
    assert re.search(rf"Scanning Files: 1/{len(weeks)}", plan), plan


def test_files_are_the_documented_ones(lake):
    for path in lake.glob("week=*/*"):
        monday = datetime.date.fromisoformat(path.parent.name.removeprefix("week="))
        assert re.fullmatch(r"part-\d{5}-[0-9a-f]{8}\.parquet", path.name)
        assert path.name[11:19] == f"{zlib.crc32(path.read_bytes()):08x}"
        file = parquet.ParquetFile(path, page_checksum_verification=True)
        assert dict(zip(file.schema_arrow.names, file.schema_arrow.types, strict=True)) == IN_FILES
        times = file.read()["time"].to_pylist()
        assert {time.date() - datetime.timedelta(time.weekday()) for time in times} == {monday}
        for group in (file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)):
            assert [list(IN_FILES)[key.column_index] for key in group.sorting_columns] == ["origin_geohash"]
            for chunk in (group.column(index) for index in range(group.num_columns)):
                assert chunk.compression == "ZSTD"
                # What readers of ten years ago know: Spark 3.5 refuses BYTE_STREAM_SPLIT.
                assert set(chunk.encodings) <= {"PLAIN", "RLE", "RLE_DICTIONARY"}
                assert chunk.has_column_index and chunk.has_offset_index
                assert chunk.statistics.has_min_max and chunk.statistics.null_count == 0
        origins = file.read(columns=["origin_geohash"])["origin_geohash"].to_pylist()
        assert origins == sorted(origins)


def test_nothing_but_weeks_and_signs_is_left(lake):
    assert {path.name for path in lake.iterdir() if not path.name.startswith("week=")} == {"_SUCCESS", "_tripstore_export"}
    assert (lake / "_SUCCESS").read_bytes() == b""


def test_a_deletion_is_followed_and_what_is_unchanged_keeps_its_files(server, tmp_path):
    folder = tmp_path / "lake"
    server.ingest(SAMPLE)
    other = tmp_path / "other.csv"
    lines = SAMPLE.read_text().splitlines()
    other.write_text("\n".join([lines[0], lines[1], re.sub(r"2018-\d\d-\d\d", "2019-01-01", lines[1])]))
    job = server.ingest(other)["id"]
    assert export(folder, server.data_dir)["trips"] == 102
    before = contents(folder)
    assert server.delete(f"/jobs/{job}").status == 200
    report = export(folder, server.data_dir)
    after = contents(folder)
    assert (report["trips"], report["removed_weeks"], report["unchanged_weeks"]) == (100, 1, report["weeks"] - 1)
    assert len(after.keys() - before.keys()) == 1
    assert with_duckdb(folder).num_rows == 100


def test_a_reader_finds_whole_weeks_while_they_are_replaced(server, tmp_path):
    """Each listing has for each week all of its trips as they were or as they are, and no file is half."""
    folder = tmp_path / "lake"
    server.ingest(SAMPLE)
    export(folder, server.data_dir)
    weeks = {path.name: {with_week(path)} for path in folder.glob("week=*")}
    job = server.ingest(SAMPLE)["id"]
    export(folder, server.data_dir)
    for path in folder.glob("week=*"):
        weeks[path.name].add(with_week(path))
    seen, stop, problems = set(), threading.Event(), []

    def look():
        while not stop.is_set():
            for name, expected in weeks.items():
                try:
                    found = with_week(folder / name)
                except FileNotFoundError:
                    # Listed, and replaced before it was opened.
                    continue
                seen.add(found)
                if found not in expected:
                    problems.append((name, found, expected))

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for _ in range(5):
            assert server.delete(f"/jobs/{job}").status == 200
            assert export(folder, server.data_dir)["unchanged_weeks"] == 0
            job = server.ingest(SAMPLE)["id"]
            assert export(folder, server.data_dir)["unchanged_weeks"] == 0
    finally:
        stop.set()
        reader.join()
    assert problems == []
    assert len(seen) > 1


def with_week(folder):
    """Trips in the files of a week's folder, listed once."""
    return sum(parquet.ParquetFile(folder / name).metadata.num_rows for name in sorted(os.listdir(folder)))


def test_a_shuffled_load_in_many_jobs_is_the_same_table(tmp_path):
    lines = SAMPLE.read_text().splitlines()
    parts = []
    for number in range(7):
        part = tmp_path / f"{number}.csv"
        part.write_text("\n".join([lines[0], *sorted(lines[1:], key=lambda line: zlib.crc32(line.encode()))[number::7]]))
        parts.append(part)
    cli("ingest", *parts, "--data-dir", tmp_path / "parts")
    cli("ingest", SAMPLE, "--data-dir", tmp_path / "whole")
    tables = []
    for name in ("parts", "whole"):
        export(tmp_path / f"{name}-lake", tmp_path / name)
        tables.append(with_pyarrow(tmp_path / f"{name}-lake"))
    assert in_one_order(tables[0]).equals(in_one_order(tables[1]))
    assert sorted(set(tables[0]["job_id"].to_pylist())) == list(range(1, 8))


# MARK: The command

def test_the_summary_says_what_was_done(sample_store, tmp_path):
    done = cli("export", "--hive", tmp_path / "lake", "--data-dir", sample_store)
    assert re.fullmatch(rf"{tmp_path}/lake: 100 trips of 5 weeks in 5 files, \d+\.\d KiB\n", done.stdout)
    assert done.stderr == ""
    again = cli("export", "--hive", tmp_path / "lake", "--data-dir", sample_store)
    assert "100 trips of 5 weeks (5 unchanged) in 5 files" in again.stdout


def test_progress_moves_on_a_terminal(sample_store, tmp_path):
    terminal = Terminal("export", "--hive", tmp_path / "lake", "--data-dir", sample_store)
    assert terminal.finish() == 0
    assert "100 %  100 of 100 trips" in terminal.text


@pytest.mark.parametrize("place, words", [
    ("{store}", "in the store"), ("{store}/lake", "in the store"), ("{store}/segments", "in the store"),
    ("gs://bucket/trips", "is neither a folder nor s3://BUCKET/PREFIX"), ("{full}", "neither empty nor an export (it has notes.txt)"),
    ("{full}/notes.txt", "is not a folder")])
def test_a_place_that_makes_no_sense_is_refused(sample_store, tmp_path, place, words):
    full = tmp_path / "full"
    full.mkdir()
    (full / "notes.txt").write_text("mine")
    before = sorted(sample_store.rglob("*"))
    done = cli("export", "--hive", place.format(store=sample_store, full=full), "--data-dir", sample_store, check=False)
    assert (done.returncode, done.stdout) == (MAKES_NO_SENSE, "")
    assert words in done.stderr and "--help" in done.stderr
    assert sorted(sample_store.rglob("*")) == before
    assert [path.name for path in full.iterdir()] == ["notes.txt"]


def test_trips_in_clickhouse_are_refused(sample_store, tmp_path):
    done = cli("export", "--hive", tmp_path / "lake", "--data-dir", sample_store, check=False,
               DATABASE_URL="clickhouse://127.0.0.1:1/trips")
    assert done.returncode == MAKES_NO_SENSE
    assert "ClickHouse" in done.stderr
    assert not (tmp_path / "lake").exists()


def test_two_exports_to_one_folder_do_not_meet(sample_store, tmp_path):
    folder = tmp_path / "lake"
    export(folder, sample_store)
    with open(folder / "_tripstore_export") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        done = cli("export", "--hive", folder, "--data-dir", sample_store, check=False)
    assert done.returncode == FAILED
    assert f"Another export is writing to {folder}" in done.stderr


@pytest.mark.parametrize("kind, words", [
    ("ENOSPC", "No space left on device; free space"), ("EACCES", "Permission denied; check the permissions")])
def test_a_disk_that_refuses_is_a_sentence(library, sample_store, tmp_path, kind, words):
    """And the next export is whole."""
    folder, switch = tmp_path / "lake", tmp_path / "refused"
    export(folder, sample_store)
    before = contents(folder)
    switch.touch()
    variables = refusing(library, folder / "_temporary", kind, switch)
    done = cli("export", "--hive", folder, "--data-dir", sample_store, check=False, **variables)
    assert (done.returncode, done.stdout) == (FAILED, "")
    assert done.stderr.startswith("Error: ") and words in done.stderr and done.stderr.count("\n") == 1
    assert contents(folder) == before and not (folder / "_SUCCESS").exists()
    switch.unlink()
    assert export(folder, sample_store, **variables)["unchanged_weeks"] == 5
    assert contents(folder) == before and (folder / "_SUCCESS").exists()
