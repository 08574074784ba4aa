"""Trips whose file names stations or zones, with a second file that says where these are: every entrance, and what can be wrong.

Forms of publishers with their places are in test_publishers.py, and test_publishers_fixtures.py proves their truth by DuckDB's join.
"""

import csv
import json
import sqlite3
import subprocess
from collections import Counter
from datetime import datetime

import pytest

from tripstore_tools.harness.file_servers import FileServer
from tripstore_tools.harness.tripstore import FAILED, SOME_REJECTED, Server, cli

HEADER = "started_at,from_station_id,from_station_name,to_station_id,to_station_name\n"
STATIONS = "id,name,latitude,longitude\n31,Oak St,41.8,-87.6\n0052,\"Elm, St\",41.9,-87.7\n1317,Fir St,42,-88\n"
ROWS = ("2019-01-01 08:00:00,31,Oak St,0052,\"Elm, St\"\n2019-01-02 08:00:00,31.0,Oak St,\"1,317\",Fir St\n"
        "2019-01-03 08:00:00,1317.0,Fir St,31,Oak St\n")


def trips(store, path):
    """All trips of a store, as the truth has them."""
    cli("export", "--csv", path, "--data-dir", store)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    points = [[float(number) for end in ("origin_coord", "destination_coord") for number in row[end][7:-1].split()] for row in rows]
    return Counter((*point, datetime.fromisoformat(row["datetime"]).isoformat(), row["region"], row["datasource"])
                   for point, row in zip(points, rows, strict=True))


def write(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def upload(server, file, places):
    """Sends both files in a form; returns the answer."""
    sent = subprocess.run(["curl", "--silent", "-F", f"places=@{places}", "-F", f"file=@{file}", f"{server.url}/ingest"],
                          capture_output=True, check=True)
    return json.loads(sent.stdout)


def test_ids_are_found_as_publishers_write_them(tmp_path):
    places, file = write(tmp_path, "stations.csv", STATIONS), write(tmp_path, "trips.csv", HEADER + ROWS)
    cli("ingest", file, "--places", places, "--data-dir", tmp_path / "data")
    found = trips(tmp_path / "data", tmp_path / "out.csv")
    assert sorted(trip[:4] for trip in found) == [(-88, 42, -87.6, 41.8), (-87.6, 41.8, -88, 42), (-87.6, 41.8, -87.7, 41.9)]


@pytest.mark.parametrize("text", [
    "31;Oak St;?;19;-87.6;41.8\n0052;Elm, St;?;15;-117.7;41.9\n1317;Fir St;?;15;-118;42.5\n",
    "31\t-87.6\t41.8\n0052\t-117.7\t41.9\n1317\t-118\t42.5\n",
    '{"last_updated": 1, "data": {"stations": [{"station_id": "31", "name": "Oak St", "lat": 41.8, "lon": -87.6, "capacity": 19}, '
    '{"station_id": "0052", "name": "Elm, St", "lat": 41.9, "lon": -117.7}, {"station_id": "1317", "name": "Fir St", "lat": 42.5, "lon": -118}]}}',
    '{"type": "FeatureCollection", "features": ['
    '{"type": "Feature", "properties": {"id": "31"}, "geometry": {"type": "Point", "coordinates": [-87.6, 41.8]}}, '
    '{"type": "Feature", "properties": {"id": "0052"}, "geometry": {"type": "Point", "coordinates": [-117.7, 41.9]}}, '
    '{"type": "Feature", "properties": {"id": "1317"}, "geometry": {"type": "Point", "coordinates": [-118, 42.5]}}]}',
    "LocationID,Borough,Zone,longitude,latitude\n31,Bronx,A,-87.6,41.8\n0052,Bronx,B,-117.7,41.9\n1317,Bronx,C,-118,42.5\n264,Unknown,NV,,\n",
    "id,x,y\n31,-87.6,41.8\n0052,-117.7,41.9\n1317,-118,42.5\n",
    "StationNum;StationName;RackQnty;Latitude;Longitude\n31;Oak St;9;41,8;-87,6\n0052;Elm, St;9;41,9;-117,7\n1317;Fir St;9;42,5;-118,0\n",
], ids=["rows without names", "tabs", "gbfs", "geojson", "zones", "x and y", "decimal commas"])
def test_places_come_in_many_forms(tmp_path, text):
    places, file = write(tmp_path, "places", text), write(tmp_path, "trips.csv", HEADER + ROWS)
    cli("ingest", file, "--places", places, "--data-dir", tmp_path / "data")
    assert {trip[:2] for trip in trips(tmp_path / "data", tmp_path / "out.csv")} == {(-87.6, 41.8), (-118, 42.5)}


def test_places_from_a_url_in_json_and_by_their_id(tmp_path):
    with FileServer(STATIONS.encode()) as stations, FileServer((HEADER + ROWS).encode()) as file, \
            Server(tmp_path / "data", tmp_path / "log", ALLOW_PRIVATE_ADDRESSES="true") as server:
        def post(body):
            return server.request("POST", "/ingest", json.dumps(body), {"Content-Type": "application/json"})

        assert post({"url": file.url(), "places": stations.url("stations.csv")}).status == 202
        done = server.wait_for_job(1)
        assert done["status"] == "completed" and done["processed_rows"] == 3, done
        known = done["format"]["places"]
        assert post({"url": file.url(), "places": known, "duplicate": "allow"}).status == 202
        assert server.wait_for_job(2)["status"] == "completed"
        gone = post({"url": file.url(), "places": "0" * 32})
        assert gone.status == 400 and "no longer has the places" in gone.json["detail"]
        answer = server.request("PUT", "/profiles/divvy", json.dumps({"places": stations.url("stations.csv")}), {"Content-Type": "application/json"})
        assert answer.json["options"] == {"places": known}
        assert server.request("POST", "/ingest?profile=divvy&duplicate=allow", HEADER + ROWS, {"Content-Type": "text/csv"}).status == 202
        assert server.wait_for_job(3)["status"] == "completed"
        stations.content = b"nothing"
        refused = post({"url": file.url(), "places": stations.url("stations.csv")})
        assert refused.status == 400 and "The file of places stations.csv has no " in refused.json["detail"]


def test_a_profile_keeps_the_places_though_their_file_is_gone(tmp_path):
    store = ["--data-dir", tmp_path / "data"]
    places = write(tmp_path, "stations.csv", STATIONS)
    cli("profiles", "set", "divvy", "--places", places, *store)
    places.unlink()
    cli("ingest", write(tmp_path, "trips.csv", HEADER + ROWS), "--profile", "divvy", *store)
    assert len(trips(tmp_path / "data", tmp_path / "out.csv")) == 3


def test_a_job_keeps_its_places_when_it_runs_again(tmp_path):
    places = write(tmp_path, "stations.csv", STATIONS)
    with Server(tmp_path / "data", tmp_path / "log") as server:
        text = HEADER + ROWS.replace("2019-01-", "1/").replace(" 08:00:00", "/2019 08:00")
        file = write(tmp_path, "trips.csv", text)
        upload(server, file, places)
        places.unlink()
        assert server.wait_for_job(1)["question"]["option"] == "date_order"
    # As if its user had answered in time; a later start still has what the job needs.
    with sqlite3.connect(tmp_path / "data/catalog.sqlite") as database:
        database.execute("UPDATE places SET used_at = '2000-01-01T00:00:00.000Z'")
        database.execute("UPDATE jobs SET options = json_set(options, '$.date_order', 'month-first')")
    done = cli("resume", 1, "--data-dir", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert len(trips(tmp_path / "data", tmp_path / "out.csv")) == 3


def test_the_same_trips_with_other_places_are_no_duplicate(tmp_path):
    store = ["--data-dir", tmp_path / "data"]
    file, places = write(tmp_path, "trips.csv", HEADER + ROWS), write(tmp_path, "stations.csv", STATIONS)
    cli("ingest", file, "--places", places, *store)
    copy = write(tmp_path, "same.csv", STATIONS.replace("\n", "\r\n"))
    assert "skipped" in cli("ingest", file, "--places", copy, *store).stderr
    write(tmp_path, "stations.csv", STATIONS.replace("41.8", "41.81"))
    done = cli("ingest", file, "--places", places, *store, check=False)
    assert done.returncode == FAILED and "were loaded with other reading options, as job 1" in done.stderr


# MARK: What can be wrong

@pytest.mark.parametrize(("text", "sentence"), [
    (STATIONS + "31,Oak St,41.7,-87.6\n", "gives id 31 two points: -87.6, 41.8 in line 2 and -87.6, 41.7 in line 5; leave one of them out."),
    (STATIONS + "9,Ash St,95,-87.6\n", "has no point in line 5, but longitude '-87.6' and latitude '95'."),
    ("id,name\n1,A\n", "has no columns named longitude and latitude; name one column longitude and one latitude in its first line. "
     "Its columns are id, name."),
    ("1\t10.7\t59.9\n2\t10.8\t59.8\n", "its degrees don't show which column is the longitude; add a first line"),
    ("id,latitude,longitude\n1,-120.5,41\n", "do not hold degrees of longitude and latitude: the two names seem exchanged."),
    ("id,x,y\n1,24.9,60.2\n", "has no columns named longitude and latitude; its columns x and y may be either."),
    ("lat,lon\n41,-87\n", "has no column of ids or names"),
    ("", "The file is empty"),
    ("id,lat,lon\n", "has no places"),
    ('{"error": "login"}', "is JSON without places"),
])
def test_a_file_of_places_that_cannot_be_used_is_refused_before_there_is_a_job(tmp_path, text, sentence):
    places, file = write(tmp_path, "stations.csv", text), write(tmp_path, "trips.csv", HEADER + ROWS)
    done = cli("ingest", file, "--places", places, "--data-dir", tmp_path / "data", check=False)
    assert done.returncode == FAILED and "file of places stations.csv" in done.stderr and sentence in done.stderr, done.stderr
    with Server(tmp_path / "data", tmp_path / "log") as server:
        assert sentence in upload(server, file, places)["detail"]
        assert server.get("/jobs").json == [] and not list((tmp_path / "data/uploads").iterdir())


def test_an_unknown_place_costs_its_row_and_is_named(tmp_path):
    rows = ROWS + ROWS.replace("31.0", "99").replace(",31,", ",99,").replace(",1317.0,", ",,")
    places, file = write(tmp_path, "stations.csv", STATIONS), write(tmp_path, "trips.csv", HEADER + ROWS * 3 + rows)
    done = cli("ingest", file, "--places", places, "--map", "origin_place=from_station_id", "--map", "destination_place=to_station_id",
               "--data-dir", tmp_path / "data", check=False)
    assert done.returncode == SOME_REJECTED, done.stderr
    assert "Rows name places that the file of places does not have: 99 (2 rows)." in done.stderr
    rejects = json.loads(cli("jobs", 1, "--rejects", 10, "--format", "json", "--data-dir", tmp_path / "data").stdout)
    assert rejects["reasons"] == {"origin is a place that the file of places does not have": 2, "origin is empty": 1}


@pytest.mark.parametrize(("stations", "asked"), [
    # Stations of another city with the same ids: the names tell.
    ("id,name,lat,lon\n31,A,10,20\n0052,B,11,21\n1317,C,12,22\n", "it may be another system's. Add --map origin_place=from_station_id or"),
    ("id,name,lat,lon\n31,Fir St,10,20\n0052,\"Elm, St\",11,21\n1317,Oak St,12,22\n",
     "it may be another system's. Add --map origin_place=from_station_id or"),
    ("id,name,lat,lon\n1,A,10,20\n2,B,11,21\n",
     "lacks most origins of the trips: it has id, name of 2 places, but from_station_id has 31, from_station_name has Oak St."),
])
def test_places_of_another_city_are_a_question(tmp_path, stations, asked):
    rows = ROWS + ROWS.replace("31,Oak St,0052", "0052,\"Elm, St\",31")
    places, file = write(tmp_path, "stations.csv", stations), write(tmp_path, "trips.csv", HEADER + rows)
    done = cli("ingest", file, "--places", places, "--data-dir", tmp_path / "data", check=False)
    assert done.returncode == 2 and asked in done.stderr, done.stderr


def test_degrees_of_the_trips_come_first(tmp_path):
    file = write(tmp_path, "trips.csv", "started_at,start_station_id,end_station_id,start_lng,start_lat,end_lng,end_lat\n"
                 "2019-01-01 08:00:00,31,31,1,2,3,4\n")
    done = cli("ingest", file, "--places", write(tmp_path, "stations.csv", STATIONS), "--data-dir", tmp_path / "data")
    assert "The file of places was not needed" in done.stderr
    assert next(iter(trips(tmp_path / "data", tmp_path / "out.csv")))[:4] == (1, 2, 3, 4)


def test_a_name_of_several_places_is_rejected(tmp_path):
    stations = "id,name,lat,lon\n" + "".join(f"{number},Name {number},{number % 80},5\n" for number in range(40)) + "99,Name 3,50,6\n"
    rows = "".join(f"2019-01-01 08:00:00,Name {number},Name 5\n" for number in range(20))
    file = write(tmp_path, "trips.csv", "started_at,from_station_name,to_station_name\n" + rows)
    done = cli("ingest", file, "--places", write(tmp_path, "stations.csv", stations), "--data-dir", tmp_path / "data", check=False)
    assert done.returncode == SOME_REJECTED, done.stderr
    rejects = json.loads(cli("jobs", 1, "--rejects", 10, "--format", "json", "--data-dir", tmp_path / "data").stdout)
    assert rejects["reasons"] == {"origin is the name of several places": 1}


def test_names_in_another_encoding_are_a_question(tmp_path):
    places = write(tmp_path, "stations.csv", "id,name,lat,lon\n1,Gare,1,2\n2,Pont,3,4\n3,État,5,6\n")
    file = tmp_path / "trips.csv"
    rows = "2019-01-01 08:00:00,Gare,Pont\n" * 3 + "2019-01-01 09:00:00,État,Pont\n"
    file.write_text("started_at,from_station_name,to_station_name\n" + rows, encoding="iso-8859-1")
    command = ["ingest", file, "--places", places, "--data-dir", tmp_path / "data"]
    done = cli(*command, check=False)
    assert done.returncode == 2 and "from_station_name" in done.stderr and "--encoding windows-1252" in done.stderr, done.stderr
    cli(*command, "--encoding", "iso-8859-1")
    assert (6, 5) in {trip[:2] for trip in trips(tmp_path / "data", tmp_path / "out.csv")}


# MARK: Clusters

@pytest.mark.parametrize("kind", ["postgresql"])
def test_another_process_runs_the_job_with_the_places_that_one_received(places, tmp_path, kind):
    cluster = places(kind)
    stations, file = write(tmp_path, "stations.csv", STATIONS), write(tmp_path, "trips.csv", HEADER + ROWS)
    with Server(tmp_path / "a", tmp_path / "a.log", **cluster.variables, ROLE="api") as api, \
            Server(tmp_path / "a", tmp_path / "w.log", **cluster.variables, ROLE="worker"):
        upload(api, file, stations)
        done = api.wait_for_job(1)
        assert done["status"] == "completed" and done["processed_rows"] == 3 and done["rejected_rows"] == 0, done
