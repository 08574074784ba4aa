"""Stores that several tests ask; each is made once and never changed by a test."""

import shutil

import pytest

import tripstore
from oracle import Oracle

ROWS = 1_000_000
SEED = 7


def pytest_report_header():
    return f"program under test: {tripstore.BINARY}"


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory):
    """A data directory with the sample of 100 trips, loaded from the command line."""
    data_dir = tmp_path_factory.mktemp("sample") / "data"
    tripstore.cli("ingest", tripstore.SAMPLE, "--data-dir", data_dir)
    return data_dir


@pytest.fixture(scope="session")
def sample_server(sample_store, tmp_path_factory):
    """A server on a copy of the sample's store, so that the command line can be asked about the same trips meanwhile."""
    folder = tmp_path_factory.mktemp("sample-server")
    shutil.copytree(sample_store, folder / "data")
    with tripstore.Server(folder / "data", folder / "log") as server:
        yield server


@pytest.fixture(scope="session")
def generated_csv(tmp_path_factory):
    """A million synthetic trips."""
    path = tmp_path_factory.mktemp("generated") / "trips.csv"
    tripstore.cli("generate", "--rows", ROWS, "--seed", SEED, "--output", path)
    return path


@pytest.fixture(scope="session")
def generated_server(generated_csv, tmp_path_factory):
    """A server that was given the synthetic trips over HTTP."""
    folder = tmp_path_factory.mktemp("generated-server")
    with tripstore.Server(folder / "data", folder / "log") as server:
        job = server.ingest(generated_csv)
        assert (job["status"], job["processed_rows"], job["rejected_rows"]) == ("completed", ROWS, 0), job
        yield server


@pytest.fixture(scope="session")
def oracle(generated_csv):
    """DuckDB with the same trips, read from the CSV by DuckDB."""
    return Oracle(generated_csv)


@pytest.fixture
def server(tmp_path):
    """A server of this test's own, on an empty store."""
    with tripstore.Server(tmp_path / "data", tmp_path / "log") as server:
        yield server
