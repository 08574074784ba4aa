"""docs/RELIABILITY.md names, for each promise, files, commands and tests that exist; docs/FAULTS.md describes each promise's attack."""

import re

import pytest

from tripstore_tools.harness.tripstore import REPOSITORY

FILES = [str(path.relative_to(REPOSITORY)) for folder in ("Tests", "Tools", "scripts", "deploy") for path in (REPOSITORY / folder).rglob("*")
         if path.is_file()]
ROWS = [line for line in (REPOSITORY / "docs/RELIABILITY.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and line not in ("| promise | test |", "| --- | --- |")]
FAULTS = re.sub(r"\s+", " ", (REPOSITORY / "docs/FAULTS.md").read_text(encoding="utf-8"))
PYTHON_TESTS = {name for path in FILES if re.fullmatch(r"Tests/Interop/test_\w+\.py", path)
                for name in re.findall(r"^def (test_\w+)", (REPOSITORY / path).read_text(encoding="utf-8"), re.MULTILINE)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:60])
def test_each_promise_names_what_reproduces_it(row):
    cells = [cell.strip() for cell in row.strip("|").split(" | ")]
    assert len(cells) == 2 and all(cells)
    places = re.findall(r"`([^`]+)`", cells[1])
    assert any(re.match(r"Tests/|Tools/|test_|scripts/", place) for place in places)
    for place in places:
        name = place.split()[0]
        if re.fullmatch(r"test_\w+…?", name):
            assert any(test == name or (name[-1] == "…" and test.startswith(name[:-1])) for test in PYTHON_TESTS), name
        else:
            # A file, or a folder of files.
            assert any(f"/{path}".endswith(f"/{name}") or f"/{name}/" in f"/{path}" for path in FILES), name


def test_each_promise_is_made_once():
    promises = [row.split(" | ")[0] for row in ROWS]
    assert len(promises) == len(set(promises))


def test_each_promise_has_an_attack_on_the_page_of_faults():
    promises = [row.strip("|").split(" | ")[0].strip() for row in ROWS]
    assert promises and re.findall(r"\*\*(.+?)\.\*\* ", FAULTS) == promises
