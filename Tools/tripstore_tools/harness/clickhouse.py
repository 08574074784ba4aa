"""A cluster of real ClickHouse servers on loopback, so that tests query the real second engine and not a stand-in.

The servers are Debian's `clickhouse-server`, one process for each shard, each with its own folder and settings.
Nothing of /etc/clickhouse-server is read, nothing listens beyond 127.0.0.1, and the servers die with this process."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import urllib.parse
from pathlib import Path
from xml.sax.saxutils import escape

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.tripstore import TIMEOUT_SECONDS, Answer, free_port, wait_until

SERVER = Path(os.environ.get("CLICKHOUSE_SERVER", "/usr/sbin/clickhouse-server"))
CLUSTER = "trips"
# The user that has a password; `default` has none. Both may do everything.
USER, PASSWORD = "trips", "secret"


def is_installed():
    return SERVER.exists()


class Failure(Exception):
    """An answer that is not a success, with the server's own words."""

    def __init__(self, status, text):
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text


class Shard:
    """One server: its ports and its folder stay the same over kills and starts."""

    def __init__(self, number, folder):
        self.number = number
        self.folder = Path(folder)
        self.log = self.folder / "server.log"
        self.http_port, self.tcp_port, self.interserver_port = free_port(), free_port(), free_port()
        self.process = None

    def write_settings(self, shards, memory_bytes):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.xml").write_text(server_settings(self, self.cluster_settings(shards)), encoding="utf-8")
        (self.folder / "users.xml").write_text(user_settings(memory_bytes), encoding="utf-8")

    def cluster_settings(self, shards):
        """Who is in the cluster, as its settings say."""
        return f"<macros><shard>{self.number}</shard></macros>" + remote_servers([[shard] for shard in shards])

    def launch(self):
        # setpriv becomes the server: the kernel kills it when the thread that launched it ends, however that happens.
        command = ["setpriv", "--pdeathsig", "KILL", str(SERVER), f"--config-file={self.folder / 'config.xml'}"]
        with (self.folder / "output.log").open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"shard {self.number} ended with {self.process.returncode}:\n{self.last_words()}")
        try:
            return self.query("SELECT 1") == "1\n"
        except OSError:
            return False

    def last_words(self):
        files = (self.folder / "output.log", self.log)
        return "\n".join(file.read_text(errors="replace")[-4000:] for file in files if file.exists())

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def end(self, signal_number):
        if self.is_running():
            self.process.send_signal(signal_number)
        if self.process is not None:
            self.process.wait(timeout=TIMEOUT_SECONDS)

    def is_alive(self):
        """Whether it answers at all."""
        return self.query("SELECT 1") == "1\n"

    def kill(self):
        """Ends it at once, as a power cut would."""
        self.end(signal.SIGKILL)

    def request(self, parameters, body=b"", headers=None):
        """Posts a body (of bytes, of an open file or of pieces) with parameters in the address; returns the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", "/?" + urllib.parse.urlencode(parameters), body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def query(self, sql, **settings):
        """Asks SQL; returns the text of the answer, in the format that the SQL names, else as tab-separated lines."""
        answer = self.request(settings, sql.encode())
        text = answer.body.decode(errors="replace")
        if answer.status != 200:
            raise Failure(answer.status, text)
        return text


class Cluster:
    """Shards under the cluster's name `trips`; they end with the `with` block."""

    def __init__(self, folder, shards=2, memory_bytes=2_000_000_000):
        self.folder = Path(folder)
        self.memory_bytes = memory_bytes
        self.shards = [Shard(number, self.folder / f"shard{number}") for number in range(shards)]
        self.write_settings()

    def write_settings(self):
        """Servers that run take the new addresses of the cluster within some seconds."""
        for shard in self.shards:
            shard.write_settings(self.shards, self.memory_bytes)

    def start(self, shard=None):
        """Starts one shard, or all, on the ports and the data that they had; returns once they answer."""
        chosen = self.shards if shard is None else [self.shards[shard]]
        try:
            for each in chosen:
                if not each.is_running():
                    each.launch()
            for each in chosen:
                wait_until(each.is_ready, f"shard {each.number}")
        except BaseException:
            self.stop(signal.SIGKILL)
            raise
        return self

    def add(self, database):
        """Adds an empty shard while the others run and answer queries; returns it when all of them know it.

        It has its table before the first query."""
        shard = Shard(len(self.shards), self.folder / f"shard{len(self.shards)}")
        self.shards.append(shard)
        shard.write_settings(self.shards, self.memory_bytes)
        try:
            self.start(shard.number)
        except BaseException:
            self.shards.remove(shard)
            raise
        shard.query(f"CREATE DATABASE IF NOT EXISTS {database}")
        table = self.query(f"SHOW CREATE TABLE {database}.trips FORMAT TabSeparatedRaw")
        shard.query(table.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))
        self.write_settings()
        for each in self.shards:
            wait_until(lambda: self.query(
                f"SELECT count() FROM system.clusters WHERE cluster = '{CLUSTER}'", each.number) == f"{len(self.shards)}\n",
                f"shard {each.number} to know the new one")
        return shard

    def kill(self, shard):
        """Ends one shard at once, as a power cut would."""
        self.shards[shard].kill()

    def stop(self, signal_number=signal.SIGTERM):
        """Ends all shards; their data stays in the folder."""
        for shard in self.shards:
            if shard.is_running():
                shard.process.send_signal(signal_number)
        for shard in self.shards:
            try:
                shard.end(signal_number)
            except subprocess.TimeoutExpired:
                shard.end(signal.SIGKILL)

    def query(self, sql, shard=0, **settings):
        return self.shards[shard].query(sql, **settings)

    def database_url(self, database, parameters=""):
        """What `DATABASE_URL` says of a database in this cluster."""
        addresses = ",".join(f"127.0.0.1:{shard.http_port}" for shard in self.shards)
        return f"clickhouse://{USER}:{PASSWORD}@{addresses}/{database}?cluster={CLUSTER}{parameters}"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        # What they would still merge and write is thrown away.
        self.stop(signal.SIGKILL)


class Current:
    """A current ClickHouse on one port (`chdb_server.py`); ends with the `with` block."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.port = free_port()
        self.process = None

    def database_url(self, database):
        return f"clickhouse://127.0.0.1:{self.port}/{database}"

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"chdb ended with {self.process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_SECONDS).close()
            return True
        except OSError:
            return False

    def __enter__(self):
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "tripstore_tools.harness.chdb_server", str(self.port), str(self.folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        wait_until(self.is_ready, "chdb")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(timeout=TIMEOUT_SECONDS)


def remote_servers(shards):
    """Settings of a cluster of these servers, which are listed by shard."""
    cluster = "".join(
        "<shard><internal_replication>true</internal_replication>" + "".join(
            f"<replica><host>127.0.0.1</host><port>{server.tcp_port}</port></replica>" for server in servers) + "</shard>"
        for servers in shards)
    return f"<remote_servers><{CLUSTER}>{cluster}</{CLUSTER}></remote_servers>"


def server_settings(own, cluster):
    folder = escape(str(own.folder))
    return f"""<?xml version="1.0"?>
<yandex>
    <logger>
        <level>information</level>
        <log>{folder}/server.log</log>
        <errorlog>{folder}/error.log</errorlog>
        <size>20M</size>
        <count>2</count>
    </logger>
    <listen_host>127.0.0.1</listen_host>
    <http_port>{own.http_port}</http_port>
    <tcp_port>{own.tcp_port}</tcp_port>
    <interserver_http_port>{own.interserver_port}</interserver_http_port>
    <interserver_http_host>127.0.0.1</interserver_http_host>
    <max_connections>256</max_connections>
    <keep_alive_timeout>10</keep_alive_timeout>
    <max_concurrent_queries>50</max_concurrent_queries>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <mark_cache_size>16777216</mark_cache_size>
    <path>{folder}/data/</path>
    <tmp_path>{folder}/tmp/</tmp_path>
    <user_files_path>{folder}/files/</user_files_path>
    <format_schema_path>{folder}/schemas/</format_schema_path>
    <users_config>users.xml</users_config>
    <default_profile>default</default_profile>
    <default_database>default</default_database>
    <timezone>UTC</timezone>
    <umask>022</umask>
    <mlock_executable>false</mlock_executable>
    {cluster}
</yandex>
"""


def user_settings(memory_bytes):
    def user(name, password):
        return (f"<{name}><password>{password}</password><networks><ip>127.0.0.1</ip></networks>"
                f"<profile>default</profile><quota>default</quota></{name}>")

    return f"""<?xml version="1.0"?>
<yandex>
    <profiles>
        <default>
            <max_memory_usage>{memory_bytes}</max_memory_usage>
            <max_threads>2</max_threads>
            <http_receive_timeout>10</http_receive_timeout>
            <background_pool_size>2</background_pool_size>
            <background_schedule_pool_size>2</background_schedule_pool_size>
        </default>
    </profiles>
    <users>{user("default", "")}{user(USER, PASSWORD)}</users>
    <quotas><default/></quotas>
</yandex>
"""


def serve(folder, cluster, database="d", parameters=""):
    return tripstore.Server(
        folder / "data", folder / "log", DATABASE_URL=cluster.database_url(database, parameters))


def answers(server):
    """All trips, as each kind of query reports them."""
    return [server.get(*query).body for query in (
        ("/analytics/weekly-average",), ("/trip-groups", {"limit": 10_000}), ("/regions",))]
