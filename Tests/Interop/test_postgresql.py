"""The catalog that processes share, on a real PostgreSQL: Swift tests compare it with the one in SQLite, call by call."""

import os
import subprocess

import pytest

import postgresql
from tripstore import PATIENCE_SECONDS, REPOSITORY

DATABASES = [*(f"agrees{seed}" for seed in range(6)), "claims", "rejects", "leads"]


@pytest.mark.skipif(not postgresql.is_installed(), reason="PostgreSQL is not installed")
def test_the_catalog_does_what_the_one_in_sqlite_does(tmp_path):
    server = postgresql.PostgreSQL(tmp_path / "postgresql")
    try:
        server.start()
        for database in DATABASES:
            server.make_database(database)
        command = ["swift", "test", "-c", "release", "--disable-testable-imports", "--skip-build",
                   "--filter", "PostgresCatalogTests"]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=10 * PATIENCE_SECONDS, check=False,
                              env=os.environ | {"TRIPSTORE_TEST_CATALOG_URL": server.url("DATABASE")})
        output = done.stdout + done.stderr
        assert done.returncode == 0, output[-5000:]
        assert "Test run with 4 tests in 1 suite passed" in output, output[-2000:]
    finally:
        server.kill()
        server.remove()
