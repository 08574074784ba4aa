"""Trips in ClickHouse: the same answers to the byte, every row once whatever dies, and clear errors if that is impossible.

Other tests check the API's answers for this engine too, which get a server of each (`conftest.py`)."""

import json
import random
import re
import shutil
import signal
import time

import pytest

from tripstore_tools.harness import clickhouse, tripstore
from tripstore_tools.harness.clickhouse import answers, serve
from tripstore_tools.harness.queries import FILTERS, GROUPINGS

pytestmark = pytest.mark.skipif(not clickhouse.is_installed(), reason="clickhouse-server is not installed")


@pytest.fixture
def own_cluster(tmp_path):
    """Two shards of this test's own, to be killed."""
    with clickhouse.Cluster(tmp_path / "shards") as cluster:
        yield cluster


def stored_rows(cluster, database):
    """Rows in the tables, whether they count or not."""
    return sum(int(cluster.query(f"SELECT count() FROM {database}.trips", shard=number)) for number in range(2))


# MARK: the same answers

@pytest.mark.parametrize("weeks", ["calendar", "active", "elapsed"])
@pytest.mark.parametrize("name", FILTERS)
def test_weeks_are_equal_to_the_byte(generated_in_columnstore, generated_in_clickhouse, oracle, name, weeks):
    parameters = FILTERS[name](oracle) | {"weeks": weeks}
    ours, theirs = (server.get("/analytics/weekly-average", parameters)
                    for server in (generated_in_columnstore, generated_in_clickhouse))
    assert (ours.status, ours.body) == (theirs.status, theirs.body)


@pytest.mark.parametrize("name", GROUPINGS)
def test_groups_are_equal_to_the_byte(generated_in_columnstore, generated_in_clickhouse, oracle, name):
    for scope in ("all", "region", "large box", "either"):
        parameters = FILTERS[scope](oracle) | GROUPINGS[name]
        ours, theirs = (server.get("/trip-groups", parameters)
                        for server in (generated_in_columnstore, generated_in_clickhouse))
        assert (ours.status, ours.body) == (theirs.status, theirs.body), scope


def test_regions_are_equal_to_the_byte(generated_in_columnstore, generated_in_clickhouse):
    assert generated_in_columnstore.get("/regions").body == generated_in_clickhouse.get("/regions").body


def test_odd_trips_are_equal_to_the_byte(tmp_path, cluster):
    """Times before 1970, ends of the world, both zeros, coordinates of all digits, names that SQL would trip over."""
    choice = random.Random(5)
    names = ["'", "\\", "a'; DROP TABLE trips; --", "é", "e\u0301", "\\x41", "%s", "`b`", "日本", "{x:String}", "a\tb"]
    coordinates = ["-180", "180", "0", "-0", "-0.0", "5e-324", "1e-300", "179.99999999999997", "-90", "90", "45.00000000000001",
                   "0.1", "-0.30000000000000004", "12.345678901234567"]
    times = ["0001-01-01 00:00:00", "1969-12-31 23:59:59", "1970-01-01 00:00:00", "1969-12-29 00:00:00", "9999-12-31 23:59:59",
             "2018-05-28 09:03:40", "1900-02-28 12:34:56"]
    lines = ["region,origin_coord,destination_coord,datetime,datasource"]
    for _ in range(3000):
        def point():
            latitude = choice.choice([value for value in coordinates if abs(float(value)) <= 90])
            return f"POINT ({choice.choice(coordinates)} {latitude})"
        lines.append(",".join([choice.choice(names), point(), point(), choice.choice(times), choice.choice(names)]))
    path = tmp_path / "odd.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    # Between the years 1 and 9999 are half a million weeks, more than one answer lists.
    active = {"weeks": "active"}
    queries = [("/regions", {}), ("/analytics/weekly-average", {"weeks": "elapsed"}),
                 ("/analytics/weekly-average", active | {"to": "1970-01-01"}),
                 ("/analytics/weekly-average", active | {"from": "1969-12-31T23:59:59"})]
    for precision in (1, 5, 11, 12):
        for bucket in ("time_of_day", "absolute"):
            queries.append(("/trip-groups", {"precision": precision, "bucket": bucket, "limit": 10_000, "bucket_minutes": 15}))
    for name in names:
        queries += [("/analytics/weekly-average", active | {"region": name}), ("/trip-groups", {"datasource": name})]
    for low, high in [("-0.0", "0"), ("5e-324", "1e-300"), ("45.00000000000001", "90"), ("-90", "-0.30000000000000004")]:
        for within in ("origin", "destination", "both", "either"):
            box = {"min_lat": low, "max_lat": high, "min_lng": low, "max_lng": high, "within": within}
            queries += [("/analytics/weekly-average", active | box), ("/trip-groups", box)]
    with tripstore.Server(tmp_path / "a", tmp_path / "a.log") as ours, \
            tripstore.Server(tmp_path / "b", tmp_path / "b.log", DATABASE_URL=cluster.database_url("odd")) as theirs:
        one, other = ours.ingest(path), theirs.ingest(path)
        assert one["status"] == other["status"] == "completed" and one["processed_rows"] == other["processed_rows"] == 3000
        assert one["rejected_rows"] == other["rejected_rows"]
        matched = 0
        for query in queries:
            a, b = ours.get(*query), theirs.get(*query)
            assert (a.status, a.body) == (b.status, b.body), query
            matched += a.status == 200
        assert matched > len(queries) / 2


def test_the_command_line_asks_it_too(sample_in_clickhouse, sample_store, cluster):
    variables = {"DATABASE_URL": cluster.database_url("sample")}
    for command in (["weekly-average"], ["trip-groups", "--limit=200"], ["regions"]):
        theirs = tripstore.cli(*command, "--format=json", "--data-dir", sample_in_clickhouse.data_dir, **variables)
        assert theirs.stdout == tripstore.cli(*command, "--format=json", "--data-dir", sample_store).stdout
    verified = tripstore.cli("verify", "--data-dir", sample_in_clickhouse.data_dir, **variables)
    assert verified.stdout == "ClickHouse has every trip of the 1 completed job once.\n"
    refused = tripstore.cli("inspect", "--data-dir", sample_in_clickhouse.data_dir, check=False, **variables)
    assert refused.returncode != 0 and "ClickHouse" in refused.stderr


@pytest.fixture(scope="module")
def generated_in_current_clickhouse(asked_csv, tmp_path_factory):
    """A server whose trips are in a current ClickHouse."""
    folder = tmp_path_factory.mktemp("current-clickhouse")
    with clickhouse.Current(folder / "chdb") as current, \
            tripstore.Server(folder / "data", folder / "log", DATABASE_URL=current.database_url("trips")) as server:
        job = server.ingest(asked_csv)
        assert job["status"] == "completed", job
        yield server


@pytest.mark.parametrize("name", FILTERS)
def test_a_current_version_answers_the_same(generated_in_columnstore, generated_in_current_clickhouse, oracle, name):
    queries = [("/analytics/weekly-average", FILTERS[name](oracle) | {"weeks": weeks})
                 for weeks in ("calendar", "active", "elapsed")]
    queries += [("/trip-groups", FILTERS[name](oracle) | grouping) for grouping in GROUPINGS.values()]
    for query in [*queries, ("/regions", {})]:
        ours = generated_in_columnstore.get(*query)
        if ours.json.get("groups") == []:
            continue  # chdb's own fault: JSON of an answer without rows comes with its pieces out of order
        theirs = generated_in_current_clickhouse.get(*query)
        assert (ours.status, ours.body) == (theirs.status, theirs.body), query


# MARK: jobs

def test_jobs_come_and_go_whole(tmp_path, cluster):
    """Loaded twice, deleted once, resumed; an invalid file; deleted rows are removed from the tables in time."""
    with serve(tmp_path, cluster, "jobs", "&purge_after_seconds=0") as server:
        first = server.ingest(tripstore.SAMPLE)
        once = answers(server)
        second = server.ingest(tripstore.SAMPLE)
        assert second["status"] == "completed" and answers(server) != once
        assert stored_rows(cluster, "jobs") == 200
        assert server.delete(f"/jobs/{first['id']}").json["status"] == "deleted"
        assert answers(server) == once
        failed = server.wait_for_job(server.post_csv(b"no,header\n1,2\n").json["job_id"])
        assert failed["status"] == "failed" and answers(server) == once
        tripstore.wait_until(lambda: stored_rows(cluster, "jobs") == 100, "the purge")
        assert answers(server) == once
        assert server.get("/metrics").body.decode().count("\ntripstore_trips 100\n") == 1
        server.delete(f"/jobs/{second['id']}")
        assert server.get("/analytics/weekly-average").status == 404
        tripstore.wait_until(lambda: stored_rows(cluster, "jobs") == 0, "the purge")


def test_queries_during_a_load_see_none_of_it(tmp_path, cluster, generated_csv):
    with serve(tmp_path, cluster, "during") as server:
        server.ingest(tripstore.SAMPLE)
        before = server.get("/analytics/weekly-average").json["total_trips"]
        job = server.post_file(generated_csv)
        seen = set()
        while server.job(job)["status"] in ("pending", "running"):
            seen.add(server.get("/analytics/weekly-average").json["total_trips"])
        seen.add(server.get("/analytics/weekly-average").json["total_trips"])
        assert seen == {before, before + 1_000_000}
        # Cancelled in the middle of another one.
        job = server.post_file(generated_csv)
        tripstore.wait_until(lambda: server.job(job)["processed_rows"] > 100_000, "the load")
        server.delete(f"/jobs/{job}")
        assert server.get("/analytics/weekly-average").json["total_trips"] == before + 1_000_000


@pytest.mark.parametrize("seed", range(3))
def test_every_row_once_though_the_program_is_killed(tmp_path, own_cluster, generated_csv, loaded_in_columnstore, seed):
    """At random moments of a job, three times; small parts, so that some are committed and some are not."""
    choice = random.Random(seed)
    server = serve(tmp_path, own_cluster, parameters="&purge_after_seconds=0&rows_per_insert=30000")
    server.start()
    try:
        job = server.post_file(generated_csv)
        for _ in range(3):
            time.sleep(choice.uniform(0.05, 1.2))
            server.kill()
            server.start()
        assert server.wait_for_job(job)["status"] == "completed"
        assert answers(server) == answers(loaded_in_columnstore)
        tripstore.wait_until(lambda: stored_rows(own_cluster, "d") == 1_000_000, "the purge")
        assert answers(server) == answers(loaded_in_columnstore)
        # What earlier runs of the job have committed goes with it, though the purge has been at what they had not.
        server.delete(f"/jobs/{job}")
        tripstore.wait_until(lambda: stored_rows(own_cluster, "d") == 0, "the purge")
        assert server.get("/analytics/weekly-average").status == 404
    finally:
        server.stop()


@pytest.mark.parametrize("seed", range(2))
def test_every_row_once_though_a_shard_is_killed(tmp_path, own_cluster, generated_csv, loaded_in_columnstore, seed):
    """It comes back after a while; the job waits and says so, and needs no help."""
    choice = random.Random(seed)
    with serve(tmp_path, own_cluster, parameters="&rows_per_insert=30000") as server:
        job = server.post_file(generated_csv)
        for _ in range(2):
            time.sleep(choice.uniform(0.1, 0.8))
            own_cluster.kill(seed % 2)
            time.sleep(choice.uniform(0.1, 1.5))
            own_cluster.start(seed % 2)
        assert server.wait_for_job(job)["status"] == "completed"
        assert answers(server) == answers(loaded_in_columnstore)


def test_a_shard_that_is_away_is_said_and_forgotten_when_it_is_back(tmp_path, own_cluster):
    with serve(tmp_path, own_cluster) as server:
        server.ingest(tripstore.SAMPLE)
        for shard in range(2):
            own_cluster.kill(shard)
            away = server.get("/analytics/weekly-average")
            assert away.status == 503 and "ClickHouse" in away.detail, away.body
            # Whoever watches it must see it now of all times.
            assert "\ntripstore_trips 100\n" in server.get("/metrics").body.decode()
            own_cluster.start(shard)
            assert server.get("/analytics/weekly-average").json["total_trips"] == 100
        own_cluster.stop(signal.SIGKILL)
        job = server.post_file(tripstore.SAMPLE)
        tripstore.wait_until(lambda: "Waiting" in (server.job(job)["message"] or ""), "the load to say that it waits")
        own_cluster.start()
        assert server.wait_for_job(job)["status"] == "completed"
        assert server.get("/analytics/weekly-average").json["total_trips"] == 200


def test_a_load_that_waits_can_be_stopped_and_cancelled(tmp_path, own_cluster):
    """A server that is stopped meanwhile resumes at its next start; a job that is deleted meanwhile is cancelled."""
    with serve(tmp_path, own_cluster) as server:
        own_cluster.stop(signal.SIGKILL)
        jobs = [server.post_file(tripstore.SAMPLE) for _ in range(2)]

        def waits():
            return "Waiting" in (server.job(jobs[0])["message"] or "")

        tripstore.wait_until(waits, "the load to say that it waits")
        assert server.stop() == 0
        own_cluster.start()
        server.start()
        assert [server.wait_for_job(job)["status"] for job in jobs] == ["completed"] * 2
        own_cluster.stop(signal.SIGKILL)
        jobs = [server.post_file(tripstore.SAMPLE)]
        tripstore.wait_until(waits, "the load to say that it waits")
        assert server.delete(f"/jobs/{jobs[0]}").json["status"] == "cancelled"
        own_cluster.start()
        assert server.get("/analytics/weekly-average").json["total_trips"] == 200


# MARK: what cannot be

@pytest.mark.parametrize("change, sentence", [
    (lambda url: url.replace("secret", "wrong"), "password"),
    (lambda url: url.replace("cluster=trips", "cluster=nowhere"), "no cluster 'nowhere'"),
    (lambda url: url.split(",")[0] + "/" + url.split("/")[-1], "name the address of each"),
    (lambda url: url.split("?")[0], "several servers and no cluster"),
    (lambda url: "clickhouse://127.0.0.1:1/d", "does not answer"),
    (lambda url: "clickhouse://127.0.0.1:1/d?x=y", "unknown parameter 'x'"),
])
def test_a_url_that_leads_nowhere_is_a_sentence(tmp_path, cluster, change, sentence):
    url = change(cluster.database_url("nowhere"))
    done = tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", tmp_path / "data", check=False, DATABASE_URL=url)
    assert done.returncode != 0 and sentence in done.stderr and "secret" not in done.stderr, done.stderr


def test_one_shard_is_not_taken_for_the_cluster(tmp_path, cluster):
    """Found: without `?cluster=` answers had the trips of one shard, without a warning."""
    url = cluster.database_url("forgotten")
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", tmp_path / "data", DATABASE_URL=url)
    alone = re.sub(r",[^/]*", "", url.split("?")[0])
    for command in (["ingest", tripstore.SAMPLE], ["weekly-average"]):
        done = tripstore.cli(*command, "--data-dir", tmp_path / "data", check=False, DATABASE_URL=alone)
        assert done.returncode != 0 and "?cluster=trips" in done.stderr and "secret" not in done.stderr, done.stderr
    tripstore.cli("weekly-average", "--data-dir", tmp_path / "data", DATABASE_URL=url)


def test_trips_of_another_catalog_are_refused(tmp_path, cluster):
    """Their jobs have the same numbers, so they would be taken for this one's."""
    url = cluster.database_url("owned")
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", tmp_path / "one", DATABASE_URL=url)
    done = tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", tmp_path / "other", check=False, DATABASE_URL=url)
    assert done.returncode != 0 and "another catalog" in done.stderr
    tripstore.cli("weekly-average", "--data-dir", tmp_path / "one", DATABASE_URL=url)


def test_a_catalog_that_is_older_than_the_trips_is_refused(tmp_path, cluster):
    """Restored as it was, it would count trips that it knows nothing of; without them it is as it was."""
    url = cluster.database_url("restored")
    ingest = ("ingest", tripstore.SAMPLE, "--allow-duplicate", "--data-dir", tmp_path / "data")
    query = ("weekly-average", "--format=json", "--data-dir", tmp_path / "data")
    tripstore.cli(*ingest, DATABASE_URL=url)
    expected = tripstore.cli(*query, DATABASE_URL=url).stdout
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    tripstore.cli(*ingest, DATABASE_URL=url)
    tripstore.cli(*ingest, DATABASE_URL=url)
    shutil.rmtree(tmp_path / "data")
    (tmp_path / "copy").rename(tmp_path / "data")
    for command in (ingest, query):
        done = tripstore.cli(*command, check=False, DATABASE_URL=url)
        assert done.returncode != 0 and "has trips of job 3, but the catalog's last job is 1" in done.stderr, done.stderr
    remedy = re.search(r"ALTER TABLE .* DELETE WHERE job_id > 1", done.stderr)[0]
    for shard in range(2):
        cluster.query(remedy, shard=shard)
        tripstore.wait_until(lambda: cluster.query("SELECT count() FROM system.mutations WHERE NOT is_done", shard=shard) == "0\n",
                             "the mutation")
    assert tripstore.cli(*query, DATABASE_URL=url).stdout == expected
    tripstore.cli(*ingest, DATABASE_URL=url)
    assert json.loads(tripstore.cli(*query, DATABASE_URL=url).stdout)["total_trips"] == 200


def test_answers_say_what_a_shard_has_lost(tmp_path, cluster):
    url = cluster.database_url("lost")
    query = ("--format=json", "--data-dir", tmp_path / "data")
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", tmp_path / "data", DATABASE_URL=url)
    whole = json.loads(tripstore.cli("weekly-average", *query, DATABASE_URL=url).stdout)
    assert "warning" not in whole and whole["total_trips"] == 100
    shard = max(range(2), key=lambda number: int(cluster.query("SELECT count() FROM lost.trips", shard=number)))
    partition, rows = cluster.query("SELECT week, count() FROM lost.trips GROUP BY week ORDER BY week LIMIT 1", shard=shard).split()
    cluster.query(f"ALTER TABLE lost.trips DROP PARTITION {partition}", shard=shard)
    for command in ("weekly-average", "trip-groups", "regions"):
        answer = json.loads(tripstore.cli(command, *query, DATABASE_URL=url).stdout)
        assert answer["warning"].startswith(f"{rows} trips are missing: ClickHouse has fewer"), answer
    done = tripstore.cli("weekly-average", "--region=Nowhere", *query, check=False, DATABASE_URL=url)
    assert done.returncode != 0 and f"{rows} trips are missing" in done.stderr, done.stderr


def test_tables_of_a_newer_version_are_refused(tmp_path, cluster):
    url = cluster.database_url("newer")
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", tmp_path / "data", DATABASE_URL=url)
    for shard in range(2):
        cluster.query("INSERT INTO newer.tripstore VALUES ('version', '99')", shard=shard)
    done = tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", tmp_path / "data", check=False, DATABASE_URL=url)
    assert done.returncode != 0 and "newer version" in done.stderr
