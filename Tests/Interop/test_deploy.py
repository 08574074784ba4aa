"""deploy/aws against what it deploys: settings that the program has, metrics that it prints, and machines that become shards.

Whether it is Terraform that AWS would take is for `scripts/check-deploy`, which installs more than these tests may."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tripstore_tools.harness import clickhouse, tripstore

AWS = tripstore.REPOSITORY / "deploy/aws"
TEXT = "\n".join(file.read_text() for file in sorted(AWS.glob("*.tf")))
REGION = "eu-central-1"


def test_the_format_is_terraforms_own():
    if not shutil.which("terraform"):
        pytest.skip("terraform is not installed")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    done = subprocess.run(["terraform", "fmt", "-check", "-recursive", "-diff", AWS], capture_output=True, text=True,
                          env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_settings_are_ones_that_the_program_has():
    settings = re.search(r"\n  settings = \{\n(.*?)\n  \}\n", TEXT, re.S).group(1)
    names = set(re.findall(r"^    (\w+) += ", settings, re.M)) | set(re.findall(r"merge\(local\.settings, \{ (\w+) =", TEXT))
    names |= set(re.findall(r'"(\w+)"', re.search(r'"setting" \{\n  for_each = toset\(\[(.*?)\]\)', TEXT).group(1)))
    assert {"ROLE", "CATALOG_URL", "DATABASE_URL", "UPLOADS_URL", "EVENTS_URL", "PORT"} <= names
    readme = (tripstore.REPOSITORY / "README.md").read_text()
    known = set(re.findall(r"`([A-Z][A-Z_]+)`", readme[readme.index("## Settings"):readme.index("## How it works")]))
    # AWS's own, which the program reads as its tools do: docs/API.md.
    assert names - known == {"AWS_REGION"}


def test_metrics_are_ones_that_the_program_prints():
    names = set(re.findall(r'"(tripstore_\w+)"', TEXT))
    source = "\n".join(file.read_text() for file in (tripstore.REPOSITORY / "Sources/Server").glob("*.swift"))
    printed = set(re.findall(r'"(tripstore_\w+)"', source))
    assert names and names <= printed
    # What alarms and scaling look at is brought to CloudWatch.
    published = set(re.findall(r'"(tripstore_\w+)"', re.search(r"\n  published = \{\n(.*?)\n  \}\n", TEXT, re.S).group(1)))
    assert names == published


# MARK: Machines that become shards

AWS_COMMAND = f"""#!{sys.executable}
# The two questions of AWS's command line that a machine asks.
import sys
import boto3
words = sys.argv[1:]
client = boto3.client(words[0], endpoint_url="ENDPOINT", region_name="{REGION}", aws_access_key_id="x", aws_secret_access_key="x")
if words[1] == "get-secret-value":
    print(client.get_secret_value(SecretId=words[words.index("--secret-id") + 1])["SecretString"])
else:
    print(client.get_parameter(Name=words[words.index("--name") + 1])["Parameter"]["Value"])
"""


class Machine:
    """A loopback address with a ClickHouse whose settings the machines' own script writes."""

    def __init__(self, number, folder, ports, values):
        self.number = number
        self.host = f"127.0.0.{number + 2}"
        self.folder = Path(folder, f"machine{number}")
        self.ports = ports
        self.process = None
        settings = self.folder / "etc"
        for part in ("config.d", "users.d"):
            (settings / part).mkdir(parents=True)
        text = (AWS / "clickhouse/machine.sh.tftpl").read_text()
        for name, value in (values | {"number": str(number), "host": self.host}).items():
            text = text.replace("${" + name + "}", value)
        # Version 18.16 calls the root of its settings by another name, and this machine has other folders and ports.
        text = text.replace("<clickhouse>", "<yandex>").replace("</clickhouse>", "</yandex>")
        text = text.replace("/etc/clickhouse/", f"{settings}/").replace("<port>9440<", f"<port>{ports[1]}<")
        text = text.replace("/etc/clickhouse-server/", f"{settings}/").replace(":8443", f":{ports[0]}")
        text = text.replace(f"{ports[0]}:127.0.0.1", f"{ports[0]}:{self.host}")
        self.script = text
        self.authority = settings / "config.d/authority.pem"
        self.authority.write_text(values["authority"])
        self.tls = re.search(r"<openSSL>.*</openSSL>", text, re.S).group(0)
        (self.folder / "settings.sh").write_text(re.search(r"<<'SCRIPT'\n(.*?)\nSCRIPT\n", text, re.S).group(1))

    def run(self, path):
        environment = {**os.environ, "PATH": f"{self.folder.parent / 'bin'}:{os.environ['PATH']}"}
        done = subprocess.run(["bash", path], env=environment, capture_output=True, text=True, check=False,
                              timeout=tripstore.TIMEOUT_SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr

    def write_settings(self):
        """What the machine does when it starts, and each minute then."""
        self.run(self.folder / "settings.sh")

    def join(self):
        """What the machine does last."""
        path = self.folder / "join.sh"
        path.write_text(f"set -euo pipefail\nsettings={self.folder / 'etc'}\n" + self.script[self.script.index("# MARK: The table of trips."):])
        self.run(path)

    def start(self):
        (self.folder / "etc/config.xml").write_text(f"""<yandex>
    <logger><level>warning</level><log>{self.folder}/log</log><errorlog>{self.folder}/errors</errorlog></logger>
    <listen_host>{self.host}</listen_host>
    <https_port>{self.ports[0]}</https_port><tcp_port_secure>{self.ports[1]}</tcp_port_secure><tcp_port>{self.ports[2]}</tcp_port>
    {self.tls}
    <path>{self.folder}/data/</path><tmp_path>{self.folder}/tmp/</tmp_path>
    <users_config>users.xml</users_config><default_profile>default</default_profile>
    <default_database>default</default_database><mark_cache_size>16777216</mark_cache_size>
    <timezone>UTC</timezone>
</yandex>""")
        (self.folder / "etc/users.xml").write_text("""<yandex>
    <profiles><default><max_threads>2</max_threads></default></profiles><quotas><default/></quotas>
    <users><default><password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
    </default></users>
</yandex>""")
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", clickhouse.SERVER, f"--config-file={self.folder}/etc/config.xml"],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        tripstore.wait_until(lambda: self.answers("SELECT 1") == "1", f"the ClickHouse of machine {self.number}")

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def ask(self, sql, user="tripstore", password="the password"):
        return subprocess.run(
            ["curl", "--silent", "--fail", "--max-time", "30", "--cacert", self.authority, f"https://{self.host}:{self.ports[0]}/", "--header",
             f"X-ClickHouse-User: {user}", "--header", f"X-ClickHouse-Key: {password}", "--data-binary", sql],
            capture_output=True, text=True, check=False)

    def answers(self, sql):
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "output").read_text()[-4000:])
        done = self.ask(sql)
        return done.stdout.strip() if done.returncode == 0 else None


def certificates(folder):
    """An authority, and what the machines are given: key and certificate in one, as deploy/aws/certificates.tf has them."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *curve, "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
    # Machines of these tests have addresses in place of names.
    (folder / "names").write_text("subjectAltName=" + ",".join(f"IP:127.0.0.{number}" for number in (2, 3, 4)))
    openssl("req", *curve, "-subj", "/CN=shards", "-keyout", "key.pem", "-out", "request")
    openssl("x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names",
            "-out", "certificate.pem")
    return (folder / "ca.pem").read_text(), (folder / "key.pem").read_text() + (folder / "certificate.pem").read_text()


@pytest.fixture
def account(tmp_path):
    """A server that acts as AWS and has the machines' password; yields its address, its names, and how to announce the shards in use."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"

    def client(name):
        return boto3.client(
            name, endpoint_url=endpoint, region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")

    # Servers of one process share what they have.
    client("secretsmanager").create_secret(Name=f"password-{port}", SecretString="the password")
    authority, certificate = certificates(tmp_path)
    client("secretsmanager").create_secret(Name=f"certificate-{port}", SecretString=certificate)

    def tell(machines):
        client("ssm").put_parameter(
            Name=f"/shards-{port}", Value=" ".join(machine.host for machine in machines), Type="String", Overwrite=True)

    names = {"password_secret": f"password-{port}", "key_secret": f"certificate-{port}", "shards": f"/shards-{port}"}
    yield endpoint, names | {"authority": authority}, tell
    server.stop()


@pytest.mark.skipif(not clickhouse.is_installed(), reason="clickhouse-server is not installed")
@pytest.mark.skipif(os.geteuid() != 0, reason="the machines' script gives files to another user, as root")
def test_a_shard_joins_and_no_query_fails(tmp_path, account):
    """docs/DEPLOYMENT.md, "How to add a shard": the machine, the parameter, new processes; queries succeed throughout."""
    endpoint, names, tell = account
    command = tmp_path / "bin/aws"
    command.parent.mkdir()
    command.write_text(AWS_COMMAND.replace("ENDPOINT", endpoint))
    command.chmod(0o755)
    ports = (tripstore.free_port(), tripstore.free_port(), tripstore.free_port())
    values = {"region": REGION, "first_host": "127.0.0.2", "user": "tripstore", "cluster": "trips", "database": "trips",
              "volume": "x", "image": "x", "metrics": "x", **names}
    machines = [Machine(number, tmp_path, ports, values) for number in range(3)]
    url = (f"clickhouses://tripstore:the%20password@127.0.0.2:{ports[0]}/trips?cluster=trips&rows_per_insert=1000"
           f"&sslrootcert={tmp_path / 'ca.pem'}")
    try:
        tell(machines[:2])
        for machine in machines[:2]:
            machine.write_settings()
            machine.start()
            machine.join()
        assert machines[0].ask("SELECT 1", user="default", password="").returncode != 0, "the user without a password is there"
        with tripstore.Server(tmp_path / "data", tmp_path / "log", DATABASE_URL=url) as server:
            for _ in range(2):
                server.ingest(tripstore.SAMPLE)
            before = server.get("/regions").body
            with Queries(server) as queries:
                # Its machine exists: the table is there before the first query.
                machines[2].write_settings()
                machines[2].start()
                machines[2].join()
                assert machines[2].answers("EXISTS TABLE trips.trips") == "1"
                # It is announced to all, and each adopts it without a restart.
                tell(machines)
                for machine in machines:
                    machine.write_settings()
                for machine in machines:
                    shards = "SELECT count() FROM system.clusters WHERE cluster = 'trips'"
                    tripstore.wait_until(lambda: machine.answers(shards) == "3", "three shards in the cluster")
                answered = queries.count
                tripstore.wait_until(lambda: queries.count > answered + 5, "queries to all three")
            assert queries.failures == []
            assert server.get("/regions").body == before
            assert machines[2].answers("SELECT count() FROM trips.trips") == "0", "old trips stay where they are"
        # New processes store in all three.
        with tripstore.Server(tmp_path / "data", tmp_path / "log", DATABASE_URL=url) as server:
            for _ in range(3):
                server.ingest(tripstore.SAMPLE)
            assert server.get("/analytics/weekly-average").json["total_trips"] == 500
            rows = [int(machine.answers("SELECT count() FROM trips.trips")) for machine in machines]
            assert sum(rows) == 500 and all(rows), rows
    finally:
        for machine in machines:
            machine.stop()


class Queries:
    """Queries a server over and over, and keeps the failures."""

    def __init__(self, server):
        self.server = server
        self.count, self.failures = 0, []
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ending.is_set():
            answer = self.server.get("/regions")
            self.count += 1
            if answer.status != 200:
                self.failures.append(answer.body)
            time.sleep(0.02)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()
