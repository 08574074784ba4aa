"""Files of a few kilobytes whose rows are not trips: what is kept of them, in memory and on disk, and what an answer has."""

import pyarrow
import pytest

from tripstore_tools.harness import small_disk, tripstore
from tripstore_tools.harness.processes import peak_memory

HEADER = b"region,origin_coord,destination_coord,datetime,datasource\n"
# What a server has once it has answered a few queries, in a debug build too.
IDLE_BYTES = 150 << 20


def zstd(data):
    return pyarrow.compress(data, codec="zstd", asbytes=True)


def rejects(server, job, **parameters):
    answer = server.get(f"/jobs/{job}/rejects", parameters)
    assert answer.status == 200, answer.body[:300]
    return answer


def post(server, body, name):
    answer = server.post_csv(body, name)
    assert answer.status == 202, answer.body
    return answer.json["job_id"]


def test_attack_rows_of_a_compressed_file_are_counted_and_few_are_kept(server, scale):
    rows = scale(300_000, full=10_500_000)
    body = zstd(HEADER + b"a\n" * rows)
    assert len(body) < 10_000
    job = server.wait_for_job(post(server, body, "a.csv.zst"))
    assert (job["status"], job["processed_rows"], job["rejected_rows"]) == ("failed", rows, rows)
    kept = rejects(server, job["id"], limit=10_000).json
    # Of a file of two kilobytes 256 KiB and a little.
    assert (len(kept["rejects"]), kept["next_after"]) == (kept["kept_rows"], None) and 1000 < kept["kept_rows"] < 10_000
    assert [row["line"] for row in kept["rejects"]] == list(range(2, kept["kept_rows"] + 2))
    assert sum(kept["reasons"].values()) == kept["rejected_rows"] == rows
    assert small_disk.bytes_below(server.data_dir / "rejects") < 1 << 20
    assert peak_memory(server.process.pid) < IDLE_BYTES + (300 << 20)
    shown = tripstore.cli("jobs", job["id"], "--rejects", 3, "--data-dir", server.data_dir)
    assert f"The first {kept['kept_rows']:,} were kept" in shown.stderr and "--after 4" in shown.stderr
    assert server.delete(f"/jobs/{job['id']}").status == 200
    assert list((server.data_dir / "rejects").iterdir()) == [] == list((server.data_dir / "uploads").iterdir())
    left = rejects(server, job["id"]).json
    assert (left["rejects"], left["kept_rows"], left["rejected_rows"]) == ([], 0, 0)


@pytest.mark.parametrize("row, reason", [
    (b",,,,", "origin is empty"), (b",,,,,,x,", "more fields than the header"), (b",,,,,,,", "origin is empty"),
    (b'a"', "quote inside an unquoted field"),
    (b'"x', "unterminated quote"), (b'"', "fewer fields than the header"), (b"a,b,c,d,e", "origin is not POINT (longitude latitude)"), (b"", None)])
def test_attack_rows_of_every_kind_are_counted(server, scale, row, reason):
    """Between two good rows, which are loaded."""
    rows = scale(300_000, full=5_000_000)
    good = tripstore.SAMPLE.read_bytes().split(b"\n")[1:3]
    body = zstd(HEADER + good[0] + b"\n" + (row + b"\n") * rows + good[1] + b"\n")
    job = server.wait_for_job(post(server, body, "rows.csv.zst"))
    # A quote in one line and the next one are a record.
    lines = 2 if row == b'"' else 1
    rejected = rows // lines if reason else 0
    assert (job["status"], job["processed_rows"], job["rejected_rows"]) == ("completed", rejected + 2, rejected)
    kept = rejects(server, job["id"], limit=10_000).json
    assert kept["reasons"] == ({reason: rejected} if reason else {})
    assert [row["line"] for row in kept["rejects"]] == list(range(3, lines * kept["kept_rows"] + 3, lines))
    assert server.delete(f"/jobs/{job['id']}").status == 200


def test_attack_an_answer_has_a_page_of_long_rows(server, scale):
    # Each byte takes six in JSON, and what is kept of a row is 64 KiB.
    count = scale(300, full=10_000)
    body = zstd(HEADER + (b"\x01" * 70_000 + b"\n") * count)
    job = server.wait_for_job(post(server, body, "long.csv.zst"))
    assert (job["status"], job["rejected_rows"]) == ("failed", count)
    lines, after, kept = [], 0, None
    while after is not None:
        answer = rejects(server, job["id"], limit=10_000, after=after)
        assert len(answer.body) < 3 << 20
        page = answer.json
        lines += [row["line"] for row in page["rejects"]]
        after, kept = page["next_after"], page["kept_rows"]
    assert lines == list(range(2, kept + 2)) and 0 < kept < count
    assert peak_memory(server.process.pid) < IDLE_BYTES + (300 << 20)


@pytest.mark.parametrize("after", ["-1", "x", ""])
def test_a_place_that_is_none_is_refused(server, after):
    job = server.ingest(tripstore.SAMPLE)
    refused = server.get(f"/jobs/{job['id']}/rejects", {"after": after})
    assert refused.status == 400 and "after" in refused.detail


def test_attack_small_files_that_are_loaded_together(server, scale):
    count, rows = scale((5, 200_000), full=(64, 4_000_000))
    body = zstd(HEADER + b"a\n" * rows)
    # The first holds the loader while the others come, so that these are loaded together.
    jobs = [post(server, body, f"{number}.csv.zst") for number in range(count)]
    for number in jobs:
        job = server.wait_for_job(number)
        assert (job["status"], job["rejected_rows"]) == ("failed", rows)
    assert peak_memory(server.process.pid) < IDLE_BYTES + (400 << 20)
    assert small_disk.bytes_below(server.data_dir / "rejects") < count << 20


def test_attack_a_file_that_grows_without_an_end(server, scale):
    """Equal rows compress to a thousandth and are trips; a frame that names one byte again and again is stopped."""
    row = b"Prague,POINT (14.49 50.01),POINT (14.43 50.04),2018-05-28 09:03:40,funny_car\n"
    rows = scale(50_000, full=10_000_000)
    equal = server.wait_for_job(post(server, zstd(HEADER + row * rows), "equal.csv.zst"))
    assert (equal["status"], equal["processed_rows"], equal["rejected_rows"]) == ("completed", rows, 0)
    # RFC 8878, 3.1.1.2: blocks of 128 KiB that are four bytes each, after a raw one.
    def block(size, kind, content):
        return (size << 3 | kind << 1).to_bytes(3, "little") + content

    bomb = b"\x28\xb5\x2f\xfd\x00\x58" + block(len(HEADER), 0, HEADER) + block(128 << 10, 1, b"a") * (64 << 10)
    stopped = server.wait_for_job(post(server, bomb, "bomb.csv.zst"))
    assert stopped["status"] == "failed" and "MAX_EXPANSION" in stopped["message"], stopped
    assert server.get("/analytics/weekly-average").json["total_trips"] == rows
