"""Every script answers `--help` on a machine that has nothing yet: what it prints is help, and nothing is installed, built or written."""

import os
import shutil
import subprocess

import pytest

from tripstore_tools import REPOSITORY

SCRIPTS = sorted(path.name for path in (REPOSITORY / "scripts").iterdir() if path.is_file() and os.access(path, os.X_OK))
# What a minimal Debian has that a script needs to say what it is; no apt-get, swift, git or pip among it.
BARE = ["bash", "env", "dirname", "sed", "cat"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The repository as it is cloned: nothing built, no environment."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("scripts", "Tools"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def state(folder):
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*")}


def programs(folder, names):
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(shutil.which(name))
    return str(folder)


@pytest.mark.parametrize("has_python", [True, False], ids=["with python3", "without"])
@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_help_is_all_that_happens(checkout, tmp_path, script, flag, has_python):
    path = programs(tmp_path / "bin", BARE)
    if has_python:
        # The system's own: it has none of our packages.
        (tmp_path / "bin/python3").symlink_to("/usr/bin/python3")
    before = state(checkout)
    done = subprocess.run([checkout / "scripts" / script, flag], capture_output=True, text=True, check=False, timeout=60,
                          stdin=subprocess.DEVNULL, env={"PATH": path, "HOME": str(tmp_path)}, cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert done.stdout.strip() and not done.stdout.startswith("#")
    assert not any(line.startswith(f"{name}: ") for line in done.stdout.splitlines() for name in SCRIPTS)
    assert state(checkout) == before and [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_a_subcommand_has_help_of_its_own(checkout, tmp_path):
    done = subprocess.run([checkout / "scripts/cluster", "up", "--help"], capture_output=True, text=True, check=True,
                          env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
    assert "--shards" in done.stdout
