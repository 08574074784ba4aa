"""Uploads that one server keeps in S3 (`UPLOADS_URL`) until they are loaded; of several processes test_cluster.py has the tests."""

import shutil

import pytest

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.tripstore import SAMPLE, Server, wait_until


def variables(s3, prefix, **others):
    return s3.variables(UPLOADS_URL=f"s3://trips/{prefix}", **others)


def test_an_upload_is_there_until_it_is_loaded(s3, tmp_path):
    with Server(tmp_path / "data", tmp_path / "log", **variables(s3, "once")) as server:
        job = server.ingest(SAMPLE)
        assert (job["status"], job["processed_rows"], job["filename"]) == ("completed", 100, "trips.csv")
        wait_until(lambda: not s3.keys("trips", "once/"), "the upload to be removed")
        assert not list((tmp_path / "data/uploads").iterdir())
        # A failed job's upload stays, so that it can be resumed; with its deletion it goes.
        failed = server.wait_for_job(server.post_csv(b"no,trips\n1,2\n").json["job_id"])
        assert failed["status"] == "failed" and len(s3.keys("trips", "once/")) == 1
        assert server.request("POST", f"/jobs/{failed['id']}/resume").status == 202
        assert server.wait_for_job(failed["id"])["status"] == "failed" and len(s3.keys("trips", "once/")) == 1


def test_an_acknowledged_upload_survives_the_loss_of_the_folder(s3, generated_csv, tmp_path):
    server = Server(tmp_path / "data", tmp_path / "log", **variables(s3, "lost"))
    server.start()
    job = server.post_file(generated_csv)
    server.kill()
    assert len(s3.keys("trips", "lost/")) == 1
    shutil.rmtree(tmp_path / "data/uploads")
    with server:
        done = server.wait_for_job(job)
        assert (done["status"], done["processed_rows"], done["rejected_rows"]) == ("completed", 1_000_000, 0), done
        assert server.get("/analytics/weekly-average").json["total_trips"] == 1_000_000
        wait_until(lambda: not s3.keys("trips", "lost/"), "the upload to be removed")


def test_an_upload_that_cannot_be_kept_is_refused(tmp_path):
    nobody = f"http://127.0.0.1:{tripstore.free_port()}"
    server = Server(tmp_path / "data", tmp_path / "log", UPLOADS_URL="s3://trips/nowhere", AWS_ENDPOINT_URL_S3=nobody,
                    AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b")
    try:
        server.start("/health")
        answer = server.get("/ready")
        assert answer.status == 503 and "s3://trips" in answer.detail, answer.body
        answer = server.post_csv(SAMPLE.read_bytes())
        assert answer.status == 503 and answer.detail.endswith((".", "?")), answer.body
        assert server.get("/jobs").json == []
        wait_until(lambda: not list((tmp_path / "data/uploads").iterdir()), "the folder of uploads to be empty")
    finally:
        server.stop()


@pytest.mark.parametrize("url, words", [
    ("s3://", "s3://BUCKET/PREFIX"), ("s3://trips/x?stray_seconds=1", "from 10 to"), ("s3://trips/x?wrong=1", "stray_seconds"),
    ("file:///uploads", "s3://BUCKET/PREFIX")])
def test_a_setting_that_makes_no_sense_is_refused(tmp_path, url, words):
    done = tripstore.cli("serve", "--port", 0, "--data-dir", tmp_path / "data", "--uploads-url", url, check=False)
    assert done.returncode != 0 and words in done.stderr, done.stderr
