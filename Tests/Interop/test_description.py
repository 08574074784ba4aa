"""openapi.json beside docs/API.md: each operation has the statuses that the page gives it, each error has one schema.

That no answer has another status is checked whenever a test calls a server (`tripstore.Description`)."""

import json
import re

import pytest

from tripstore_tools.harness.tripstore import REPOSITORY

DESCRIPTION = json.loads((REPOSITORY / "Sources/Server/Resources/openapi.json").read_text(encoding="utf-8"))
OPERATIONS = {(method.upper(), path): operation for path, operations in DESCRIPTION["paths"].items()
              for method, operation in operations.items() if method != "parameters"}


def documented():
    """Statuses by operation, from the table of docs/API.md."""
    table = (REPOSITORY / "docs/API.md").read_text(encoding="utf-8").split("| operations | statuses |")[1].split("\n\n")[0]
    statuses = {operation: set() for operation in OPERATIONS}
    for row in table.strip().splitlines()[1:]:
        _, names, codes, _ = row.split("|")
        words = re.findall(r"`([^`]*)`", names)
        methods = {word.split()[0] for word in words if word[0] != "/"}
        paths = {word.split()[-1] for word in words if "/" in word}
        added, _, removed = codes.partition("(no ")
        for method, path in OPERATIONS:
            is_meant = ((method, path) != tuple(words[0].split()) if "all but" in names else
                        (not methods or method in methods) and (not paths or path in paths))
            if is_meant:
                statuses[method, path] |= set(re.findall(r"\d+", added))
                statuses[method, path] -= set(re.findall(r"\d+", removed))
    return statuses


DOCUMENTED = documented()


@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
def test_each_operation_has_the_statuses_that_the_page_names(operation):
    assert set(OPERATIONS[operation]["responses"]) == DOCUMENTED[operation]


@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
def test_each_error_has_a_sentence_and_says_when_to_come_again(operation):
    for status, response in OPERATIONS[operation]["responses"].items():
        if name := response.get("$ref"):
            response = DESCRIPTION["components"]["responses"][name.rpartition("/")[2]]
        assert response["description"]
        if status[0] in "45":
            assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}
        assert ("Retry-After" in response.get("headers", {})) == (status in ("429", "503"))
