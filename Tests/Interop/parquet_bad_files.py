"""Writes Tests/Fixtures/BadParquet: small files, each with one fault, named for it.

    pip install pyarrow        (for its zstd alone)
    python Tests/Interop/parquet_bad_files.py

BadParquetTests.swift says which error each one is. The good file that they are variations of has four rows in two pages:
`a` (INT64, plain) and `s` (text, dictionary-encoded); `good.parquet` is that file, and must be read.
"""

import pathlib
import zlib

import pyarrow as pa

OUT = pathlib.Path(__file__).resolve().parent.parent / "Fixtures" / "BadParquet"
PLAIN, RLE, DELTA, DELTA_BYTES, DICTIONARY, SPLIT = 0, 3, 5, 7, 8, 9
DATA, DICTIONARY_PAGE, DATA_V2 = 0, 2, 3
UNCOMPRESSED, SNAPPY, ZSTD = 0, 1, 6
INT32, INT64, DOUBLE, BYTE_ARRAY = 1, 2, 5, 6


# The Thrift compact protocol. A struct is {field number: (kind, value)}; a field whose value is None is left out.

KINDS = {"i16": 4, "i32": 5, "i64": 6, "binary": 8, "list": 9, "struct": 12}


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def zigzag(value):
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


def element(kind, value):
    if kind in ("i16", "i32", "i64"):
        return zigzag(value)
    if kind == "bool":
        return bytes([1 if value else 2])
    if kind == "binary":
        value = value.encode() if isinstance(value, str) else value
        return varint(len(value)) + value
    if kind == "struct":
        return struct(value)
    return value  # raw: bytes that are the value


def struct(fields):
    out = b""
    for number, (kind, value) in sorted(fields.items()):
        if value is None:
            continue
        if kind == "bool":
            out += bytes([1 if value else 2]) + zigzag(number)
        elif kind.startswith("list "):
            inner = kind[5:]
            code = 2 if inner == "bool" else KINDS[inner]
            out += bytes([KINDS["list"]]) + zigzag(number) + bytes([0xF0 | code]) + varint(len(value))
            out += b"".join(element(inner, one) for one in value)
        elif kind.startswith("raw "):
            out += bytes([KINDS[kind[4:]]]) + zigzag(number) + value
        else:
            out += bytes([KINDS[kind]]) + zigzag(number) + element(kind, value)
    return out + b"\0"


# Pages


def compress(body, codec):
    return pa.compress(body, codec="zstd", asbytes=True) if codec == ZSTD else body


def page(body, count, encoding, kind=DATA, codec=ZSTD, crc=True, size=None, stored=None, announced=None, levels=b"", nulls=0):
    """A page; `size`, `stored` and `announced` are lies about its sizes and its bytes."""
    stored = compress(body, codec) if stored is None else stored
    stored = levels + stored if kind == DATA_V2 else stored
    details = {1: ("i32", count), 2: ("i32", encoding), 3: ("i32", RLE), 4: ("i32", RLE)}
    if kind == DICTIONARY_PAGE:
        details = {1: ("i32", count), 2: ("i32", encoding)}
    if kind == DATA_V2:
        details = {1: ("i32", count), 2: ("i32", nulls), 3: ("i32", count), 4: ("i32", encoding), 5: ("i32", len(levels))}
        details[6] = ("i32", 0)
    checksum = zlib.crc32(stored) if crc is True else crc
    if checksum and checksum >= 1 << 31:
        checksum -= 1 << 32
    header = {
        1: ("i32", kind),
        2: ("i32", len(body) + len(levels) * (kind == DATA_V2) if size is None else size),
        3: ("i32", len(stored) if announced is None else announced),
        4: ("i32", checksum if crc else None),
        {DATA: 5, DICTIONARY_PAGE: 7, DATA_V2: 8}[kind]: ("struct", details),
    }
    return struct(header) + stored


def longs(*values):
    return b"".join(value.to_bytes(8, "little", signed=True) for value in values)


def texts(*values):
    values = [value.encode() if isinstance(value, str) else value for value in values]
    return b"".join(len(value).to_bytes(4, "little") + value for value in values)


A_PAGES = [page(longs(1, 2), 2, PLAIN), page(longs(3, 4), 2, PLAIN)]
S_DICTIONARY = page(texts("Prague", "Turin"), 2, PLAIN, DICTIONARY_PAGE)
S_PAGES = [page(b"\1\3\2", 2, DICTIONARY), page(b"\1\4\1", 2, DICTIONARY)]


# The file


def column(name, kind=INT64, repetition=0, **more):
    fields = {1: ("i32", kind), 3: ("i32", repetition), 4: ("binary", name), 5: ("i32", None), 6: ("i32", None)}
    fields.update({{"children": 5, "converted": 6}[key]: ("i32", value) for key, value in more.items()})
    return fields


def chunk(pages, dictionary=None, kind=INT64, codec=ZSTD, encodings=(PLAIN,), rows=(0, 2), count=4, **lies):
    """A chunk as the parts that `file` lays out; `lies` replace what is true."""
    return dict(
        pages=pages, dictionary=dictionary, kind=kind, codec=codec, encodings=list(encodings), rows=rows, count=count,
        lies=lies)


def good_a(**more):
    return chunk(A_PAGES, **more)


def good_s(pages=None, dictionary=S_DICTIONARY, **more):
    return chunk(pages or S_PAGES, dictionary, BYTE_ARRAY, encodings=(PLAIN, DICTIONARY), **more)


def place(parts, offset):
    """Returns the bytes of a chunk, its ColumnMetaData, and its OffsetIndex."""
    data = (parts["dictionary"] or b"") + b"".join(parts["pages"])
    start = offset + len(parts["dictionary"] or b"")
    lies = parts["lies"]
    metadata = {
        1: ("i32", lies.get("meta_kind", parts["kind"])),
        2: ("list i32", parts["encodings"]),
        3: ("list binary", ["x"]),
        4: ("i32", parts["codec"]),
        5: ("i64", parts["count"]),
        6: ("i64", len(data)),
        7: ("i64", lies.get("size", len(data))),
        9: ("i64", lies.get("start", start)),
        11: ("i64", offset if parts["dictionary"] else None),
        12: ("struct", lies.get("statistics", {3: ("i64", 0)})),
    }
    locations = []
    for body, row in zip(parts["pages"], parts["rows"]):
        locations.append({1: ("i64", start), 2: ("i32", len(body)), 3: ("i64", row)})
        start += len(body)
    for at, (number, value) in lies.get("location", {}).items():
        locations[at][number] = (locations[at][number][0], value)
    index = {1: ("list struct", lies.get("locations", locations))}
    return data, metadata, struct(index) if lies.get("index", True) else None


def file(name, chunks=None, columns=None, rows=4, group_rows=4, chunk_fields=None, group_fields=None, column_index=None,
         footer=None, **fields):
    chunks = [good_a(), good_s()] if chunks is None else chunks
    columns = [column("a"), column("s", BYTE_ARRAY, converted=0)] if columns is None else columns
    out = b"PAR1"
    placed = []
    for parts in chunks:
        data, metadata, index = place(parts, len(out))
        placed.append((metadata, index))
        out += data
    group = []
    for number, (metadata, index) in enumerate(placed):
        entry = {2: ("i64", 0), 3: ("struct", metadata)}
        if index:
            entry.update({4: ("i64", len(out)), 5: ("i32", len(index))})
            out += index
        if column_index and number == 0:
            body = struct(column_index)
            entry.update({6: ("i64", len(out)), 7: ("i32", len(body))})
            out += body
        if number == 0:
            entry.update(chunk_fields or {})
        group.append(entry)
    root = {4: ("binary", "schema"), 5: ("i32", len(columns))}
    metadata = {
        1: ("i32", 1),
        2: ("list struct", [root] + columns),
        3: ("i64", rows),
        4: ("list struct", [{1: ("list struct", group), 2: ("i64", len(out)), 3: ("i64", group_rows), **(group_fields or {})}]),
        7: ("list struct", [{1: ("struct", {})} for _ in columns]),
    }
    metadata.update({int(key[1:]): value for key, value in fields.items()})
    body = struct(metadata) if footer is None else footer
    write(name, out + body + len(body).to_bytes(4, "little") + b"PAR1")


def write(name, data):
    (OUT / (name + ".parquet")).write_bytes(data)


def one(name, pages, kind=INT64, encodings=(PLAIN,), repetition=0, **more):
    """A file with one column of four rows in one page."""
    file(name, [chunk(pages, kind=kind, encodings=encodings, rows=(0,), **more)], [column("a", kind, repetition)])


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.glob("*.parquet"):
        old.unlink()
    file("good")
    good = (OUT / "good.parquet").read_bytes()
    write_ends(good)
    write_footers()
    write_chunks()
    write_page_indexes()
    write_pages()
    write_values()
    write_levels()


def write_ends(good):
    write("empty", b"")
    write("another_format", b"a,b\n1,2\n3,4\n5,6\n")
    write("cut_short", good[:-10])
    write("encrypted_footer", good[:-4] + b"PARE")
    write("footer_longer_than_file", good[:-8] + (1 << 31).to_bytes(4, "little") + b"PAR1")
    write("footer_empty", b"PAR1" + b"\0\0\0\0" + b"PAR1")


def write_footers():
    file("footer_no_thrift", footer=b"\xff" * 40)
    file("footer_nests_too_deep", footer=b"\xcc" + b"\x1c" * 100 + b"\0" * 101)
    file("footer_string_too_long", _6=("raw binary", varint(1 << 40)))
    file("footer_list_too_long", _5=("raw list", b"\xfc" + varint(1 << 40)))
    file("footer_number_too_long", _3=("raw i64", b"\xff" * 11))
    file("footer_field_of_wrong_type", _3=("binary", "4"))
    file("footer_without_schema", _2=("i32", None))
    file("footer_encrypted", _8=("struct", {}))
    file("schema_name_not_utf8", columns=[column(b"\xff"), column("s", BYTE_ARRAY)])
    file("schema_nested", columns=[column("a"), column("s", BYTE_ARRAY, children=1)])
    file("schema_repeated", columns=[column("a", repetition=2), column("s", BYTE_ARRAY)])
    file("schema_unknown_type", columns=[column("a", 77), column("s", BYTE_ARRAY)])
    file("rows_of_file_differ", rows=5)
    file("rows_negative", rows=-4)
    file("rows_of_group_differ", group_rows=5, rows=5)
    file("columns_missing", [good_a()])
    file("sorting_column_unknown", group_fields={4: ("list struct", [{1: ("i32", 9), 2: ("bool", False), 3: ("bool", False)}])})
    file("row_groups_before_schema", footer=b"\x49\x1c\x19\x1c\0\0\0")


def write_chunks():
    file("chunk_past_end", [good_a(start=1 << 40), good_s()])
    file("chunk_too_large", [good_a(size=1 << 62), good_s()])
    file("chunk_offset_negative", [good_a(start=-9), good_s()])
    file("chunk_in_magic", [good_a(start=0), good_s()])
    file("chunk_in_other_file", chunk_fields={1: ("binary", "other.parquet")})
    file("chunk_encrypted", chunk_fields={8: ("struct", {})})
    file("chunk_of_other_type", [good_a(meta_kind=DOUBLE), good_s()])
    file("chunk_of_unknown_codec", [good_a(codec=99), good_s()])
    file("chunk_of_unknown_encoding", [good_a(encodings=(PLAIN, 42)), good_s()])
    file("chunk_in_snappy", [good_a(codec=SNAPPY), good_s()])
    file("statistics_of_wrong_size", [good_a(statistics={5: ("binary", b"\1")}), good_s()])


def write_page_indexes():
    file("offset_index_past_end", chunk_fields={4: ("i64", 1 << 62), 5: ("i32", 9)})
    file("offset_index_names_no_page", [good_a(locations=[]), good_s()])
    file("offset_index_page_outside_chunk", [good_a(location={1: (1, 4000)}), good_s()])
    file("offset_index_page_too_large", [good_a(location={1: (2, 4000)}), good_s()])
    file("offset_index_rows_descend", [good_a(location={0: (3, 3)}), good_s()])
    file("offset_index_rows_past_end", [good_a(location={1: (3, 5)}), good_s()])
    file("offset_index_rows_of_neighbour", [good_a(location={1: (3, 1)}), good_s()])
    file("offset_index_lacks_a_field", [good_a(locations=[{1: ("i64", 4)}]), good_s()])
    index = {
        1: ("list bool", [False] * 2), 2: ("list binary", [longs(1), longs(3)]), 3: ("list binary", [longs(2), longs(4)]),
        4: ("i32", 1),
    }
    file("column_index_of_other_page_count", column_index={**index, 2: ("list binary", [longs(1)])})
    file("column_index_bound_of_wrong_size", column_index={**index, 2: ("list binary", [longs(1), b"\3"])})
    file("column_index_of_unknown_order", column_index={**index, 4: ("i32", 9)})
    file("column_index_without_order", column_index={**index, 4: ("i32", None)})
    for name, rows in {"end_early": 5, "too_many_rows": 3}.items():
        chunks = [good_a(index=False, count=rows), good_s(index=False, count=rows)]
        file("pages_found_by_header_" + name, chunks, rows=rows, group_rows=rows)
    file("pages_found_by_header_cut", [good_a(index=False, size=len(A_PAGES[0]) + 5), good_s()])


def write_pages():
    body = longs(1, 2, 3, 4)
    one("page_checksum_differs", [page(body, 4, PLAIN, crc=12345)])
    one("page_size_too_large_to_allocate", [page(body, 4, PLAIN, size=1 << 30)])
    one("page_size_too_small", [page(body, 4, PLAIN, size=31)])
    one("page_size_too_large", [page(body, 4, PLAIN, size=33)])
    one("page_size_negative", [page(body, 4, PLAIN, size=-1)])
    one("page_longer_than_location", [page(body, 4, PLAIN, announced=1000)])
    one("page_shorter_than_location", [page(body, 4, PLAIN, announced=5)])
    one("page_no_zstd", [page(body, 4, PLAIN, stored=b"this is no zstd frame")])
    one("page_uncompressed_of_other_size", [page(body, 4, PLAIN, codec=UNCOMPRESSED, size=40)], codec=UNCOMPRESSED)
    one("page_of_other_row_count", [page(longs(1, 2, 3), 3, PLAIN)])
    one("page_of_unknown_kind", [page(body, 4, PLAIN).replace(struct({1: ("i32", 0)})[:-1], struct({1: ("i32", 9)})[:-1], 1)])
    one("page_is_dictionary", [page(body, 4, PLAIN, DICTIONARY_PAGE)])
    one("page_of_encoding_not_listed", [page(body, 4, SPLIT)])
    one("page_of_encoding_not_read", [page(body, 4, DELTA_BYTES)], encodings=(DELTA_BYTES,))
    one("page_header_cut", [page(body, 4, PLAIN)[:9]])
    one("page_header_without_count", [struct({1: ("i32", 0), 2: ("i32", 32), 3: ("i32", 0), 5: ("struct", {2: ("i32", 0)})})])
    run = b"\1" + varint(1 << 27 << 1) + b"\0"
    rows = 1 << 27
    codes = chunk([page(run, rows, DICTIONARY)], S_DICTIONARY, BYTE_ARRAY, encodings=(PLAIN, DICTIONARY), rows=(0,), count=rows)
    file("page_of_too_many_rows", [codes], [column("s", BYTE_ARRAY)], rows=rows, group_rows=rows)


def write_values():
    one("plain_too_short", [page(longs(1, 2, 3), 4, PLAIN)])
    one("plain_too_long", [page(longs(1, 2, 3, 4, 5), 4, PLAIN)])
    one("split_too_short", [page(longs(1, 2, 3), 4, SPLIT)], encodings=(SPLIT,))
    one("delta_block_of_eight", [page(b"\x08\1\4\2\2\0", 4, DELTA)], encodings=(DELTA,))
    one("delta_of_other_count", [page(b"\x80\1\4\5\2\2\0\0\0\0", 4, DELTA)], encodings=(DELTA,))
    one("delta_cut", [page(b"\x80\1\4\4\2\2\7\0\0\0\1", 4, DELTA)], encodings=(DELTA,))
    one("delta_of_doubles", [page(b"\x80\1\4\4\2\2\0\0\0\0", 4, DELTA)], kind=DOUBLE, encodings=(DELTA,))
    one("text_too_long", [page(texts("a", "b", "c") + b"\xff\0\0\0d", 4, PLAIN)], kind=BYTE_ARRAY)
    one("text_not_utf8", [page(texts("a", "b", "c", b"\xc3\x28"), 4, PLAIN)], kind=BYTE_ARRAY)
    one("text_left_over", [page(texts("a", "b", "c", "d", "e"), 4, PLAIN)], kind=BYTE_ARRAY)
    one("codes_without_dictionary", [page(b"\1\3\2", 4, DICTIONARY)], kind=BYTE_ARRAY, encodings=(PLAIN, DICTIONARY))
    one("codes_of_numbers_without_dictionary", [page(b"\1\3\2", 4, DICTIONARY)], encodings=(PLAIN, DICTIONARY))
    for name, pages in {
        "codes_empty": [page(b"", 2, DICTIONARY), S_PAGES[1]],
        "codes_too_wide": [page(b"\x21\3\2", 2, DICTIONARY), S_PAGES[1]],
        "codes_cut": [page(b"\1", 2, DICTIONARY), S_PAGES[1]],
        "codes_run_too_long": [page(b"\1\x64\1", 2, DICTIONARY), S_PAGES[1]],
        "codes_not_in_dictionary": [page(b"\2\4\2", 2, DICTIONARY), S_PAGES[1]],
    }.items():
        file(name, [good_a(), good_s(pages)])
    for name, dictionary in {
        "dictionary_not_utf8": page(texts(b"\xff", "b"), 2, PLAIN, DICTIONARY_PAGE),
        "dictionary_of_other_count": page(texts("a", "b"), 3, PLAIN, DICTIONARY_PAGE),
        "dictionary_of_huge_count": page(texts("a", "b"), (1 << 31) - 1, PLAIN, DICTIONARY_PAGE),
        "dictionary_is_data": page(texts("a", "b"), 2, PLAIN),
        "dictionary_in_other_encoding": page(texts("a", "b"), 2, DELTA_BYTES, DICTIONARY_PAGE),
        "dictionary_checksum_differs": page(texts("a", "b"), 2, PLAIN, DICTIONARY_PAGE, crc=1),
    }.items():
        file(name, [good_a(), good_s(dictionary=dictionary)])
    numbers = page(longs(5, 6)[:-1], 2, PLAIN, DICTIONARY_PAGE)
    file("dictionary_of_numbers_cut", [chunk(S_PAGES, numbers, encodings=(PLAIN, DICTIONARY)), good_s()])


def write_levels():
    body = longs(1, 2, 3)
    optional = dict(repetition=1)
    one("values_missing", [page(b"\2\0\0\0\3\x07" + body, 4, PLAIN)], **optional)
    one("values_missing_run", [page(b"\2\0\0\0\x08\0", 4, PLAIN)], **optional)
    one("values_missing_v2", [page(body, 4, PLAIN, DATA_V2, levels=b"\3\x07", nulls=1)], **optional)
    one("levels_cut", [page(b"\2\0\0", 4, PLAIN)], **optional)
    one("levels_too_long", [page(b"\xff\xff\xff\x7f\3\x0f" + body, 4, PLAIN)], **optional)
    one("levels_end_early", [page(b"\2\0\0\0\4\1" + body, 4, PLAIN)], **optional)
    one("levels_v2_too_long", [page(longs(1, 2, 3, 4), 4, PLAIN, DATA_V2, levels=b"\3\x0f", size=1)], **optional)


main()
