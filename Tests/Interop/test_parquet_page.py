"""The examples of docs/PARQUET.md are compiled outside of the package and run; other engines read what they write."""

import platform
import re
import shutil
import subprocess

import duckdb
import pyarrow.parquet
import pytest

from tripstore_tools.harness.tripstore import BINARY, REPOSITORY

MODULES = BINARY.parent / "Modules"
OBJECTS = BINARY.parent / "Parquet.build"
MAIN = """
let url = URL(fileURLWithPath: CommandLine.arguments[1])
try writeRides(to: url)
print(try readKilometres(from: url))
print(try citiesOfLongRides(in: url, from: 1), try citiesOfLongRides(in: url, from: 100))
"""
RIDES = {"city": ["Praha", "Brno", "Praha"], "kilometres": [3.5, 12.25, 0.75]}
STARTS = ["2018-05-28T09:03:40", "2018-05-28T09:04:40", "2018-05-28T09:05:40"]

pytestmark = [
    pytest.mark.skipif(platform.system() != "Linux" or shutil.which("swiftc") is None, reason="swiftc is not installed"),
    pytest.mark.skipif(not (MODULES / "Parquet.swiftmodule").exists(), reason="the program was not built here"),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The file that the examples write, and what they print."""
    folder = tmp_path_factory.mktemp("page")
    page = (REPOSITORY / "docs/PARQUET.md").read_text(encoding="utf-8")
    examples = [code for code in re.findall(r"```swift\n(.*?)```", page, re.DOTALL) if not code.startswith(".target")]
    assert len(examples) == 3
    (folder / "main.swift").write_text("\n".join([*examples, MAIN]), encoding="utf-8")
    maps = [f"-fmodule-map-file={REPOSITORY}/Sources/{name}/module.modulemap" for name in ("CDeflate", "CZstd")]
    command = ["swiftc", "-swift-version", "6", "-enable-upcoming-feature", "MemberImportVisibility", "-module-name", "rides", "-I", MODULES,
               *(word for each in maps for word in ("-Xcc", each)), folder / "main.swift", *sorted(OBJECTS.glob("*.o")), "-lzstd", "-ldeflate",
               "-module-cache-path", folder / "cache", "-o", folder / "rides"]
    built = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-4000:]
    done = subprocess.run([folder / "rides", folder / "rides.parquet"], capture_output=True, text=True, check=True)
    return folder / "rides.parquet", done.stdout


def test_the_examples_read_what_they_write(written):
    assert written[1].splitlines() == ["[3.5, 12.25, 0.75]", '["Praha", "Brno"] []']


def test_pyarrow_reads_what_the_examples_write(written):
    file = pyarrow.parquet.ParquetFile(written[0], page_checksum_verification=True)
    table = file.read().to_pydict()
    assert {name: table[name] for name in RIDES} == RIDES
    assert [start.isoformat() for start in table["started_at"]] == [f"{start}+00:00" for start in STARTS]
    assert file.metadata.created_by == "rides version 1.0.0" and file.metadata.metadata[b"unit"] == b"km"


def test_duckdb_reads_what_the_examples_write(written):
    rows = duckdb.sql(f"SELECT city, kilometres, epoch_us(started_at) FROM '{written[0]}'").fetchall()
    assert [row[:2] for row in rows] == list(zip(*RIDES.values(), strict=True))
    assert [row[2] for row in rows] == [1_527_498_220_000_000 + 60_000_000 * index for index in range(3)]
