"""compose.yaml as far as it can be checked without a container engine: Docker Compose itself reads it, and what it names is there."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tripstore_tools.harness import object_store, proxy
from tripstore_tools.harness.tripstore import BINARY, REPOSITORY

FOLDER = REPOSITORY / "deploy/compose"
COMPOSE = Path(sys.executable).with_name("docker-compose")


def configuration(*flags, **variables):
    """What Docker Compose makes of the file."""
    done = subprocess.run([str(COMPOSE), *flags, "config", "--format", "json"], cwd=REPOSITORY, capture_output=True, text=True,
                          check=False, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["services"]


@pytest.fixture(scope="module")
def services():
    return configuration("--profile", "cluster", CLUSTER_PASSWORD="p")


def test_without_a_profile_it_is_one_service():
    assert list(configuration()) == ["tripstore"]


def test_the_cluster_has_all_parts_and_not_the_single_service(services):
    assert set(services) == {"proxy", "api", "worker", "shard-1", "shard-2", "catalog", "store"}
    assert {name: services[name]["deploy"]["replicas"] for name in ("api", "worker")} == {"api": 2, "worker": 2}
    published = {name: [port["host_ip"] for port in service.get("ports", [])] for name, service in services.items()}
    assert published == {key: [] for key in services} | {"proxy": ["127.0.0.1"]}


def test_what_is_mounted_is_there(services):
    mounted = [Path(volume["source"]) for service in services.values() for volume in service.get("volumes", [])
               if volume["type"] == "bind"]
    assert {path.parent for path in mounted} == {FOLDER}
    assert all(path.is_file() for path in mounted)
    assert {path.name for path in mounted} == {path.name for path in FOLDER.iterdir()}


@pytest.mark.parametrize("service", ["api", "worker"])
def test_the_program_knows_what_it_is_told(services, service):
    sources = "\n".join(path.read_text() for path in (REPOSITORY / "Sources").rglob("*.swift"))
    for name in services[service]["environment"]:
        assert f'"{name}"' in sources, name
    command = services[service]["command"]
    assert command == ["serve", "--role", service]
    assert "--role" in subprocess.run([str(BINARY), "serve", "--help"], capture_output=True, text=True, check=True).stdout


def test_addresses_are_those_of_services(services):
    settings = services["api"]["environment"]
    assert settings == services["worker"]["environment"]
    user = r"trips:p@"
    hosts = re.fullmatch(rf"clickhouse://{user}([^/]+)/trips\?cluster=(\w+)", settings["DATABASE_URL"])
    shards = [address.split(":")[0] for address in hosts[1].split(",")]
    cluster = ElementTree.parse(FOLDER / "clickhouse.xml").find(f"remote_servers/{hosts[2]}")
    assert [host.text for host in cluster.iter("host")] == shards
    assert all(services[shard]["environment"]["CLICKHOUSE_USER"] == "trips" for shard in shards)
    catalog = services["catalog"]["environment"]
    assert settings["CATALOG_URL"] == (
        f"postgresql://{catalog['POSTGRES_USER']}:{catalog['POSTGRES_PASSWORD']}@catalog:5432/{catalog['POSTGRES_DB']}")
    store = services["store"]
    assert settings["AWS_ENDPOINT_URL"] == "http://store:8333" and "-s3.port=8333" in store["command"]
    assert {name: settings[name] for name in store["environment"]} == store["environment"]
    upstream = (FOLDER / "nginx.conf").read_text()
    assert "server api:8000 " in upstream and services["proxy"]["ports"][0]["target"] == 8000 and "listen 8000;" in upstream


@pytest.mark.skipif(not object_store.is_installed(), reason="SeaweedFS is not installed")
def test_the_store_knows_its_flags(services):
    known = subprocess.run([str(object_store.PROGRAM), "server", "-h"], capture_output=True, text=True, check=False)
    known = set(re.findall(r"^  (-[\w.]+)", known.stdout + known.stderr, re.MULTILINE))
    server, *flags = services["store"]["command"]
    assert server == "server" and {flag.split("=")[0] for flag in flags} <= known


@pytest.mark.skipif(not proxy.is_installed(), reason="nginx is not installed")
def test_nginx_takes_the_settings_of_its_container(tmp_path):
    """Debian's nginx is older than the image's and looks names up at once; so here the name is an address."""
    text = (FOLDER / "nginx.conf").read_text()
    assert " resolve " in text
    settings = text.replace("api:8000 resolve", "127.0.0.1:8000").replace("include proxy.conf", f"include {FOLDER}/proxy.conf")
    settings = settings.replace("/tmp/nginx.pid", f"{tmp_path}/nginx.pid")
    (tmp_path / "nginx.conf").write_text(settings)
    done = subprocess.run([proxy.program(), "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", "stderr"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
