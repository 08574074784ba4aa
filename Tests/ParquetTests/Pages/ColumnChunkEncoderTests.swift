import Parquet
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ColumnChunkEncoderTests {
    @Test(
        "gives back every bit, whatever the rows, the pages and the compression",
        arguments: [0, 1, 2, 7, 8, 9, 100, 127, 128, 129, 1000], [Int32?.none, 1, -1])
    func roundTrip(rowCount: Int, zstdLevel: Int32?) throws {
        let seed = UInt64(rowCount)
        let sample = ParquetSample(rowCount: rowCount, seed: seed)
        var reader = PageReader()
        for pageRowCount in [1, 8, 100, 128, 5000] {
            let bytes = sample.file(zstdLevel: zstdLevel, pageRowCount: pageRowCount)
            let columns = try readColumns(bytes, &reader)
            #expect(columns.map(\.name) == ParquetSample.columns.map(\.name))
            #expect(columns.map(\.values) == sample.values, "seed \(seed), \(pageRowCount) rows a page")
        }
    }

    @Test("encodes every type in every encoding that it has")
    func encodings() throws {
        let sample = ParquetSample(rowCount: 300, seed: 5)
        var encoder = ColumnChunkEncoder(zstdLevel: 1)
        var reader = PageReader()
        for encoding in [ParquetEncoding.plain, .deltaBinaryPacked, .byteStreamSplit] {
            let int32 = ParquetColumn(name: "a", physicalType: .int32)
            var bytes = writeFile(
                [int32], [[encoder.encode(int32: sample.count.span, column: int32, encoding: encoding, pageRowCount: 64)]])
            #expect(try readColumns(bytes, &reader).map(\.values) == [.int32(sample.count)])
            let int64 = ParquetColumn(name: "a", physicalType: .int64)
            bytes = writeFile(
                [int64], [[encoder.encode(int64: sample.number.span, column: int64, encoding: encoding, pageRowCount: 64)]])
            #expect(try readColumns(bytes, &reader).map(\.values) == [.int64(sample.number)])
        }
    }

    @Test("keeps NaN, its payload and its sign, and leaves it out of the bounds")
    func notANumber() throws {
        let values = [1.5, Double(bitPattern: 0xfff8_0000_0000_1234), -2, .nan, 3]
        let column = ParquetColumn(name: "a", physicalType: .double)
        var encoder = ColumnChunkEncoder(zstdLevel: 1)
        var reader = PageReader()
        for encoding in [ParquetEncoding.plain, .byteStreamSplit] {
            let chunk = encoder.encode(double: values.span, column: column, encoding: encoding, pageRowCount: 2)
            let bytes = writeFile([column], [[chunk]])
            #expect(try readColumns(bytes, &reader).map(\.values) == [.doubles(values)])
            let stored = try ParquetFile(parsing: bytes.span.bytes).rowGroups[0].columns[0]
            #expect(stored.bounds?.minimum == .double(-2) && stored.bounds?.maximum == .double(3))
            #expect(stored.bounds?.nanCount == 2 && stored.bounds?.nullCount == 0)
            #expect(stored.columnIndex?.bounds.map(\.nanCount) == [1, 1, 0])
        }
        // A page of nothing but NaN has no bounds, and then the format allows no column index.
        let halves = [1, 2, Double.nan, .nan]
        let bytes = writeFile(
            [column], [[encoder.encode(double: halves.span, column: column, encoding: .plain, pageRowCount: 2)]])
        let stored = try ParquetFile(parsing: bytes.span.bytes).rowGroups[0].columns[0]
        #expect(stored.columnIndex == nil && stored.bounds?.maximum == .double(2))
    }

    @Test("widens bounds of zero to both signs")
    func zeros() throws {
        let column = ParquetColumn(name: "a", physicalType: .double)
        var encoder = ColumnChunkEncoder(zstdLevel: 1)
        for values in [[0.0, 0.0], [-0.0, -0.0]] {
            let chunk = encoder.encode(double: values.span, column: column, encoding: .plain, pageRowCount: 2)
            guard case .double(let low) = chunk.bounds?.minimum, case .double(let high) = chunk.bounds?.maximum else {
                Issue.record("no bounds")
                continue
            }
            #expect(low == 0 && low.sign == .minus && high == 0 && high.sign == .plus)
        }
    }

    @Test("puts only the codes that occur into the dictionary, in their order")
    func dictionary() throws {
        let column = ParquetColumn(name: "a", physicalType: .byteArray, logicalType: .string)
        let names = ["z", "never", "Ž", "a", "m"]
        let codes: [UInt32] = [4, 0, 0, 2, 4, 3, 3, 3]
        var encoder = ColumnChunkEncoder(zstdLevel: 1)
        let chunk = encoder.encode(codes: codes.span, dictionary: names, column: column, pageRowCount: 3)
        let bytes = writeFile([column], [[chunk]])
        let stored = try ParquetFile(parsing: bytes.span.bytes).rowGroups[0].columns[0]
        var reader = PageReader()
        #expect(try reader.readDictionary(of: stored, in: bytes.span.bytes) == ["z", "Ž", "a", "m"])
        var local = [UInt32](repeating: 9, count: 8)
        var span = local.mutableSpan
        for page in stored.pages {
            try reader.readCodes(page, of: stored, in: bytes.span.bytes, codeCount: 4, into: &span, at: page.firstRow)
        }
        #expect(local == [3, 0, 0, 1, 3, 2, 2, 2])
        // Bounds go by bytes, not by code.
        #expect(stored.columnIndex?.bounds.map { $0.minimum?.string } == ["m", "a", "a"])
        #expect(stored.columnIndex?.bounds.map { $0.maximum?.string } == ["z", "Ž", "a"])
        #expect(stored.bounds?.minimum?.string == "a" && stored.bounds?.maximum?.string == "Ž")
    }

    @Test("holds dictionaries of one text and of many")
    func dictionarySizes() throws {
        let column = ParquetColumn(name: "a", physicalType: .byteArray, logicalType: .string)
        var encoder = ColumnChunkEncoder(zstdLevel: 1)
        var reader = PageReader()
        for count in [1, 2, 256, 257, 70_000] {
            let names = (0..<count).map { "name \($0)" }
            let codes = (0..<count).map { UInt32($0 * 7919 % count) }
            let bytes = writeFile(
                [column], [[encoder.encode(codes: codes.span, dictionary: names, column: column, pageRowCount: 10_000)]])
            #expect(try readColumns(bytes, &reader).map(\.values) == [.text(codes.map { names[Int($0)] })])
        }
    }
}
