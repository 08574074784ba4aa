"""Files without a single trip, and records over several lines: the same end on the command line, over HTTP and in both engines."""

import json

import pytest

from tripstore_tools.harness.tripstore import FAILED, SOME_REJECTED, Server, cli

# In tripstore's own form, whose values are not looked at before; the columns' spelling is the file's.
OWN = "REGION,Origin_Coord,destination_coord,DateTime,datasource\n"
LATE = "A,POINT (10.5 59.5),POINT (10.75 59.25),soon,x\n"
FAR = "A,POINT (10.5 59.5),POINT (190.75 59.25),2019-05-13 08:00:00,x\n"
HEADER = "Start Date,Start Lng,Start Lat,End Lng,End Lat,note\n"
GOOD = "2019-05-13 08:00:00,10.5,59.5,10.75,59.25,{}\n"
SENTENCES = {
    "one": (OWN, FAR, "The only row of the file was rejected, so nothing was loaded: destination longitude out of range -180...180 "
                      "(column destination_coord, line 2). Name its column: --map destination=COLUMN"),
    "same": (OWN, FAR * 4, "All 4 rows of the file were rejected, so nothing was loaded: destination longitude out of range -180...180 "
                           "(column destination_coord, first in line 2)."),
    "two reasons": (OWN, LATE * 2 + FAR, "All 3 rows of the file were rejected, so nothing was loaded; the most frequent reason, of 2 "
                                         "rows: datetime is not a date and time (column DateTime, first in line 2)."),
    "a publisher": (HEADER, GOOD.format("a,b") * 2, "All 2 rows of the file were rejected, so nothing was loaded: more fields than the "
                                                    "header (first in line 2). Make sure that the first line names every column"),
}
PHANTOM = GOOD.format("n").replace("59.25", "0.25")
# A note whose text looks like trips, in a record with a field too many; one in a good record; a quote that is never closed.
QUOTED = (HEADER + GOOD.format("a") + GOOD.format(f'"{PHANTOM}{PHANTOM}",more') + GOOD.format(f'"{PHANTOM}"') + GOOD.format('"b')
          + GOOD.format("c") * 3)
QUOTED_REJECTS = [(3, "more fields than the header"), (8, "unterminated quote")]


@pytest.fixture(scope="module", params=["columnstore", "clickhouse", "postgresql"])
def jobs_server(request, tmp_path_factory):
    """A server of each engine and each catalog."""
    settings = {}
    if request.param != "columnstore":
        settings["DATABASE_URL"] = request.getfixturevalue("cluster").database_url(f"rejected_{request.param}")
    if request.param == "postgresql":
        catalog = request.getfixturevalue("catalog")
        catalog.make_database("rejected")
        settings["CATALOG_URL"] = catalog.url("rejected")
    folder = tmp_path_factory.mktemp("server")
    with Server(folder / "data", folder / "log", **settings) as server:
        yield server


def told(path, *store):
    done = cli("ingest", path, *store, check=False)
    assert done.returncode == FAILED, done.stderr
    return done.stderr


@pytest.mark.parametrize("name", SENTENCES)
def test_a_file_whose_rows_are_all_rejected_fails_with_the_reason(tmp_path, name):
    header, rows, sentence = SENTENCES[name]
    path, store = tmp_path / "rides.csv", ["--data-dir", tmp_path / "data"]
    path.write_text(header + rows, encoding="utf-8")
    assert sentence in told(path, *store)
    job = json.loads(cli("jobs", 1, "--format", "json", *store).stdout)
    assert (job["status"], job["rejected_rows"], job["processed_rows"]) == ("failed", rows.count("\n"), rows.count("\n"))
    assert job["message"].startswith(sentence) and "question" not in job
    # The rows are there to be looked at, and nothing is in the way of another try.
    assert str(rows.splitlines()[0]) in cli("jobs", 1, "--rejects", 5, *store).stdout
    assert sentence in told(path, *store)
    assert cli("jobs", 1, "--remove", *store).returncode == 0


def test_rows_are_rejected_for_their_most_frequent_reason_in_the_middle_of_a_file(tmp_path):
    path = tmp_path / "rides.csv"
    path.write_text(OWN + FAR * 600 + LATE * 601, encoding="utf-8")
    said = told(path, "--data-dir", tmp_path / "data")
    assert ("All 1,201 rows of the file were rejected, so nothing was loaded; the most frequent reason, of 601 rows: datetime is not a "
            "date and time (column DateTime, first in line 602). Name its column: --map time=COLUMN") in said
    assert "601 rejected: datetime is not a date and time\n" in said


def test_a_file_with_a_header_and_no_rows_is_complete(tmp_path):
    path = tmp_path / "trips.csv"
    path.write_text("region,origin_coord,destination_coord,datetime,datasource\n", encoding="utf-8")
    assert cli("ingest", path, "--data-dir", tmp_path / "data").returncode == 0


def test_every_server_ends_such_a_job_in_the_same_way(jobs_server):
    header, rows, sentence = SENTENCES["same"]
    answer = jobs_server.post_csv((header + rows).encode(), "rides.csv")
    job = jobs_server.wait_for_job(answer.json["job_id"])
    assert (job["status"], job["rejected_rows"], job["total_rows"]) == ("failed", 4, 4) and job["message"].startswith(sentence)
    report = jobs_server.get(f"/jobs/{job['id']}/rejects").json
    assert [row["line"] for row in report["rejects"]] == [2, 3, 4, 5] and report["rejected_rows"] == 4
    assert jobs_server.post_csv((header + rows).encode(), "rides.csv").status == 202
    assert jobs_server.delete(f"/jobs/{job['id']}").status == 200
    assert jobs_server.get(f"/jobs/{job['id']}").json["status"] == "cancelled"


def test_no_text_in_quotes_becomes_a_trip(jobs_server, tmp_path):
    answer = jobs_server.post_csv(QUOTED.encode(), "quoted.csv")
    job = jobs_server.wait_for_job(answer.json["job_id"])
    assert (job["status"], job["processed_rows"], job["rejected_rows"]) == ("completed", 7, 2), job
    report = jobs_server.get(f"/jobs/{job['id']}/rejects").json
    assert [(row["line"], row["reason"]) for row in report["rejects"]] == QUOTED_REJECTS
    path = tmp_path / "quoted.csv"
    path.write_text(QUOTED, encoding="utf-8")
    done = cli("ingest", path, "--data-dir", tmp_path / "data", check=False)
    assert done.returncode == SOME_REJECTED
    shown = json.loads(cli("jobs", 1, "--rejects", 5, "--format", "json", "--data-dir", tmp_path / "data").stdout)
    assert shown["rejects"] == report["rejects"]
    deleted = jobs_server.delete(f"/jobs/{job['id']}")
    assert deleted.status == 200
