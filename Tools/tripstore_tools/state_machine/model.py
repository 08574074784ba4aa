"""What a store must hold: the trips of its jobs, read from their CSVs by DuckDB, and the states that its jobs may be in.

Nothing here shares a line, a file or an idea with tripstore. Answers come from `Oracle`, whose table `trips` this keeps.
"""

import re
from collections import Counter
from dataclasses import dataclass

import duckdb

from tripstore_tools.harness.oracle import CELL, MOMENT, Oracle
from tripstore_tools.state_machine.trip_file import TripFile

COLUMNS = ("region, datasource, origin_longitude, origin_latitude, destination_longitude, destination_latitude, time")

# Rows that are not trips are dropped by rules of DuckDB's own making: fields, texts, ranges and its calendar.
READ = r"""
WITH parts AS (
    SELECT region, datasource, datetime,
        regexp_extract(origin_coord, '^(?i:POINT) ?\((\S+) (\S+)\)$', ['x', 'y']) AS origin,
        regexp_extract(destination_coord, '^(?i:POINT) ?\((\S+) (\S+)\)$', ['x', 'y']) AS destination
    FROM read_csv(?, header = true, all_varchar = true, delim = ',', quote = '"', escape = '"', ignore_errors = true)
),
typed AS (
    SELECT region, datasource,
        try_cast(origin.x AS DOUBLE) AS origin_longitude, try_cast(origin.y AS DOUBLE) AS origin_latitude,
        try_cast(destination.x AS DOUBLE) AS destination_longitude, try_cast(destination.y AS DOUBLE) AS destination_latitude,
        try_cast(datetime AS TIMESTAMP) AS time
    FROM parts
)
SELECT ?::BIGINT AS job_id, * FROM typed
WHERE region != '' AND datasource != '' AND time IS NOT NULL
    AND origin_longitude BETWEEN -180 AND 180 AND origin_latitude BETWEEN -90 AND 90
    AND destination_longitude BETWEEN -180 AND 180 AND destination_latitude BETWEEN -90 AND 90
"""

# MARK: Expectations: what docs/API.md promises of states

UNDER_WAY = {"pending", "running"}
TERMINAL = {"completed", "failed", "cancelled", "deleted"}
# Jobs because of which the same bytes are refused; None: under way.
COUNTED = {None, "interrupted", "completed"}
# What a deletion makes of a job; one that is under way may complete before the deletion reaches it.
AFTER_DELETE = {None: {"cancelled", "deleted"}, "interrupted": {"cancelled"}, "failed": {"cancelled"},
                "completed": {"deleted"}, "cancelled": {"cancelled"}, "deleted": {"deleted"}}
# Jobs that can be resumed.
RESUMABLE = {"failed", "interrupted"}
# Servers in a row that a job's runs may end with.
KILLS_OF_A_JOB = 4
# The last message that a follower may have got of a job, which may have been deleted since.
MAY_BE_HEARD = {"completed": {"completed"}, "failed": {"failed"}, "cancelled": {"cancelled", "failed"},
                "deleted": {"deleted", "completed"}}


@dataclass
class Job:
    """One load, as it must be."""

    id: int
    file: TripFile
    # Where its bytes come from: upload, url, file (named on the command line) or stdin.
    source: str
    # What it may come to.
    may: set
    # What it is; None: under way.
    status: str | None = None
    # Whether the same bytes were allowed, its source is not there, it is an upload that a rebuilt catalog found.
    is_allowed_twice: bool = False
    is_missing: bool = False
    is_stray: bool = False
    # Servers that were killed while it was under way: one may have loaded it.
    kills: int = 0

    @property
    def goes_on_by_itself(self):
        """Whether a server that starts loads it: what came to the store is in its hands, a user's file is not."""
        return self.source in ("upload", "url")

    def goes_on(self, may):
        if self.status == "failed":
            self.kills = 0
        self.may, self.status = set(may), None

    @property
    def may_be_given_up(self):
        """Whether as many runs as may may have ended with their server."""
        return self.goes_on_by_itself and self.kills >= KILLS_OF_A_JOB


class StoreModel(Oracle):
    """The jobs of a store, and the trips of those that are completed."""

    def __init__(self):
        self.database = duckdb.connect(config={"threads": 2})
        self.database.execute(CELL + MOMENT)
        self.database.execute(
            """CREATE TABLE trips (job_id BIGINT, region VARCHAR, datasource VARCHAR, origin_longitude DOUBLE,
                origin_latitude DOUBLE, destination_longitude DOUBLE, destination_latitude DOUBLE, time TIMESTAMP)""")
        self.jobs = {}
        # Completed jobs, whose trips are in the table.
        self.loaded = set()
        # Trips of completed jobs that were in quarantined segments, by job.
        self.missing = Counter()

    # MARK: What happens to it

    def settle(self, job, status):
        """Notes what a job has come to, and has its trips or not accordingly."""
        may = job.may | ({"interrupted"} if job.status in (None, "interrupted") else set())
        assert status in may, f"may be {may}, but is {status}: {job.id} {job.file.name}"
        after = status == "completed"
        job.status = status
        if status in TERMINAL:
            job.may = {status}
        if after and job.id not in self.loaded:
            self.loaded.add(job.id)
            self.database.execute(f"INSERT INTO trips {READ}", [str(job.file.path), job.id])
            trips = self.value("SELECT count(*) FROM trips WHERE job_id = ?", [job.id])
            assert trips == job.file.trips, f"{job.file.name}: DuckDB reads {trips} trips, {job.file.trips} were written"
        if not after and job.id in self.loaded:
            self.loaded.remove(job.id)
            self.database.execute("DELETE FROM trips WHERE job_id = ?", [job.id])
            del self.missing[job.id]
        self.check_twins(job)

    def check_twins(self, job):
        """The same rows are stored once, unless a duplicate was requested."""
        if job.status == "completed" and not job.is_allowed_twice:
            for twin in self.twins(job.file, job):
                is_twice = twin.status == "completed" and not twin.is_allowed_twice
                assert not is_twice, f"jobs {job.id} and {twin.id} have the same rows"

    def lose(self, segment):
        """The trips of a segment are gone: it is about to be damaged."""
        for job, trips in self.rows("SELECT job_id, count(*) FROM read_parquet(?) GROUP BY ALL", [str(segment)]):
            self.missing[job] += trips
        self.database.execute(
            f"""CREATE OR REPLACE TABLE trips AS
                SELECT * FROM trips EXCEPT ALL SELECT job_id, {COLUMNS} FROM read_parquet(?)""", [str(segment)])

    # MARK: Queries

    @property
    def trips(self):
        return self.value("SELECT count(*) FROM trips")

    def having(self, *statuses):
        return [job for job in self.jobs.values() if job.status in statuses]

    def twins(self, file, but=None):
        """Jobs whose files have the same rows."""
        return [job for job in self.jobs.values() if job is not but and job.file.plain == file.plain]

    def outcomes(self, file, but=None, is_allowed_twice=False):
        """The possible outcomes of ingesting a file in the current state."""
        if file.fault:
            return {"failed"}
        twins = [] if is_allowed_twice else [job for job in self.twins(file, but) if job.status in COUNTED]
        if any(job.status == "completed" for job in twins):
            return {"failed"}
        # Of two that are under way the first to end has the rows.
        for job in twins:
            job.may.add("failed")
        return {"completed", "failed"} if twins else {"completed"}

    def refusals(self, file):
        """Because of which jobs an upload of these bytes is refused: (those that surely count, all that may)."""
        twins = [job for job in self.twins(file) if job.status in COUNTED]
        surely = [job for job in twins if job.file.sent == file.sent and not job.is_missing
                  and (job.status == "completed" or (job.status is None and job.source == "upload" and job.may == {"completed"}))]
        return surely, twins

    def differences(self, relation, names):
        """Rows that are in one of two bags alone: ours, and a relation that SQL names."""
        columns = f"job_id, {COLUMNS}"
        bags = [f"SELECT {columns} FROM trips", f"SELECT {columns} FROM {relation}"]
        return [(what, *row) for what, (bag, other) in (("missing", bags), ("too many", bags[::-1]))
                for row in self.rows(f"{bag} EXCEPT ALL {other} LIMIT 3", [names])]

    def regions_answer(self):
        """The answer of /regions as it must be."""
        answer = self.regions()
        for region in answer["regions"]:
            region["datasources"].sort(key=lambda source: (-source["trips"], source["datasource"].encode()))
            for part in [region, *region["datasources"]]:
                # Python writes six digits of a fraction.
                part |= {name: re.sub(r"(\.\d*?)0+$", r"\1", part[name]) for name in ("first_at", "last_at")}
        return answer

    def weekly_answer(self, parameters):
        """The answer of /analytics/weekly-average as it must be; None if no trip matches."""
        total, count, weeks = self.weekly_average(parameters)
        if total == 0:
            return None
        listed = [{"week": label, "week_start": monday, "trips": trips} for monday, (label, trips) in weeks.items()]
        if parameters.get("weeks") != "active":
            listed = self.rows_of_calendar(listed)
        box = [parameters.get(name) for name in ("min_lat", "min_lng", "max_lat", "max_lng")]
        area = parameters.get("region") or (
            "All trips" if box[0] is None else "BBox({},{})-({},{})".format(*map(float, box)))
        return {"area_description": area, "weekly_average": total / count, "total_trips": total, "week_count": count,
                "weeks": listed}

    def rows_of_calendar(self, weeks):
        """Weeks, and between them those without trips."""
        known = {week["week_start"]: week for week in weeks}
        calendar = self.rows("SELECT strftime(day, '%G-W%V'), strftime(day, '%Y-%m-%d') FROM range(?::DATE, ?::DATE + 1, "
                             "INTERVAL 7 DAY) AS days(day)", [weeks[0]["week_start"], weeks[-1]["week_start"]])
        return [known.get(monday, {"week": label, "week_start": monday, "trips": 0}) for label, monday in calendar]
