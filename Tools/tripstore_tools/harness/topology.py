"""The whole cluster on loopback: ClickHouse's shards, PostgreSQL, an object store, API processes, workers and a proxy.

All of it is real and can be killed, started again and added to while it runs; nothing of the system's own services is touched.
`scripts/cluster` starts it for a person, and tests for themselves."""

import json
import shutil
import signal
import subprocess
from pathlib import Path

from tripstore_tools.harness import clickhouse, object_store, postgresql, proxy, tripstore
from tripstore_tools.harness.tripstore import TIMEOUT_SECONDS, wait_until

DATABASE = "trips"
CATALOG = "tripstore"
BUCKET = "uploads"


def missing():
    """What is not installed, as a sentence; None if everything is."""
    parts = {"clickhouse-server": clickhouse.is_installed(), "PostgreSQL": postgresql.is_installed(),
             "nginx": proxy.is_installed(), "SeaweedFS": object_store.is_installed()}
    names = [name for name, is_installed in parts.items() if not is_installed]
    return f"not installed: {', '.join(names)}; run scripts/setup --cluster" if names else None


class Member(tripstore.Server):
    """One process of the program, in a folder of its own; it ends with the thread that launched it."""

    def __init__(self, name, role, folder, **variables):
        super().__init__(Path(folder) / "data", Path(folder) / "log", ROLE=role, **variables)
        self.name, self.role = name, role

    def launch(self):
        self.data_dir.mkdir(parents=True, exist_ok=True)
        super().launch("setpriv", "--pdeathsig", "KILL")

    def start(self):
        if not self.is_running():
            self.launch()
        wait_until(self.is_ready, self.name)
        return self

    def is_alive(self):
        """Whether it answers at all."""
        return self.get("/health").status == 200

    @property
    def serves(self):
        """Whether requests can be sent to it."""
        return self.role != "worker"


class Topology:
    """Parts in a folder; they end with the `with` block, and their data stays for the next start."""

    def __init__(self, folder, shards=2, apis=2, workers=2, boths=0, port=None, lease_seconds=15, parameters="",
                 **variables):
        """boths: processes that serve and load; parameters: more of DATABASE_URL, such as &rows_per_insert=30000; variables: what
        else the program's processes are told."""
        self.folder = Path(folder)
        self.lease_seconds, self.parameters, self.variables = lease_seconds, parameters, variables
        self.clickhouse = clickhouse.Cluster(self.folder / "clickhouse", shards)
        self.postgresql = postgresql.PostgreSQL(self.folder / "postgresql")
        self.store = object_store.ObjectStore(self.folder / "store")
        self.proxy = proxy.Proxy(self.folder / "proxy", port)
        self.members = []
        for role, count in (("api", apis), ("both", boths), ("worker", workers)):
            for _ in range(count):
                self.new_member(role)

    # MARK: parts

    def new_member(self, role):
        number = 1 + len(self.of(role))
        member = Member(f"{role} {number}", role, self.folder / f"{role}-{number}")
        self.members.append(member)
        return member

    def of(self, role):
        return [member for member in self.members if member.role == role]

    @property
    def apis(self):
        return self.of("api")

    @property
    def workers(self):
        return self.of("worker")

    @property
    def parts(self):
        """Name and process of each, in the order in which they are started."""
        return {**{f"shard {shard.number}": shard for shard in self.clickhouse.shards},
                self.postgresql.name: self.postgresql, self.store.name: self.store,
                **{member.name: member for member in self.members}, self.proxy.name: self.proxy}

    @property
    def url(self):
        return self.proxy.url

    def worker_of(self, job):
        """The process that works on a job now; None where none does."""
        name = self.postgresql.query(f"SELECT worker FROM jobs WHERE id = {int(job)}", CATALOG).strip()
        # HOST:PROCESS:RANDOM
        number = name.split(":")[1] if name.count(":") == 2 else None
        return next((member for member in self.members if number == str(member.process.pid)), None)

    def tell_members(self):
        """The settings of each process, as they are to be at its next start."""
        variables = {
            "DATABASE_URL": self.clickhouse.database_url(DATABASE, self.parameters),
            "CATALOG_URL": self.postgresql.url(CATALOG, f"?lease_seconds={self.lease_seconds}"),
            # Uploads that never became jobs, as of a killed process, are to be gone while a test still waits for it.
            "UPLOADS_URL": f"s3://{BUCKET}/waiting?stray_seconds=15",
            **self.store.environment(),
            **self.variables,
        }
        for member in self.members:
            member.variables |= variables

    def tell_proxy(self, without=None):
        """without: a process that is to get no new request."""
        self.proxy.ports = [member.port for member in self.members if member.serves]
        self.proxy.reload(without=without and without.port)

    # MARK: starting and stopping

    def start(self):
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            for part in [*self.clickhouse.shards, self.postgresql, self.store]:
                part.launch()
            self.clickhouse.start()
            self.postgresql.start()
            self.postgresql.make_database(CATALOG)
            self.store.start()
            self.store.make_bucket(BUCKET)
            self.tell_members()
            # All at once, as containers are.
            for member in self.members:
                member.launch()
            for member in self.members:
                member.start()
            self.tell_proxy()
            self.proxy.start()
        except BaseException:
            self.kill()
            raise
        self.remember()
        return self

    def stop(self):
        """Ends all in order: clients' servers, workers, databases. The next start resumes running jobs."""
        self.proxy.stop()
        for member in reversed(self.members):
            if member.is_running():
                member.process.send_signal(signal.SIGTERM)
        for member in self.members:
            if member.process is not None:
                try:
                    member.process.wait(timeout=TIMEOUT_SECONDS / 3)
                except subprocess.TimeoutExpired:
                    member.kill()  # it hangs
        self.postgresql.stop()
        self.store.stop()
        self.clickhouse.stop()

    def kill(self):
        """Ends all at once."""
        self.proxy.kill()
        for member in self.members:
            if member.process is not None:
                member.kill()
        self.postgresql.kill()
        self.store.kill()
        self.clickhouse.stop(signal.SIGKILL)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()
        self.postgresql.remove()

    # MARK: growing

    def add_member(self, role):
        """Adds an API process or a worker while the others run; returns it once it does its work."""
        member = self.new_member(role)
        self.tell_members()
        try:
            member.start()
        except BaseException:
            self.members.remove(member)
            raise
        self.tell_proxy()
        self.remember()
        return member

    def remove_member(self, role):
        """Ends the last process of a role while the others run; another takes over its work."""
        if len(self.of(role)) < 2:
            raise ValueError(f"the last process of the role {role} stays; end all with scripts/cluster down")
        member = self.of(role)[-1]
        if member.serves:
            self.tell_proxy(without=member)
        member.stop()
        self.members.remove(member)
        shutil.rmtree(member.data_dir.parent)
        self.tell_proxy()
        self.remember()
        return member

    def add_shard(self):
        """Adds a shard while all others run; then the program's processes learn of it, one after the other."""
        shard = self.clickhouse.add(DATABASE)
        self.tell_members()
        for member in self.members:
            self.restart(member)
        self.remember()
        return shard

    def restart(self, member):
        """Ends one process and starts it again; meanwhile the proxy uses the others."""
        if member.serves:
            self.tell_proxy(without=member)
        member.stop()
        member.start()
        if member.serves:
            self.tell_proxy()

    # MARK: over starts

    def remember(self):
        """Notes how many there are: the next start must not forget a shard that has trips."""
        counts = {"shards": len(self.clickhouse.shards), "apis": len(self.apis), "workers": len(self.workers)}
        (self.folder / "cluster.json").write_text(json.dumps(counts), encoding="utf-8")

    def remove(self):
        """Removes all data of a cluster that was stopped."""
        self.postgresql.remove()
        shutil.rmtree(self.folder)


def remembered(folder):
    """How many of each the cluster in a folder had; empty if there is none."""
    note = Path(folder) / "cluster.json"
    return json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
