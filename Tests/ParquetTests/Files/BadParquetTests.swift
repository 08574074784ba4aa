import Foundation
import Parquet
import TestSupport
import Testing

/// Files with one fault each (`Tools/tripstore_tools/fixtures/parquet_bad_files.py`), and what must be said of each.
@Suite(.timeLimit(.minutes(10)))
struct BadParquetTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let kind: ParquetError.Kind
        let detail: String

        init(_ name: String, _ kind: ParquetError.Kind, _ detail: String) {
            self.name = name
            self.kind = kind
            self.detail = detail
        }

        var testDescription: String { name }
    }

    static let cases = [
        Case("another_format", .notParquet, "the file does not start with PAR1"),
        Case("chunk_encrypted", .unsupported, "a column chunk is encrypted"),
        Case("chunk_in_magic", .truncated, "a column chunk of 114 bytes is announced at 0, where no data can be"),
        Case("chunk_in_other_file", .unsupported, "a column chunk is in another file"),
        Case("chunk_in_snappy", .unsupported, "pages in SNAPPY are not read"),
        Case("chunk_of_other_type", .malformed, "column a is not stored as the schema says"),
        Case("chunk_of_unknown_codec", .unsupported, "codec number 99 is not known"),
        Case("chunk_of_unknown_encoding", .unsupported, "encoding number 42 is not known"),
        Case("chunk_offset_negative", .malformed, "field 9 is negative (-9)"),
        Case("chunk_past_end", .truncated, "a column chunk of 114 bytes is announced at 1099511627776, where no data can be"),
        Case(
            "chunk_too_large", .truncated, "a column chunk of 4611686018427387904 bytes is announced at 4, where no data can be"
        ),
        Case("codes_cut", .truncated, "a page ends 2 values before its last one"),
        Case("codes_empty", .truncated, "a page of codes is empty"),
        Case("codes_not_in_dictionary", .malformed, "a page has code 2 where the dictionary has 2 entries"),
        Case("codes_of_numbers_without_dictionary", .malformed, "a column chunk with codes has no dictionary"),
        Case("codes_run_too_long", .malformed, "a run of 50 values is announced where 2 are left"),
        Case("codes_too_wide", .malformed, "codes of 33 bits are announced"),
        Case("codes_without_dictionary", .malformed, "a column chunk with codes has no dictionary"),
        Case("column_index_bound_of_wrong_size", .truncated, "8 bytes are needed where 1 are left"),
        Case("column_index_of_other_page_count", .malformed, "a column index describes 1 pages of 2"),
        Case("column_index_of_unknown_order", .unsupported, "boundary order number 9 is not known"),
        Case("column_index_without_order", .malformed, "a column index lacks a field"),
        Case("columns_missing", .malformed, "a row group has 1 columns of 2"),
        Case("cut_short", .notParquet, "the file does not end with PAR1: it may have been cut short"),
        Case("delta_block_of_eight", .malformed, "a block of 8 deltas is announced"),
        Case("delta_cut", .truncated, "28 bytes are needed where 1 are left"),
        Case("delta_of_doubles", .unsupported, "column a has a page in DELTA_BINARY_PACKED, which cannot be read as requested"),
        Case("delta_of_other_count", .malformed, "5 deltas are announced where 4 values should be"),
        Case("dictionary_checksum_differs", .checksumMismatch, "a page has checksum 2465286367 where 1 is stored"),
        Case("dictionary_in_other_encoding", .malformed, "a page that should be a dictionary is not one"),
        Case("dictionary_is_data", .malformed, "a page that should be a dictionary is not one"),
        Case("dictionary_not_utf8", .malformed, "text is not valid UTF-8"),
        Case("dictionary_of_huge_count", .truncated, "2147483647 strings are announced in 10 bytes"),
        Case("dictionary_of_numbers_cut", .malformed, "a dictionary of 2 values has 15 bytes"),
        Case("dictionary_of_other_count", .truncated, "3 strings are announced in 10 bytes"),
        Case("empty", .notParquet, "0 bytes are too few for a Parquet file"),
        Case("encrypted_footer", .unsupported, "the file's footer is encrypted"),
        Case("footer_empty", .truncated, "1 bytes are needed where 0 are left"),
        Case("footer_encrypted", .unsupported, "the file is encrypted"),
        Case("footer_field_of_wrong_type", .malformed, "field 3 has the wrong type (binary)"),
        Case("footer_list_too_long", .truncated, "1099511627776 elements are announced where 13 bytes are left"),
        Case("footer_longer_than_file", .truncated, "a footer of 2147483648 bytes is announced in a file of 505"),
        Case("footer_nests_too_deep", .limitExceeded, "metadata nests deeper than 32"),
        Case("footer_no_thrift", .malformed, "15 is not a Thrift type"),
        Case("footer_number_too_long", .malformed, "a variable-length number has more than 64 bits"),
        Case("footer_string_too_long", .truncated, "1099511627776 bytes are needed where 13 are left"),
        Case("footer_without_schema", .malformed, "a row group has 2 columns of 0"),
        Case("levels_cut", .truncated, "a page ends within its levels"),
        Case("levels_end_early", .truncated, "a page ends 2 values before its last one"),
        Case("levels_too_long", .truncated, "a page ends within its levels"),
        Case("levels_v2_too_long", .truncated, "a page ends within its levels"),
        Case("offset_index_lacks_a_field", .malformed, "a page's location lacks a field"),
        Case("offset_index_names_no_page", .malformed, "an offset index names no page"),
        Case("offset_index_page_outside_chunk", .malformed, "page 1 lies outside its column chunk"),
        Case("offset_index_page_too_large", .malformed, "page 1 lies outside its column chunk"),
        Case("offset_index_past_end", .truncated, "9 bytes were announced where the file ends at 513"),
        Case("offset_index_rows_descend", .malformed, "page 0 has no valid rows"),
        Case("offset_index_rows_of_neighbour", .malformed, "a page has 2 values where 1 rows are announced"),
        Case("offset_index_rows_past_end", .malformed, "page 0 has no valid rows"),
        Case("page_checksum_differs", .checksumMismatch, "a page has checksum 257131672 where 12345 is stored"),
        Case("page_header_cut", .truncated, "1 bytes are needed where 0 are left"),
        Case("page_header_without_count", .malformed, "a page header lacks its count or its encoding"),
        Case("page_is_dictionary", .malformed, "a page that should hold data is of another kind"),
        Case("page_longer_than_location", .truncated, "a page of 1000 bytes is announced where 30 are left"),
        Case("page_no_zstd", .malformed, "a page cannot be decompressed: Unknown frame descriptor"),
        Case("page_of_encoding_not_listed", .malformed, "a page's encoding BYTE_STREAM_SPLIT is not among its chunk's"),
        Case(
            "page_of_encoding_not_read", .unsupported,
            "column a has a page in DELTA_BYTE_ARRAY, which cannot be read as requested"),
        Case("page_of_other_row_count", .malformed, "a page has 3 values where 4 rows are announced"),
        Case("page_of_too_many_rows", .limitExceeded, "column s has too large a page"),
        Case("page_of_unknown_kind", .unsupported, "page number 9 is not known"),
        Case("page_shorter_than_location", .malformed, "a page is not as large as its location says"),
        Case("page_size_negative", .malformed, "field 2 is negative (-1)"),
        Case("page_size_too_large", .malformed, "a page has 32 bytes instead of the announced 33"),
        Case("page_size_too_large_to_allocate", .limitExceeded, "a page of 1073741824 bytes is announced"),
        Case("page_size_too_small", .malformed, "a page cannot be decompressed: Destination buffer is too small"),
        Case("page_uncompressed_of_other_size", .malformed, "an uncompressed page has 32 bytes of 40"),
        Case("pages_found_by_header_cut", .truncated, "1 bytes are needed where 0 are left"),
        Case("pages_found_by_header_end_early", .malformed, "a column chunk has pages for 4 rows of 5"),
        Case("pages_found_by_header_too_many_rows", .malformed, "a column chunk has pages for more than 3 rows"),
        Case("plain_too_long", .malformed, "a page of 4 values has 40 bytes"),
        Case("plain_too_short", .malformed, "a page of 4 values has 24 bytes"),
        Case("row_groups_before_schema", .malformed, "a row group has 1 columns of 0"),
        Case("rows_negative", .malformed, "field 3 is negative (-4)"),
        Case("rows_of_file_differ", .malformed, "the rows of the row groups are not as many as those of the file"),
        Case("rows_of_group_differ", .malformed, "column a is not stored as the schema says"),
        Case("schema_name_not_utf8", .malformed, "text is not valid UTF-8"),
        Case("schema_nested", .unsupported, "column s is nested"),
        Case("schema_repeated", .unsupported, "column a is nested"),
        Case("schema_unknown_type", .unsupported, "type number 77 is not known"),
        Case("sorting_column_unknown", .malformed, "the sorting column 9 does not exist"),
        Case("split_too_short", .malformed, "a page of 4 values has 24 bytes"),
        Case("statistics_of_wrong_size", .truncated, "8 bytes are needed where 1 are left"),
        Case("text_left_over", .malformed, "5 bytes follow the last string"),
        Case("text_not_utf8", .malformed, "text is not valid UTF-8"),
        Case("text_too_long", .truncated, "a string of 255 bytes is announced where 1 are left"),
        Case("values_missing", .unsupported, "column a has missing values"),
        Case("values_missing_run", .unsupported, "column a has missing values"),
        Case("values_missing_v2", .unsupported, "column a has missing values"),
    ]

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: Fixture.path("BadParquet/\(name).parquet"))))
    }

    @Test("the folder holds the files of the list, and the good one that they vary")
    func completeness() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Fixture.path("BadParquet"))
        #expect(Set(files) == Set((Self.cases.map(\.name) + ["good"]).map { $0 + ".parquet" }))
    }

    @Test("reads the good file")
    func good() throws {
        var reader = PageReader()
        let columns = try readColumns(try Self.bytes("good"), &reader)
        #expect(columns.map(\.values) == [.int64([1, 2, 3, 4]), .text(["Prague", "Turin", "Turin", "Turin"])])
    }

    @Test("says what is wrong with each file", arguments: cases)
    func bad(_ file: Case) throws {
        let bytes = try Self.bytes(file.name)
        var reader = PageReader()
        let error = #expect(throws: ParquetError.self) { try readColumns(bytes, &reader) }
        #expect(error?.kind == file.kind)
        #expect(error?.detail == file.detail)
    }
}
