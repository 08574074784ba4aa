"""From one machine to the cluster and back: every job with its number and all that is said of it, every trip once, whatever dies."""

import json
import random
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from tripstore_tools.harness import clickhouse, postgresql, tripstore
from tripstore_tools.harness.migration import HEADER, QUERIES, Cluster, counted, inspected, interrupted, refusal, said, same, write_odd_trips
from tripstore_tools.harness.tripstore import SAMPLE, TIMEOUT_SECONDS, cli, wait_until

pytestmark = pytest.mark.skipif(
    not (clickhouse.is_installed() and postgresql.is_installed()), reason="clickhouse-server or PostgreSQL is not installed")


def bad_rows(path, rows):
    path.write_text(HEADER + "Prague,POINT (14.4 50.1),POINT (14.5 50.0),2018-05-28 09:03:40,bike\n"
                    + "".join(f'Prague,POINT ({200 + row} 50.1),POINT (14.5 50.0),2018-05-28 09:03:40,"b{row}"\n' for row in range(rows)))
    return path


def listed(data):
    return json.loads(cli("jobs", "--data-dir", data, "--format", "json").stdout)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A data directory with jobs of every kind: odd, merged, rejected, failed, removed and empty ones, and equal bytes twice."""
    folder = tmp_path_factory.mktemp("one-machine")
    data = folder / "data"
    small = [write_odd_trips(folder / f"small {number}, \"{number}\".csv", 40, number) for number in range(12)]
    (folder / "empty.csv").write_text(HEADER)
    (folder / "no-trips.csv").write_text("nothing,of,ours\n1,2,3\n")
    cli("generate", "--rows", 30_000, "--seed", 3, "--output", folder / "generated.csv")
    cli("ingest", write_odd_trips(folder / "odd.csv", 3000, 99), "--data-dir", data)
    cli("ingest", *small[:8], "--data-dir", data)
    for path in small[8:]:
        cli("ingest", path, "--data-dir", data)  # the fourth of them merges some into one segment
    assert cli("ingest", bad_rows(folder / "bad.csv", 300), "--data-dir", data, check=False).returncode == 3
    # Of so many rows some are kept only.
    assert cli("ingest", bad_rows(folder / "worse.csv", 12_000), "--data-dir", data, check=False).returncode == 3
    assert cli("ingest", folder / "no-trips.csv", "--data-dir", data, check=False).returncode == 2
    cli("ingest", folder / "empty.csv", "--data-dir", data)
    cli("ingest", folder / "generated.csv", "--data-dir", data, SEGMENT_ROWS="7000")
    cli("ingest", SAMPLE, "--data-dir", data)
    cli("ingest", "--allow-duplicate", SAMPLE, "--data-dir", data)
    for job in (3, 20):
        cli("jobs", job, "--remove", "--data-dir", data)
    assert {job["status"] for job in listed(data)} == {"completed", "failed", "deleted"} and inspected(data)["trips"] > 30_000
    return data


@pytest.fixture(scope="module")
def expected(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("expected")
    shutil.copytree(store, folder / "data")
    with tripstore.Server(folder / "data", folder / "log") as server:
        return said(server)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


# MARK: there and back

@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_a_store_goes_to_a_cluster_and_back_with_all_that_is_said_of_it(store, expected, places, tmp_path, kind):
    before = contents(store)
    place = places(kind)
    done = cli("migrate", "--data-dir", store, *place.flags)
    assert "gave equal results" in done.stdout and "Comparing answers" in done.stderr
    again = cli("migrate", "--data-dir", store, *place.flags)
    assert "all of them were already there" in again.stdout
    assert contents(store) == before
    home = tmp_path / "home"
    cli("migrate", "--back", "--data-dir", home, *place.flags)
    cli("verify", "--data-dir", home)
    with place.server() as there, tripstore.Server(home, tmp_path / "home.log") as back:
        same(said(there), expected)
        same(said(back), expected)
        last = max(job["id"] for job in listed(store))
        # Both work as any other: IDs, duplicates, deletions.
        for server in (there, back):
            refused = server.post_csv(SAMPLE.read_bytes(), duplicate=None)
            assert refused.status == 409, refused.body
            assert server.ingest(SAMPLE)["id"] == last + 1
            assert server.delete("/jobs/1").status == 200
        assert [there.get(*query).body for query in QUERIES] == [back.get(*query).body for query in QUERIES]


def test_segments_that_came_back_know_their_jobs(store, expected, places, tmp_path):
    """A lost catalog is rebuilt from them."""
    place = places()
    cli("migrate", "--data-dir", store, *place.flags)
    home = tmp_path / "home"
    cli("migrate", "--back", "--data-dir", home, *place.flags, SEGMENT_ROWS="7000")
    (home / "catalog.sqlite").unlink()
    cli("rebuild-catalog", "--data-dir", home)
    with tripstore.Server(home, tmp_path / "home.log") as server:
        for query in QUERIES:
            answer = server.get(*query)
            assert (answer.status, answer.body) == expected[str(query)], query
        assert server.post_csv(SAMPLE.read_bytes(), duplicate=None).status == 409


def test_the_last_numbers_are_not_given_again(places, tmp_path):
    """Also those of jobs that are gone: one whose duplicate was found while it was read."""
    data = tmp_path / "data"
    cli("ingest", SAMPLE, "--data-dir", data)
    assert "skipped" in cli("ingest", "-", "--data-dir", data, stdin=SAMPLE.read_text()).stderr
    for kind in ("postgresql", "sqlite"):
        place = places(kind, suffix=kind)
        cli("migrate", "--data-dir", data, *place.flags)
        with place.server() as server:
            assert server.post_file(SAMPLE) == 3


# MARK: whatever dies


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_migration_goes_on_and_each_trip_counts_once(store, expected, places, tmp_path, seed):
    choice = random.Random(seed)
    place = places(parameters="&rows_per_insert=2000&purge_after_seconds=1")
    rows = sum(job["processed_rows"] for job in listed(store) if job["status"] == "completed")
    there = [tripstore.BINARY, "migrate", "--data-dir", store, *place.flags]
    # The catalog is made before anybody looks into it.
    assert cli("migrate", "--data-dir", tmp_path / "absent", *place.flags, check=False).returncode == 1
    with place.server("beside") as _:
        pass
    moments = sorted(choice.randrange(1, rows) for _ in range(5))
    kills = interrupted(there, {}, place.committed, moments)
    cli(*there[1:])
    home = tmp_path / "home"
    back = [tripstore.BINARY, "migrate", "--back", "--data-dir", home, *place.flags]
    kills += interrupted(back, {"SEGMENT_ROWS": "3000"}, lambda: counted(home), moments)
    cli(*back[1:], SEGMENT_ROWS="3000")
    assert kills >= 4
    cli("verify", "--data-dir", home)
    with place.server() as server, tripstore.Server(home, tmp_path / "home.log") as back:
        same(said(server), expected)
        same(said(back), expected)
        trips = inspected(store)["trips"]
        # What the killed runs left goes, and nothing else does.
        wait_until(lambda: place.stored() == trips, "the purge")
        same(said(server), expected)


def test_it_waits_while_a_shard_is_away(store, expected, tmp_path, catalog):
    with clickhouse.Cluster(tmp_path / "shards") as shards:
        place = Cluster("postgresql", "m_waits", tmp_path, shards, catalog, "&rows_per_insert=2000")
        with place.server() as _:
            pass
        process = subprocess.Popen(
            list(map(str, [tripstore.BINARY, "migrate", "--data-dir", store, *place.flags])), stderr=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env=tripstore.clean_environment())
        wait_until(lambda: place.committed() > 3000 or process.poll() is not None, "some rows", pause=0.002)
        shards.kill(1)
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(process.stderr))
        reader.start()
        wait_until(lambda: any("Waiting: " in line for line in lines) or process.poll() is not None, "it to wait")
        shards.start(1)
        out = process.stdout.read()
        assert process.wait(timeout=TIMEOUT_SECONDS) == 0, "".join(lines)
        reader.join()
        assert "gave equal results" in out and any("Waiting: ClickHouse at " in line for line in lines)
        with place.server() as server:
            same(said(server), expected)


# MARK: refusals


def test_what_cannot_be_migrated_is_refused_and_nothing_is_touched(store, places, tmp_path):
    place = places()
    assert "--database-url" in refusal("migrate", "--data-dir", store, code=64)
    assert "--cluster-data-dir" in refusal("migrate", "--data-dir", store, "--database-url", place.url, code=64)
    assert "separate folders" in refusal("migrate", "--data-dir", store, "--database-url", place.url, "--cluster-data-dir", store / "x", code=64)
    absent = refusal("migrate", "--data-dir", tmp_path / "none", *place.flags)
    assert "There is no store" in absent
    # Another store's jobs, in either place.
    other = tmp_path / "other"
    cli("ingest", SAMPLE, "--data-dir", other)
    cli("migrate", "--data-dir", other, *place.flags)
    assert "neither empty nor an earlier copy" in refusal("migrate", "--data-dir", store, *place.flags)
    home = tmp_path / "home"
    shutil.copytree(store, home)
    assert "neither empty nor an earlier copy" in refusal("migrate", "--back", "--data-dir", home, *place.flags)
    assert contents(home / "segments") == contents(store / "segments")
    # A job of the target that was deleted there is not brought again, and one that came later stays.
    with place.server() as server:
        server.ingest(SAMPLE)
    assert "job 2" in refusal("migrate", "--data-dir", other, *place.flags)
    # A store whose trips are elsewhere.
    sqlite = places("sqlite", suffix="s")
    with sqlite.server() as server:
        server.ingest(SAMPLE)
    assert "in ClickHouse" in refusal("migrate", "--data-dir", sqlite.data, *places(suffix="t").flags)


def test_a_job_that_was_deleted_in_the_target_is_not_brought_again(places, tmp_path):
    data, place = tmp_path / "data", places()
    cli("ingest", SAMPLE, "--data-dir", data)
    cli("migrate", "--data-dir", data, *place.flags)
    with place.server() as server:
        server.delete("/jobs/1")
    assert "removed in the target" in refusal("migrate", "--data-dir", data, *place.flags)


def test_jobs_that_are_not_complete_are_named_with_what_to_do(places, tmp_path, generated_csv):
    data, place = tmp_path / "data", places()
    process = subprocess.Popen([str(tripstore.BINARY), "ingest", str(generated_csv), "--data-dir", str(data)],
                               stderr=subprocess.DEVNULL, env=tripstore.clean_environment(SEGMENT_ROWS="20000"))
    wait_until(lambda: counted(data) > 0, "a commit", pause=0.005)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=TIMEOUT_SECONDS)
    said = refusal("migrate", "--data-dir", data, *place.flags)
    assert f"Job 1 ({generated_csv.name}) is not complete" in said and "tripstore resume" in said
    cli("jobs", "1", "--remove", "--data-dir", data)
    cli("migrate", "--data-dir", data, *place.flags)


def test_damage_is_said_and_not_copied(store, places, tmp_path):
    data, place = tmp_path / "data", places()
    shutil.copytree(store, data)
    segment = max((data / "segments").iterdir(), key=lambda path: path.stat().st_size)
    with segment.open("r+b") as file:
        file.seek(segment.stat().st_size // 3)
        file.write(b"\xff" * 4000)
    damaged = refusal("migrate", "--data-dir", data, *place.flags)
    assert "damaged" in damaged and "verify --quarantine" in damaged
    cli("verify", "--quarantine", "--data-dir", data, check=False)
    missing = refusal("migrate", "--data-dir", data, *place.flags)
    assert "not complete" in missing and "missing" in missing


def test_a_cluster_that_lost_trips_is_not_copied_in_silence(store, places, tmp_path, cluster):
    place = places()
    cli("migrate", "--data-dir", store, *place.flags)
    week = cluster.query(f"SELECT min(week) FROM {place.name}.trips WHERE week > 0").strip()
    cluster.query(f"ALTER TABLE {place.name}.trips DROP PARTITION {week}")
    said = refusal("migrate", "--back", "--data-dir", tmp_path / "home", *place.flags)
    assert "not complete" in said and "missing" in said
