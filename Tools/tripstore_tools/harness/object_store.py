"""A real S3-compatible store on loopback: SeaweedFS, whose program is a package of scripts/requirements.txt.

Debian has no such store. Unlike moto it checks signatures and keeps what it was given over kills and starts."""

import http.client
import os
import sys
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tripstore_tools.harness.processes import Process
from tripstore_tools.harness.tripstore import TIMEOUT_SECONDS, free_port

PROGRAM = Path(os.environ.get("SEAWEEDFS", Path(sys.executable).with_name("weed")))
KEY, SECRET = "trips", "secret"
REGION = "us-east-1"


def is_installed():
    return PROGRAM.exists()


class ObjectStore(Process):
    """All of SeaweedFS's servers in one process; its ports and its objects stay the same over kills and starts."""

    def __init__(self, folder):
        super().__init__("the object store", folder)
        self.port = free_port()
        servers = ("master", "volume", "filer")
        self.ports = {f"{name}.port{kind}": free_port() for name in servers for kind in ("", ".grpc")}
        self.ports["s3.port.grpc"] = free_port()
        # Whom it serves, and with every right.
        self.variables = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}

    def launch(self):
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        super().launch()

    def command(self):
        settings = {"dir": self.folder / "data", "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "filer": "true", "s3": "true",
                    "s3.port": self.port, "s3.port.iceberg": 0, "s3.port.lance": 0,
                    # A single master has no peer to wait for.
                    "master.electionTimeout": "500ms", "master.telemetry": "false",
                    "master.volumeSizeLimitMB": 1024, "volume.max": 0, "volume.preStopSeconds": 0}
        return [PROGRAM, "-logtostderr=true", "server",
                *(f"-{name}={value}" for name, value in (settings | self.ports).items())]

    def answers(self):
        """Whether it stores and returns an object: its parts find each other some moments after they listen."""
        if not self.is_alive():
            return False
        client = self.client()
        try:
            client.create_bucket(Bucket="ready")
        except ClientError as error:
            if not error.response["Error"]["Code"].startswith("BucketAlready"):
                return False
        try:
            client.put_object(Bucket="ready", Key="ready", Body=b"ready")
            client.get_object(Bucket="ready", Key="ready")["Body"].read()
            return True
        except ClientError:
            return False

    def is_alive(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        finally:
            connection.close()

    def stop(self, *_):
        """Ends it at once: what it has answered is in its files, and its own stop waits a quarter of a minute for itself."""
        self.kill()

    def kill(self):
        super().kill()
        for port in self.ports.values():
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                path.unlink(missing_ok=True)
        for path in Path("/tmp").glob(f"seaweedfs-*-{self.port}.sock"):
            path.unlink(missing_ok=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def environment(self):
        """The program's settings to find it."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": REGION}

    def client(self):
        return boto3.client("s3", endpoint_url=self.url, aws_access_key_id=KEY, aws_secret_access_key=SECRET,
                            region_name=REGION, config=Config(retries={"total_max_attempts": 1}))

    def make_bucket(self, bucket):
        """Makes a bucket if none of that name exists."""
        client = self.client()
        if bucket not in [each["Name"] for each in client.list_buckets()["Buckets"]]:
            client.create_bucket(Bucket=bucket)

    def keys(self, bucket):
        """Names of all objects of a bucket, and of uploads in parts that have not ended."""
        client = self.client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        objects = [each["Key"] for page in pages for each in page.get("Contents", [])]
        parts = [each["Key"] + " (in parts)" for each in client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]
        return objects + parts
