"""An export in S3 is the folder that an export on a disk is: the same files, found by other engines, replaced under its readers."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time

import duckdb
import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet as parquet
import pytest

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.generated import ASKED_ROWS
from tripstore_tools.harness.parquet_rows import COLUMNS, contents, in_one_order
from tripstore_tools.harness.s3_server import KEY_ID, SECRET
from tripstore_tools.harness.tripstore import SAMPLE, cli

MAKES_NO_SENSE, FAILED = 64, 1
SIGNS = {"_SUCCESS", "_tripstore_export"}
MANIFESTS = "_symlink_format_manifest/"


def export(s3, prefix, store, **variables):
    return json.loads(cli("export", "--hive", f"s3://trips/{prefix}", "--data-dir", store, "--format", "json",
                          **s3.variables(**variables)).stdout)


def exported(s3, prefix):
    """Files of weeks by their names under the prefix, and their bytes."""
    found = s3.objects("trips", prefix + "/week=")
    return {key.removeprefix(prefix + "/"): content for key, content in found.items()}


def manifests(s3, prefix):
    """Keys of the files that each week's manifest names."""
    return {key.split("/")[-2]: [line.removeprefix("s3://trips/") for line in content.decode().splitlines()]
            for key, content in s3.objects("trips", f"{prefix}/{MANIFESTS}").items()}


def file_system(s3):
    return pyarrow.fs.S3FileSystem(access_key=KEY_ID, secret_key=SECRET, endpoint_override=f"127.0.0.1:{s3.port}", scheme="http",
                                   region="us-east-1")


def in_place(s3, prefix):
    """The lake as pyarrow reads it from S3."""
    weeks = pa.dataset.partitioning(pa.schema([("week", pa.date32())]), flavor="hive")
    return pa.dataset.dataset(f"trips/{prefix}", filesystem=file_system(s3), format="parquet", partitioning=weeks)


@pytest.fixture(scope="module")
def lake(s3, generated_in_columnstore, tmp_path_factory):
    """The synthetic million in S3, and in a folder."""
    report = export(s3, "lake", generated_in_columnstore.data_dir)
    assert (report["trips"], report["unchanged_weeks"], report["removed_weeks"]) == (ASKED_ROWS, 0, 0)
    folder = tmp_path_factory.mktemp("folder") / "lake"
    cli("export", "--hive", folder, "--data-dir", generated_in_columnstore.data_dir)
    return folder


def test_objects_are_the_files_of_a_folder(s3, lake):
    assert exported(s3, "lake") == contents(lake)
    others = [key for key in s3.keys("trips", "lake/") if not key.startswith("lake/week=")]
    assert {key.removeprefix("lake/") for key in others if MANIFESTS not in key} == SIGNS
    assert s3.uploads("trips") == []


def test_manifests_name_the_files_of_each_week(s3, lake):
    named = manifests(s3, "lake")
    assert sorted(key for keys in named.values() for key in keys) == s3.keys("trips", "lake/week=")
    assert all(key.startswith(f"lake/{week}/") for week, keys in named.items() for key in keys)


def test_pyarrow_reads_the_rows_of_the_csv_in_place(s3, lake, oracle):
    table = in_place(s3, "lake").to_table()
    assert set(table.column_names) == set(COLUMNS)
    assert in_one_order(table).equals(in_one_order(oracle.database.sql("SELECT * FROM trips").to_arrow_table()))


def test_duckdb_answers_as_the_program(s3, lake, generated_in_columnstore):
    """Over pyarrow's files: DuckDB's own client for S3 is an extension that would have to be downloaded."""
    trips = duckdb.connect()
    trips.register("trips", in_place(s3, "lake"))
    counts = trips.execute("SELECT week, count(*) FROM trips GROUP BY week ORDER BY week").fetchall()
    answer = generated_in_columnstore.get("/analytics/weekly-average").json
    assert [(week.isoformat(), count) for week, count in counts] == [
        (week["week_start"], week["trips"]) for week in answer["weeks"] if week["trips"]]


def test_a_week_of_several_parts_arrives_whole(s3, generated_csv, tmp_path):
    """Its file is larger than what is sent in one request."""
    csv = tmp_path / "week.csv"
    csv.write_text(re.sub(r"\d{4}-\d\d-\d\d(?=[ T])", "2018-05-30", generated_csv.read_text()))
    cli("ingest", csv, "--data-dir", tmp_path / "data")
    assert export(s3, "large", tmp_path / "data")["files"] == 1
    cli("export", "--hive", tmp_path / "lake", "--data-dir", tmp_path / "data")
    files = exported(s3, "large")
    assert files == contents(tmp_path / "lake")
    assert len(next(iter(files.values()))) > 16 << 20
    (key,) = s3.keys("trips", "large/week=")
    # The mark of an object that was put together.
    assert re.fullmatch(r'"[0-9a-f]{32}-\d+"', s3.client.head_object(Bucket="trips", Key=key)["ETag"])


# MARK: A second export

def test_a_deletion_is_followed_and_what_is_unchanged_is_not_sent_again(s3, server, tmp_path):
    server.ingest(SAMPLE)
    other = tmp_path / "other.csv"
    lines = SAMPLE.read_text().splitlines()
    other.write_text("\n".join([lines[0], lines[1], re.sub(r"2018-\d\d-\d\d", "2019-01-01", lines[1])]))
    job = server.ingest(other)["id"]
    assert export(s3, "second", server.data_dir)["trips"] == 102
    before = {key: s3.client.head_object(Bucket="trips", Key=key)["LastModified"] for key in s3.keys("trips", "second/week=")}
    # What it says of time has seconds.
    time.sleep(1.1)
    assert server.delete(f"/jobs/{job}").status == 200
    report = export(s3, "second", server.data_dir)
    after = {key: s3.client.head_object(Bucket="trips", Key=key)["LastModified"] for key in s3.keys("trips", "second/week=")}
    assert (report["trips"], report["removed_weeks"], report["unchanged_weeks"]) == (100, 1, report["weeks"] - 1)
    assert len(after.keys() - before.keys()) == 1
    assert all(after[key] == before[key] for key in after.keys() & before.keys())
    assert set(manifests(s3, "second")) == {key.split("/")[1] for key in after}
    assert in_place(s3, "second").count_rows() == 100


def test_what_readers_find_while_weeks_are_replaced(s3, server):
    """By the manifest a week as it was or as it is; by listing never too few trips, and never half a file."""
    server.ingest(SAMPLE)
    export(s3, "replaced", server.data_dir)
    files = file_system(s3)

    def rows(key):
        return parquet.ParquetFile(files.open_input_file(f"trips/{key}")).metadata.num_rows

    weeks = {week: {sum(map(rows, keys))} for week, keys in manifests(s3, "replaced").items()}
    job = server.ingest(SAMPLE)["id"]
    export(s3, "replaced", server.data_dir)
    for week, keys in manifests(s3, "replaced").items():
        weeks[week].add(sum(map(rows, keys)))
    seen, stop, problems = {"manifest": set(), "list": set()}, threading.Event(), []

    def look(kind, keys_of):
        while not stop.is_set():
            for week, expected in weeks.items():
                keys = keys_of(week)
                try:
                    found = sum(map(rows, keys))
                except OSError as error:
                    # Removed before it was opened, which happens only if the week was replaced meanwhile.
                    if ("NOT_FOUND" not in str(error) and not isinstance(error, FileNotFoundError)) or keys_of(week) == keys:
                        problems.append((kind, week, error))
                    continue
                seen[kind].add((week, found))
                if found not in expected and (kind == "manifest" or found < min(expected)):
                    problems.append((kind, week, found, expected))

    def named(week):
        key = f"replaced/{MANIFESTS}{week}/manifest"
        lines = s3.client.get_object(Bucket="trips", Key=key)["Body"].read().decode().splitlines()
        return [line.removeprefix("s3://trips/") for line in lines]

    readers = [threading.Thread(target=look, args=("manifest", named)),
               threading.Thread(target=look, args=("list", lambda week: s3.keys("trips", f"replaced/{week}/")))]
    for reader in readers:
        reader.start()

    def has_seen_both(kind):
        return any({(week, found) for found in expected} <= seen[kind] for week, expected in weeks.items())

    try:
        for turn in range(30):
            assert server.delete(f"/jobs/{job}").status == 200
            assert export(s3, "replaced", server.data_dir)["unchanged_weeks"] == 0
            job = server.ingest(SAMPLE)["id"]
            assert export(s3, "replaced", server.data_dir)["unchanged_weeks"] == 0
            if turn >= 4 and all(map(has_seen_both, seen)):
                break
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert problems == []
    assert all(map(has_seen_both, seen)), seen


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_export_that_is_killed_is_made_whole_by_the_next(s3, generated_in_columnstore, sample_store, tmp_path, seed):
    """At a random moment; no invisible parts of files are left that somebody pays for."""
    chance = random.Random(seed)
    prefix = f"killed-{seed}"
    store = generated_in_columnstore.data_dir
    export(s3, prefix, sample_store)
    command = [tripstore.BINARY, "export", "--hive", f"s3://trips/{prefix}", "--data-dir", store]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=tripstore.clean_environment(**s3.variables(TMPDIR=str(tmp_path))))
    # Counted in what it has done, so that each machine kills it under way.
    count = chance.randrange(1, 45)
    tripstore.wait_until(lambda: len(s3.keys("trips", f"{prefix}/{MANIFESTS}")) > 5 + count or process.poll() is not None,
                         f"{count} weeks")
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert f"{prefix}/_SUCCESS" not in s3.keys("trips", prefix)
    assert export(s3, prefix, store)["trips"] == ASKED_ROWS
    assert s3.uploads("trips") == []
    assert f"{prefix}/_SUCCESS" in s3.keys("trips", prefix)
    cli("export", "--hive", tmp_path / "lake", "--data-dir", store)
    assert exported(s3, prefix) == contents(tmp_path / "lake")
    shutil.rmtree(tmp_path / "lake")


def test_of_two_exports_at_once_the_first_is_stopped_and_the_next_one_is_whole(s3, generated_in_columnstore, sample_store):
    """The change that the first one was about to make when the other began may come late, so one more export is needed."""
    command = [tripstore.BINARY, "export", "--hive", "s3://trips/two", "--data-dir", generated_in_columnstore.data_dir]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                             env=tripstore.clean_environment(**s3.variables()))
    try:
        tripstore.wait_until(lambda: len(s3.keys("trips", "two/week=")) > 3, "some weeks")
        first.send_signal(signal.SIGSTOP)
        assert export(s3, "two", sample_store)["trips"] == 100
    finally:
        first.send_signal(signal.SIGCONT)
    _, errors = first.communicate(timeout=tripstore.TIMEOUT_SECONDS)
    assert first.returncode == FAILED and "Another export to s3://trips/two has begun since" in errors
    assert export(s3, "two", sample_store)["trips"] == 100
    assert in_place(s3, "two").count_rows() == 100
    assert set(manifests(s3, "two")) == {key.split("/")[1] for key in s3.keys("trips", "two/week=")}
    assert s3.uploads("trips") == []


# MARK: The command

def test_the_summary_and_the_folder_of_files_under_way(s3, sample_store, tmp_path):
    done = cli("export", "--hive", "s3://trips/summary/", "--data-dir", sample_store, **s3.variables(TMPDIR=str(tmp_path)))
    assert re.fullmatch(r"s3://trips/summary/: 100 trips of 5 weeks in 5 files, \d+\.\d KiB\n", done.stdout)
    assert os.listdir(tmp_path) == []
    assert len(s3.keys("trips", "summary/week=")) == 5


@pytest.mark.parametrize("place, words", [
    ("s3://", "--hive must be s3://BUCKET/PREFIX"), ("s3://UPPER/x", "--hive must be s3://BUCKET/PREFIX"),
    ("s3://absent-bucket/lake", "There is no bucket absent-bucket"), ("s3://trips/mine", "neither empty nor an export")])
def test_a_place_that_is_none_is_a_sentence(s3, sample_store, place, words):
    s3.client.put_object(Bucket="trips", Key="mine/notes.txt", Body=b"mine")
    done = cli("export", "--hive", place, "--data-dir", sample_store, check=False, **s3.variables())
    assert done.returncode in (MAKES_NO_SENSE, FAILED) and done.stdout == ""
    assert done.stderr.startswith("Error: ") and words in done.stderr
    assert s3.keys("trips", "mine/") == ["mine/notes.txt"]


def test_no_credentials_and_no_server_are_a_sentence(s3, sample_store, tmp_path):
    done = cli("export", "--hive", "s3://trips/nobody", "--data-dir", sample_store, check=False, AWS_ENDPOINT_URL=s3.url,
               HOME=str(tmp_path))
    assert done.returncode == FAILED and "no AWS credentials were found" in done.stderr
    variables = s3.variables(AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{tripstore.free_port()}")
    done = cli("export", "--hive", "s3://trips/nobody", "--data-dir", sample_store, check=False, **variables)
    assert done.returncode == FAILED and "in 6 attempts: the server cannot be reached" in done.stderr
    assert s3.keys("trips", "nobody") == []
