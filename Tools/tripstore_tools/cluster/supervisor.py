"""The process that has a cluster's others as its children: restarts what ends, ends what hangs, and executes commands."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from tripstore_tools.cluster import HANG_SECONDS
from tripstore_tools.harness import clickhouse, topology, tripstore

SOCKET = "control"
RESTART_SECONDS = 1.0
# Looks for which one that was started again may be silent besides.
START_LOOKS = 60


def say(text):
    print(text, flush=True)


class Pulse(threading.Thread):
    """Asks one process again and again whether it is alive, and how it is, on a thread that may wait for as long as it hangs."""

    def __init__(self, part, has_answered):
        """has_answered: whether it did before; a start may take its time."""
        super().__init__(daemon=True)
        self.part, self.pid = part, part.process.pid
        # Looks of the supervisor since the last answer; below 0 while it starts.
        self.missed = 0 if has_answered else -START_LOOKS
        self.is_ready = False
        self.start()

    def run(self):
        while self.part.is_running() and self.part.process.pid == self.pid:
            try:
                if self.part.is_alive():
                    self.missed = 0
                self.is_ready = bool(self.part.is_ready())
            except (OSError, AssertionError, clickhouse.Failure, http.client.HTTPException, subprocess.TimeoutExpired):
                pass  # it is not, or the process has ended
            time.sleep(RESTART_SECONDS)


class Supervisor:
    """Runs a topology, and executes commands, one line of JSON per connection."""

    def __init__(self, folder, hang_seconds=HANG_SECONDS, **options):
        self.topology = topology.Topology(folder, **options)
        self.hang_seconds = hang_seconds
        self.pulses = {}
        self.restarts = dict.fromkeys(self.topology.parts, 0)
        self.is_ending = False

    def run(self, listener):
        listener.settimeout(RESTART_SECONDS / 4)
        looked = time.monotonic()
        while not self.is_ending:
            # Clients, however many, must not block the parts.
            if time.monotonic() - looked >= RESTART_SECONDS:
                self.end_what_hangs()
                self.start_what_ended()
                looked = time.monotonic()
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection, connection.makefile("rw") as file:
                try:
                    answer = self.answer(*json.loads(file.readline()))
                except Exception as error:  # noqa: BLE001  (whatever it is, the client gets it and everything continues)
                    answer = {"error": str(error)}
                try:
                    file.write(json.dumps(answer) + "\n")
                    file.flush()
                except OSError:
                    pass  # the client is gone
        self.topology.stop()

    def end_what_hangs(self):
        """Looks are counted, so that a machine which slept ends nothing."""
        for name, part in self.topology.parts.items():
            if not part.is_running():
                continue
            pulse = self.pulses.get(name)
            if pulse is None or pulse.pid != part.process.pid:
                # The initial ones were waited for.
                self.pulses[name] = Pulse(part, has_answered=pulse is None and self.restarts.get(name) == 0)
            else:
                pulse.missed += 1
                if pulse.missed * RESTART_SECONDS > self.hang_seconds:
                    say(f"{name} has not answered for {self.hang_seconds:g} s; ending it")
                    part.kill()

    def start_what_ended(self):
        for name, part in self.topology.parts.items():
            if not part.is_running():
                say(f"{name} has ended with {part.process.returncode}; starting it again")
                self.restarts[name] = self.restarts.get(name, 0) + 1
                part.launch()

    def answer(self, command, *arguments):
        if command == "down":
            self.is_ending = True
            return {}
        if command == "add":
            return self.add(*arguments)
        if command == "remove":
            return {"removed": self.topology.remove_member(*arguments).name}
        if command == "restart":
            return self.restart(*arguments)
        return {"url": self.topology.url, "parts": [self.row(name, part) for name, part in self.topology.parts.items()]}

    def add(self, what):
        if what == "shard":
            shard = self.topology.add_shard()
            return {"added": f"shard {shard.number}", "address": f"127.0.0.1:{shard.http_port}"}
        member = self.topology.add_member(what)
        return {"added": member.name, "address": f"127.0.0.1:{member.port}"}

    def restart(self, program):
        """Exchanges the program's processes one after the other: API processes first, as one of them migrates the catalog."""
        if program:
            tripstore.BINARY = Path(program)
        members = sorted(self.topology.members, key=lambda member: member.role == "worker")
        for member in members:
            self.topology.restart(member)
        return {"restarted": [member.name for member in members]}

    def row(self, name, part):
        # Not probed here: one that hangs would block everything.
        pulse = self.pulses.get(name)
        if not part.is_running():
            state = "ended"
        elif pulse is None or pulse.pid != part.process.pid or pulse.missed < 0:
            state = "not ready"
        else:
            state = "silent" if pulse.missed > 2 else "ready" if pulse.is_ready else "not ready"
        port = getattr(part, "http_port", None) or part.port
        return {"name": name, "address": f"127.0.0.1:{port}", "pid": part.process.pid, "state": state,
                "restarts": self.restarts.get(name, 0)}


def supervise(options):
    """Runs in the background until `down`; its first line on standard output says how the start went."""
    with at_socket(options.folder):
        Path(SOCKET).unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(SOCKET)
        listener.listen()
    supervisor = Supervisor(options.folder, options.hang_seconds, shards=options.shards, apis=options.apis, workers=options.workers,
                            port=options.port)

    def end(*_):
        supervisor.is_ending = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    # The last line of the log says why a start failed.
    supervisor.topology.start()
    say("started")
    supervisor.run(listener)
    (options.folder / SOCKET).unlink(missing_ok=True)


@contextlib.contextmanager
def at_socket(folder):
    """Goes to the folder of the socket meanwhile: the path of a socket has at most 107 bytes."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
