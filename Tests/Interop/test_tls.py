"""PostgreSQL and ClickHouse over TLS: a server that does not prove to be the host of the URL gets neither password nor trips.

Real servers, with certificates of the tests' own authority, for `localhost` only."""

import os
import shutil
import signal
import subprocess

import pytest

from tripstore_tools.harness import clickhouse, postgresql, tripstore
from tripstore_tools.harness.tripstore import SAMPLE, Server, cli


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Certificates:
    """An authority, and a certificate of it for localhost; another authority that has issued none."""

    def __init__(self, folder):
        self.authority, self.other = folder / "ca.pem", folder / "other.pem"
        self.certificate, self.key = folder / "server.pem", folder / "server.key"
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        for path in (self.authority, self.other):
            openssl("req", "-x509", *curve, "-days", 2, "-subj", f"/CN={path.stem}", "-keyout", path.with_suffix(".key"), "-out", path)
        names = folder / "names"
        names.write_text("subjectAltName=DNS:localhost\n")
        openssl("req", *curve, "-subj", "/CN=localhost", "-keyout", self.key, "-out", folder / "request")
        openssl("x509", "-req", "-in", folder / "request", "-CA", self.authority, "-CAkey", self.authority.with_suffix(".key"),
                "-CAcreateserial", "-days", 2, "-extfile", names, "-out", self.certificate)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


def refused(folder, *words, **variables):
    """Runs a command that needs the servers; what it says of the refusal has some words and no password."""
    done = cli("jobs", "--data-dir", folder, check=False, **variables)
    assert done.returncode == 1 and all(word in done.stderr for word in words), done.stderr
    assert postgresql.PASSWORD not in done.stderr
    return True


@pytest.mark.skipif(not clickhouse.is_installed(), reason="clickhouse-server is not installed")
def test_clickhouse(tmp_path, certificates):
    shard = clickhouse.Shard(0, tmp_path / "shard")
    port = tripstore.free_port()
    shard.folder.mkdir()
    settings = f"""<https_port>{port}</https_port><openSSL><server>
        <certificateFile>{certificates.certificate}</certificateFile><privateKeyFile>{certificates.key}</privateKeyFile>
        <verificationMode>none</verificationMode><loadDefaultCAFile>false</loadDefaultCAFile></server></openSSL>"""
    (shard.folder / "config.xml").write_text(clickhouse.server_settings(shard, settings))
    (shard.folder / "users.xml").write_text(clickhouse.user_settings(1_000_000_000))

    def url(host="localhost", authority=certificates.authority, scheme="clickhouses"):
        parameters = f"?sslrootcert={authority}" if authority else ""
        return f"{scheme}://{clickhouse.USER}:{clickhouse.PASSWORD}@{host}:{port}/trips{parameters}"

    shard.launch()
    try:
        tripstore.wait_until(shard.is_ready, "ClickHouse")
        with Server(tmp_path / "data", tmp_path / "log", DATABASE_URL=url()) as server:
            assert server.ingest(SAMPLE)["status"] == "completed"
            assert server.get("/analytics/weekly-average").json["total_trips"] == 100
        data = tmp_path / "data"
        assert refused(data, "cannot be verified", "from no trusted authority", DATABASE_URL=url(authority=certificates.other))
        assert refused(data, "cannot be verified", "from no trusted authority", DATABASE_URL=url(authority=None))
        assert refused(data, "cannot be verified", "another host", DATABASE_URL=url("127.0.0.1"))
        assert refused(data, "cannot be read", DATABASE_URL=url(authority="/nowhere.pem"))
        assert refused(data, "does not answer", DATABASE_URL=url(scheme="clickhouse", authority=None))
        with Server(data, tmp_path / "log", DATABASE_URL=url(authority=None), SSL_CERT_FILE=str(certificates.authority)) as server:
            assert server.get("/analytics/weekly-average").json["total_trips"] == 100
    finally:
        shard.end(signal.SIGKILL)


class SecurePostgreSQL(postgresql.PostgreSQL):
    """With a certificate."""

    certificates = None

    def prepare(self):
        super().prepare()
        for source, name in ((self.certificates.certificate, "server.crt"), (self.certificates.key, "server.key")):
            shutil.copy(source, self.data / name)
            (self.data / name).chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(self.data / name, postgresql.SYSTEM_USER, postgresql.SYSTEM_USER)

    def command(self):
        return [*super().command(), "-c", "ssl=on"]


@pytest.mark.skipif(not (postgresql.is_installed() and clickhouse.is_installed()), reason="PostgreSQL or ClickHouse is not installed")
def test_postgresql(tmp_path, certificates, cluster):
    catalog = SecurePostgreSQL(tmp_path / "postgresql")
    catalog.certificates = certificates
    data = tmp_path / "data"
    database = {"DATABASE_URL": cluster.database_url("tls")}

    def url(host="localhost", authority=certificates.authority, mode="verify-full"):
        return catalog.url("jobs", f"?sslmode={mode}&sslrootcert={authority}").replace("127.0.0.1", host)

    try:
        catalog.start()
        catalog.make_database("jobs")
        with Server(data, tmp_path / "log", CATALOG_URL=url(), **database) as server:
            assert server.ingest(SAMPLE)["status"] == "completed"
            connected = "SELECT count(*) > 0 AND bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.datname = 'jobs'"
            assert catalog.query(connected).strip() == "t"
        assert refused(data, "cannot be verified", "does not match host name", CATALOG_URL=url("127.0.0.1"), **database)
        assert refused(data, "cannot be verified", "certificate verify failed", CATALOG_URL=url(authority=certificates.other), **database)
        assert refused(data, "cannot be verified", "/nowhere.pem", CATALOG_URL=url(authority="/nowhere.pem"), **database)
        # The authority alone is not the host.
        with Server(data, tmp_path / "log", CATALOG_URL=url("127.0.0.1", mode="verify-ca"), **database) as server:
            assert server.job(1)["status"] == "completed"
        # A server whose place somebody has taken, and who speaks no TLS.
        plain = postgresql.PostgreSQL(tmp_path / "plain")
        try:
            plain.start()
            taken = url().replace(str(catalog.port), str(plain.port))
            assert refused(data, "SSL", CATALOG_URL=taken, **database)
        finally:
            plain.kill()
            plain.remove()
    finally:
        catalog.kill()
        catalog.remove()
