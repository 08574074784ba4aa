"""Every kind of answer about a store at rest, compared with the model and with each other.

Over HTTP if a server runs, and always from the command line: the same bytes. Then what SQL says of the catalog, DuckDB of the
segments that it names, `verify`, `inspect`, the metrics, and which files are there.
"""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from tripstore_tools.harness import tripstore
from tripstore_tools.state_machine.trip_file import ALL_REJECTED, CITIES, DATASOURCES

BUCKETS = [1, 5, 15, 30, 60, 240, 1440]
# A merge or a division that is under way, or a file that is removed after its answer.
SETTLES_WITHIN_SECONDS = 120


def first_difference(found, expected, place=""):
    """Where two JSON values differ first, and how."""
    if isinstance(found, dict) and isinstance(expected, dict) and found.keys() == expected.keys():
        pairs = [(f"{place}.{name}", found[name], expected[name]) for name in expected]
    elif isinstance(found, (list, tuple)) and isinstance(expected, (list, tuple)) and len(found) == len(expected):
        pairs = [(f"{place}[{position}]", *pair) for position, pair in enumerate(zip(found, expected, strict=True))]
    else:
        return f"{place}: {str(found)[:500]}, should be {str(expected)[:500]}"
    return next(first_difference(ours, theirs, where) for where, ours, theirs in pairs if ours != theirs)


def assert_same(found, expected, what):
    assert found == expected, f"{what}{first_difference(found, expected)}"


class StoreChecks:
    """Compares one data directory with a model."""

    def __init__(self, model, data_dir, server=None, is_swept=True, **variables):
        self.model = model
        self.data_dir = Path(data_dir)
        self.server = server
        # Whether a process has opened the store for writing since the last one was killed: it removes what that left behind.
        self.is_swept = is_swept
        # The environment of commands.
        self.variables = variables

    def all(self, random, queries):
        """Everything, with this many of the possible queries."""
        self.check_answers(random, queries)
        self.check_store()

    def check_answers(self, random, queries):
        """What every engine has."""
        self.check_jobs()
        self.check_regions()
        for _ in range(queries):
            getattr(self, random.choice(["check_weekly_average", "check_trip_groups"]))(self.filter(random), random)
        self.check_rejects(random)

    def check_store(self):
        """What a store of segments has."""
        self.check_sql()
        self.check_segments()
        if self.is_swept:
            self.check_files()
        self.check_inspect()
        self.check_verify()
        if self.server:
            self.check_metrics()

    # MARK: Both entrances

    def cli(self, *arguments, code=0):
        done = tripstore.cli(*arguments, "--data-dir", self.data_dir, check=False, **self.variables)
        assert done.returncode == code, f"{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def answer(self, command, path, parameters):
        """An answer by both entrances, which must be the same; None: no trip matches."""
        done = tripstore.cli(*command, *tripstore.flags(parameters), "--format", "json", "--data-dir", self.data_dir,
                             check=False, **self.variables)
        what = f"{path} {parameters}"
        if self.server:
            answer = self.server.get(path, parameters)
            if answer.status == 404:
                assert done.returncode == 1 and answer.detail in done.stderr, f"{what}: {answer.detail}, {done}"
            else:
                assert answer.status == 200, f"{what}: {answer.status} {answer.body}"
                assert done.returncode == 0, f"{what}: HTTP answers, CLI says {done}"
                assert_same(answer.json, json.loads(done.stdout), f"{what}, HTTP beside CLI")
                assert answer.body.decode() == done.stdout.rstrip("\n"), f"{what}: HTTP has {answer.body}, CLI {done.stdout}"
        if done.returncode == 1 and "No trips found" in done.stderr:
            self.check_warning("".join(re.findall("[0-9,]+ trips? (?:is|are) missing.*", done.stderr)), what)
            return None
        assert done.returncode == 0, f"{what}: {done}"
        found = json.loads(done.stdout)
        self.check_warning(found.pop("warning", None) if isinstance(found, dict) else None, what)
        return found

    def check_warning(self, warning, what):
        """Answers say how many trips are missing, and of which jobs, exactly while some are."""
        missing = self.model.missing
        assert bool(warning) == bool(missing), f"{what}: missing are {dict(missing)}, the answer says {warning}"
        if warning:
            numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", str(warning))]
            assert sum(missing.values()) in numbers and (len(missing) > 5 or missing.keys() <= set(numbers)), \
                f"{what}: missing are {dict(missing)}, the answer says {warning}"

    # MARK: Jobs

    def jobs(self):
        listed = json.loads(self.cli("jobs", "--format", "json").stdout)
        if self.server:
            over_http = self.server.get("/jobs", {"limit": 1000}).json
            assert over_http == listed, f"HTTP lists {over_http}\nCLI {listed}"
        return listed

    def check_jobs(self):
        listed = self.jobs()
        assert [job["id"] for job in listed] == sorted(self.model.jobs, reverse=True), \
            f"jobs are {[job['id'] for job in listed]}, not {sorted(self.model.jobs)}"
        for row in listed:
            self.check_job(row, self.model.jobs[row["id"]])

    def check_job(self, row, job):
        name = "standard input" if job.source == "stdin" else job.file.name
        assert (row["status"], row["filename"]) == (job.status, name), f"not {job}: {row}"
        rows = (row["total_rows"], row["processed_rows"], row["rejected_rows"])
        if job.status == "completed":
            assert rows == (job.file.rows, job.file.rows, len(job.file.rejects)), f"not {job}: {row}"
            if job.source != "stdin":
                assert row["total_bytes"] == row["processed_bytes"] == len(job.file.sent), f"not {job}: {row}"
        is_rejected = job.status == "failed" and job.file.fault == ALL_REJECTED
        if job.status in ("failed", "cancelled") and not (is_rejected and rows == (job.file.rows,) * 3):
            assert rows[1:] == (0, 0), f"of its rows none is there: {row}"
        if job.status == "failed":
            assert row["message"], f"says not why it failed: {row}"
            if job.file.fault and not job.is_missing and not job.is_stray:
                assert job.file.fault in row["message"], f"not {job.file.fault}: {row}"

    def check_rejects(self, random):
        """One job's rejected rows, of which we know line and reason."""
        jobs = [job for job in self.model.having("completed") if job.file.rejects]
        if not jobs:
            return
        job = random.choice(jobs)
        found = json.loads(self.cli("jobs", job.id, "--rejects", 1000, "--format", "json").stdout)
        if self.server:
            over_http = self.server.get(f"/jobs/{job.id}/rejects", {"limit": 1000}).json
            assert over_http == found, f"HTTP has {over_http}\nCLI {found}"
        assert [(reject["line"], reject["reason"]) for reject in found["rejects"]] == job.file.rejects[:1000], (job, found)
        assert found["rejected_rows"] == sum(found["reasons"].values()) == len(job.file.rejects), (job, found)

    # MARK: Queries

    def filter(self, random):
        """Parameters of a random filter; most of them match something."""
        parameters = {}
        if random.random() < 0.3:
            parameters["region"] = random.choice([*CITIES, "nowhere"])
        if random.random() < 0.3:
            parameters["datasource"] = random.choice(DATASOURCES)
        if random.random() < 0.3:
            days = sorted(random.sample(range(1, 32), 2))
            parameters |= {"from": f"2018-05-{days[0]:02}", "to": f"2018-05-{days[1]:02}T{random.randrange(24):02}:30"}
        if random.random() < 0.5:
            longitude, latitude = random.choice(list(CITIES.values()))
            size = random.choice([0.01, 0.05, 1, 30])
            parameters |= {"min_lat": max(-90.0, round(latitude - size, 3)), "max_lat": min(90.0, round(latitude + size, 3)),
                           "min_lng": round(longitude - size, 3), "max_lng": round(longitude + size, 3)}
            if random.random() < 0.8:
                parameters["within"] = random.choice(["origin", "destination", "both", "either"])
        return parameters

    def check_weekly_average(self, parameters, random):
        parameters = parameters | {"weeks": random.choice(["calendar", "active", "elapsed"])}
        found = self.answer(["weekly-average"], "/analytics/weekly-average", parameters)
        assert_same(found, self.model.weekly_answer(parameters), f"weekly-average {parameters}")

    def check_trip_groups(self, parameters, random):
        parameters = parameters | {
            "precision": random.randint(1, 12), "bucket_minutes": random.choice(BUCKETS), "limit": random.choice([1, 50, 1000]),
            "offset": random.choice([0, 0, 7]), "bucket": random.choice(["time_of_day", "absolute"])}
        found = self.answer(["trip-groups"], "/trip-groups", parameters)
        assert_same(found, self.model.trip_groups(parameters), f"trip-groups {parameters}")

    def check_regions(self):
        found = self.answer(["regions"], "/regions", {})
        assert_same(found, self.model.regions_answer(), "regions")

    # MARK: Files

    def catalog(self, sql):
        with closing(sqlite3.connect(f"file:{self.data_dir}/catalog.sqlite?mode=ro", uri=True)) as database:
            return database.execute(sql).fetchall()

    def check_sql(self):
        counted = self.catalog("SELECT region, datasource, sum(trips), min(first_at), max(last_at) FROM live_counts "
                               "GROUP BY region, datasource ORDER BY region, datasource")
        expected = self.model.rows("SELECT region, datasource, count(*), moment(min(time)), moment(max(time)) FROM trips "
                                   "GROUP BY region, datasource ORDER BY region, datasource")
        assert_same(counted, expected, "live_counts")
        text = (tripstore.REPOSITORY / "sql_queries.sql").read_text()
        statements = re.sub("--.*", "", text).split(";")
        found = [tuple(map(str, row)) for statement in statements if statement.strip() for row in self.catalog(statement)]
        expected = self.model.latest_datasource_of_top_regions() + self.model.regions_of_cheap_mobile()
        assert_same(found, expected, "sql_queries.sql")
        strangers = self.catalog("SELECT s.file_name, j.id, j.status FROM segments s JOIN segment_jobs ON segment_id = s.id "
                                 "JOIN jobs j ON j.id = job_id WHERE s.is_live AND j.status != 'completed'")
        assert not strangers, f"live segments have trips of jobs that are not completed: {strangers}"

    def check_segments(self):
        """The live segments' rows, read by DuckDB, are the model's trips, each with its job."""
        def problem():
            try:
                names = [str(self.data_dir / "segments" / name)
                         for name, in self.catalog("SELECT file_name FROM segments WHERE is_live")]
                return self.model.differences("read_parquet(?)", names) if names else self.model.trips
            except Exception as error:  # noqa: BLE001  a merge took a file away between the two
                return error

        self.becomes_false(problem, "segments differ from the model")

    def check_files(self):
        """The files that the catalog needs exist, and no others."""
        self.becomes_false(self.wrong_files, "files")

    def wrong_files(self):
        uploads = {Path(path).name for path, in self.catalog(
            "SELECT source_path FROM jobs WHERE owns_source AND status NOT IN ('completed', 'cancelled', 'deleted')")}
        needed = {
            "segments": {name for name, in self.catalog("SELECT file_name FROM segments")},
            "rollups": {name for name, in self.catalog("SELECT file_name FROM rollups")},
            "quarantine": {name for name, in self.catalog("SELECT file_name FROM quarantine")},
            "uploads": uploads,
            "rejects": {f"{job.id}.jsonl" for job in self.model.having("completed") if job.file.rejects}}
        # Of a file that could not be fetched nothing need be there, or what was fetched of it.
        optional = uploads | {name + end for name in uploads for end in (".fetching", ".fetching.json")}
        optional |= {f"{job.id}.jsonl" for job in self.model.having("interrupted")}
        # A file without a trip keeps its rejected rows, unless its job failed for another reason.
        optional |= {f"{job.id}.jsonl" for job in self.model.having("failed") if job.file.fault == ALL_REJECTED}
        wrong = {}
        for folder, names in needed.items():
            path = self.data_dir / folder
            there = {entry.name for entry in path.iterdir()} if path.is_dir() else set()
            missing = names - there - optional
            if folder == "quarantine":
                # A copy lacks what was quarantined before it was made; a file whose jobs can't be read any more has a note.
                missing = set()
                there -= {f"{name}.json" for name in names}
            left_over = there - names - optional
            if left_over or missing:
                wrong[folder] = {"left over": sorted(left_over), "missing": sorted(missing)}
        return wrong

    def becomes_false(self, problem, what):
        """A server that does its own work may be in the middle of it; without one, things are as they are."""
        if self.server:
            found = None

            def is_gone():
                nonlocal found
                found = problem()
                return not found

            try:
                tripstore.wait_until(is_gone, what, pause=0.05, seconds=SETTLES_WITHIN_SECONDS)
            except AssertionError:
                raise AssertionError(f"{what}: {found}") from None
        else:
            found = problem()
            assert not found, f"{what}: {found}"

    def check_inspect(self):
        found = json.loads(self.cli("inspect", "--format", "json").stdout)
        counts = {}
        for job in self.model.jobs.values():
            counts[job.status] = counts.get(job.status, 0) + 1
        assert found["trips"] == self.model.trips, f"inspect has {found['trips']} trips, the model {self.model.trips}"
        assert {name: count for name, count in found["jobs"].items() if count} == counts, (found["jobs"], counts)
        self.check_warning(found.get("warning"), "inspect")
        wrong = [segment for segment in found["segments"] if segment["bytes_on_disk"] != segment["bytes"]]
        # A merge under a running server may take a file away between the look at the catalog and the look at the folder.
        assert self.server or not wrong, wrong

    def check_verify(self):
        done = tripstore.cli("verify", "--format", "json", "--data-dir", self.data_dir, check=False)
        assert json.loads(done.stdout)["damaged"] == [], f"verify: {done.stdout}"
        assert done.returncode == (1 if self.model.missing else 0), f"verify ended with {done.returncode}, {self.model.missing}"

    def check_metrics(self):
        def numbers():
            text = self.server.get("/metrics").body.decode()
            return {name: int(value) for name, value in re.findall(r"^(tripstore_[^ ]+) (\d+)$", text, re.MULTILINE)}

        def problem():
            found = numbers()
            segments, size = self.catalog("SELECT count(*), coalesce(sum(byte_count), 0) FROM segments WHERE is_live")[0]
            expected = {"tripstore_trips": self.model.trips, "tripstore_segments": segments, "tripstore_segment_bytes": size,
                        'tripstore_jobs{status="pending"}': 0, 'tripstore_jobs{status="running"}': 0}
            return {name: (found.get(name), value) for name, value in expected.items() if found.get(name) != value}

        self.becomes_false(problem, "metrics (found, expected)")
