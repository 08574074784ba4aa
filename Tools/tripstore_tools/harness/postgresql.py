"""A real PostgreSQL server on loopback, with its own data: nothing of the system's own clusters is read or touched.

It refuses to run as root; there it runs as the user `postgres` that Debian's package makes."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tripstore_tools.harness.processes import Process, children_of
from tripstore_tools.harness.tripstore import TIMEOUT_SECONDS, free_port

USER, PASSWORD = "trips", "secret"
SYSTEM_USER = "postgres"


def programs():
    """The folder of the newest installed server's programs; None if there is none."""
    given = os.environ.get("POSTGRESQL_PROGRAMS")
    if given:
        return Path(given)
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return max(found, key=lambda path: float(path.parent.name), default=None)


def is_installed():
    return programs() is not None


def as_system_user():
    """The beginning of a command that runs as a user who may run the server."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={SYSTEM_USER}", f"--regid={SYSTEM_USER}", "--init-groups"]


def place_of_data(folder):
    """Where the server can keep its data: a folder in `folder`, or one in /var/tmp if that user can't reach it there.

    So it is below a root's home. The file `place` remembers it, for the next start."""
    note = folder / "place"
    if note.exists():
        return Path(note.read_text())
    place = folder / "data"
    place.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(place, SYSTEM_USER, SYSTEM_USER)
        if subprocess.run([*as_system_user(), "test", "-w", str(place)], check=False, cwd="/").returncode != 0:
            place.rmdir()
            place = Path(tempfile.mkdtemp(prefix="tripstore-postgresql-", dir="/var/tmp"))
            shutil.chown(place, SYSTEM_USER, SYSTEM_USER)
    note.write_text(str(place))
    return place


class PostgreSQL(Process):
    """One server; its port and its data stay the same over kills and starts."""

    # Its fast stop: a killed postmaster would leave the processes of connections behind for a moment.
    last_signal = "INT"

    def __init__(self, folder):
        super().__init__("PostgreSQL", folder)
        self.port = free_port()
        self.programs = programs()
        self.as_user = as_system_user()

    def run(self, program, *arguments, **variables):
        """Runs one of its programs to its end; returns what it printed."""
        command = [*self.as_user, str(self.programs / program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False,
                              cwd="/", env=os.environ | variables)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    @property
    def data(self):
        return place_of_data(self.folder)

    def prepare(self):
        """Makes the folder of its data, if there is none yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.holds_data():
            return
        with tempfile.NamedTemporaryFile("w") as password:
            password.write(PASSWORD + "\n")
            password.flush()
            if os.geteuid() == 0:
                shutil.chown(password.name, SYSTEM_USER)
            self.run("initdb", "-D", self.data, "-U", USER, "-A", "scram-sha-256", "--pwfile", password.name, "-E", "UTF8",
                     "--locale=C.UTF-8", "--no-sync")

    def holds_data(self):
        return (self.data / "PG_VERSION").exists()

    def launch(self):
        self.prepare()
        super().launch()

    def command(self):
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "",
                    "max_connections": 200, "shared_buffers": "64MB", "timezone": "UTC", "log_timezone": "UTC"}
        return [self.programs / "postgres", "-D", self.data,
                *(word for name, value in settings.items() for word in ("-c", f"{name}={value}"))]

    def answers(self):
        command = [str(self.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False, timeout=TIMEOUT_SECONDS).returncode == 0

    def kill(self):
        """Ends it and its children at once, as a power cut would: they would continue for a moment without it."""
        if self.process is None:
            return
        children = children_of(self.process.pid)
        super().kill()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    @contextlib.contextmanager
    def frozen(self):
        """Suspends it and its children: connections stay open, without answers."""
        processes = [self.process.pid, *children_of(self.process.pid)]
        try:
            for process in processes:
                os.kill(process, signal.SIGSTOP)
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)

    def stop(self, signal_number=signal.SIGINT):
        """Its fast stop: connections are ended, and all is written."""
        super().stop(signal_number)

    def query(self, sql, database="postgres"):
        """Asks SQL; returns lines with values between bars."""
        return self.run("psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", self.port, "-U", USER,
                        "-d", database, "-c", sql, PGPASSWORD=PASSWORD)

    def make_database(self, database):
        """Makes a database if none of that name exists."""
        if not self.query(f"SELECT 1 FROM pg_database WHERE datname = '{database}'"):
            self.query(f"CREATE DATABASE {database}")

    def url(self, database, parameters=""):
        """What `CATALOG_URL` says of a database of this server."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}{parameters}"

    def remove(self):
        """Removes its data, which may be outside of its folder."""
        if (self.folder / "place").exists():
            shutil.rmtree(self.data, ignore_errors=True)
