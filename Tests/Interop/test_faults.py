"""The disk fails, or the world stops, at the n-th call that changes a file; afterwards nothing is lost and nothing doubled.

`Tests/Faults/faults.c` comes between the program and the C library, so SQLite's calls are counted as ours are. `scripts/test`
takes a few calls of each scenario; `scripts/fault-test` takes all of them.
"""

import shutil
import subprocess
import sys

import pytest

from tripstore_tools.harness import tripstore
from tripstore_tools.harness.faults import SCENARIOS, STRIDE, Fault, answers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs LD_PRELOAD")


def assert_sound(store, expected):
    assert answers(store) == expected
    tripstore.cli("verify", "--data-dir", store)
    catalog = subprocess.run(["sqlite3", "-readonly", str(store / "catalog.sqlite"), "SELECT file_name FROM segments"],
                             capture_output=True, text=True, check=True)
    assert {path.name for path in (store / "segments").iterdir()} == set(catalog.stdout.split())


# MARK: What is under way when it happens


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("kind", ["kill", "tear", "ENOSPC", "EIO"])
def test_at_every_call(library, tmp_path, name, kind):
    scenario = SCENARIOS[name]
    base = tmp_path / "base"
    base.mkdir()
    scenario.prepare(base)
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(base, undisturbed)
    count = Fault(library, undisturbed).count(scenario.command(undisturbed), tmp_path / "count")
    expected = answers(undisturbed)
    assert count > 20
    for number in range(1, count + 1, STRIDE):
        store = tmp_path / "store"
        shutil.copytree(base, store)
        variables = {"FAULT_AT": str(number), "FAULT_KIND": kind}
        # A disk that is full stays full while the program runs.
        if kind == "ENOSPC":
            variables["FAULT_LAST"] = "all"
        done = Fault(library, store).run(scenario.command(store), **variables)
        what = f"{name}, {kind} at call {number} of {count}: exit {done.returncode}, {done.stderr}"
        if kind in ("kill", "tear"):
            assert done.returncode in (0, 137), what
        if done.returncode == 0:
            assert scenario.acknowledged(store), what
        elif done.returncode != 137:
            assert done.stderr.strip(), what
            assert done.returncode == 1, what
        try:
            scenario.finish(store)
            assert_sound(store, expected)
        except AssertionError as error:
            raise AssertionError(f"{what}\n{error}") from error
        shutil.rmtree(store)


def test_a_store_that_was_being_made_is_made_by_the_next_command(library, tmp_path):
    """It is killed at a call while it creates its catalog; a reader's error says what to do, and that works."""
    count = Fault(library, tmp_path / "whole").count(["ingest", tripstore.SAMPLE, "--data-dir", tmp_path / "whole"], tmp_path / "count")
    lines = (tmp_path / "count").read_text().splitlines()
    made = next(number for number, line in enumerate(lines, 1) if "/segments/" in line)
    assert made < count
    expected, said = answers(tmp_path / "whole"), set()
    # There is an empty catalog after the first few.
    for number in sorted({*range(1, 16, 3), *range(16, made, STRIDE)}):
        store = tmp_path / "store"
        command = ["ingest", tripstore.SAMPLE, "--data-dir", store]
        Fault(library, store).run(command, FAULT_AT=str(number), FAULT_KIND="kill")
        what = f"killed at call {number} of {made}"
        for reader in (["regions"], ["verify"]):
            done = tripstore.cli(*reader, "--data-dir", store, check=False)
            assert done.returncode == 0 or "tripstore ingest" in done.stderr, f"{what}: {reader}: {done.stderr}"
            said.add(done.stderr.replace(str(store), ""))
        tripstore.cli(*command)
        assert answers(store) == expected, what
        shutil.rmtree(store)
    assert any("There is no store" in words for words in said) and any("its creation was interrupted" in words for words in said), said
