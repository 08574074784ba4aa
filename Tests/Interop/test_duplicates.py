"""The same bytes twice, and the same command again: the store has each file once, and says why."""

import contextlib
import ctypes
import gzip
import json
import os
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import threading

import pyarrow
import pytest

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.file_servers import FileServer
from tripstore_tools.harness.generated import ROWS
from tripstore_tools.harness.tripstore import SAMPLE, cli


def jobs(store):
    return json.loads(cli("jobs", "--format", "json", "--data-dir", store).stdout)


def trips(store):
    done = cli("weekly-average", "--format", "json", "--data-dir", store, check=False)
    return json.loads(done.stdout)["total_trips"] if done.returncode == 0 else 0


# MARK: Over HTTP

def test_the_same_upload_twice_is_refused_with_the_earlier_job(server):
    first = server.ingest(SAMPLE)["id"]
    refused = server.post_csv(SAMPLE.read_bytes(), duplicate=None)
    assert refused.status == 409 and f"as job {first} (trips.csv)" in refused.detail
    assert refused.headers["Location"] == f"/jobs/{first}"
    assert server.post_csv(SAMPLE.read_bytes(), duplicate="refuse").status == 409
    assert server.post_csv(SAMPLE.read_bytes(), duplicate="maybe").status == 400
    assert not list((server.data_dir / "uploads").iterdir())
    assert server.post_csv(SAMPLE.read_bytes(), duplicate="allow").status == 202
    server.delete(f"/jobs/{first}")


@pytest.mark.parametrize("place", ["before", "behind", "query"])
def test_a_form_says_what_becomes_of_a_duplicate(server, place):
    server.ingest(SAMPLE)
    file, field = ["-F", f"file=@{SAMPLE}"], ["-F", "duplicate=allow"]
    form = {"before": field + file, "behind": file + field, "query": file}[place]
    query = "?duplicate=allow" if place == "query" else ""
    refused = subprocess.run(["curl", "--silent", *file, f"{server.url}/ingest"], capture_output=True, text=True, check=True)
    assert "were loaded before" in refused.stdout
    done = subprocess.run(["curl", "--silent", *form, f"{server.url}/ingest{query}"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["job_id"] == 2


def test_of_many_equal_uploads_at_once_one_is_loaded(server):
    body = SAMPLE.read_bytes()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(server.post_csv(body, duplicate=None))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [202] + [409] * 11
    (accepted,) = [answer for answer in answers if answer.status == 202]
    server.wait_for_job(accepted.json["job_id"])
    assert server.get("/analytics/weekly-average").json["total_trips"] == 100
    # Once it is removed, its bytes are as good as new.
    server.delete(f"/jobs/{accepted.json['job_id']}")
    assert server.post_csv(body, duplicate=None).status == 202


def test_the_same_rows_compressed_otherwise_are_found_when_they_are_loaded(server):
    first = server.ingest(SAMPLE)["id"]
    job = server.post_csv(gzip.compress(SAMPLE.read_bytes()), "trips.csv.gz", duplicate=None).json["job_id"]
    failed = server.wait_for_job(job)
    assert failed["status"] == "failed" and f"as job {first}" in failed["message"]
    assert server.get("/analytics/weekly-average").json["total_trips"] == 100


def test_what_a_twin_says_stays_true_when_the_other_is_deleted(server):
    """Found: it said what to do about a job that was no longer there."""
    first = server.ingest(SAMPLE)["id"]
    twin = server.wait_for_job(server.post_csv(gzip.compress(SAMPLE.read_bytes()), "trips.csv.gz", duplicate=None).json["job_id"])
    assert twin["message"].startswith(f"Not loaded: the same bytes had been loaded before, as job {first} (trips.csv). If that job")
    assert server.request("POST", f"/jobs/{twin['id']}/resume").status == 202
    assert server.wait_for_job(twin["id"])["message"] == twin["message"]
    assert server.delete(f"/jobs/{first}").status == 200
    assert server.job(twin["id"])["message"] == twin["message"]
    # As it says, it can be resumed now.
    assert server.request("POST", f"/jobs/{twin['id']}/resume").status == 202
    loaded = server.wait_for_job(twin["id"])
    assert (loaded["status"], loaded["message"]) == ("completed", None)
    assert server.get("/analytics/weekly-average").json["total_trips"] == 100


# MARK: On the command line

def test_the_same_command_again_loads_nothing_twice(tmp_path):
    store, other = tmp_path / "data", tmp_path / "other.csv"
    other.write_text("".join(SAMPLE.read_text().splitlines(keepends=True)[:31]))
    renamed = shutil.copy(other, tmp_path / "renamed.csv")
    command = ["ingest", SAMPLE, other, "--data-dir", store]
    cli(*command)
    again = cli(*command)
    assert again.stderr.count("skipped, as it was already ingested") == 2 and "--allow-duplicate" in again.stderr
    assert "skipped" in cli("ingest", renamed, "--data-dir", store).stderr
    assert (trips(store), len(jobs(store))) == (130, 2)
    cli("ingest", renamed, "--allow-duplicate", "--data-dir", store)
    assert trips(store) == 160


def test_standard_input_that_was_loaded_before_is_skipped(tmp_path):
    store = tmp_path / "data"
    cli("ingest", SAMPLE, "--data-dir", store)
    for _ in range(3):
        assert "skipped" in cli("ingest", "-", "--data-dir", store, stdin=SAMPLE.read_text()).stderr
    # A job of each night would be one too many.
    assert trips(store) == 100 and [job["id"] for job in jobs(store)] == [1]
    packed = tmp_path / "trips.csv.gz"
    packed.write_bytes(gzip.compress(SAMPLE.read_bytes()))
    assert "skipped" in cli("ingest", packed, "--data-dir", store).stderr
    with FileServer(packed.read_bytes()) as files:
        assert "skipped" in cli("ingest", files.url("trips.csv.gz"), "--data-dir", store, ALLOW_PRIVATE_ADDRESSES="true").stderr
    assert [job["id"] for job in jobs(store)] == [1] and not list((store / "uploads").iterdir())


def test_after_a_file_that_failed_the_same_command_loads_the_rest(tmp_path):
    store, bad = tmp_path / "data", tmp_path / "bad.csv"
    bad.write_text("not,trips\n1,2\n")
    command = ["ingest", SAMPLE, bad, "--data-dir", store]
    assert cli(*command, check=False).returncode == 2
    bad.write_text("".join(SAMPLE.read_text().splitlines(keepends=True)[:11]))
    assert cli(*command).returncode == 0
    assert trips(store) == 110


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_after_an_interruption_at_any_moment_the_same_command_is_right(tmp_path, generated_csv, number):
    rows = rows_of(generated_csv)
    for round, seconds in enumerate((0.05, 0.2, 0.5, 1, 2)):
        store = tmp_path / str(round)
        command = ["ingest", SAMPLE, generated_csv, "--data-dir", store]
        process = subprocess.Popen([str(tripstore.BINARY), *map(str, command)], stderr=subprocess.PIPE, text=True,
                                   env=tripstore.clean_environment(SEGMENT_ROWS="50000"))
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        said = process.communicate(timeout=tripstore.TIMEOUT_SECONDS)[1]
        if cli("jobs", "--data-dir", store, check=False).returncode == 0:
            left = [job for job in jobs(store) if job["status"] == "interrupted"]
            assert not [job for job in jobs(store) if job["status"] in ("pending", "running")]
            if number != signal.SIGKILL:
                assert ("run the same command again" in said) == bool(left), said
        cli(*command, SEGMENT_ROWS="50000")
        cli(*command)
        assert trips(store) == rows + 100, said
        assert [job["status"] for job in jobs(store)] == ["completed", "completed"]
        cli("verify", "--data-dir", store)


def rows_of(path):
    with open(path, "rb") as file:
        return sum(1 for _ in file) - 1


def interrupt(store, *arguments):
    """Leaves a job interrupted with part of its first file committed."""
    for _ in range(20):
        process = subprocess.Popen([str(tripstore.BINARY), "ingest", *map(str, arguments), "--data-dir", str(store)],
                                   stderr=subprocess.PIPE, env=tripstore.clean_environment(SEGMENT_ROWS="50000"))
        tripstore.wait_until(lambda: has_committed(store) or process.poll() is not None, "a commit")
        process.kill()
        process.communicate()
        job = jobs(store)[-1]
        if job["status"] == "interrupted" and job["processed_rows"] > 0:
            return job
        shutil.rmtree(store)
    raise AssertionError("every load was over before it was interrupted")


def has_committed(store):
    with contextlib.suppress(sqlite3.OperationalError), \
            contextlib.closing(sqlite3.connect(f"file:{store}/catalog.sqlite?mode=ro", uri=True)) as catalog:
        return catalog.execute("SELECT count(*) FROM jobs WHERE processed_rows > 0").fetchone()[0]


def opens_of(path):
    """Counts how often a file is opened from now on; returns a function that says so."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK)
    # Consecutive equal events are reported once, so reads have to be reported, too.
    access, opening = 0x1, 0x20
    assert descriptor >= 0 and libc.inotify_add_watch(descriptor, str(path).encode(), access | opening) >= 0

    def count():
        # An event of a watched file has no name: four numbers of 32 bits.
        events = [mask for _, mask, _, _ in struct.iter_unpack("iIII", os.read(descriptor, 1 << 20))]
        os.close(descriptor)
        return events.count(opening)
    return count


def test_a_resumed_load_reads_what_it_has_proven(tmp_path, generated_csv):
    """Found: the source was opened twice, so that a file that came in between gave the header for the rows of another."""
    store = tmp_path / "data"
    interrupt(store, generated_csv)
    count = opens_of(generated_csv)
    cli("resume", 1, "--data-dir", store)
    assert count() == 1
    assert trips(store) == rows_of(generated_csv)


@pytest.mark.parametrize("form", ["plain", "gzip"])
def test_another_file_under_the_name_of_an_interrupted_one_is_never_spliced(tmp_path, generated_csv, form):
    store, csv = tmp_path / "data", tmp_path / ("trips.csv" if form == "plain" else "trips.csv.gz")
    text = generated_csv.read_bytes()
    write = csv.write_bytes if form == "plain" else lambda data: csv.write_bytes(gzip.compress(data, 1))
    write(text)
    interrupt(store, csv)
    # One digit of the first row; of plain files the length stays.
    position = text.index(b"-", text.index(b"\n")) - 1
    write(text[:position] + bytes([text[position] ^ 1]) + text[position + 1:])
    refused = cli("ingest", csv, "--data-dir", store, check=False)
    assert refused.returncode == 1 and "changed since" in refused.stderr
    assert trips(store) == 0 and not list(store.glob("segments/*"))
    cli("resume", 1, "--data-dir", store, check=False)
    assert trips(store) == jobs(store)[0]["processed_rows"] - jobs(store)[0]["rejected_rows"] > 900_000


def test_other_peoples_leftovers_are_named_and_left_alone(tmp_path, generated_csv):
    store = tmp_path / "data"
    interrupt(store, generated_csv)
    done = cli("ingest", SAMPLE, "--data-dir", store)
    assert f"tripstore resume 1 --data-dir {store}" in done.stderr
    assert f"tripstore jobs 1 --remove --data-dir {store}" in done.stderr
    assert trips(store) == 100
    with tripstore.Server(store, tmp_path / "log") as server:
        assert server.job(1)["status"] == "interrupted"
        assert server.request("POST", "/jobs/1/resume").status == 202
        assert server.wait_for_job(1)["status"] == "completed"


@pytest.mark.parametrize("options", [[], ["--allow-duplicate"]])
def test_many_who_resume_one_job_load_it_once(library, tmp_path, options):
    """A small file, which could be twice in one group."""
    store = tmp_path / "data"
    for call in range(1, 100):
        shutil.rmtree(store, ignore_errors=True)
        cli("ingest", SAMPLE, "--data-dir", store, *options, check=False, LD_PRELOAD=str(library), FAULT_DIR=str(store / "segments"),
            FAULT_AT=str(call))
        listed = cli("jobs", "--format", "json", "--data-dir", store, check=False).stdout
        if listed and [job["status"] for job in json.loads(listed)] == ["interrupted"]:
            break
    with tripstore.Server(store, tmp_path / "log") as server:
        statuses = []
        threads = [threading.Thread(target=lambda: statuses.append(server.request("POST", "/jobs/1/resume").status))
                   for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(tripstore.TIMEOUT_SECONDS)
        assert sorted(statuses) == [202] + [409] * 11
        job = server.wait_for_job(1)
        assert (job["status"], job["total_rows"]) == ("completed", 100)
        assert server.get("/analytics/weekly-average").json["total_trips"] == 100


def test_equal_bytes_under_another_name_go_on_with_what_was_interrupted(tmp_path, generated_csv):
    """Whatever became of the file that was being loaded, exit code 0 says that its rows are in."""
    store, names = tmp_path / "data", [tmp_path / name for name in ("a.csv", "b.csv")]
    for name in names:
        shutil.copy(generated_csv, name)
    interrupt(store, *names)
    names[0].unlink()
    done = cli("ingest", names[1], "--data-dir", store)
    assert done.returncode == 0 and trips(store) == ROWS
    assert [job["status"] for job in jobs(store) if job["status"] != "failed"] == ["completed"]


def test_the_same_command_is_right_for_a_file_that_is_named_twice(tmp_path, generated_csv):
    store = tmp_path / "data"
    command = ["ingest", "--allow-duplicate", generated_csv, generated_csv, "--data-dir", store]
    interrupt(store, "--allow-duplicate", generated_csv, generated_csv)
    cli(*command)
    assert trips(store) == 2 * ROWS
    # Without the flag it is another command: the file is in.
    assert "skipped" in cli("ingest", generated_csv, "--data-dir", store).stderr
    assert trips(store) == 2 * ROWS


def test_bytes_of_a_job_that_was_set_aside_are_not_said_to_be_in(tmp_path):
    store = tmp_path / "data"
    cli("ingest", SAMPLE, "--data-dir", store)
    damage_a_segment(store)
    refused = cli("ingest", SAMPLE, "--data-dir", store, check=False)
    assert refused.returncode == 1 and "100 trips are missing" in refused.stderr and "delete job 1" in refused.stderr
    with tripstore.Server(store, tmp_path / "log") as server:
        answer = server.post_csv(SAMPLE.read_bytes(), duplicate=None)
        assert answer.status == 409 and "100 trips are missing" in answer.detail and answer.headers["Location"] == "/jobs/1"
    cli("jobs", 1, "--remove", "--data-dir", store)
    assert cli("ingest", SAMPLE, "--data-dir", store).returncode == 0 and trips(store) == 100


@pytest.mark.parametrize("way", ["the file", "gzip", "zstd", "among others", "standard input", "upload", "upload of gzip", "uploads together",
                                 "by URL"])
def test_whatever_brings_bytes_of_which_trips_were_set_aside_is_refused_with_advice(tmp_path, way):
    """Found: rows that were compressed otherwise, or came on standard input, were skipped with 0 as if the store had them."""
    store, plain = tmp_path / "data", SAMPLE.read_bytes()
    cli("ingest", SAMPLE, "--data-dir", store)
    damage_a_segment(store)
    other, packed, zstd = tmp_path / "other.csv", tmp_path / "trips.csv.gz", tmp_path / "trips.csv.zst"
    other.write_bytes(b"".join(plain.splitlines(keepends=True)[:31]))
    packed.write_bytes(gzip.compress(plain))
    zstd.write_bytes(pyarrow.compress(plain, codec="zstd", asbytes=True))
    said = "100 trips are missing"
    if way in ("the file", "gzip", "zstd", "among others", "standard input"):
        files = {"the file": [SAMPLE], "gzip": [packed], "zstd": [zstd], "among others": [other, packed], "standard input": ["-"]}[way]
        refused = cli("ingest", *files, "--data-dir", store, check=False, stdin=SAMPLE.read_text() if way == "standard input" else None)
        assert refused.returncode == 1 and re.search("100 trips (are|were) missing", refused.stderr), refused.stderr
        assert "skipped" not in refused.stderr
    else:
        with FileServer(packed.read_bytes()) as files, \
                tripstore.Server(store, tmp_path / "log", ALLOW_PRIVATE_ADDRESSES="true") as server:
            if way == "upload":
                answer = server.post_csv(plain, duplicate=None)
                assert answer.status == 409 and said in answer.detail
            else:
                if way == "uploads together":
                    # Behind one that is loaded meanwhile, they wait and are loaded as one.
                    server.post_csv(plain.splitlines(keepends=True)[0] + 200_000 * plain.splitlines(keepends=True)[1])
                    server.post_file(other)
                answer = (server.request("POST", "/ingest", json.dumps({"url": files.url("trips.csv.gz")}),
                                         {"Content-Type": "application/json"}) if way == "by URL"
                          else server.post_csv(packed.read_bytes(), "trips.csv.gz", duplicate=None))
                job = server.wait_for_job(answer.json["job_id"])
                assert job["status"] == "failed" and "delete job 1" in job["message"], job
                # Which stays true once that job is gone.
                assert said.replace("are", "were") in job["message"], job
                server.delete("/jobs/1")
                # As the advice says: once that job is gone, this one may be loaded.
                assert server.request("POST", f"/jobs/{job['id']}/resume").status == 202
                assert server.wait_for_job(job["id"])["status"] == "completed"


def test_of_two_jobs_with_the_same_bytes_the_whole_one_has_them(tmp_path):
    store = tmp_path / "data"
    cli("ingest", SAMPLE, "--data-dir", store)
    cli("ingest", SAMPLE, "--allow-duplicate", "--data-dir", store)
    damage_a_segment(store)
    for file, text in ((SAMPLE, None), ("-", SAMPLE.read_text())):
        done = cli("ingest", file, "--data-dir", store, check=False, stdin=text)
        assert done.returncode == 0 and "skipped" in done.stderr and "as job 2" in done.stderr, done.stderr


def damage_a_segment(store):
    """Flips a bit of the first segment, which is quarantined."""
    segment = min((store / "segments").glob("*.parquet"))
    data = bytearray(segment.read_bytes())
    data[200] ^= 1
    segment.write_bytes(data)
    cli("verify", "--quarantine", "--data-dir", store, check=False)


def test_a_skipped_file_with_rejected_rows_ends_as_its_load_did(tmp_path):
    file = tmp_path / "rejects.csv"
    file.write_bytes(SAMPLE.read_bytes() + b"\nbad row\n")
    codes = [cli("ingest", file, "--data-dir", tmp_path / "data", check=False).returncode for _ in range(2)]
    assert codes == [3, 3]


@pytest.mark.parametrize("change", ["overwritten", "cut", "grown", "touched"])
def test_a_file_that_is_written_while_it_is_read_is_never_spliced(tmp_path, generated_csv, change):
    csv = tmp_path / "live.csv"
    for attempt in range(20):
        store = tmp_path / f"data{attempt}"
        shutil.copy(generated_csv, csv)
        process = subprocess.Popen([str(tripstore.BINARY), "ingest", "--quiet", str(csv), "--data-dir", str(store)],
                                   stderr=subprocess.PIPE, env=tripstore.clean_environment(SEGMENT_ROWS="50000"))
        tripstore.wait_until(lambda: list(store.glob("segments/*.parquet")) or process.poll() is not None, "a segment", pause=0.001)
        process.send_signal(signal.SIGSTOP)
        with csv.open("rb+") as file:
            if change == "overwritten":
                file.write(SAMPLE.read_bytes())
            elif change == "cut":
                file.truncate(50_000_000)
            elif change == "grown":
                file.seek(0, 2)
                file.write(SAMPLE.read_bytes().split(b"\n", 1)[1])
        csv.touch()
        process.send_signal(signal.SIGCONT)
        code, said = process.wait(tripstore.TIMEOUT_SECONDS), process.stderr.read().decode()
        if code == 1:
            assert change != "touched" and "changed while it was loaded" in said and trips(store) == 0
            return
        # It was over before it was stopped, or what it read is the file as it is now: its rows but for one that is cut.
        now = csv.read_bytes().count(b"\n") - 1
        if trips(store) != (now if change != "overwritten" else ROWS):
            raise AssertionError(f"{trips(store)} trips, ended with {code}")
        if change != "overwritten":
            return
    raise AssertionError("every load was over before its file was written")


# MARK: What is said

def test_the_lock_says_who_has_the_store_and_what_to_do(tmp_path, server):
    server.ingest(SAMPLE)
    refused = cli("ingest", SAMPLE, "--data-dir", server.data_dir, check=False)
    assert refused.returncode == 1
    assert f"A server (process {server.process.pid}, {server.url}) has this store" in refused.stderr
    assert f"curl -T trips.csv {server.url}/ingest/" in refused.stderr
    store = tmp_path / "other"
    with subprocess.Popen([str(tripstore.BINARY), "ingest", "-", "--data-dir", str(store)], stdin=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=tripstore.clean_environment()) as load:
        tripstore.wait_until((store / "catalog.sqlite").exists, "the catalog")
        tripstore.wait_until((store / "lock").read_bytes, "the lock")
        refused = cli("jobs", 1, "--remove", "--data-dir", store, check=False)
        load.stdin.close()
    assert f"Process {load.pid} is loading" in refused.stderr and "wait until it ends" in refused.stderr


def test_removal_says_how_many_trips_went(tmp_path):
    store = tmp_path / "data"
    cli("ingest", SAMPLE, "--data-dir", store)
    both = cli("jobs", 1, "--remove", "--rejects", 3, "--data-dir", store, check=False)
    assert both.returncode == 64 and "cannot be combined" in both.stderr
    assert "Deleted 100 trips of job 1 (trips.csv)." in cli("jobs", 1, "--remove", "--data-dir", store).stderr
    assert "Nothing was left" in cli("jobs", 1, "--remove", "--data-dir", store).stderr
