import Benchmark
import ColumnStore
import Parquet
import TripModel

/// Pages of each encoding, compressed as in a segment: values to pages and back.
enum PageBenchmarks {
    private static let double = ParquetColumn(name: "longitude", physicalType: .double)
    private static let time = ParquetColumn(
        name: "time", physicalType: .int64, logicalType: .timestamp(.microseconds, isAdjustedToUTC: false))
    private static let region = ParquetColumn(name: "region", physicalType: .byteArray, logicalType: .string)

    static func register() {
        for encoding in [ParquetEncoding.plain, .byteStreamSplit] {
            registerDoubles(encoding)
        }
        for encoding in [ParquetEncoding.plain, .byteStreamSplit, .deltaBinaryPacked] {
            registerTimes(encoding)
        }
        registerCodes()
    }

    // MARK: Columns

    private static func registerDoubles(_ encoding: ParquetEncoding) {
        Benchmark("page: encode double, \(encoding)", configuration: .rates) { benchmark in
            let values = try sorted().originLongitude
            var encoder = ColumnChunkEncoder(zstdLevel: Limits.zstdLevel)
            benchmark.measure(rows: values.count, bytes: 8 * values.count) {
                blackHole(encode(values, encoding, &encoder))
            }
        }
        Benchmark("page: decode double, \(encoding)", configuration: .rates) { benchmark in
            var encoder = ColumnChunkEncoder(zstdLevel: Limits.zstdLevel)
            let file = try StoredColumn(double, encode(try sorted().originLongitude, encoding, &encoder))
            var reader = PageReader()
            var values = [Double](repeating: 0, count: file.chunk.rowCount)
            try benchmark.measure(rows: values.count, bytes: 8 * values.count) {
                var target = values.mutableSpan
                for page in file.chunk.pages {
                    try reader.read(double: page, of: file.chunk, in: file.bytes.span.bytes, into: &target, at: page.firstRow)
                }
            }
            blackHole(values)
        }
    }

    private static func registerTimes(_ encoding: ParquetEncoding) {
        Benchmark("page: encode time, \(encoding)", configuration: .rates) { benchmark in
            let values = try sorted().time
            var encoder = ColumnChunkEncoder(zstdLevel: Limits.zstdLevel)
            benchmark.measure(rows: values.count, bytes: 8 * values.count) {
                blackHole(encode(values, encoding, &encoder))
            }
        }
        Benchmark("page: decode time, \(encoding)", configuration: .rates) { benchmark in
            var encoder = ColumnChunkEncoder(zstdLevel: Limits.zstdLevel)
            let file = try StoredColumn(time, encode(try sorted().time, encoding, &encoder))
            var reader = PageReader()
            var values = [Int64](repeating: 0, count: file.chunk.rowCount)
            try benchmark.measure(rows: values.count, bytes: 8 * values.count) {
                var target = values.mutableSpan
                for page in file.chunk.pages {
                    try reader.read(int64: page, of: file.chunk, in: file.bytes.span.bytes, into: &target, at: page.firstRow)
                }
            }
            blackHole(values)
        }
    }

    private static func registerCodes() {
        Benchmark("page: encode codes, RLE_DICTIONARY", configuration: .rates) { benchmark in
            let trips = try sorted()
            var encoder = ColumnChunkEncoder(zstdLevel: Limits.zstdLevel)
            benchmark.measure(rows: trips.count, bytes: 4 * trips.count) {
                blackHole(encode(trips.region, trips.regions, &encoder))
            }
        }
        Benchmark("page: decode codes, RLE_DICTIONARY", configuration: .rates) { benchmark in
            let trips = try sorted()
            var encoder = ColumnChunkEncoder(zstdLevel: Limits.zstdLevel)
            let file = try StoredColumn(region, encode(trips.region, trips.regions, &encoder))
            var reader = PageReader()
            var codes = [UInt32](repeating: 0, count: trips.count)
            try benchmark.measure(rows: codes.count, bytes: 4 * codes.count) {
                var target = codes.mutableSpan
                for page in file.chunk.pages {
                    try reader.readCodes(
                        page, of: file.chunk, in: file.bytes.span.bytes, codeCount: trips.regions.count, into: &target,
                        at: page.firstRow)
                }
            }
            blackHole(codes)
        }
    }

    // MARK: Data

    private static func sorted() throws -> SortedTrips { try SegmentBenchmarks.sorted.get() }

    private static func encode(
        _ values: [Double], _ encoding: ParquetEncoding, _ encoder: inout ColumnChunkEncoder
    ) -> EncodedColumnChunk {
        encoder.encode(double: values.span, column: double, encoding: encoding, pageRowCount: Limits.pageRowCountMax)
    }

    private static func encode(
        _ values: [Int64], _ encoding: ParquetEncoding, _ encoder: inout ColumnChunkEncoder
    ) -> EncodedColumnChunk {
        encoder.encode(int64: values.span, column: time, encoding: encoding, pageRowCount: Limits.pageRowCountMax)
    }

    private static func encode(
        _ codes: [UInt32], _ names: [String], _ encoder: inout ColumnChunkEncoder
    ) -> EncodedColumnChunk {
        encoder.encode(codes: codes.span, dictionary: names, column: region, pageRowCount: Limits.pageRowCountMax)
    }

    /// A file of one column, as a reader finds it.
    private struct StoredColumn {
        let bytes: [UInt8]
        let chunk: ColumnChunkMetadata

        init(_ column: ParquetColumn, _ encoded: EncodedColumnChunk) throws {
            var writer = ParquetFileWriter(
                schema: ParquetSchema(columns: [column]), sortingColumns: [], createdBy: "tripstore benchmark")
            var bytes = writer.header()
            writer.append(rowGroup: [encoded])
            bytes += encoded.bytes
            bytes += writer.finish(keyValueMetadata: [])
            chunk = try ParquetFile(parsing: bytes.span.bytes).rowGroups[0].columns[0]
            self.bytes = bytes
        }
    }
}
