"""TRIPSTORE_REQUIRE=all turns a skip into a failure, except for parts that can't be installed."""

import os
import subprocess
import sys

import pytest

FILE = """
import pytest

@pytest.mark.skipif(True, reason="SeaweedFS is not installed")
def test_by_mark(): ...

def test_by_call():
    pytest.skip("needs a second file system")

@pytest.fixture
def part():
    pytest.skip("There is no such part.")

def test_by_fixture(part): ...

def test_whose_part_cannot_be_had():
    pytest.skip("terraform is not installed")

@pytest.mark.xfail
def test_known_to_fail():
    assert False

def test_that_runs(): ...
"""


@pytest.mark.parametrize(("value", "code", "counts"), [
    ("all", 1, {"1 passed", "1 skipped", "1 xfailed", "1 failed", "2 errors"}), ("", 0, {"1 passed", "4 skipped", "1 xfailed"})])
def test_a_skip_fails_where_all_is_required(tmp_path, value, code, counts):
    (tmp_path / "test_parts.py").write_text(FILE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", tmp_path, "-p", "no:cacheprovider",
         "-p", "tripstore_tools.harness.required", tmp_path],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=os.environ | {"TRIPSTORE_REQUIRE": value})
    assert done.returncode == code, done.stdout + done.stderr
    assert set(done.stdout.splitlines()[-1].rpartition(" in ")[0].split(", ")) == counts
    assert ("There is no such part." in done.stdout and "scripts/setup --tests" in done.stdout) == bool(code)
