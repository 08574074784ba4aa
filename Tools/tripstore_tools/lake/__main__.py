"""Spark reads an exported folder in place and finds the program's answers in it: weekly counts, trip groups, times.

Spark runs as it does on many machines: a driver, a master, two workers with an executor each, all processes of this one
(`local-cluster`). The session's time zone is one with a shift, so that a time that moves would be noticed.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from tripstore_tools.harness import tripstore

EXECUTORS = 2
ZONE = "America/New_York"


def session(master):
    # Not before: `--help` is answered without Spark.
    import pyspark
    from pyspark.sql import SparkSession

    os.environ["SPARK_LOCAL_IP"] = os.environ["SPARK_LOCAL_HOSTNAME"] = "127.0.0.1"
    # Workers of local-cluster start executors with the scripts of this folder.
    os.environ["SPARK_HOME"] = str(Path(pyspark.__file__).parent)
    os.environ["PYSPARK_PYTHON"] = sys.executable

    settings = {
        "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR", "spark.sql.session.timeZone": ZONE,
        "spark.sql.shuffle.partitions": "4", "spark.driver.memory": "1g", "spark.executor.memory": "1g"}
    builder = SparkSession.builder.master(master).appName("tripstore lake test")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


class Timer:
    """Says what took how long."""

    def __init__(self):
        self.start = time.monotonic()

    def say(self, what):
        now = time.monotonic()
        print(f"{what:<60} {now - self.start:7.2f} s", flush=True)
        self.start = time.monotonic()


def ask(store, *query):
    return json.loads(tripstore.cli(*query, "--format", "json", "--data-dir", store).stdout)


def check_weeks(spark, expected):
    rows = spark.sql("SELECT CAST(week AS STRING), count(*) FROM trips GROUP BY week ORDER BY week").collect()
    assert [tuple(row) for row in rows] == [(week["week_start"], week["trips"]) for week in expected["weeks"] if week["trips"]]
    wrong = spark.sql("SELECT count(*) FROM trips WHERE week <> CAST(date_trunc('week', time) AS DATE)").collect()
    assert wrong[0][0] == 0
    last = rows[-1]
    assert spark.sql(f"SELECT count(*) FROM trips WHERE week = DATE '{last[0]}'").collect()[0][0] == last[1]
    return len(rows)


def check_groups(spark, expected):
    rows = spark.sql(
        """SELECT region, origin_geohash, destination_geohash, date_format(date_trunc('hour', time), 'HH:mm:ss') AS bucket,
               count(*) AS trips
           FROM trips GROUP BY ALL
           ORDER BY trips DESC, region, origin_geohash, destination_geohash, bucket LIMIT 1000""").collect()
    assert [tuple(row) for row in rows] == [
        (group["region"], group["origin_geohash"], group["destination_geohash"], group["time_bucket_start"],
         group["trip_count"]) for group in expected["groups"]]
    return expected["total_groups"]


def check_times_and_places(spark, expected):
    rows = spark.sql(
        """SELECT region, count(*), CAST(min(time) AS STRING), CAST(max(time) AS STRING), min(origin_longitude),
               min(origin_latitude), max(origin_longitude), max(origin_latitude)
           FROM trips GROUP BY region ORDER BY count(*) DESC, region""").collect()
    assert [tuple(row) for row in rows] == [
        (region["region"], region["trips"], region["first_at"].replace("T", " "), region["last_at"].replace("T", " "),
         *region["bounds"]) for region in expected["regions"]]
    return len(rows)


def main():
    arguments = argparse.ArgumentParser(prog="scripts/lake-test", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=1_000_000, help="trips that are generated (default: a million)")
    arguments.add_argument(
        "--master", default=f"local-cluster[{EXECUTORS},1,1024]", help="Spark's master (default: %(default)s)")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="tripstore-lake-") as folder:
        csv, store, lake = (Path(folder, name) for name in ("trips.csv", "data", "lake"))
        timer = Timer()
        tripstore.cli("generate", "--rows", options.rows, "--seed", 7, "--output", csv)
        tripstore.cli("ingest", csv, "--data-dir", store)
        timer.say(f"{options.rows:,} trips generated and loaded")
        report = ask(store, "export", "--hive", lake)
        timer.say(f"exported: {report['weeks']} weeks, {report['files']} files, {report['bytes'] / 2**20:.1f} MiB")
        spark = session(options.master)
        spark.read.parquet(str(lake)).createOrReplaceTempView("trips")
        types = dict(spark.table("trips").dtypes)
        assert (types["time"], types["week"], types["job_id"]) == ("timestamp_ntz", "date", "bigint"), types
        timer.say(f"Spark {spark.version} started on {options.master}")
        weeks = check_weeks(spark, ask(store, "weekly-average"))
        timer.say(f"{weeks} weekly counts are the program's")
        groups = check_groups(spark, ask(store, "trip-groups", "--limit", 1000, "--precision", 5))
        timer.say(f"the 1000 largest of {groups:,} trip groups are the program's")
        regions = check_times_and_places(spark, ask(store, "regions"))
        timer.say(f"first and last times and bounds of {regions} regions are the program's")
        executors = spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size()
        print(f"processes with tasks or results: {executors} (driver and executors)")
        spark.stop()
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
