"""With TRIPSTORE_REQUIRE=all a skipped test is a failure, unless what it needs can't be had on this machine: a plugin of pytest.

A suite whose parts are skipped one by one still passes; continuous integration sets the switch (.ci/run), so that it does not.
"""

import os
import re
import shutil
import subprocess

import pytest

# Words of a reason, and the package that brings what is missing: a skip is allowed if the system's package sources don't have it.
PACKAGES = {
    "clickhouse-server": "clickhouse-server",
    "zookeeper": "zookeeper",
    "PostgreSQL": "postgresql",
    "nginx": "nginx",
    "Chromium": "chromium",
    "mkfs.ext4": "e2fsprogs",
}

# Words of a reason, and why such a skip is allowed anywhere.
ALLOWED = {
    "terraform is not installed": "Debian has no package of it; scripts/check-deploy says so as an error",
    "cannot mount a small disk": "takes a right that containers withhold",
    "as root": "a developer's tests don't run as root",
}


def is_offered(package):
    """Whether apt could install a package here; true without apt, so that nothing is excused by it."""
    if not shutil.which("apt-cache"):
        return True
    said = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False).stdout
    found = re.search(r"Candidate: (\S+)", said)
    return bool(found) and found.group(1) != "(none)"


def is_allowed(reason):
    if any(words in reason for words in ALLOWED):
        return True
    missing = [package for words, package in PACKAGES.items() if words in reason]
    return bool(missing) and not all(map(is_offered, missing))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if os.environ.get("TRIPSTORE_REQUIRE") != "all" or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not is_allowed(reason):
        report.outcome = "failed"
        report.longrepr = (f"{item.nodeid} was skipped, which TRIPSTORE_REQUIRE=all forbids: {reason}\n"
                           "Install what is missing with scripts/setup --tests, or unset TRIPSTORE_REQUIRE.")
    return report
