import Foundation
import Parquet
import TestSupport
import Testing

/// Reads what pyarrow wrote (`Tools/tripstore_tools/fixtures/parquet_fixtures.py`): the other implementation is the oracle for our reader.
@Suite(.timeLimit(.minutes(10)))
struct PyarrowFixtureTests {
    static let names =
        (try? FileManager.default.contentsOfDirectory(atPath: Fixture.path("Pyarrow")).filter { $0.hasSuffix(".parquet") }
            .sorted())
        ?? []

    static func expected() throws -> [ColumnValues] {
        let rows = try Fixture.rows("Pyarrow/expected.csv")
        func numbers<Value: LosslessStringConvertible>(_ column: Int) throws -> [Value] {
            try rows.map { try #require(Value($0[column])) }
        }
        return try [
            .int32(numbers(0)), .int32(numbers(1)), .int64(numbers(2)), .int64(numbers(3)), .double(numbers(4)),
            .double(numbers(5)),
            .text(rows.map { $0[6] }), .text(rows.map { $0[7] }),
        ]
    }

    @Test("all ways of writing are covered")
    func completeness() {
        #expect(Self.names.count == 20)
        for word in ["dictionary", "plain", "delta", "split", "fallback", "v1", "v2", "zstd", "none", "optional", "required"] {
            #expect(Self.names.contains { $0.contains(word) })
        }
    }

    @Test("reads the values that pyarrow wrote", arguments: names)
    func values(name: String) throws {
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: Fixture.path("Pyarrow/" + name))))
        var reader = PageReader()
        let columns = try readColumns(bytes, &reader)
        #expect(columns.map(\.name) == ["day", "count", "time", "number", "place", "odd", "region", "note"])
        for (column, values) in zip(columns, try Self.expected()) { #expect(column.values == values, "\(column.name)") }
    }

    @Test("sees the layout that the name tells", arguments: names)
    func layout(name: String) throws {
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: Fixture.path("Pyarrow/" + name))))
        let words = name.dropLast(".parquet".count).split(separator: "_")
        let file = try ParquetFile(parsing: bytes.span.bytes)
        let reader = PageReader()
        #expect(file.rowCount == 300 && file.rowGroups.map(\.rowCount) == [200, 100])
        #expect(
            file.schema.columns.map(\.logicalType) == [
                .date, nil, .timestamp(.microseconds, isAdjustedToUTC: false), nil, nil, nil, .string, .string,
            ])
        #expect(file.schema.columns.allSatisfy { $0.isOptional == words.contains("optional") })
        for chunk in file.rowGroups.flatMap(\.columns) {
            #expect(chunk.codec == (words.contains("zstd") ? .zstd : .uncompressed))
            #expect(chunk.hasOffsetIndex == words.contains("index"))
            #expect(chunk.bounds?.nullCount == 0)
            #expect(chunk.pages.reduce(0) { $0 + $1.rowCount } == chunk.rowCount)
            for page in chunk.pages {
                let header = try reader.header(of: page, in: bytes.span.bytes)
                #expect(header.kind == (words.contains("v2") ? .dataV2 : .data))
                #expect((header.checksum != nil) == words.contains("crc"))
            }
        }
    }

    @Test("decodes codes of a foreign dictionary")
    func codes() throws {
        let name = try #require(Self.names.first { $0.hasPrefix("dictionary") })
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: Fixture.path("Pyarrow/" + name))))
        let file = try ParquetFile(parsing: bytes.span.bytes)
        var reader = PageReader()
        var texts: [String] = []
        for chunk in file.rowGroups.map({ $0.columns[6] }) {
            let dictionary = try reader.readDictionary(of: chunk, in: bytes.span.bytes)
            for page in chunk.pages {
                var codes = [UInt32](repeating: 0, count: page.rowCount)
                var span = codes.mutableSpan
                try reader.readCodes(page, of: chunk, in: bytes.span.bytes, codeCount: dictionary.count, into: &span)
                texts += codes.map { dictionary[Int($0)] }
            }
        }
        #expect(.text(texts) == (try Self.expected())[6])
    }
}
