"""Moto's S3 server on loopback, and AWS's own client for it."""

import contextlib
import socket
import subprocess
import sys

import boto3
import botocore.config

from tripstore_tools.harness import tripstore

KEY_ID, SECRET = "AKIDTRIPS", "secret/of+trips"


def variables(endpoint, **others):
    """The environment of a program that is to use it."""
    return {"AWS_ENDPOINT_URL_S3": endpoint, "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "eu-central-1"} | others


class S3Server:
    """The server with a bucket called `trips`; ends with the `with` block. `client` is boto3's."""

    def __init__(self):
        self.port = tripstore.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = boto3.client(
            "s3", endpoint_url=self.url, aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET, region_name="us-east-1",
            config=botocore.config.Config(s3={"addressing_style": "path"}))
        self.process = None

    def variables(self, **others):
        return variables(self.url, **others)

    def is_up(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True

    def objects(self, bucket, prefix=""):
        """Keys under a prefix, with their bytes."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return {entry["Key"]: self.client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
                for page in pages for entry in page.get("Contents", [])}

    def keys(self, bucket, prefix=""):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def uploads(self, bucket):
        """Multipart uploads that were never completed."""
        return self.client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            tripstore.wait_until(self.is_up, "moto")
            self.client.create_bucket(Bucket="trips")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
