"""A real nginx on loopback in front of the API processes, with its own settings: nothing of /etc/nginx is read.

What it does with requests is in deploy/compose/proxy.conf, which compose.yaml's proxy has too."""

import contextlib
import os
import shutil
import signal
import socket
from pathlib import Path

from tripstore_tools.harness.processes import Process, children_of
from tripstore_tools.harness.tripstore import REPOSITORY, TIMEOUT_SECONDS, Client, free_port, wait_until

RULES = REPOSITORY / "deploy/compose/proxy.conf"


def program():
    # Debian has it where only root's PATH leads.
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


def is_installed():
    return program() is not None


class Proxy(Process, Client):
    """Asked like a server; `ports` are those of the API processes, and may be changed while it runs."""

    # Ends its workers too, which would live on without it.
    last_signal = "TERM"

    def __init__(self, folder, port=None):
        Process.__init__(self, "nginx", folder)
        Client.__init__(self, port or free_port())
        self.ports = []

    def write_settings(self, without=None):
        """without: a port that gets no new request."""
        self.folder.mkdir(parents=True, exist_ok=True)
        new = self.folder / "nginx.conf.new"
        new.write_text(settings(self, without), encoding="utf-8")
        new.replace(self.folder / "nginx.conf")

    def launch(self):
        self.write_settings()
        super().launch()

    def command(self):
        return [program(), "-p", self.folder, "-c", self.folder / "nginx.conf", "-e", self.folder / "error.log"]

    def answers(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_SECONDS):
            return True

    def reload(self, without=None):
        """Takes new settings, and returns when they hold: what is under way is finished under the old ones."""
        if not self.is_running():
            self.write_settings(without)
            return
        before = set(children_of(self.process.pid))
        self.write_settings(without)
        self.process.send_signal(signal.SIGHUP)
        # There are new workers first, and a moment later the old ones take no connection any more.
        wait_until(lambda: set(children_of(self.process.pid)) - before, "nginx to take its new settings")
        wait_until(lambda: not any(takes_connections(worker) for worker in before), "nginx to leave its old settings")

    def is_alive(self):
        """Whether it answers at all, as when none of the processes behind it does."""
        return self.get("/health").status > 0

    def kill(self):
        """Ends it and its workers at once: they would continue without it."""
        if self.process is None:
            return
        workers = children_of(self.process.pid)
        super().kill()
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):  # it saw the end of the other
                os.kill(worker, signal.SIGKILL)


def takes_connections(worker):
    """Whether a worker process exists and is not about to end; one that has just ended has no command line any more."""
    try:
        words = Path(f"/proc/{worker}/cmdline").read_bytes()
        return bool(words) and b"shutting down" not in words
    except OSError:
        return False


def settings(proxy, without):
    servers = "\n".join(
        f"        server 127.0.0.1:{port} {'down' if port == without else 'max_fails=1 fail_timeout=5s'};" for port in proxy.ports)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "\n".join(f"    {kind}_temp_path {proxy.folder}/{kind};" for kind in kinds)
    # Otherwise workers of root run as another user, which may not reach the folder.
    user = "user root root;\n" if os.geteuid() == 0 else ""
    return f"""{user}daemon off;
worker_processes 1;
pid {proxy.folder}/nginx.pid;
events {{
    worker_connections 1024;
}}
http {{
    access_log {proxy.folder}/access.log;
{folders}
    upstream tripstore {{
{servers}
    }}
    map $http_upgrade $connection_of_upgrade {{
        default upgrade;
        "" close;
    }}
    server {{
        listen 127.0.0.1:{proxy.port};
        include {RULES};
    }}
}}
"""
