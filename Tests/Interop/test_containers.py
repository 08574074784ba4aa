"""Bytes and containers: encodings, line ends, compression, archives, pipes, odd names and folders, as other programs make them."""

import json
import os
import shutil
import sqlite3
import subprocess
import threading
import zipfile

import pyarrow
import pyarrow.parquet
import pytest

from tripstore_tools.harness import postgresql
from tripstore_tools.harness.tripstore import BINARY, FAILED, SAMPLE, TIMEOUT_SECONDS, Server, clean_environment, cli

ASKED = 2
LINES = SAMPLE.read_bytes().splitlines(keepends=True)
HEADER = LINES[0]


def load(*files, store, check=True, **options):
    return cli("ingest", *files, *[f"--{name}={value}" for name, value in options.items()], "--data-dir", store, check=check)


def jobs(store):
    """Name, status and trips of each job, oldest first."""
    rows = json.loads(cli("jobs", "--format", "json", "--data-dir", store).stdout)
    return [(row["filename"], row["status"], row["processed_rows"] - row["rejected_rows"]) for row in reversed(rows)]


def answers(store):
    return [cli(*query, "--format", "json", "--data-dir", store).stdout
            for query in (["regions"], ["weekly-average"], ["trip-groups", "--limit=1000"])]


@pytest.fixture(scope="module")
def expected(sample_store):
    return answers(sample_store)


def output(*command, stdin):
    return subprocess.run(list(map(str, command)), input=stdin, capture_output=True, check=True).stdout


def needs(*programs):
    missing = [program for program in programs if not shutil.which(program)]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed")


# MARK: Encodings

@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-16LE", "UTF-16BE"])
def test_utf16_of_iconv_is_proven_by_its_mark_or_its_zeros(tmp_path, expected, encoding):
    file, packed = tmp_path / "trips.csv", tmp_path / "packed.csv.gz"
    file.write_bytes(output("iconv", "-f", "UTF-8", "-t", encoding, stdin=SAMPLE.read_bytes()))
    packed.write_bytes(output("gzip", "-c", stdin=file.read_bytes()))
    load(file, store=tmp_path / "plain")
    load(packed, store=tmp_path / "packed")
    assert answers(tmp_path / "plain") == answers(tmp_path / "packed") == expected


# A city bike file of Mexico's kind: the stations' names are in no column that a trip has, the users' kind is.
SPANISH = ("Género_Usuario,Tipo,lat_estacion_origen,long_estacion_origen,lat_estacion_destino,long_estacion_destino,Inicio_del_viaje\n"
           + "M,Días,19.43,-99.13,19.44,-99.14,2019-03-31 10:00:00\n" * 20)


def test_bytes_that_no_trip_has_need_no_encoding(tmp_path):
    file = tmp_path / "viajes.csv"
    file.write_bytes(SPANISH.encode("latin-1"))
    load(file, store=tmp_path / "data", region="Guadalajara")
    assert jobs(tmp_path / "data") == [("viajes.csv", "completed", 20)]


@pytest.mark.parametrize("encoding", ["windows-1252", "iso-8859-1"])
def test_bytes_that_name_something_are_a_question(tmp_path, encoding):
    file, store = tmp_path / "viajes.csv", tmp_path / "data"
    file.write_bytes(SPANISH.encode(encoding))
    flags = ["--map", "datasource=Tipo", "--region", "Guadalajara", "--data-dir", store]
    asked = cli("ingest", file, *flags, check=False)
    assert asked.returncode == ASKED
    assert "Column 'Tipo' has bytes, such as 'D\ufffdas', that are not UTF-8" in asked.stderr
    assert "Add --encoding windows-1252 or --encoding iso-8859-1 (curl: -F encoding=windows-1252 or" in asked.stderr
    assert cli("regions", "--format", "json", "--data-dir", store, check=False).stdout.count("Guadalajara") == 0
    cli("ingest", file, *flags, "--encoding", encoding)
    assert "Días" in cli("regions", "--format", "json", "--data-dir", store).stdout


def test_characters_of_two_bytes_are_named_with_their_remedy(tmp_path):
    text = "대여일시,시작경도,시작위도\n2019-01-01 00:00:00,127.0,37.5\n" * 3
    file = tmp_path / "seoul.csv"
    file.write_bytes(output("iconv", "-f", "UTF-8", "-t", "EUC-KR", stdin=text.encode()))
    done = load(file, store=tmp_path / "data", check=False)
    assert done.returncode == FAILED and "iconv -f EUC-KR -t UTF-8 FILE > NEW.csv" in done.stderr
    refused = load(file, store=tmp_path / "data", check=False, encoding="euc-kr")
    assert "convert a file in another encoding: iconv -f euc-kr -t UTF-8 FILE > NEW.csv" in refused.stderr


def test_a_question_over_http_and_its_answer(tmp_path):
    with Server(tmp_path / "data", tmp_path / "log") as server:
        def post(query):
            answer = server.request("POST", f"/ingest?filename=v.csv&map=datasource%3DTipo&{query}", SPANISH.encode("latin-1"),
                                    {"Content-Type": "text/csv"})
            return server.wait_for_job(answer.json["job_id"])

        job = post("duplicate=allow")
        assert (job["status"], job["question"]["option"], job["question"]["column"]) == ("failed", "encoding", "Tipo")
        assert job["question"]["choices"] == ["windows-1252", "iso-8859-1"]
        assert post("duplicate=allow&encoding=iso-8859-1")["status"] == "completed"
        utf16 = server.post_csv(SAMPLE.read_text().encode("utf-16"))
        assert server.wait_for_job(utf16.json["job_id"])["processed_rows"] == 100


# MARK: Line ends

@pytest.mark.parametrize("make", [
    lambda lines: b"".join(lines).replace(b"\n", b"\r\n"), lambda lines: b"".join(lines).replace(b"\n", b"\r"),
    lambda lines: lines[0] + b"".join(lines[1:]).replace(b"\n", b"\r\n"),
    lambda lines: lines[0] + b"\n\r\n" + b"\n".join(lines[1:]), lambda lines: b"".join(lines).rstrip(b"\n"),
], ids=["CRLF", "CR", "LF then CRLF", "blank lines", "no last line end"])
def test_line_ends_of_every_kind(tmp_path, expected, make):
    file = tmp_path / "trips.csv"
    file.write_bytes(make(LINES))
    load(file, store=tmp_path / "data")
    assert answers(tmp_path / "data") == expected


def test_two_returns_are_named_for_what_they_are(tmp_path):
    file = tmp_path / "trips.csv"
    file.write_bytes(SAMPLE.read_bytes().replace(b"\n", b"\r\r\n"))
    done = load(file, store=tmp_path / "data", check=False)
    assert done.returncode == FAILED and r"two carriage returns and a line feed (\r\r\n)" in done.stderr


# MARK: Compression

def test_gzip_of_several_members_with_zeros_after_the_last(tmp_path, expected):
    half = len(LINES) // 2
    members = [output("gzip", "-c", stdin=b"".join(part)) for part in (LINES[:half], LINES[half:])]
    file = tmp_path / "tape.csv.gz"
    file.write_bytes(b"".join(members) + bytes(10240 - sum(map(len, members)) % 10240))
    load(file, store=tmp_path / "data")
    assert answers(tmp_path / "data") == expected


@needs("pzstd")
def test_zstd_of_pzstd(tmp_path, expected):
    file = tmp_path / "trips.csv.zst"
    subprocess.run(["pzstd", "-q", "-p", "2", str(SAMPLE), "-o", str(file)], check=True)
    assert file.read_bytes()[:4] == b"\x50\x2a\x4d\x18"
    load(file, store=tmp_path / "data")
    assert answers(tmp_path / "data") == expected


@needs("bzip2")
def test_bzip2_from_the_command_line_and_over_http(tmp_path, expected):
    half = len(LINES) // 2
    packed = b"".join(output("bzip2", "-c", stdin=b"".join(part)) for part in (LINES[:half], LINES[half:]))
    file = tmp_path / "trips.csv.bz2"
    file.write_bytes(packed)
    load(file, store=tmp_path / "data")
    assert answers(tmp_path / "data") == expected
    with Server(tmp_path / "http", tmp_path / "log") as server:
        assert server.ingest(file)["processed_rows"] == 100
        raw = server.request("POST", "/ingest?duplicate=allow", packed, {"Content-Type": "application/x-bzip2"})
        assert raw.json["filename"] == "upload.csv.bz2"


# MARK: ZIP archives

PARTS = {"2018/first.csv": HEADER + b"".join(LINES[1:31]), "2018/second.csv": HEADER + b"".join(LINES[31:])}


@pytest.fixture
def folder(tmp_path):
    """Two CSV files, as they lie on a Mac, with what nobody wants."""
    for name, data in (PARTS | {"__MACOSX/2018/._first.csv": b"\0\5\x16\7", "2018/.DS_Store": b"Bud1", "README.txt": b"Read me"}).items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "folder"


def zip_of_info_zip(archive, folder, *flags):
    subprocess.run(["zip", "-q", "-r", *flags, str(archive), "2018", "__MACOSX", "README.txt"], cwd=folder, check=True)


def zip_through_a_pipe(archive, folder):
    """Written front to back, so sizes follow the data."""
    with archive.open("wb") as file:
        subprocess.run(["zip", "-q", "-r", "-", "2018", "__MACOSX", "README.txt"], cwd=folder, stdout=file, check=True)


def zip_of_python(method, **options):
    def make(archive, folder):
        with zipfile.ZipFile(archive, "w", method) as file:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    info = zipfile.ZipInfo.from_file(path, path.relative_to(folder))
                    info.compress_type = method
                    with file.open(info, "w", **options) as entry:
                        entry.write(path.read_bytes())
    return make


def zip_of_7z(*flags):
    def make(archive, folder):
        subprocess.run(["7z", "a", "-tzip", *flags, str(archive), "2018", "__MACOSX", "README.txt"], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)
    return make


ARCHIVERS = [
    pytest.param(zip_of_info_zip, id="zip", marks=needs("zip")),
    pytest.param(lambda *a: zip_of_info_zip(*a, "-0"), id="zip stored", marks=needs("zip")),
    pytest.param(zip_through_a_pipe, id="zip to a pipe", marks=needs("zip")),
    pytest.param(zip_of_python(zipfile.ZIP_DEFLATED), id="Python"),
    pytest.param(zip_of_python(zipfile.ZIP_STORED, force_zip64=True), id="Python ZIP64"),
    pytest.param(zip_of_python(zipfile.ZIP_BZIP2), id="Python bzip2"),
    pytest.param(zip_of_7z(), id="7z", marks=needs("7z")),
    pytest.param(zip_of_7z("-mx=9"), id="7z -mx=9", marks=needs("7z")),
]
NAMES = [("trips.zip/2018/first.csv", "completed", 30), ("trips.zip/2018/second.csv", "completed", 70)]


@pytest.mark.parametrize("make", ARCHIVERS)
def test_each_csv_of_an_archive_is_a_job(tmp_path, folder, expected, make):
    archive, store = tmp_path / "trips.zip", tmp_path / "data"
    make(archive, folder)
    done = load(archive, store=store)
    assert sorted(jobs(store)) == NAMES and answers(store) == expected
    assert "trips.zip: left out README.txt, which is not a CSV file" in done.stderr
    assert "2 files: 100 trips ingested" in done.stderr
    again = load(archive, store=store)
    assert again.stderr.count("skipped, as it was already ingested") == 2 and len(jobs(store)) == 2
    assert not list((store / "uploads").iterdir())


@needs("zip")
@pytest.mark.parametrize("engine", ["columnstore", "postgresql"])
def test_an_archive_over_http(tmp_path, folder, engine, request):
    archive, variables = tmp_path / "trips.zip", {}
    zip_of_info_zip(archive, folder)
    if engine == "postgresql":
        if not postgresql.is_installed():
            pytest.skip("PostgreSQL is not installed")
        catalog = postgresql.PostgreSQL(tmp_path / "postgresql")
        request.addfinalizer(catalog.remove)
        request.addfinalizer(catalog.kill)
        catalog.start()
        catalog.make_database("jobs")
        cluster = request.getfixturevalue("cluster")
        variables = {"DATABASE_URL": cluster.database_url("archives"), "CATALOG_URL": catalog.url("jobs")}
    with Server(tmp_path / "data", tmp_path / "log", **variables) as server:
        answer = server.post_csv(archive.read_bytes(), "trips.zip", duplicate=None)
        assert answer.status == 202 and answer.json["message"] == "Ingestion scheduled"
        listed = answer.json["jobs"]
        assert {job["filename"] for job in listed} == {"trips.zip/2018/first.csv", "trips.zip/2018/second.csv"}
        assert (answer.json["job_id"], answer.json["filename"]) == tuple(listed[0].values())
        assert answer.headers["Location"] == f"/jobs/{listed[0]['job_id']}" and answer.json["ignored"] == ["README.txt"]
        assert sorted(server.wait_for_job(job["job_id"])["processed_rows"] for job in listed) == [30, 70]
        twin = server.post_csv(archive.read_bytes(), "trips.zip", duplicate=None)
        assert twin.status == 409 and "were loaded before" in twin.detail
        # Each job is deleted by itself, and its file can come again.
        server.delete(f"/jobs/{listed[0]['job_id']}")
        again = server.post_csv(archive.read_bytes(), "trips.zip", duplicate=None).json
        assert [job["filename"] for job in again["jobs"]] == [listed[0]["filename"]]
        assert [file["filename"] for file in again["skipped"]] == [listed[1]["filename"]]
        server.wait_for_job(again["job_id"])


def test_names_with_dots_are_files_and_links_are_none(tmp_path, expected):
    archive, store = tmp_path / "trips.zip", tmp_path / "data"
    link = zipfile.ZipInfo("link.csv")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(link, "/etc/passwd")
        for name, part in zip(("./2018/first.csv", "../2018/second.csv"), PARTS.values(), strict=True):
            file.writestr(name, part)
    done = load(archive, store=store)
    assert sorted(jobs(store)) == NAMES and answers(store) == expected
    assert "left out link.csv" in done.stderr
    # Windows' separator.
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("..\\first.csv", PARTS["2018/first.csv"])
    load(archive, store=tmp_path / "windows")
    assert [job[1:] for job in jobs(tmp_path / "windows")] == [("completed", 30)]


def test_a_count_of_files_that_is_too_small_is_damage(tmp_path, folder):
    archive, store = tmp_path / "trips.zip", tmp_path / "data"
    zip_of_python(zipfile.ZIP_DEFLATED)(archive, folder)
    data = bytearray(archive.read_bytes())
    end = data.rindex(b"PK\x05\x06")
    data[end + 8:end + 12] = b"\1\0\1\0"
    archive.write_bytes(data)
    done = load(archive, store=store, check=False)
    assert done.returncode == 1 and "is damaged or was cut off" in done.stderr


def test_an_archive_of_one_file_is_answered_as_that_file(tmp_path):
    archive = tmp_path / "trips.csv.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(SAMPLE, "trips.csv")
    with Server(tmp_path / "data", tmp_path / "log") as server:
        answer = server.post_csv(archive.read_bytes(), archive.name)
        assert answer.json.keys() == {"job_id", "message", "filename"} and answer.json["filename"] == "trips.csv.zip/trips.csv"
        assert server.wait_for_job(answer.json["job_id"])["processed_rows"] == 100


@needs("zip")
def test_an_archive_through_a_pipe(tmp_path, folder, expected):
    archive, store = tmp_path / "trips.zip", tmp_path / "data"
    zip_of_info_zip(archive, folder)
    done = subprocess.run([str(BINARY), "ingest", "-", "--data-dir", str(store)], input=archive.read_bytes(), capture_output=True,
                          env=clean_environment(), check=True)
    assert answers(store) == expected and b"2 files: 100 trips ingested" in done.stderr
    assert {name for name, _, _ in jobs(store)} == {"standard input", "standard input/2018/second.csv"}
    assert not list((store / "uploads").iterdir())


@needs("zip")
def test_a_damaged_or_locked_archive_is_named(tmp_path, folder):
    whole, locked, mixed = tmp_path / "whole.zip", tmp_path / "locked.zip", tmp_path / "mixed.zip"
    zip_of_info_zip(whole, folder)
    zip_of_info_zip(locked, folder, "-P", "secret")
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole.read_bytes()[:-100])
    with zipfile.ZipFile(mixed, "w") as file:
        file.writestr("a.json", "{}")
    for archive, reason in [(cut, "damaged or was cut off"), (locked, "is encrypted; extract it with its password"),
                            (mixed, "has no CSV file, but a.json")]:
        done = load(archive, store=tmp_path / "data", check=False)
        assert done.returncode == FAILED and reason in done.stderr, done.stderr
    damaged = bytearray(whole.read_bytes())
    damaged[whole.read_bytes().index(b"first.csv") + 60] ^= 0xFF
    cut.write_bytes(damaged)
    done = load(cut, store=tmp_path / "data", check=False)
    assert done.returncode == FAILED and "gzip data is damaged" in done.stderr and "70 trips ingested" in done.stderr


@needs("7z")
def test_a_method_that_cannot_be_read_is_named(tmp_path, folder):
    archive = tmp_path / "trips.zip"
    zip_of_7z("-mm=Deflate64")(archive, folder)
    done = load(archive, store=tmp_path / "data", check=False)
    assert done.returncode == FAILED and "cannot be read (Deflate64)" in done.stderr


def test_an_archive_that_would_fill_the_disk_is_stopped(tmp_path):
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file, file.open("trips.csv", "w", force_zip64=True) as entry:
        entry.write(HEADER)
        for _ in range(3 << 10):
            entry.write(b"\n" * (1 << 20))
    done = cli("ingest", archive, "--data-dir", tmp_path / "data", "--max-expansion", "10", check=False)
    assert done.returncode == FAILED and "MAX_EXPANSION" in done.stderr


# MARK: Sources

def test_named_pipes_one_after_the_other(tmp_path, expected):
    pipes = [tmp_path / "first", tmp_path / "second"]
    for pipe in pipes:
        os.mkfifo(pipe)

    def write():
        for pipe, data in zip(pipes, PARTS.values(), strict=True):
            pipe.write_bytes(data)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    load(*pipes, store=tmp_path / "data")
    writer.join(TIMEOUT_SECONDS)
    assert answers(tmp_path / "data") == expected


def test_standard_input_by_its_path_and_a_substituted_process(tmp_path, expected):
    for number, command in enumerate(['"$0" ingest /dev/stdin --data-dir "$1" < "$2"', '"$0" ingest <(gzip -c "$2") --data-dir "$1"',
                                      'gzip -c "$2" | "$0" ingest - --data-dir "$1"']):
        store = tmp_path / str(number)
        subprocess.run(["bash", "-c", command, str(BINARY), str(store), str(SAMPLE)], env=clean_environment(), check=True,
                       capture_output=True)
        assert answers(store) == expected


def test_names_that_are_not_utf8(tmp_path, expected):
    name = os.fsencode(tmp_path) + b"/r\xe9sum\xe9.csv"
    with open(name, "wb") as file:
        file.write(SAMPLE.read_bytes())
    done = subprocess.run([os.fsencode(BINARY), b"ingest", name, b"--data-dir", os.fsencode(tmp_path / "data")], capture_output=True,
                          env=clean_environment(), check=True)
    assert "r\ufffdsum\ufffd.csv: 100 trips ingested" in done.stderr.decode()
    assert answers(tmp_path / "data") == expected


def test_a_folder_stands_for_its_csv_files(tmp_path, folder, expected):
    (folder / "empty").mkdir()
    (folder / "2018/.hidden.csv").write_bytes(b"not read")
    done = load(folder, store=tmp_path / "data")
    assert [name for name, _, _ in jobs(tmp_path / "data")] == ["first.csv", "second.csv"]
    assert "2 files: 100 trips ingested" in done.stderr and answers(tmp_path / "data") == expected
    none = load(folder / "empty", store=tmp_path / "data", check=False)
    assert none.returncode == FAILED and "has no files that end in .csv, .csv.gz" in none.stderr


# MARK: Files of other kinds

def make_sqlite(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE trips (id)")


def make_tar(path):
    subprocess.run(["tar", "-cf", str(path), "-C", str(SAMPLE.parent), SAMPLE.name], check=True)


def make_workbook(path):
    with zipfile.ZipFile(path, "w") as file:
        for name in ("[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"):
            file.writestr(name, "<?xml version='1.0'?>")


OTHERS = [
    (make_sqlite, "SQLite database", "sqlite3 -header -csv"), (make_tar, "tar archive", "tar -xf"),
    (make_workbook, "Excel workbook", "save it as CSV"),
    (lambda path: pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), path), "Parquet file", "COPY 'FILE' TO 'NEW.csv'"),
    (lambda path: path.write_text('{"type": "FeatureCollection", "features": []}'), "GeoJSON", "ogr2ogr"),
    (lambda path: path.write_text('[{"a": 1, "b": 2}]'), "JSON", "read_json"),
    (lambda path: path.write_text('{"a": 1, "b": 2}\n{"a": 1, "b": 2}\n'), "NDJSON", "read_json"),
    (lambda path: path.write_text("<!DOCTYPE html>\n<title>Log in</title>"), "web page", "download the CSV itself"),
    (lambda path: path.write_text("<?xml version='1.0'?><a/>"), "XML", "get the data as CSV"),
    (lambda path: path.write_bytes(output("xz", "-c", stdin=SAMPLE.read_bytes())), "xz-compressed", "xz -d"),
]


@pytest.mark.parametrize(("make", "kind", "remedy"), OTHERS, ids=[kind for _, kind, _ in OTHERS])
def test_a_file_of_another_kind_is_named_with_its_remedy(tmp_path, make, kind, remedy):
    file = tmp_path / "trips.csv"
    make(file)
    done = load(file, store=tmp_path / "data", check=False)
    assert done.returncode == FAILED and kind in done.stderr and remedy in done.stderr, done.stderr


@needs("7z")
def test_a_7z_archive_is_named(tmp_path):
    file = tmp_path / "trips.7z"
    subprocess.run(["7z", "a", str(file), str(SAMPLE)], check=True, stdout=subprocess.DEVNULL)
    done = load(file, store=tmp_path / "data", check=False)
    assert done.returncode == FAILED and "7z archive" in done.stderr and "7z x FILE" in done.stderr
