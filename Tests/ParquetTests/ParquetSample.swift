import Parquet
import TestSupport

/// The values of a column, comparable bit by bit.
enum ColumnValues: Equatable {
    case int32([Int32])
    case int64([Int64])
    /// Bit patterns, since -0.0 equals 0.0 and NaN equals nothing.
    case double([UInt64])
    case text([String])

    static func doubles(_ values: [Double]) -> Self { .double(values.map(\.bitPattern)) }
}

/// Reads all rows of a file, column by column, with every way of reading codes.
func readColumns(
    _ bytes: [UInt8], _ reader: inout PageReader, rowCountMax: Int = 1 << 20
) throws(ParquetError) -> [(name: String, values: ColumnValues)] {
    let file = try ParquetFile(parsing: bytes.span.bytes)
    guard file.rowCount <= rowCountMax else {
        throw ParquetError(offset: 0, kind: .limitExceeded, detail: "the test reads \(rowCountMax) rows at most")
    }
    var columns: [(String, ColumnValues)] = []
    for (index, column) in file.schema.columns.enumerated() {
        let chunks = file.rowGroups.map { $0.columns[index] }
        columns.append((column.name, try readColumn(chunks, column, bytes, &reader)))
    }
    return columns
}

private func readColumn(
    _ chunks: [ColumnChunkMetadata], _ column: ParquetColumn, _ bytes: [UInt8], _ reader: inout PageReader
) throws(ParquetError) -> ColumnValues {
    let span = bytes.span.bytes
    switch column.physicalType {
    case .int32:
        var values: [Int32] = []
        for chunk in chunks {
            var part = [Int32](repeating: 0, count: chunk.rowCount)
            var target = part.mutableSpan
            for page in chunk.pages { try reader.read(int32: page, of: chunk, in: span, into: &target, at: page.firstRow) }
            values += part
        }
        return .int32(values)
    case .int64:
        var values: [Int64] = []
        for chunk in chunks {
            var part = [Int64](repeating: 0, count: chunk.rowCount)
            var target = part.mutableSpan
            for page in chunk.pages { try reader.read(int64: page, of: chunk, in: span, into: &target, at: page.firstRow) }
            values += part
        }
        return .int64(values)
    case .double:
        var values: [Double] = []
        for chunk in chunks {
            var part = [Double](repeating: 0, count: chunk.rowCount)
            var target = part.mutableSpan
            for page in chunk.pages { try reader.read(double: page, of: chunk, in: span, into: &target, at: page.firstRow) }
            values += part
        }
        return .doubles(values)
    default:
        var values: [String] = []
        for chunk in chunks {
            for page in chunk.pages { values += try reader.readStrings(page, of: chunk, in: span) }
        }
        return .text(values)
    }
}

/// Lays out a file of row groups.
func writeFile(
    _ columns: [ParquetColumn], _ groups: [[EncodedColumnChunk]], sortingColumns: [ParquetSortingColumn] = [],
    blob: [UInt8] = [], keyValueMetadata: [(key: String, value: String)] = []
) -> [UInt8] {
    var writer = ParquetFileWriter(
        schema: ParquetSchema(columns: columns), sortingColumns: sortingColumns, createdBy: "tripstore version 0.0.0")
    var bytes = writer.header()
    for group in groups {
        writer.append(rowGroup: group)
        for chunk in group { bytes += chunk.bytes }
    }
    bytes += blob
    writer.skip(byteCount: blob.count)
    return bytes + writer.finish(keyValueMetadata: keyValueMetadata)
}

/// A small table with a column of each type and encoding, and the files made of it.
struct ParquetSample {
    static let columns = [
        ParquetColumn(name: "day", physicalType: .int32, logicalType: .date),
        ParquetColumn(name: "count", physicalType: .int32),
        ParquetColumn(name: "time", physicalType: .int64, logicalType: .timestamp(.microseconds, isAdjustedToUTC: false)),
        ParquetColumn(name: "number", physicalType: .int64),
        ParquetColumn(name: "plain", physicalType: .double),
        ParquetColumn(name: "split", physicalType: .double),
        ParquetColumn(name: "region", physicalType: .byteArray, logicalType: .string),
    ]
    static let dictionary = ["", "Prague", "Turin", "Hamburg", "Žižkov", "unused"]

    var day: [Int32] = []
    var count: [Int32] = []
    var time: [Int64] = []
    var number: [Int64] = []
    var plain: [Double] = []
    var split: [Double] = []
    var region: [UInt32] = []

    /// Makes random rows in which extremes are frequent.
    init(rowCount: Int, seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for row in 0..<rowCount {
            day.append(Int32(17_000 + row / 3))
            count.append(
                [Int32.min, Int32.max, 0, -1, Int32.random(in: -9...9, using: &generator)].randomElement(using: &generator)!)
            time.append(1_526_000_000_000_000 + Int64.random(in: 0..<1_000_000_000, using: &generator))
            number.append(
                [Int64.min, Int64.max, 0, -1, Int64.random(in: -9...9, using: &generator)].randomElement(using: &generator)!)
            plain.append(Double.random(in: -180...180, using: &generator))
            split.append(
                [
                    -0.0, 0.0, Double.leastNonzeroMagnitude, -Double.leastNormalMagnitude, .greatestFiniteMagnitude, .infinity,
                    14.5,
                ]
                .randomElement(using: &generator)!)
            region.append(row % 7 < 4 ? 1 : UInt32.random(in: 0..<5, using: &generator))
        }
    }

    var values: [ColumnValues] {
        [
            .int32(day), .int32(count), .int64(time), .int64(number), .doubles(plain), .doubles(split),
            .text(region.map { Self.dictionary[Int($0)] }),
        ]
    }

    /// Encodes the rows as one row group.
    func rowGroup(_ encoder: inout ColumnChunkEncoder, pageRowCount: Int) -> [EncodedColumnChunk] {
        let columns = Self.columns
        return [
            encoder.encode(int32: day.span, column: columns[0], encoding: .deltaBinaryPacked, pageRowCount: pageRowCount),
            encoder.encode(int32: count.span, column: columns[1], encoding: .plain, pageRowCount: pageRowCount),
            encoder.encode(int64: time.span, column: columns[2], encoding: .deltaBinaryPacked, pageRowCount: pageRowCount),
            encoder.encode(int64: number.span, column: columns[3], encoding: .byteStreamSplit, pageRowCount: pageRowCount),
            encoder.encode(double: plain.span, column: columns[4], encoding: .plain, pageRowCount: pageRowCount),
            encoder.encode(double: split.span, column: columns[5], encoding: .byteStreamSplit, pageRowCount: pageRowCount),
            encoder.encode(codes: region.span, dictionary: Self.dictionary, column: columns[6], pageRowCount: pageRowCount),
        ]
    }

    /// Returns a file with the rows as one row group.
    func file(zstdLevel: Int32? = 1, pageRowCount: Int) -> [UInt8] {
        var encoder = ColumnChunkEncoder(zstdLevel: zstdLevel)
        return writeFile(
            Self.columns, [rowGroup(&encoder, pageRowCount: pageRowCount)],
            sortingColumns: [ParquetSortingColumn(columnIndex: 0)], blob: Array("the caller's own".utf8),
            keyValueMetadata: [("sample", "1"), ("note", "Žluťoučký kůň")])
    }
}
