"""The house of the Python: packages that import only those before them, tests that import no test, nothing that bends `sys.path`."""

import ast
import re

import pytest

import tripstore_tools
from tripstore_tools import REPOSITORY

TOOLS = REPOSITORY / "Tools/tripstore_tools"
TESTS = sorted((REPOSITORY / "Tests/Interop").glob("*.py"))
# Of the package's docstring, which is what a reader goes by.
ORDER = re.findall(r"`(\w+)`", tripstore_tools.__doc__.partition("before it:")[2].partition("scripts/setup")[0])


def imported(text):
    """Modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def downwards(package, text):
    """Packages that one imports though they come after it."""
    names = {match.group(1) for module in imported(text) if (match := re.match(r"tripstore_tools\.(\w+)", module))}
    names &= set(ORDER)
    return sorted(name for name in names if ORDER.index(name) > ORDER.index(package))


def test_the_docstring_names_every_package():
    assert sorted(ORDER) == sorted(path.parent.name for path in TOOLS.glob("*/__init__.py"))


def test_packages_import_only_those_before_them():
    wrong = {str(path.relative_to(TOOLS)): below for path in TOOLS.glob("*/*.py")
             if (below := downwards(path.parent.name, path.read_text(encoding="utf-8")))}
    assert wrong == {}


def test_a_planted_import_is_found():
    assert downwards("harness", "def f():\n    from tripstore_tools.cluster import kills") == ["cluster"]
    assert downwards("harness", "from tripstore_tools import bench, harness") == ["bench"]


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_a_test_file_is_imported_by_none_and_holds_tests(path):
    assert path.stem == "conftest" or path.stem.startswith("test_")
    wrong = [module for module in imported(path.read_text(encoding="utf-8")) if module.startswith(("test_", "conftest"))]
    assert wrong == []


def test_nothing_bends_the_path_of_modules():
    bent = [str(path.relative_to(REPOSITORY)) for path in [*TOOLS.rglob("*.py"), *TESTS]
            if re.search(r"sys\.path\b(?!`)", path.read_text(encoding="utf-8")) and path.name != "test_tools.py"]
    assert bent == []
