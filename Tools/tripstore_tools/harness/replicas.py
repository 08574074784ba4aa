"""A ClickHouse cluster whose shards have replicas, on loopback: servers of `clickhouse.py` and the ZooKeeper that they agree through.

ZooKeeper is Debian's package, run by this process with settings of its own; nothing of /etc/zookeeper is read."""

import os
import signal
import socket
import subprocess
from pathlib import Path

from tripstore_tools.harness import clickhouse
from tripstore_tools.harness.tripstore import TIMEOUT_SECONDS, free_port, wait_until

ZOOKEEPER = Path(os.environ.get("ZOOKEEPER_JAR", "/usr/share/java/zookeeper.jar"))


def is_installed():
    return clickhouse.is_installed() and ZOOKEEPER.exists()


class ZooKeeper:
    """One ZooKeeper; its port and its data stay the same over kills and starts."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.port = free_port()
        self.process = None

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        # Short ticks: a server that is killed counts as alive for up to twenty of them.
        settings = {"dataDir": self.folder / "data", "clientPort": self.port, "clientPortAddress": "127.0.0.1", "tickTime": 200,
                    "admin.enableServer": "false", "4lw.commands.whitelist": "srvr", "maxClientCnxns": 0}
        (self.folder / "zoo.cfg").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        # It lives for seconds: its second compiler and its parallel collector would cost more than they save.
        command = ["setpriv", "--pdeathsig", "KILL", "java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
                   "-cp", f"{ZOOKEEPER}:{ZOOKEEPER.parent / 'slf4j-simple.jar'}",
                   "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(self.folder / "zoo.cfg")]
        with (self.folder / "output.log").open("ab") as output:
            self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        wait_until(self.is_ready, "ZooKeeper")

    def is_ready(self):
        if self.process.poll() is not None:
            words = (self.folder / "output.log").read_text(errors="replace")[-4000:]
            raise AssertionError(f"ZooKeeper ended with {self.process.returncode}:\n{words}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_SECONDS) as connection:
                connection.sendall(b"srvr")
                return connection.recv(100).startswith(b"Zookeeper version")
        except OSError:
            return False

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=TIMEOUT_SECONDS)


class Replica(clickhouse.Shard):
    """One server of a shard; `number` counts all servers of the cluster."""

    def __init__(self, number, folder, shard, zookeeper):
        super().__init__(number, folder)
        self.shard = shard
        self.zookeeper = zookeeper

    def cluster_settings(self, shards):
        by_shard = {}
        for server in shards:
            by_shard.setdefault(server.shard, []).append(server)
        return (f"<macros><shard>{self.shard}</shard><replica>{self.number}</replica></macros>"
                f"<zookeeper><node><host>127.0.0.1</host><port>{self.zookeeper.port}</port></node>"
                "<session_timeout_ms>4000</session_timeout_ms></zookeeper>"
                + clickhouse.remote_servers(by_shard.values()))


class ReplicatedCluster(clickhouse.Cluster):
    """Shards of several replicas; `shards` are all its servers, those of a shard side by side."""

    def __init__(self, folder, shards=1, replicas=2, memory_bytes=2_000_000_000):
        super().__init__(folder, shards=0, memory_bytes=memory_bytes)
        self.zookeeper = ZooKeeper(self.folder / "zookeeper")
        self.shards = [Replica(number, self.folder / f"server{number}", number // replicas, self.zookeeper)
                       for number in range(shards * replicas)]
        for server in self.shards:
            server.write_settings(self.shards, memory_bytes)

    def start(self, shard=None):
        if self.zookeeper.process is None:
            self.zookeeper.start()
        return super().start(shard)

    def add_replica(self, shard, database):
        """Adds a server to a shard while the others run and answer queries; returns it when all of them know it.

        It has all rows before the first query."""
        server = Replica(len(self.shards), self.folder / f"server{len(self.shards)}", shard, self.zookeeper)
        server.write_settings(self.shards, self.memory_bytes)
        self.shards.append(server)
        super().start(server.number)
        server.query(f"CREATE DATABASE IF NOT EXISTS {database}")
        donor = next(each.number for each in self.shards if each.shard == shard)
        server.query(self.query(f"SHOW CREATE TABLE {database}.trips FORMAT TabSeparatedRaw", donor))
        state = f"SELECT queue_size, absolute_delay FROM system.replicas WHERE database = '{database}' AND table = 'trips'"
        wait_until(lambda: server.query(state) == "0\t0\n", "the new replica to have fetched all rows")
        self.write_settings()
        for each in self.shards:
            wait_until(lambda: each.query(f"SELECT count() FROM system.clusters WHERE cluster = '{clickhouse.CLUSTER}'")
                       == f"{len(self.shards)}\n", f"server {each.number} to know the new one")
        return server

    def __exit__(self, *_):
        self.stop(signal.SIGKILL)
        self.zookeeper.kill()
