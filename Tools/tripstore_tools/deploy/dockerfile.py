"""Performs the Dockerfile's steps without a container engine, then starts what came out.

Each stage gets a fresh Debian root made by debootstrap, in which the stage's own instructions run under chroot; the last
stage's entry point is then started as its user, probed by its HEALTHCHECK, given a file to ingest and ended. Nothing of the
Dockerfile is repeated here, so the two cannot drift apart. Two things stand in for what an engine would fetch: the Swift
image is Debian with the packages it is known to have and this machine's toolchain, and packages come from the sources that
this machine's apt uses.

    scripts/check-dockerfile [--stage NAME] [--keep]

Takes root, the package debootstrap, about 10 GB under /var/tmp and, for the builder, a whole release build.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from tripstore_tools import REPOSITORY

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

# What the official Swift images on Debian 12 install beside the toolchain:
# https://github.com/swiftlang/swift-docker/blob/main/6.3/debian/12/Dockerfile
SWIFT_IMAGE_PACKAGES = [
    "binutils-gold", "gcc", "git", "gnupg2", "libc6-dev", "libcurl4-openssl-dev", "libedit-dev", "libgcc-12-dev", "libpython3-dev",
    "libsqlite3-dev", "libstdc++-12-dev", "libxml2-dev", "libncurses-dev", "libz3-dev", "pkg-config", "tzdata", "zip", "zlib1g-dev",
    "ca-certificates"]


@dataclass
class Stage:
    """One FROM and what follows it."""

    image: str
    name: str
    root: Path
    environment: dict = field(default_factory=lambda: {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
    directory: str = "/"
    user: str = "root"
    entrypoint: list = field(default_factory=list)
    command: list = field(default_factory=list)
    healthcheck: str = ""


def say(text):
    print(f"check-dockerfile: {text}", flush=True)


def host(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, **options)


def output(*command):
    return subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True).stdout


# MARK: Reading the Dockerfile


def instructions(path):
    """The file's (INSTRUCTION, arguments), continuation lines joined and comments left out."""
    pending = ""
    for line in path.read_text().splitlines():
        if line.lstrip().startswith("#") or not (line.strip() or pending):
            continue
        pending += line.rstrip("\\") if line.endswith("\\") else line
        if not line.endswith("\\"):
            keyword, _, arguments = pending.strip().partition(" ")
            yield keyword.upper(), arguments.strip()
            pending = ""


def in_context(source):
    """Whether .dockerignore, which excludes all and then names exceptions, lets a file through to the engine."""
    exceptions = [line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    return any(source == name or source.startswith(name + "/") for name in exceptions)


# MARK: Making roots


class Machine:
    """Makes the stages' roots under one folder."""

    def __init__(self, folder, suite):
        self.folder = folder
        self.suite = suite
        self.base = folder / "base"

    def make_base(self):
        sources = self.apt_sources()
        say(f"debootstrap of {self.suite}")
        host("debootstrap", "--variant=minbase", self.suite, self.base, sources[0][0], stdout=subprocess.DEVNULL)
        lines = [f"deb {uri} {release} main" for uri, release in sources]
        (self.base / "etc/apt/sources.list").write_text("\n".join(lines) + "\n")
        (self.base / "etc/apt/apt.conf.d/99host").write_text(output("apt-config", "dump", "Acquire"))
        shutil.copy("/etc/resolv.conf", self.base / "etc/resolv.conf")
        if CERTIFICATES.exists():
            shutil.copy(CERTIFICATES, self.base / "host-certificates.crt")

    def apt_sources(self):
        """(uri, release) of the Debian archives this machine's apt is set up with, the main archive first."""
        rows = output("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(ORIGIN)", "Created-By: Packages")
        codename = re.search(r"VERSION_CODENAME=(\S+)", Path("/etc/os-release").read_text()).group(1)
        sources = []
        for uri, release, origin in (row.split()[:3] for row in rows.splitlines() if len(row.split()) >= 3):
            source = (uri, release.replace(codename, self.suite))
            if origin == "Debian" and source not in sources:
                sources.append(source)
        if not any(release == self.suite for _, release in sources):
            sys.exit("check-dockerfile: apt-get indextargets names no Debian archive; run `apt-get update` on Debian first")
        return sorted(sources, key=lambda source: source[1] != self.suite)

    def make_stage(self, image, name):
        root = self.folder / name
        host("cp", "-a", self.base, root)
        stage = Stage(image, name, root)
        for mount in ("proc", "dev", "sys"):
            host("mount", "--rbind", f"/{mount}", root / mount)
        if image.startswith("swift:"):
            self.add_swift(stage)
        return stage

    def add_swift(self, stage):
        """Makes the root what the Swift image is: its packages and the toolchain."""
        toolchain = Path(shutil.which("swift")).resolve().parent.parent
        version = output("swift", "--version")
        wanted = stage.image.removeprefix("swift:").split("-")[0]
        if f"Swift version {wanted}" not in version:
            say(f"note: {stage.image} stands for Swift {wanted}, this machine has: {version.splitlines()[0]}")
        run(stage, "apt-get update -qq && apt-get install -y -qq --no-install-recommends "
            + " ".join(SWIFT_IMAGE_PACKAGES) + " >/dev/null")
        bind(toolchain, stage.root)
        stage.environment["PATH"] = f"{toolchain}/bin:" + stage.environment["PATH"]
        self.add_git_mirrors(stage)

    def add_git_mirrors(self, stage):
        """If this machine's git reads a remote from a local folder instead, so does the builder's."""
        for line in output("git", "config", "--get-regexp", r"^url\..*\.insteadof$").splitlines():
            key, prefix = line.split(maxsplit=1)
            target = key[len("url."):-len(".insteadof")]
            if target.startswith("/") and Path(target).is_dir():
                bind(Path(target), stage.root)
                run(stage, shlex.join(["git", "config", "--system", "--add", key, prefix]))
        run(stage, "git config --system --add safe.directory '*'")


def bind(folder, root):
    """Shows a folder of this machine, read-only, at the same place in a root."""
    place = root / folder.relative_to("/")
    if place.is_mount():
        return
    place.mkdir(parents=True, exist_ok=True)
    host("mount", "--bind", folder, place)
    host("mount", "-o", "remount,ro,bind", place)


# MARK: Performing a stage


def chroot(stage, words, **environment):
    """The command line that runs words in a stage's root, as its user and in its environment."""
    variables = {**stage.environment, "HOME": "/root" if stage.user == "root" else "/nonexistent", **environment}
    settings = [f"{key}={value}" for key, value in variables.items()]
    inside = f"cd {shlex.quote(stage.directory)} && exec {shlex.join(words)}"
    return ["chroot", f"--userspec={stage.user}", str(stage.root), "/usr/bin/env", "-i", *settings, "/bin/sh", "-c", inside]


def build_environment():
    """How this machine reaches its package registries, as `docker build --build-arg` would be given it."""
    names = ("http_proxy", "https_proxy", "no_proxy", "pip_index_url", "pip_default_timeout")
    variables = {key: value for key, value in os.environ.items() if key.lower() in names}
    if CERTIFICATES.exists():
        variables["PIP_CERT"] = "/host-certificates.crt"
    return variables


def run(stage, shell_text):
    environment = {"DEBIAN_FRONTEND": "noninteractive", **build_environment()}
    subprocess.run(chroot(stage, ["/bin/sh", "-c", shell_text], **environment), check=True, stdin=subprocess.DEVNULL)


def copy(stage, arguments, stages):
    words = shlex.split(arguments)
    source_root = REPOSITORY
    if words[0].startswith("--from="):
        source_root = stages[words.pop(0).removeprefix("--from=")].root
    *sources, destination = words
    place = stage.root / Path(stage.directory, destination).relative_to("/")
    for source in sources:
        if source_root == REPOSITORY and not in_context(source):
            sys.exit(f"check-dockerfile: COPY {source}: .dockerignore keeps it from the engine")
        origin = source_root / source.lstrip("/")
        if origin.is_dir():
            place.mkdir(parents=True, exist_ok=True)
            host("cp", "-a", f"{origin}/.", place)
        else:
            target = place / origin.name if destination.endswith("/") else place
            target.parent.mkdir(parents=True, exist_ok=True)
            host("cp", origin, target)


def perform(stage, keyword, arguments, stages):
    say(f"[{stage.name}] {keyword} {' '.join(arguments.split())}")
    if keyword == "RUN":
        run(stage, arguments)
    elif keyword == "COPY":
        copy(stage, arguments, stages)
    elif keyword == "WORKDIR":
        stage.directory = arguments
        (stage.root / arguments.lstrip("/")).mkdir(parents=True, exist_ok=True)
    elif keyword == "ENV":
        stage.environment.update(word.split("=", 1) for word in shlex.split(arguments))
    elif keyword == "USER":
        stage.user = arguments
    elif keyword == "ENTRYPOINT":
        stage.entrypoint = json.loads(arguments)
    elif keyword == "CMD":
        stage.command = json.loads(arguments)
    elif keyword == "HEALTHCHECK":
        stage.healthcheck = arguments.partition("CMD ")[2]
    elif keyword == "VOLUME":
        if not (stage.root / arguments.lstrip("/")).is_dir():
            sys.exit(f"check-dockerfile: VOLUME {arguments} was not made")
    elif keyword != "EXPOSE":
        sys.exit(f"check-dockerfile: {keyword} is not known here; add it to perform()")


# MARK: Starting the image


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, seconds, condition):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"check-dockerfile: {what} did not happen within {seconds} s")
        time.sleep(0.2)


def start(stage):
    """Runs the image as an engine would, and uses it once."""
    port = str(free_port())
    address = f"http://127.0.0.1:{port}"
    say(f"starting {stage.entrypoint + stage.command} as {stage.user} on port {port}")
    server = subprocess.Popen(chroot(stage, stage.entrypoint + stage.command, PORT=port))
    try:
        check = chroot(stage, ["/bin/sh", "-c", stage.healthcheck], PORT=port)
        wait_for("HEALTHCHECK", 30, lambda: server.poll() is not None
                 or subprocess.run(check, capture_output=True, check=False).returncode == 0)
        if server.poll() is not None:
            sys.exit(f"check-dockerfile: the server ended at once with status {server.returncode}")
        say("HEALTHCHECK passed")
        sample = (REPOSITORY / "Tests/Fixtures/trips.csv").read_bytes()
        request = urllib.request.Request(f"{address}/ingest?filename=trips.csv", sample, {"Content-Type": "text/csv"})
        job = json.load(urllib.request.urlopen(request))["job_id"]
        wait_for("the ingestion", 30, lambda: get_json(f"{address}/jobs/{job}")["status"] == "completed")
        answer = get_json(f"{address}/analytics/weekly-average")
        if answer["total_trips"] != 100:
            sys.exit(f"check-dockerfile: 100 trips went in, the answer is {answer}")
        urllib.request.urlopen(f"{address}/docs").close()
        say("100 trips ingested and counted, /docs answers")
    finally:
        server.send_signal(signal.SIGTERM)
        status = server.wait(timeout=30)
    if status != 0:
        sys.exit(f"check-dockerfile: SIGTERM ended the server with status {status}, not 0")


def get_json(url):
    with urllib.request.urlopen(url) as response:
        return json.load(response)


# MARK: The whole


def check(options):
    steps = list(instructions(REPOSITORY / "Dockerfile"))
    suite = next(re.search(r"debian:(\w+)", arguments).group(1) for keyword, arguments in steps
                 if keyword == "FROM" and arguments.startswith("debian:"))
    names = [arguments.partition(" AS ")[2] or "final" for keyword, arguments in steps if keyword == "FROM"]
    if options.stage not in (None, *names):
        sys.exit(f"check-dockerfile: the Dockerfile has no stage {options.stage}; it has {', '.join(names)}")
    folder = Path(tempfile.mkdtemp(prefix="tripstore-image-", dir="/var/tmp"))
    machine = Machine(folder, suite)
    stages = {}
    stage = None
    try:
        machine.make_base()
        for keyword, arguments in steps:
            if keyword == "FROM":
                image, _, name = arguments.partition(" AS ")
                name = name or "final"
                stage = None
                if options.stage in (None, name):
                    say(f"[{name}] FROM {image}")
                    stage = stages[name] = machine.make_stage(image, name)
            elif stage:
                perform(stage, keyword, arguments, stages)
        if stage and stage.entrypoint:
            start(stage)
        say("passed")
    finally:
        if options.keep:
            say(f"the roots are in {folder}")
        else:
            remove(folder)


def mounts_below(folder):
    return [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line.split()[4]]


def remove(folder):
    for mount in sorted(mounts_below(folder), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False)
    # Never delete through a mount: what it shows is this machine's own.
    if mounts_below(folder):
        sys.exit(f"check-dockerfile: {folder} still has mounts; unmount and delete it by hand")
    host("rm", "-rf", "--one-file-system", folder)


def main():
    parser = argparse.ArgumentParser(prog="scripts/check-dockerfile", description=__doc__.split("\n")[0])
    parser.add_argument("--stage", help="only this stage (those that it copies from are needed as well)")
    parser.add_argument("--keep", action="store_true", help="leave the roots for a look")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("check-dockerfile: chroot and mount take root; use sudo")
    if not shutil.which("debootstrap"):
        sys.exit("check-dockerfile: debootstrap is missing; `apt-get install debootstrap`")
    if os.environ.get("TRIPSTORE_UNSHARED") != "1":
        # A mount namespace of its own: whatever happens, the mounts end with this process.
        os.environ["TRIPSTORE_UNSHARED"] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, "-m", "tripstore_tools.deploy.dockerfile", *sys.argv[1:]])
    check(options)


if __name__ == "__main__":
    main()
