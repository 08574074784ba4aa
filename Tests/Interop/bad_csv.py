"""Writes Tests/Fixtures/BadCSV: every kind of bad row between good ones, what is to become of each, and files with a fault.

    python Tests/Interop/bad_csv.py

What is expected follows docs/API.md ("Reasons for rejecting a row", "Where one could doubt") and the rules of records in
RecordScanner.swift, and is written down by hand; no program was asked. `bad_rows.expected.json` has, for `bad_rows.csv`, the
trips of each region and each rejected row's line, reason and text. Every other file there has one fault as a whole.
"""

import itertools
import json
import zlib
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "Fixtures/BadCSV"
HEADER = b"region,origin_coord,destination_coord,datetime,datasource"
FIELDS = {"region": "Prague", "origin": "POINT (14.4 50.0)", "destination": "POINT (14.5 50.1)",
          "datetime": "2018-05-28 09:03:40", "datasource": "funny_car"}


def encoded(text):
    return text if isinstance(text, bytes) else text.encode()


def row(**changes):
    """A row as bytes: good but for what is changed."""
    return b",".join(encoded(value) for value in (FIELDS | changes).values())


# MARK: Good rows

# Row and region. They come in turns between the bad rows; each has something in it that only looks wrong.
GOOD_ROWS = [
    (row(), "Prague"),
    (row(region='"München, Ost"'), "München, Ost"),
    (row(datetime="2016-02-29T23:59"), "Prague"),
    (row(region='"the ""Cup"""', datasource='"a ""b"""'), 'the "Cup"'),
    (row(origin="point(14.4 50.0)", destination="  POINT (\t7.5e-7   5.01E1 ) "), "Prague"),
    (row(origin="POINT (180 -90)", destination="POINT (-180.000 90.0)", datetime=" 2000-12-31 00:00:00.123456789 "), "Prague"),
    (row(region="   "), "   "),
    (row(region="São Paulo 🚋", datetime='"2018-05-28 09:03:40.5"'), "São Paulo 🚋"),
    (row(origin='"POINT (14.4 50.0)"', datasource='"funny,car"'), "Prague"),
]
# A quoted name at the start of a line: after a line that leaves a quote open, its first quote closes that one and text follows.
QUOTED_ROW = GOOD_ROWS[1]
LONGEST_NAME = "n" * 1024


# MARK: Bad rows

# A text in place of a name, and why it is none.
NAMES = [
    ("", "is empty"),
    ('""', "is empty"),
    (LONGEST_NAME + "n", "is longer than 1,024 bytes"),
    ("é" * 513, "is longer than 1,024 bytes"),
    ("Pra\0gue", "has a control character"),
    ("\x01", "has a control character"),
    ("Pra\tgue", "has a control character"),
    ("\x1b[31mPrague", "has a control character"),
    ("Pra\rgue", "has a control character"),
    ('"Pra\ngue"', "has a control character"),
    ('"Prague\r\n"', "has a control character"),
    (b"M\xfcnchen", "is not valid UTF-8"),
    (b"lone \x80 continuation", "is not valid UTF-8"),
    (b"overlong \xc0\xaf", "is not valid UTF-8"),
    (b"overlong \xe0\x80\xaf", "is not valid UTF-8"),
    (b"surrogate \xed\xa0\x80", "is not valid UTF-8"),
    (b"too large \xf4\x90\x80\x80", "is not valid UTF-8"),
    (b"cut off \xe2\x82", "is not valid UTF-8"),
    (b"never a byte \xff", "is not valid UTF-8"),
]

NOT_POINT = "is not POINT (longitude latitude)"
EMPTY_POINT = "is an empty point"
NOT_NUMBER = "has a coordinate that is not a number"
TOO_MANY = "has more than two coordinates"
LONGITUDE = "longitude out of range -180...180"
LATITUDE = "latitude out of range -90...90"
SWAPPED = "latitude out of range -90...90 (are the axes swapped?)"

# A text in place of a point, and why it is none.
POINTS = [
    ("", "is empty"),
    (" \t ", "is empty"),
    ('"LINESTRING (14.4 50.0, 14.5 50.1)"', NOT_POINT),
    ("MULTIPOINT (14.4 50.0)", NOT_POINT),
    ("SRID=4326;POINT (14.4 50.0)", NOT_POINT),
    ("POINT (14.4 50.0) WGS84", NOT_POINT),
    ("POINT (14.4 50.0", NOT_POINT),
    ("POINT 14.4 50.0)", NOT_POINT),
    ("POINT 14.4 50.0", NOT_POINT),
    ("(14.4 50.0)", NOT_POINT),
    ("14.4 50.0", NOT_POINT),
    ("POINT", NOT_POINT),
    ("POINT (14.4)", NOT_POINT),
    ('"POINT (14.4,50.0)"', NOT_POINT),
    ("NULL", NOT_POINT),
    ("POINT EMPTY", EMPTY_POINT),
    ("point empty", EMPTY_POINT),
    ("POINT (NaN 50.0)", NOT_NUMBER),
    ("POINT (14.4 nan)", NOT_NUMBER),
    ("POINT (inf 50.0)", NOT_NUMBER),
    ("POINT (14.4 -Infinity)", NOT_NUMBER),
    ("POINT (0x1p3 50.0)", NOT_NUMBER),
    ("POINT (14.4 0x32)", NOT_NUMBER),
    ("POINT (1.2.3 50.0)", NOT_NUMBER),
    ("POINT (14.4 .)", NOT_NUMBER),
    ("POINT (- 50.0)", NOT_NUMBER),
    ("POINT (--14.4 50.0)", NOT_NUMBER),
    ("POINT (1e 50.0)", NOT_NUMBER),
    ("POINT (14.4 5e+)", NOT_NUMBER),
    ("POINT (e1 50.0)", NOT_NUMBER),
    ("POINT (14.4° 50.0°)", NOT_NUMBER),
    ("POINT (14.4E 50.0N)", NOT_NUMBER),
    ("POINT (１４.４ 50.0)", NOT_NUMBER),
    ("POINT (14_4 50.0)", NOT_NUMBER),
    ('"POINT (14,4 50,0)"', NOT_NUMBER),
    (b"POINT (14.4\x80 50.0)", NOT_NUMBER),
    ("POINT (14.4\0 50.0)", NOT_NUMBER),
    ("POINT (14.4 50.0 200)", TOO_MANY),
    ("POINT (14.4 50.0 200 7)", TOO_MANY),
    ("POINT Z (14.4 50.0 200)", TOO_MANY),
    ("POINTZ(14.4 50.0 200)", TOO_MANY),
    ("POINT M (14.4 50.0 7)", TOO_MANY),
    ("POINT ZM (14.4 50.0 200 7)", TOO_MANY),
    ("POINT (180.0000001 50.0)", LONGITUDE),
    ("POINT (-180.0000000000001 50.0)", LONGITUDE),
    ("POINT (1e3 50.0)", LONGITUDE),
    ("POINT (1e999 50.0)", LONGITUDE),
    ("POINT (200 100)", LONGITUDE),
    ("POINT (100.5 90.0000001)", LATITUDE),
    ("POINT (-170 -90.00000000000002)", LATITUDE),
    ("POINT (14.4 180.0000001)", LATITUDE),
    ("POINT (14.4 -1e3)", LATITUDE),
    ("POINT (50.0 114.4)", SWAPPED),
    ("POINT (-33.87 151.21)", SWAPPED),
    ("POINT (14.4 90.0000001)", SWAPPED),
]

NOT_TIME = "is not a date and time"
HAS_ZONE = "has a time zone (times must be local wall-clock times without one)"
IMPOSSIBLE = "does not exist on calendar or clock"

# A text in place of a time, and why it is none.
TIMES = [
    ("", "is empty"),
    ("  ", "is empty"),
    ("2018-02-30 09:03:40", IMPOSSIBLE),
    ("2018-02-29 09:03:40", IMPOSSIBLE),
    ("1900-02-29 09:03:40", IMPOSSIBLE),
    ("2018-04-31T09:03", IMPOSSIBLE),
    ("2018-13-01 09:03:40", IMPOSSIBLE),
    ("2018-00-10 09:03:40", IMPOSSIBLE),
    ("2018-05-00 09:03:40", IMPOSSIBLE),
    ("2018-05-28 24:00:00", IMPOSSIBLE),
    ("2018-05-28 09:60:40", IMPOSSIBLE),
    ("2018-05-28 09:03:60", IMPOSSIBLE),
    ("2018-05-28 09:03:61.5", IMPOSSIBLE),
    ("2018-05-28T09:03:40Z", HAS_ZONE),
    ("2018-05-28 09:03:40.25Z", HAS_ZONE),
    ("2018-05-28 09:03:40+02:00", HAS_ZONE),
    ("2018-05-28 09:03-0500", HAS_ZONE),
    ("2018-05-28 09:03:40+02", HAS_ZONE),
    ("2018-05-28 09:03:40 UTC", HAS_ZONE),
    ("2018-05-28", NOT_TIME),
    ("09:03:40", NOT_TIME),
    ("2018-05-28 09", NOT_TIME),
    ("2018-05-28T", NOT_TIME),
    ("1527498220", NOT_TIME),
    ("1527498220000", NOT_TIME),
    ("yesterday", NOT_TIME),
    ("2018-5-28 9:03:40", NOT_TIME),
    ("18-05-28 09:03:40", NOT_TIME),
    ("28.05.2018 09:03:40", NOT_TIME),
    ("2018/05/28 09:03:40", NOT_TIME),
    ("05/28/2018 9:03 AM", NOT_TIME),
    ("2018-05-28 09:03:40 PM", NOT_TIME),
    ("20180528T090340", NOT_TIME),
    ("2018-W22-1 09:03:40", NOT_TIME),
    ("2018-05-28  09:03:40", NOT_TIME),
    ("2018-05-28 09:03:40.", NOT_TIME),
    ("2018-05-28 09:03:40.0123456789", NOT_TIME),
    ('"2018-05-28 09:03:40,5"', NOT_TIME),
    ("2018-05-28 -9:03:40", NOT_TIME),
    ("２018-05-28 09:03:40", NOT_TIME),
    ("2018-05-28\r09:03:40", NOT_TIME),
    (b"2018-05-28 09:03:40\xff", NOT_TIME),
]

FEWER = "fewer fields than the header"
MORE = "more fields than the header"
QUOTE = "quote inside an unquoted field"
AFTER_QUOTE = "text after a closing quote"
OPEN_QUOTE = "unterminated quote"

# Physical lines, each with its reason: a line whose quotes don't fit is rejected alone, and reading goes on at the next.
STRUCTURES = [
    [(row(region='Pra"gue'), QUOTE)],
    [(row(region='Prague"'), QUOTE)],
    [(row(region=' "Prague"'), QUOTE)],
    [(row(origin='POINT ("14.4" 50.0)'), QUOTE)],
    [(row(datasource='car 5"'), QUOTE)],
    [(row(region='"Pra"gue'), AFTER_QUOTE)],
    [(row(region='"Prague" '), AFTER_QUOTE)],
    [(row(datasource='"funny_car";'), AFTER_QUOTE)],
    [(row(destination='"POINT (14.5 50.1)".'), AFTER_QUOTE)],
    [(row(region='"Prague'), OPEN_QUOTE)],
    [(row(region='"Prague""'), OPEN_QUOTE)],
    [(row(region='"'), OPEN_QUOTE)],
    [(row(datasource='"funny_car'), OPEN_QUOTE)],
    [(b'"', OPEN_QUOTE)],
    [(b'Prague,"', OPEN_QUOTE)],
    [(row(region='"Prague'), OPEN_QUOTE), (row(region='Ost",POINT (1 2)'), QUOTE)],
    [(row(region='"Prague', datetime="2018-02-30 09:03:40"), OPEN_QUOTE), (b"", None), (b'Ost",', QUOTE)],
    [(row(region='"Prague'), OPEN_QUOTE), (row(region='Ost"x'), QUOTE)],
    [(b"Prague,POINT (14.4 50.0),POINT (14.5 50.1),2018-05-28 09:03:40", FEWER)],
    [(b"Prague", FEWER)],
    [(b'""', FEWER)],
    [(b"   ", FEWER)],
    [(b"\t", FEWER)],
    [(b",", FEWER)],
    [(b",,,", FEWER)],
    [(b"\0\0\0", FEWER)],
    [(b"\x1a", FEWER)],
    [(b"\r", FEWER)],
    [(b"# 12 rows", FEWER)],
    [(b"\xff\xfe", FEWER)],
    [(row().replace(b",", b";"), FEWER)],
    [(row().replace(b",", b"\t"), FEWER)],
    [(row() + b",extra", MORE)],
    [(row() + b",", MORE)],
    [(b",,,,,", MORE)],
    [(row(region="München, Ost"), MORE)],
    [(row(origin="POINT (14,4 50,0)"), MORE)],
    [(row(origin="LINESTRING (14.4 50.0, 14.5 50.1)"), MORE)],
    [(row() + b"\r" + row(), MORE)],
    [(b",,,,", "region is empty")],
    [(HEADER, "origin is not POINT (longitude latitude)")],
    [(row() + b"\r", "datasource has a control character")],
]

# Several things wrong at once; the first in the order of the documentation is named.
SEVERAL = [
    (b',POINT EMPTY,"x', OPEN_QUOTE),
    (b",POINT EMPTY,,2018-02-30 09:03:40", FEWER),
    (b",POINT EMPTY,,2018-02-30 09:03:40,,", MORE),
    (row(region="", origin="", destination="", datetime="", datasource=""), "region is empty"),
    (row(region=b"\xff" + b"\0" * 1024), "region is longer than 1,024 bytes"),
    (row(region=b"\xff\0"), "region has a control character"),
    (row(origin="POINT EMPTY", destination="POINT (200 0)", datetime="x"), "origin is an empty point"),
    (row(destination="POINT (200 0)", datetime="x", datasource=""), "destination longitude out of range -180...180"),
    (row(datetime="2018-02-30 09:03:40Z", datasource=b"\xff"),
     "datetime has a time zone (times must be local wall-clock times without one)"),
]


def bad_rows():
    """All kinds, each as a list of physical lines with their reasons; a row over two lines in quotes counts as one here."""
    kinds = list(STRUCTURES)
    for field in ("region", "datasource"):
        kinds += [[(row(**{field: text}), f"{field} {reason}")] for text, reason in NAMES]
    for field in ("origin", "destination"):
        kinds += [[(row(**{field: text}), f"{field} {reason}")] for text, reason in POINTS]
    kinds += [[(row(datetime=text), f"datetime {reason}")] for text, reason in TIMES]
    return kinds + [[several] for several in SEVERAL]


def bad_rows_file():
    """The file with all bad rows, and what is expected of it."""
    line_ends = itertools.cycle([b"\n", b"\n", b"\r\n"])
    good = itertools.chain([(row(region=LONGEST_NAME), LONGEST_NAME)], itertools.cycle(GOOD_ROWS))
    text = HEADER + b"\n"
    trips, rejects = {}, []

    def add(line, reason=None):
        nonlocal text
        if reason:
            rejects.append({"line": text.count(b"\n") + 1, "reason": reason, "text": line.decode(errors="replace")})
        # A carriage return at a line's end would be taken for a part of the line end.
        text += line + (b"\r\n" if line.endswith(b"\r") else next(line_ends))

    def add_good(pair):
        line, region = pair
        add(line)
        trips[region] = trips.get(region, 0) + 1

    for kind in bad_rows():
        add_good(next(good))
        for line, reason in kind:
            add(line, reason)
        if any(reason == OPEN_QUOTE for _, reason in kind):
            add_good(QUOTED_ROW)
    # A line without text is no row; a last line needs no line end, and its quote is open to the end of the file.
    add(b"")
    add_good(GOOD_ROWS[0])
    add(row(datasource='"funny_car'), OPEN_QUOTE)
    return text.rstrip(b"\r\n"), {"good_rows": sum(trips.values()), "regions": trips, "rejects": rejects}


# MARK: Files with a fault as a whole

LINES = HEADER + b"\n" + row() + b"\n"


def gzipped(data):
    """A gzip member that stores its data, so that every library makes the same of it."""
    size = len(data).to_bytes(2, "little")
    stored = b"\x01" + size + (len(data) ^ 0xFFFF).to_bytes(2, "little") + data
    tail = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + stored + tail


def zstandard(data):
    """A zstd frame of one raw block, of at most 255 bytes."""
    return b"\x28\xb5\x2f\xfd\x20" + bytes([len(data)]) + (len(data) << 3 | 1).to_bytes(3, "little") + data


def with_first_line(*names):
    return ",".join(names).encode() + b"\n" + row() + b"\n"


# Name of the file, its bytes, what the one sentence about it says is to be done.
FAULTS = [
    ("another_table.csv", b"a,b,c\n1,2,3\n", "the first line must name region, origin_coord"),
    ("binary.csv", bytes(64), "choose a CSV file in UTF-8"),
    ("blank_lines.csv", b"\n\r\n\n", "choose a CSV file with a header line"),
    ("bzip2.csv", b"BZh91AY&SY" + bytes(16), "decompress it"),
    ("carriage_returns.csv", LINES.replace(b"\n", b"\r"), "save the file with line feeds"),
    ("column_missing.csv", with_first_line("region", "origin_coord", "destination_coord", "time", "datasource"),
     "the first line must name region, origin_coord"),
    ("column_twice.csv", with_first_line("region", "origin_coord", "destination_coord", "datetime", "Region"),
     "rename or remove one of the two"),
    ("cut_off.csv.gz", gzipped(LINES)[:-30], "fetch it anew"),
    ("cut_off.csv.zst", zstandard(LINES)[:-30], "fetch it anew"),
    ("cut_off_in_header.csv.gz", gzipped(LINES)[:15], "fetch it anew"),
    ("damaged.csv.gz", gzipped(LINES).replace(b"Prague", b"Prahue"), "compress the file again or fetch it anew"),
    ("damaged.csv.zst", zstandard(LINES)[:6] + b"\xff" + zstandard(LINES)[7:], "compress the file again or fetch it anew"),
    ("empty.csv", b"", "choose a CSV file with a header line"),
    ("empty_inside.csv.gz", gzipped(b""), "choose a CSV file with a header line"),
    ("excel.csv", b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0[Content_Types].xml", "save it as CSV"),
    ("excel_97.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(64), "save it as CSV"),
    ("followed_by_text.csv.gz", gzipped(LINES) + LINES, "fetch it anew"),
    ("gzip_twice.csv.gz", gzipped(gzipped(LINES)), "decompress it"),
    ("no_header.csv", row() + b"\n" + row() + b"\n", "the first line must name region, origin_coord"),
    ("parquet.csv", b"PAR1\x15\x04\x15" + bytes(32) + b"PAR1", "export it as CSV"),
    ("pipes.csv", LINES.replace(b",", b"|"), "save the file with commas"),
    ("quote_open.csv", b'"' + LINES, "correct the first line"),
    ("semicolons.csv", LINES.replace(b",", b";"), "save the file with commas"),
    ("tabs.csv", LINES.replace(b",", b"\t"), "save the file with commas"),
    ("utf16_big_endian.csv", LINES.decode().encode("utf-16-be"), "save it as UTF-8"),
    ("utf16_without_mark.csv", LINES.decode().encode("utf-16-le"), "save it as UTF-8"),
    ("utf16.csv", b"\xff\xfe" + LINES.decode().encode("utf-16-le"), "save it as UTF-8"),
    ("xz.csv", b"\xfd7zXZ\0" + bytes(16), "decompress it"),
    ("zip.csv", b"PK\x03\x04\x14\0\0\0\0\0" + bytes(16) + b"\x09\0\0\0trips.csv", "extract it"),
]


# MARK: All files

def files():
    """Every file of the folder: name and bytes."""
    data, expected = bad_rows_file()
    rejects = ",\n".join("  " + json.dumps(reject, ensure_ascii=False) for reject in expected["rejects"])
    regions = json.dumps(expected["regions"], ensure_ascii=False)
    sidecar = f'{{"good_rows": {expected["good_rows"]},\n "regions": {regions},\n "rejects": [\n{rejects}\n]}}\n'
    return {"bad_rows.csv": data, "bad_rows.expected.json": sidecar.encode()} | {name: data for name, data, _ in FAULTS}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, data in files().items():
        (FOLDER / name).write_bytes(data)
