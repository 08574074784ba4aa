"""What was committed is what answers are about: after each step the server's answers, the catalog, the command line and a count agree."""

import os
import random

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.damage import sqlite

HEADER, *ROWS = tripstore.SAMPLE.read_text().splitlines(keepends=True)
BAD_ROW = "Prague,POINT (14.4 500),POINT (14.5 50.1),2018-05-28 09:03:40,a\n"


def trips_of_regions(answer):
    return sum(region["trips"] for region in answer["regions"])


def total(server):
    answer = server.get("/analytics/weekly-average")
    return answer.json["total_trips"] if answer.status == 200 else 0


def metric(server, name):
    (line,) = [line for line in server.get("/metrics").body.decode().splitlines() if line.startswith(name + " ")]
    return int(line.split()[1])


def assert_all_agree(server, expected, what):
    """Every kind of query gives this count of trips."""
    live = int(sqlite(server.data_dir, "SELECT coalesce(sum(row_count), 0) FROM segments WHERE is_live"))
    cli = tripstore.cli("inspect", "--data-dir", server.data_dir, "--format", "json")
    found = {
        "weekly-average": total(server), "regions": trips_of_regions(server.get("/regions").json),
        "trip-groups": server.get("/trip-groups?limit=1").json["total_trips"], "metrics": metric(server, "tripstore_trips"),
        "SQL": live, "inspect": int(cli.stdout.partition('"trips":')[2].partition(",")[0])}
    assert found == dict.fromkeys(found, expected), what
    assert metric(server, "tripstore_snapshot_problems") == 0, what
    assert server.get("/ready").status == 200, what


def test_a_group_whose_first_file_has_no_trip_is_seen(server, tmp_path):
    """200,000 rows, then while they are loaded the header alone and the sample, which wait together."""
    big = tmp_path / "big.csv"
    tripstore.cli("generate", "--rows", 200_000, "--output", big)
    jobs = [server.post_file(big), server.post_csv(HEADER.encode()).json["job_id"], server.post_file(tripstore.SAMPLE)]
    for job in jobs:
        assert server.wait_for_job(job)["status"] == "completed"
    assert_all_agree(server, 200_100, "the header before the sample")
    one_by_one = [server.post_csv(HEADER.encode()).json["job_id"]]
    server.wait_for_job(one_by_one[0])
    server.ingest(tripstore.SAMPLE)
    assert_all_agree(server, 200_200, "the header, then the sample")


KINDS = {
    "empty": lambda rng: ("", 0, "failed"),
    "header": lambda rng: (HEADER, 0, "completed"),
    "rejected": lambda rng: (HEADER + BAD_ROW * rng.randint(1, 5), 0, "failed"),
    "foreign": lambda rng: ("not,trips\n1,2\n", 0, "failed"),
    "good": lambda rng: (lambda count: (HEADER + "".join(rng.choices(ROWS, k=count)), count, "completed"))(rng.randint(1, 40)),
    "mixed": lambda rng: (
        lambda count: (HEADER + BAD_ROW + "".join(rng.choices(ROWS, k=count)), count, "completed"))(rng.randint(1, 40)),
}


def test_random_groups_are_seen_whole(tmp_path, scale):
    """Small uploads of all shapes that wait together behind a longer one, deletions beside them, a restart now and then."""
    seed = int(os.environ.get("TRIPSTORE_SEED", random.randrange(1 << 32)))
    print(f"TRIPSTORE_SEED={seed}")
    rng = random.Random(seed)
    blocker = tmp_path / "blocker.csv"
    tripstore.cli("generate", "--rows", 30_000, "--output", blocker)
    trips = {}
    with tripstore.Server(tmp_path / "data", tmp_path / "log") as server:
        for step in range(scale(8, full=300)):
            what = f"TRIPSTORE_SEED={seed}, step {step}"
            posted = []
            if rng.random() < 0.8:
                posted.append((server.post_file(blocker), 30_000, "completed"))
            shapes = rng.choices(list(KINDS), k=rng.randint(1, 12))
            for shape in shapes:
                text, count, status = KINDS[shape](rng)
                answer = server.post_csv(text.encode(), "small.csv")
                assert answer.status == 202, what
                posted.append((answer.json["job_id"], count, status))
            for job, count, status in posted:
                ended = server.wait_for_job(job)
                assert ended["status"] == status, f"{what}, {shapes}: {ended}"
                if count:
                    trips[job] = count
                # A job that was reported as complete is visible at once, whatever else waits.
                assert total(server) >= sum(trips.values()), f"{what}, {shapes}, job {job}"
            for job in rng.sample(sorted(trips), min(len(trips), rng.randint(0, 3))):
                assert server.delete(f"/jobs/{job}").status == 200, what
                del trips[job]
            if rng.random() < 0.2:
                server.stop()
                server.start()
            assert_all_agree(server, sum(trips.values()), f"{what}, {shapes}")
    tripstore.cli("verify", "--data-dir", tmp_path / "data")


def test_verify_says_where_the_catalog_contradicts_itself(tmp_path):
    store = tmp_path / "data"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", store)
    for change, words in [("UPDATE segments SET is_live = 0", "is not live, 1 of its 1 jobs are completed"),
                          ("UPDATE segments SET is_live = 1; UPDATE jobs SET processed_rows = 99, total_rows = 99",
                           "Job 1 has 99 trips, its segments have 100")]:
        sqlite(store, change)
        found = tripstore.cli("verify", "--data-dir", store, check=False)
        assert found.returncode == 1 and words in found.stdout, found.stdout
