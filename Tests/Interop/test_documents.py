"""The commands of a page work in their order, and print what the page shows."""

import contextlib
import dataclasses
import re
import shutil
import struct
import sys
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from tripstore_tools import REPOSITORY
from tripstore_tools.harness import tripstore
from tripstore_tools.harness.documents import Reader, assert_alike, blocks, steps
from tripstore_tools.harness.file_servers import FileServer


class Follower:
    """A reader with an empty folder that has what a checkout has, and a server when a page says so."""

    def __init__(self, folder, stack, page):
        self.folder, self.stack, self.page = folder, stack, page
        place = folder / "checkout"
        self.reader = Reader(place, f"{place}/.build/release:{Path(sys.executable).parent}")
        (place / ".build/release").mkdir(parents=True)
        (place / ".build/release/tripstore").symlink_to(tripstore.BINARY.resolve())
        for name in ("Tests", "sql_queries.sql"):
            (place / name).symlink_to(REPOSITORY / name)
        for sample in (tripstore.SAMPLE, tripstore.SAMPLE.with_suffix(".csv.gz")):
            (place / sample.name).symlink_to(sample)
        self.server = None

    def prepare(self, what):
        """The contents of `<!-- run: … -->`."""
        if self.server:
            self.server.stop()
            shutil.rmtree(self.server.data_dir)
            self.server = None
        data = self.reader.folder / "data"
        if "trips.csv" in what:
            tripstore.cli("ingest", "--quiet", tripstore.SAMPLE, "--data-dir", data)
        if what != "trips.csv":
            self.server = self.stack.enter_context(
                tripstore.Server(data, self.folder / "log", ALLOW_PRIVATE_ADDRESSES="true"))
            self.reader.exchanged = {"127.0.0.1:8000": f"127.0.0.1:{self.server.port}"}

    def follow_each(self, block):
        """Commands that are alternatives, each on a store of its own, of which the answer stands once."""
        answer = dataclasses.replace(block.answer, text=re.sub(r'"filename":"[^"]+"', '"filename":"…"', block.answer.text))
        with FileServer(tripstore.SAMPLE.with_suffix(".csv.gz").read_bytes()) as files:
            for step in steps(block):
                self.prepare("a server")
                self.reader.exchanged["https://HOST/trips.csv.gz"] = files.url("trips.csv.gz")
                one = dataclasses.replace(block, text=step.command, line=step.line - 1, answer=answer)
                self.reader.follow(one, self.page)
                assert self.server.wait_for_job(1)["processed_rows"] == 100, step.command

    def follow(self):
        done = 0
        for block in blocks(REPOSITORY / self.page):
            if "not run" in block.notes:
                continue
            if "run" in block.notes:
                self.prepare(block.notes["run"])
            if block.notes.get("run", "").startswith("each"):
                self.follow_each(block)
            else:
                self.reader.follow(block, self.page)
            done += 1
        return done


@pytest.mark.parametrize("page", ["README.md", "docs/ANALYSTS.md", "docs/API.md", "docs/FORMAT.md"])
def test_a_page_holds_when_followed(tmp_path, page):
    with contextlib.ExitStack() as stack:
        assert Follower(tmp_path, stack, page).follow() >= 3


def test_analysts_plot_in_fifteen_lines(tmp_path):
    first, plot = blocks(REPOSITORY / "docs/ANALYSTS.md")[:2]
    assert len([line for line in plot.text.splitlines() if line.strip()]) <= 15
    with contextlib.ExitStack() as stack:
        follower = Follower(tmp_path, stack, "docs/ANALYSTS.md")
        for block in (first, plot):
            follower.reader.follow(block)
        assert (follower.reader.folder / "trips.png").read_bytes().startswith(b"\x89PNG")


# MARK: Numbers of docs/FORMAT.md that no command prints

FORMAT = REPOSITORY / "docs/FORMAT.md"


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """The segment of the page's three trips: its bytes and its metadata."""
    folder = tmp_path_factory.mktemp("three")
    csv = next(block for block in blocks(FORMAT) if block.notes.get("file") == "three.csv")
    (folder / "three.csv").write_text(csv.text + "\n")
    tripstore.cli("ingest", folder / "three.csv", "--data-dir", folder / "data")
    path = folder / "data/segments/trips-000001-4.parquet"
    metadata = parquet.ParquetFile(path).metadata.metadata
    return path.read_bytes(), {key.decode(): value.decode() for key, value in metadata.items() if key.startswith(b"tripstore")}


def test_metadata_of_the_three_trips_is_what_the_table_shows(three):
    _, metadata = three
    shown = dict(re.findall(r"^\| `(tripstore\.[\w.]+)` \| (.+?) \|", FORMAT.read_text(encoding="utf-8"), re.M))
    assert len(metadata) > 10 and metadata.keys() <= shown.keys()
    for key, value in metadata.items():
        if key == "tripstore.jobs":
            assert_alike(value, shown[key].strip("`"), key)
        elif "with that time" not in shown[key]:
            assert value == shown[key], key


def test_parts_of_the_three_trips_are_where_the_figure_shows_them(three):
    data, metadata = three
    figure = re.findall(r"^ (\d+) +│ +(\d+)(?: \+ (\d+))? │", FORMAT.read_text(encoding="utf-8"), re.M)
    places = [(int(offset), int(size) + int(more or 0)) for offset, size, more in figure]
    # One number of the footer has as many digits as the time of the job makes it have.
    footer = int.from_bytes(data[-8:-4], "little") + len("2902375255") - len(metadata["tripstore.jobs.crc32"])
    offsets = [offset for offset, _ in places]
    assert [sum(place) for place in places] == [*offsets[1:], offsets[-2] + footer + 8]
    assert places[-2] == (len(data) - 8 - int.from_bytes(data[-8:-4], "little"), footer)
    assert places[2] == (int(metadata["tripstore.index.offset"]), int(metadata["tripstore.index.byte_count"]))
    assert places[3][0] == int(metadata["tripstore.approximations.offset"])


def bytes_shown(text):
    """Bytes of a figure: hexadecimal, texts in quotes and doubles; what follows three blanks is said of them."""
    out = b""
    for line in text.splitlines():
        content = re.split(r" {3,}", line.strip())[0]
        for quoted, double, byte in re.findall(r'"(\w+)"|(\d+\.\d+)|([0-9a-f]+)', content):
            out += quoted.encode() if quoted else struct.pack("<d", float(double)) if double else bytes.fromhex(byte)
    return out


def test_the_index_of_the_three_trips_is_byte_for_byte_what_is_shown(three):
    data, metadata = three
    offset, count, size = (int(metadata[f"tripstore.index.{name}"]) for name in ("offset", "byte_count", "uncompressed_byte_count"))
    figures = [block.text for block in blocks(FORMAT)]
    index = next(text for text in figures if text.startswith('02 06"Prague"'))
    assert bytes_shown(index).hex() == pyarrow.decompress(data[offset:offset + count], size, codec="zstd", asbytes=True).hex()
    positions = next(text for text in figures if text.startswith("x ÷ 16")).splitlines()[1].partition("in the")[0]
    start = int(metadata["tripstore.approximations.offset"])
    assert bytes.fromhex(positions) == data[start:start + 13]


# MARK: A page that is wrong is found

@pytest.mark.parametrize(("shown", "found"), [
    ("```sh\necho 12\n```\n```text\n12\n```", None),
    ("```sh\necho 12\n# 13\n```", "13"),
    ("```sh\necho 12\n```\n```text\n13\n```", "13"),
    ("```sh\necho 12\nfalse\n```", "ended with 1"),
    ("```sh\necho '{\"a\":1,\"b\":[2]}'\n```\n```json\n{\"a\":1,\n \"b\":[2]}\n```", None),
    ("```sh\necho '{\"a\":1,\"b\":[2]}'\n```\n```json\n{\"a\":1,\n \"b\":[3]}\n```", r"\[3\]"),
    ("```sh\necho 10 trips, 5,000 rows/s\n# 10 trips, 70 rows/s\n```", None),
    ("```sh\necho 10 trips, 5,000 rows/s\n# 11 trips, 70 rows/s\n```", "11 trips"),
    ("```sh\nexport A=1\necho $A\n# 1\n```", None),
    ("```python\na = 1\n```\n\nthen\n\n```python\nprint(a)\n```\n```text\n1\n```", None),
    ("```python\nprint(a)\n```", "NameError"),
    ("```text\nwhat is this?\n```", "no answer to a command"),
])
def test_what_a_page_shows_wrongly_is_found(tmp_path, shown, found):
    (tmp_path / "page.md").write_text(shown + "\n")
    reader = Reader(tmp_path / "folder", "/usr/bin")
    with contextlib.nullcontext() if found is None else pytest.raises(AssertionError, match=found):
        for block in blocks(tmp_path / "page.md"):
            reader.follow(block)
