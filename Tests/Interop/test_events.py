"""Changes of jobs as CloudEvents: each one, in order, signed, however often the receiver or the server is down."""

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tripstore_tools.harness import tripstore

SECRET = "whsec_" + base64.b64encode(b"a secret of this test's own").decode()


class Receiver:
    """A webhook on loopback that takes events, or does not for a while."""

    def __init__(self):
        self.events, self.refusals, self.status = [], 0, 204
        receiver = self

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.status == 204:
                    receiver.events.append((dict(self.headers), body))
                else:
                    receiver.refusals += 1
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    @property
    def seen(self):
        """(job, state) of each event, once, in the order in which they came first."""
        bodies = [json.loads(body) for _, body in self.events]
        return list(dict.fromkeys((body["subject"], body["type"].removeprefix("tripstore.job.")) for body in bodies))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


def serve(folder, url, **variables):
    return tripstore.Server(folder / "data", folder / "log", EVENTS_URL=url, **variables)


def test_each_change_is_told_in_order_and_signed(tmp_path, receiver):
    with serve(tmp_path, receiver.url, EVENTS_SECRET=SECRET) as server:
        job = server.ingest(tripstore.SAMPLE)
        failed = server.wait_for_job(server.post_csv(b"no,header\n1,2\n").json["job_id"])
        assert failed["status"] == "failed"
        removed = server.delete(f"/jobs/{job['id']}").json
        expected = [("jobs/1", "pending"), ("jobs/1", "running"), ("jobs/1", "completed"), ("jobs/2", "pending"),
                    ("jobs/2", "running"), ("jobs/2", "failed"), ("jobs/1", "deleted")]
        tripstore.wait_until(lambda: receiver.seen == expected, f"the events, of which there are {receiver.seen}")
    for headers, body in receiver.events:
        assert headers["Content-Type"].startswith("application/cloudevents+json")
        event = json.loads(body)
        assert event["specversion"] == "1.0" and event["id"] == headers["webhook-id"]
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < tripstore.TIMEOUT_SECONDS
        text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        code = hmac.new(base64.b64decode(SECRET.removeprefix("whsec_")), text, hashlib.sha256).digest()
        assert headers["webhook-signature"] == "v1," + base64.b64encode(code).decode()
    assert len({json.loads(body)["id"] for _, body in receiver.events}) == len(expected)
    # What an event says of the job is what the API says, but for how its file is read.
    for job in (removed, failed):
        for name in ("format", "notes", "question"):
            job.pop(name, None)
    last = {json.loads(body)["subject"]: json.loads(body)["data"] for _, body in receiver.events}
    assert last["jobs/1"] == removed and last["jobs/2"] == failed


def test_what_the_receiver_refuses_is_sent_again(tmp_path, receiver):
    receiver.status = 503
    with serve(tmp_path, receiver.url) as server:
        server.ingest(tripstore.SAMPLE)
        tripstore.wait_until(lambda: receiver.refusals >= 2, "two attempts")
        assert server.get("/ready").status == 200
        receiver.status = 204
        tripstore.wait_until(lambda: len(receiver.seen) == 3, "the events")
    assert [state for _, state in receiver.seen] == ["pending", "running", "completed"]
    assert "webhook-signature" not in receiver.events[0][0]


def test_nothing_is_lost_though_both_are_away(tmp_path):
    """No receiver listens, the server is killed, jobs continue; the next server delivers everything."""
    with Receiver() as gone:
        url = gone.url
    server = serve(tmp_path, url).start()
    server.post_file(tripstore.SAMPLE)
    time.sleep(0.3)
    server.kill()
    # The command line loads another file meanwhile, and knows nothing of events.
    tripstore.cli("ingest", tripstore.SAMPLE, "--allow-duplicate", "--data-dir", server.data_dir)
    with Receiver() as receiver, serve(tmp_path, receiver.url) as server:
        for job in (1, 2):
            assert server.wait_for_job(job)["status"] == "completed"
        wanted = [(f"jobs/{job}", state) for job in (1, 2) for state in ("pending", "running", "completed")]
        tripstore.wait_until(lambda: set(wanted) <= set(receiver.seen), f"the events, of which there are {receiver.seen}")
        for job in (1, 2):
            states = [state for subject, state in receiver.seen if subject == f"jobs/{job}"]
            assert states.index("pending") < states.index("running") < states.index("completed")


def test_a_server_that_is_told_nobody_keeps_nothing(tmp_path, receiver):
    with serve(tmp_path, receiver.url) as server:
        server.ingest(tripstore.SAMPLE)
        tripstore.wait_until(lambda: len(receiver.seen) == 3, "the events")
    with tripstore.Server(tmp_path / "data", tmp_path / "log") as server:
        server.ingest(tripstore.SAMPLE)
    with serve(tmp_path, receiver.url) as server:
        job = server.ingest(tripstore.SAMPLE)
        tripstore.wait_until(lambda: (f"jobs/{job['id']}", "completed") in receiver.seen, "the events")
    assert [subject for subject, _ in receiver.seen] == ["jobs/1"] * 3 + ["jobs/3"] * 3


def test_events_go_to_a_topic(tmp_path):
    """SNS as moto has it, and a queue that is subscribed to the topic."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    aws = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL": endpoint}
    try:
        def client(service):
            return boto3.client(service, endpoint_url=endpoint, region_name="eu-west-1", aws_access_key_id="id",
                                aws_secret_access_key="secret")

        topic = client("sns").create_topic(Name="trips")["TopicArn"]
        queue = client("sqs").create_queue(QueueName="trips")["QueueUrl"]
        arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        with serve(tmp_path, f"sns:{topic}", **aws) as server:
            server.ingest(tripstore.SAMPLE)
            types = []

            def receive():
                for message in client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
                    types.append(json.loads(json.loads(message["Body"])["Message"])["type"])
                return len(types) >= 3

            tripstore.wait_until(receive, "the messages")
        assert set(types) == {"tripstore.job.pending", "tripstore.job.running", "tripstore.job.completed"}
    finally:
        moto.stop()


@pytest.mark.parametrize("url", ["ftp://host/", "sns:topic", "http://", "https://user:word@host/"])
def test_a_url_that_is_none_is_a_sentence(tmp_path, url):
    done = tripstore.cli("serve", "--data-dir", tmp_path / "data", "--port=0", check=False, EVENTS_URL=url)
    assert done.returncode != 0 and done.stderr.strip()
