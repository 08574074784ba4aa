"""Many deletions at once of jobs that share a segment: it is rewritten a few times and not once for each, and other requests are answered."""

import sqlite3
import threading
import time

from tripstore_tools.harness import tripstore


def exchanges(store):
    """How many segments were ever put into the catalog."""
    with sqlite3.connect(f"file:{store}/catalog.sqlite?mode=ro", uri=True) as catalog:
        return catalog.execute("SELECT seq FROM sqlite_sequence WHERE name = 'segments'").fetchone()[0]


def test_attack_deletions_of_jobs_that_were_loaded_together(tmp_path, scale):
    """Found: each of 20 concurrent deletions rewrote the whole segment, and what was uploaded then waited for all of them.

    Prints how long they took (`scripts/attack loaded_together`)."""
    store, rows, count = tmp_path / "data", scale(20_000, full=30_000), scale(24, full=34)
    files = []
    for number in range(count):
        files.append(tmp_path / f"{number}.csv")
        tripstore.cli("generate", "--rows", rows, "--seed", number + 1, "--output", files[-1])
    tripstore.cli("ingest", *files, "--data-dir", store)
    assert len(list((store / "segments").iterdir())) == 1
    with tripstore.Server(store, tmp_path / "log") as server:
        before = exchanges(store)
        answers, seconds = {}, {}

        def delete(job):
            answers[job] = server.delete(f"/jobs/{job}")
            seconds[job] = time.monotonic() - begin

        threads = [threading.Thread(target=delete, args=[job]) for job in range(1, 21)]
        begin = time.monotonic()
        for thread in threads:
            thread.start()
        small = server.post_file(tripstore.SAMPLE)
        accepted = time.monotonic() - begin
        uploaded = server.wait_for_job(small)
        loaded = time.monotonic() - begin
        for thread in threads:
            thread.join()
        print(f"\n20 deletions at once of {count} jobs with {count * rows:,} trips in one segment: the first answered after "
              f"{min(seconds.values()):.1f} s, the last after {max(seconds.values()):.1f} s; an upload beside them accepted after "
              f"{accepted:.2f} s, loaded after {loaded:.1f} s")
        assert [(answers[job].status, answers[job].json["status"]) for job in range(1, 21)] == [(200, "deleted")] * 20
        assert uploaded["status"] == "completed"
        assert server.get("/analytics/weekly-average").json["total_trips"] == (count - 20) * rows + 100
        # A quick machine may do the first few one by one before the others have come.
        assert exchanges(store) - before - 1 <= 10
        for job in range(1, 21):
            assert server.delete(f"/jobs/{job}").json["status"] == "deleted"
    tripstore.cli("verify", "--data-dir", store)
