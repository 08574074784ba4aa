"""README's table of settings: each variable changes what it says, each flag overrides its variable, nonsense is named."""

import contextlib
import json
import re
import shutil
import signal
import subprocess
import urllib.request

import pytest

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.terminal import Terminal, bars
from tripstore_tools.harness.tripstore import REPOSITORY, SAMPLE, assert_refused, clean_environment, cli


@pytest.fixture
def store(sample_store, tmp_path):
    """A store of this test's own, with the sample."""
    shutil.copytree(sample_store, tmp_path / "data")
    return tmp_path / "data"


def groups(store, *arguments, **variables):
    """The answer of trip-groups, and its first group."""
    answer = json.loads(cli("trip-groups", "--limit=1", "--format=json", *arguments, DATA_DIR=str(store), **variables).stdout)
    return answer["groups"][0]


def test_readme_lists_the_settings_that_are_tested_here():
    text = (REPOSITORY / "README.md").read_text().split("## Settings")[1].split("##")[0]
    assert set(re.findall(r"`([A-Z][A-Z0-9_]{3,})`", text)) == {
        "DATA_DIR", "HOST", "PORT", "GEOHASH_PRECISION", "TIME_BUCKET_MINUTES", "INGESTION_CHUNK_SIZE", "SEGMENT_ROWS",
        "DATABASE_URL", "SYNC_DATABASE_URL", "SWAGGER_UI_DIR", "LOG_LEVEL", "ALLOW_PRIVATE_ADDRESSES", "CATALOG_URL", "ROLE",
        "UPLOADS_URL", "EVENTS_URL", "EVENTS_SECRET", "MAX_EXPANSION", "DISK_RESERVE", "MAX_UPLOAD_BYTES", "MAX_WAITING_JOBS",
        "FAILED_UPLOAD_HOURS", "FAILED_UPLOAD_BYTES", "QUERY_TIMEOUT", "MAX_WAITING_QUERIES", "ALLOWED_HOSTS", "ALLOWED_ORIGINS",
        "MAX_CONNECTIONS", "CLIENT_TIMEOUT", "IDLE_TIMEOUT", "SHUTDOWN_TIMEOUT", "ALLOWED_S3_BUCKETS", "FETCH_MIN_RATE",
        "FETCH_TIMEOUT", "WATCH", "WATCH_PROFILE"}


def test_data_dir(tmp_path):
    cli("ingest", SAMPLE, DATA_DIR=str(tmp_path / "one"))
    cli("ingest", SAMPLE, "--data-dir", tmp_path / "two", DATA_DIR=str(tmp_path / "one"))
    for name in ("one", "two"):
        assert json.loads(cli("inspect", "--format=json", DATA_DIR=str(tmp_path / name)).stdout)["trips"] == 100
    assert cli("inspect", "--data-dir", tmp_path / "two", DATA_DIR=str(tmp_path / "absent")).returncode == 0


def test_data_dir_is_data_where_nothing_says_otherwise(tmp_path):
    for command in (["ingest", SAMPLE], ["regions"]):
        subprocess.run([str(tripstore.BINARY), *map(str, command)], cwd=tmp_path, env=clean_environment(), check=True,
                       capture_output=True)
    # An empty variable is as good as none.
    subprocess.run([str(tripstore.BINARY), "regions"], cwd=tmp_path, env=clean_environment(DATA_DIR=""), check=True,
                   capture_output=True)
    assert (tmp_path / "data/catalog.sqlite").exists()


def test_geohash_precision(sample_store):
    assert len(groups(sample_store)["origin_geohash"]) == 5
    assert len(groups(sample_store, GEOHASH_PRECISION="7")["origin_geohash"]) == 7
    assert len(groups(sample_store, "--precision=3", GEOHASH_PRECISION="7")["origin_geohash"]) == 3


def test_time_bucket_minutes(sample_store):
    assert groups(sample_store)["time_bucket_minutes"] == 60
    assert groups(sample_store, TIME_BUCKET_MINUTES="15")["time_bucket_minutes"] == 15
    assert groups(sample_store, "--bucket-minutes=1440", TIME_BUCKET_MINUTES="15")["time_bucket_minutes"] == 1440


@pytest.mark.parametrize("command", [["trip-groups"], ["serve", "--port=0"]], ids=str)
@pytest.mark.parametrize("variable, value, words", [
    ("GEOHASH_PRECISION", "0", "1 to 12"), ("GEOHASH_PRECISION", "13", "1 to 12"), ("GEOHASH_PRECISION", "five", "'five'"),
    ("TIME_BUCKET_MINUTES", "7", "divide a day"), ("TIME_BUCKET_MINUTES", "1.5", "'1.5'"),
    ("DATABASE_URL", "postgresql://host/trips", "use 'columnstore:', leave it out"),
    ("DATABASE_URL", "clickhouse://host:x/trips", "DATABASE_URL has a malformed address")])
def test_a_variable_that_makes_no_sense_is_named(store, command, variable, value, words):
    done = cli(*command, check=False, DATA_DIR=str(store), **{variable: value})
    assert_refused(done)
    assert variable in done.stderr and words in done.stderr


@pytest.mark.parametrize("command, variable, value, words", [
    (["serve"], "EVENTS_URL", "ftp://host/", "sns:arn:aws:sns:REGION:ACCOUNT:TOPIC"),
    (["serve"], "CATALOG_URL", "mysql://host/jobs", "postgresql://user:password@host:5432/database"),
    (["serve"], "CATALOG_URL", "postgresql://user:hun/ter@host/jobs", "percent-encoded"),
    (["serve"], "CATALOG_URL", "postgresql://host/jobs", "set DATABASE_URL=clickhouse://"),
    (["regions"], "CATALOG_URL", "postgresql://host/jobs", "set DATABASE_URL=clickhouse://"),
    (["serve"], "QUERY_TIMEOUT", "0", "from 1 to 86400"), (["serve"], "MAX_WAITING_QUERIES", "-1", "from 0 to 1000000"),
    (["serve"], "ROLE", "boss", "api, worker or both"), (["serve"], "ROLE", "worker", "set CATALOG_URL=postgresql://"),
    (["serve"], "UPLOADS_URL", "ftp://host/uploads", "s3://"),
    (["serve"], "PORT", "web", "0 to 65535"), (["serve"], "PORT", "65536", "0 to 65535"),
    (["serve"], "LOG_LEVEL", "loud", "trace, debug"), (["serve"], "ALLOW_PRIVATE_ADDRESSES", "perhaps", "true or false"),
    (["serve"], "INGESTION_CHUNK_SIZE", "0", "1 to"), (["serve"], "SEGMENT_ROWS", "999", "1000 to"),
    (["serve"], "MAX_UPLOAD_BYTES", "large", "such as 20M"), (["serve"], "MAX_WAITING_JOBS", "0", "1 to"),
    (["serve"], "FAILED_UPLOAD_HOURS", "-1", "0 to"), (["serve"], "FAILED_UPLOAD_BYTES", "1P", "such as 20M"),
    (["ingest", SAMPLE], "DISK_RESERVE", "99999999999T", "such as 20M"), (["ingest", SAMPLE], "MAX_EXPANSION", "0", "1 to"),
    (["ingest", SAMPLE], "INGESTION_CHUNK_SIZE", "many", "'many'"),
    (["ingest", SAMPLE], "DATABASE_URL", "sqlite:", "columnstore:"),
    (["jobs", "1", "--remove"], "DATABASE_URL", "sqlite:", "columnstore:")], ids=str)
def test_a_variable_that_makes_no_sense_is_named_by_the_command_that_uses_it(store, command, variable, value, words):
    done = cli(*command, check=False, DATA_DIR=str(store), **{variable: value})
    assert_refused(done)
    assert words in done.stderr


def test_database_url_names_the_only_engine(sample_store):
    assert cli("regions", DATA_DIR=str(sample_store), DATABASE_URL="columnstore:").returncode == 0


def first_rows(terminal):
    """Rows of the first batch, as the moving line shows them."""
    terminal.finish()
    return int(re.search(r"([\d,]+) rows", bars(terminal.text)[0])[1].replace(",", ""))


def test_ingestion_chunk_size(generated_csv, tmp_path):
    """What is read before the first word of progress depends on it."""
    size = "400000"
    usual = first_rows(Terminal("ingest", generated_csv, DATA_DIR=str(tmp_path / "usual")))
    large = first_rows(Terminal("ingest", generated_csv, DATA_DIR=str(tmp_path / "large"), INGESTION_CHUNK_SIZE=size))
    small = first_rows(Terminal("ingest", generated_csv, "--ingestion-chunk-size=1000", DATA_DIR=str(tmp_path / "small"),
                                INGESTION_CHUNK_SIZE=size))
    assert small < usual < int(size) * 0.8 < large
    answers = {cli("regions", "--format=json", DATA_DIR=str(tmp_path / name)).stdout for name in ("usual", "large", "small")}
    assert len(answers) == 1


@pytest.mark.parametrize("flags, variables", [
    ([], {"SEGMENT_ROWS": "20000"}), (["--segment-rows=20000"], {"SEGMENT_ROWS": "1"})], ids=["variable", "flag"])
def test_segment_rows(tmp_path, flags, variables):
    """How much a job commits at a time: the same answers, in more files. (Files of less than 4 MiB are committed at once.)"""
    csv = tmp_path / "trips.csv"
    cli("generate", "--rows", 40_000, "--output", csv)
    cli("ingest", csv, "--data-dir", tmp_path / "usual")
    cli("ingest", csv, *flags, "--data-dir", tmp_path / "small", **variables)
    assert [len(list((tmp_path / name / "segments").iterdir())) for name in ("usual", "small")] == [1, 2]
    assert len({cli("regions", "--format=json", "--data-dir", tmp_path / name).stdout for name in ("usual", "small")}) == 1


@contextlib.contextmanager
def serving(data_dir, *arguments, **variables):
    """`tripstore serve` as these settings make it: its address, and a function that ends it and gives what it wrote."""
    process = subprocess.Popen([str(tripstore.BINARY), "serve", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True, env=clean_environment(DATA_DIR=str(data_dir), **variables))
    said = []
    for line in process.stderr:
        said.append(line)
        if "tripstore listens on" in line:
            break

    def end():
        process.send_signal(signal.SIGTERM)
        return "".join(said) + process.communicate(timeout=tripstore.TIMEOUT_SECONDS)[1]

    try:
        found = re.search(r"listens on (http://\S+)", "".join(said))
        assert found, said
        yield found[1], end
    finally:
        process.kill()
        process.wait()


def fetched(url):
    with urllib.request.urlopen(url, timeout=tripstore.TIMEOUT_SECONDS) as answer:
        return answer.read().decode()


@pytest.mark.parametrize("arguments, variables, host, port", [
    ([], {"HOST": "127.0.0.2", "PORT": "0"}, "127.0.0.2", None),
    (["--host=127.0.0.3"], {"HOST": "127.0.0.2", "PORT": "0"}, "127.0.0.3", None),
    ([], {"PORT": "free"}, "127.0.0.1", "free"),
    (["--port", "free"], {"PORT": "1"}, "127.0.0.1", "free"),
], ids=str)
def test_host_and_port(tmp_path, arguments, variables, host, port):
    free = str(tripstore.free_port())
    arguments = [free if word == "free" else word for word in arguments]
    variables = {name: free if value == "free" else value for name, value in variables.items()}
    with serving(tmp_path / "data", *arguments, **variables) as (url, _):
        assert url.startswith(f"http://{host}:{free if port else ''}")
        assert json.loads(fetched(url + "/ready"))["status"] == "ready"


@pytest.mark.parametrize("arguments, variables, precision, minutes", [
    ([], {}, 5, 60),
    ([], {"GEOHASH_PRECISION": "7", "TIME_BUCKET_MINUTES": "15"}, 7, 15),
    (["--geohash-precision=3", "--time-bucket-minutes=30"], {"GEOHASH_PRECISION": "7", "TIME_BUCKET_MINUTES": "15"}, 3, 30),
], ids=str)
def test_defaults_of_a_servers_queries(store, arguments, variables, precision, minutes):
    with serving(store, "--port=0", *arguments, **variables) as (url, _):
        group = json.loads(fetched(url + "/trip-groups?limit=1"))["groups"][0]
        assert (len(group["origin_geohash"]), group["time_bucket_minutes"]) == (precision, minutes)
        group = json.loads(fetched(url + "/trip-groups?limit=1&precision=4&bucket_minutes=1440"))["groups"][0]
        assert (len(group["origin_geohash"]), group["time_bucket_minutes"]) == (4, 1440)


def test_swagger_ui_dir(tmp_path):
    ours, other = tmp_path / "ours", tmp_path / "other"
    for folder in (ours, other):
        folder.mkdir()
        for name in ("swagger-ui.css", "swagger-ui-bundle.js"):
            (folder / name).write_text(f"/* {folder.name} */")

    def script(*arguments, **variables):
        with serving(tmp_path / "data", "--port=0", *arguments, **variables) as (url, _):
            source = re.search(r'<script src="([^"]*swagger-ui-bundle.js)"', fetched(url + "/docs"))
            return fetched(url + source[1]) if source else None

    assert script(SWAGGER_UI_DIR="") is None

    assert script(SWAGGER_UI_DIR=str(ours)) == "/* ours */"
    assert script("--swagger-ui-dir", str(other), SWAGGER_UI_DIR=str(ours)) == "/* other */"


def test_log_level(tmp_path):
    def lines(*arguments, **variables):
        with serving(tmp_path / "data", "--port=0", *arguments, **variables) as (url, end):
            fetched(url + "/health")
            return [line for line in end().splitlines() if re.match(r"\d{4}-\d\d-\d\dT", line)]

    assert any("/health" in line for line in lines(LOG_LEVEL=""))
    assert lines(LOG_LEVEL="critical") == []
    assert lines("--log-level=info", LOG_LEVEL="critical") != []
    assert len(lines(LOG_LEVEL="trace")) > len(lines(LOG_LEVEL="info"))


def test_sync_database_url_is_ignored_with_one_line(store):
    with serving(store, "--port=0", SYNC_DATABASE_URL="postgresql://host/trips") as (url, end):
        assert json.loads(fetched(url + "/regions"))["regions"]
        assert end().count("SYNC_DATABASE_URL") == 1
    assert cli("regions", DATA_DIR=str(store), SYNC_DATABASE_URL="postgresql://host/trips").stderr == ""


def test_database_url_on_the_command_line_overrides_the_variable(store):
    with serving(store, "--port=0", "--database-url=columnstore:", DATABASE_URL="postgresql://host/trips") as (url, _):
        assert json.loads(fetched(url + "/regions"))["regions"]


def test_a_flag_overrides_a_variable_that_makes_no_sense(store):
    assert len(groups(store, "--precision=4", GEOHASH_PRECISION="99")["origin_geohash"]) == 4
    assert groups(store, "--bucket-minutes=30", TIME_BUCKET_MINUTES="7")["time_bucket_minutes"] == 30
    flags = ["--port=0", "--geohash-precision=4", "--time-bucket-minutes=30", "--log-level=info", "--ingestion-chunk-size=1000"]
    with serving(store, *flags, PORT="web", GEOHASH_PRECISION="99", TIME_BUCKET_MINUTES="7", LOG_LEVEL="loud",
                 INGESTION_CHUNK_SIZE="0") as (url, _):
        group = json.loads(fetched(url + "/trip-groups?limit=1"))["groups"][0]
        assert (len(group["origin_geohash"]), group["time_bucket_minutes"]) == (4, 30)
