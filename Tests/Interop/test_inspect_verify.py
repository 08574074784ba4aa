"""`inspect` shows and never writes; `verify` re-reads every byte and finds the one that is wrong."""

import hashlib
import json
import shutil
import sqlite3

import pytest

from tripstore_tools.harness.tripstore import SAMPLE, Server, cli


def fingerprint(folder):
    """What every file of a folder holds and when it was last written."""
    return {path.relative_to(folder): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
            for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def store(sample_store, tmp_path):
    """A store of this test's own."""
    shutil.copytree(sample_store, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def segment(store):
    return next((store / "segments").glob("*.parquet"))


def flip(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x10
    path.write_bytes(data)


def test_inspect_shows_a_store_and_a_segment(store, segment):
    assert segment.name in cli("inspect", "--data-dir", store).stdout
    text = cli("inspect", segment).stdout
    for word in ("region", "origin_longitude", "week", "100"):
        assert word in text


def test_inspect_in_json(store, segment):
    json.loads(cli("inspect", "--data-dir", store, "--format", "json").stdout)
    assert "origin_longitude" in json.dumps(json.loads(cli("inspect", segment, "--format", "json").stdout))


def test_inspect_and_verify_write_nothing(store, segment):
    before = fingerprint(store)
    cli("inspect", "--data-dir", store)
    cli("inspect", segment)
    cli("verify", "--data-dir", store)
    assert fingerprint(store) == before


def test_inspect_and_verify_work_while_a_server_runs(sample_in_columnstore):
    segments = fingerprint(sample_in_columnstore.data_dir / "segments")
    catalog = (sample_in_columnstore.data_dir / "catalog.sqlite").read_bytes()
    assert "100" in cli("inspect", "--data-dir", sample_in_columnstore.data_dir).stdout
    cli("verify", "--data-dir", sample_in_columnstore.data_dir)
    assert fingerprint(sample_in_columnstore.data_dir / "segments") == segments
    assert (sample_in_columnstore.data_dir / "catalog.sqlite").read_bytes() == catalog


def test_verify_passes_a_sound_store(store):
    assert cli("verify", "--data-dir", store).returncode == 0


@pytest.mark.parametrize("part", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_verify_finds_a_flipped_bit(store, segment, part):
    flip(segment, int(segment.stat().st_size * part))
    done = cli("verify", "--data-dir", store, check=False)
    assert done.returncode != 0
    assert segment.name in done.stdout + done.stderr


def test_verify_finds_a_flipped_bit_wherever_it_is(store, segment):
    """Every 97th byte of the file in turn; each time the damage is reported."""
    sound = segment.read_bytes()
    missed = []
    for offset in range(0, len(sound), max(97, len(sound) // 40)):
        flip(segment, offset)
        if cli("verify", "--data-dir", store, check=False).returncode == 0:
            missed.append(offset)
        segment.write_bytes(sound)
    assert missed == []


@pytest.mark.parametrize("damage", ["truncated", "emptied", "missing", "zeroed footer"])
def test_damaged_file_is_named_and_does_not_stop_inspect(store, segment, damage):
    data = segment.read_bytes()
    if damage == "truncated":
        segment.write_bytes(data[: len(data) // 2])
    elif damage == "emptied":
        segment.write_bytes(b"")
    elif damage == "missing":
        segment.unlink()
    else:
        segment.write_bytes(data[:-64] + bytes(64))
    verified = cli("verify", "--data-dir", store, check=False)
    assert verified.returncode != 0
    assert segment.name in verified.stdout + verified.stderr
    inspected = cli("inspect", "--data-dir", store, check=False)
    assert segment.name in inspected.stdout + inspected.stderr
    assert "Fatal error" not in inspected.stderr


def test_a_store_of_a_newer_version_is_refused_and_left_alone(store, segment):
    """Its catalog has a migration that this program does not know; then a segment has a format that it does not know."""
    def change_catalog(statement):
        catalog = sqlite3.connect(store / "catalog.sqlite")
        catalog.execute(statement)
        catalog.commit()
        catalog.close()

    def is_refused(*command):
        done = cli(*command, "--data-dir", store, check=False)
        return done.returncode == 1 and "newer version" in done.stderr

    change_catalog("INSERT INTO grdb_migrations VALUES ('v99: from the future')")
    before = fingerprint(store / "segments")
    for command in (["weekly-average"], ["ingest", SAMPLE], ["verify", "--quarantine"], ["jobs"]):
        assert is_refused(*command), command
    assert fingerprint(store / "segments") == before
    change_catalog("DELETE FROM grdb_migrations WHERE identifier LIKE 'v99%'")
    cli("weekly-average", "--data-dir", store)

    data = segment.read_bytes()
    # In Thrift's compact form the value follows its key: the kind of its field, its length, its text.
    key = b"tripstore.format_version\x18\x01"
    assert data.count(key + b"1") == 1
    segment.unlink()
    segment.write_bytes(data.replace(key + b"1", key + b"9"))
    for command in (["weekly-average"], ["verify", "--quarantine"]):
        assert is_refused(*command), command
    assert segment.exists() and not (store / "quarantine").exists()


def test_a_damaged_segment_is_opened_once_and_not_for_every_query(store, segment, tmp_path):
    """Each attempt is a line of the log; once the catalog has changed there is a reason for another."""
    segment.write_bytes(segment.read_bytes()[:-100])
    server = Server(store, tmp_path / "log")
    try:
        server.start("/health")

        def attempts():
            return server.log.read_text().count("Committed trips cannot be published")
        for times in (1, 2):
            for _ in range(10):
                for path in ("/analytics/weekly-average", "/trip-groups", "/regions"):
                    answer = server.get(path)
                    assert answer.status == 500 and "is damaged" in answer.detail, answer.body
            # Who divides requests by it sends them elsewhere.
            ready = server.get("/ready")
            assert ready.status == 503 and "is damaged" in ready.detail and str(store) not in ready.detail
            assert attempts() <= times, server.log.read_text()
            server.ingest(SAMPLE)
    finally:
        server.stop()
