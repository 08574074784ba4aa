import Bucketing
import ColumnStore
import Foundation
import Parquet
import TripModel

/// From sorted trips to a segment that survives a power cut.
///
/// The pages are taken from a segment that the engine has written, so compressor, checksum and disk are timed on its very
/// bytes; what a column costs besides is the difference.
enum WritingStages {
    /// What one column costs, in nanoseconds a row, and takes, in bytes a row.
    struct Column {
        let name: String
        /// Values to pages: encoding, bounds, headers, copies.
        var values: Double
        var compression: Double
        var checksum: Double
        var byteCount: Double
        var plainByteCount: Double

        var cost: Double { values + compression + checksum }
    }

    /// A durable file of the segment's bytes, and a plain write and fsync of them.
    struct Disk {
        let durable: Stopwatch.Times
        let plain: Stopwatch.Times
    }

    private static let segmentName = "trips.parquet"

    static func measure(
        _ trips: SortedTrips, _ folder: String, _ stopwatch: Stopwatch, _ floors: Floors
    ) throws -> (stages: [Stage], columns: [Column], disk: Disk) {
        let pool = WorkerPool(threadCount: 1)
        _ = try SegmentWriter.write(trips, directory: folder, name: segmentName, on: pool)
        let file = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(segmentName)")))
        let columns = try measureColumns(trips, file, stopwatch)
        let indexing = stopwatch.nanoseconds { keep(SegmentIndex(trips).bytes.count) }
        let checksum = Floors.checksum([file], stopwatch)
        let durable = try stopwatch.times {
            var target = try DurableFile(directory: folder, name: "durable")
            try target.write(file)
            try target.commit()
        }
        let plain = stopwatch.times { Floors.write(file, to: folder + "/plain") }
        func sum(_ value: (Column) -> Double) -> Double { columns.reduce(0) { $0 + value($1) } }
        let fileByteCount = Double(file.count) / Double(stopwatch.rowCount)
        let stages = [
            Stage(name: "build the index", cost: indexing, floor: floors.read(44), floorName: "read 44 bytes"),
            Stage(
                name: "encode: values to pages", cost: sum(\.values), floor: floors.copy(sum(\.plainByteCount)),
                floorName: "copy the pages"),
            Stage(
                name: "encode: zstd", cost: sum(\.compression), floor: sum(\.compression), floorName: "libzstd alone"),
            Stage(
                name: "encode: CRC-32 of the pages", cost: sum(\.checksum), floor: floors.read(sum(\.byteCount)),
                floorName: "read them"),
            Stage(
                name: "write: CRC-32 of the file", cost: checksum, floor: floors.read(fileByteCount), floorName: "read it"),
            Stage(
                name: "write, sync, rename, sync the folder", cost: durable.processor - checksum, floor: plain.processor,
                floorName: "write and fsync"),
        ]
        return (stages, columns, Disk(durable: durable, plain: plain))
    }

    // MARK: Columns

    private enum Values {
        case doubles([Double])
        case wide([Int64])
        case narrow([Int32])
        case codes([UInt32], [String])
        case cells(CellDictionary)
    }

    private static func measureColumns(_ trips: SortedTrips, _ file: [UInt8], _ stopwatch: Stopwatch) throws -> [Column] {
        let bytes = file.span.bytes
        let parquet = try ParquetFile(parsing: bytes)
        let reader = PageReader(verifiesChecksums: false)
        var columns: [Column] = []
        for (index, schema) in parquet.schema.columns.enumerated() {
            var pages: [[UInt8]] = []
            var compressed: [[UInt8]] = []
            var encoding = ParquetEncoding.plain
            let pageRowCount = parquet.rowGroups[0].columns[index].pages[0].rowCount
            for group in parquet.rowGroups {
                let chunk = group.columns[index]
                for page in [chunk.dictionaryPage].compactMap({ $0 }) + chunk.pages {
                    let header = try reader.header(of: page, in: bytes)
                    let body = page.byteRange.dropFirst(header.headerByteCount)
                    let stored = bytes.extracting(body.startIndex..<body.endIndex)
                    pages.append(Floors.decompress(stored, byteCount: header.uncompressedByteCount))
                    compressed.append(stored.withUnsafeBytes { [UInt8]($0) })
                    encoding = header.encoding
                }
            }
            let groups = parquet.rowGroups.map { $0.firstRow..<$0.firstRow + $0.rowCount }
            let level = SegmentColumn.allCases[index].zstdLevel
            var encoder = ColumnChunkEncoder(zstdLevel: level)
            let whole = stopwatch.nanoseconds {
                for rows in groups {
                    encode(schema, encoding, pageRowCount, of: trips, rows: rows, with: &encoder)
                }
            }
            let compression = Floors.compressing(pages, level: level, stopwatch)
            let checksum = Floors.checksum(compressed, stopwatch)
            columns.append(
                Column(
                    name: schema.name, values: whole - compression - checksum, compression: compression, checksum: checksum,
                    byteCount: Double(compressed.reduce(0) { $0 + $1.count }) / Double(stopwatch.rowCount),
                    plainByteCount: Double(pages.reduce(0) { $0 + $1.count }) / Double(stopwatch.rowCount)))
        }
        return columns
    }

    private static func encode(
        _ column: ParquetColumn, _ encoding: ParquetEncoding, _ pageRowCount: Int, of trips: SortedTrips, rows: Range<Int>,
        with encoder: inout ColumnChunkEncoder
    ) {
        switch values(of: column.name, of: trips, rows: rows) {
        case .doubles(let values):
            keep(
                encoder.encode(
                    double: values.span.extracting(rows), column: column, encoding: encoding, pageRowCount: pageRowCount))
        case .wide(let values):
            let values = values.count == rows.count ? values.span : values.span.extracting(rows)
            keep(encoder.encode(int64: values, column: column, encoding: encoding, pageRowCount: pageRowCount))
        case .narrow(let values):
            keep(encoder.encode(int32: values.span, column: column, encoding: encoding, pageRowCount: pageRowCount))
        case .codes(let codes, let names):
            let codes = codes.count == rows.count ? codes.span : codes.span.extracting(rows)
            keep(encoder.encode(codes: codes, dictionary: names, column: column, pageRowCount: pageRowCount))
        case .cells(let cells):
            keep(
                encoder.encode(
                    codes: cells.codes.span, dictionary: cells.geohashes, isExact: true, column: column,
                    pageRowCount: pageRowCount))
        case nil:
            preconditionFailure("the cost model does not know the column \(column.name)")
        }
    }

    /// All values of a stored column, or those of some rows where they are made for them.
    private static func values(of name: String, of trips: SortedTrips, rows: Range<Int>) -> Values? {
        switch SegmentColumn.allCases.first(where: { $0.name == name }) {
        case .region: return .codes(trips.region, trips.regions)
        case .datasource: return .codes(trips.datasource, trips.datasources)
        case .originLongitude: return .doubles(trips.originLongitude)
        case .originLatitude: return .doubles(trips.originLatitude)
        case .destinationLongitude: return .doubles(trips.destinationLongitude)
        case .destinationLatitude: return .doubles(trips.destinationLatitude)
        case .time: return .wide(trips.time)
        case .week:
            return .narrow(
                trips.partitions.flatMap {
                    repeatElement(Int32(trips.weeks[$0.week].mondayDay), count: $0.rows.clamped(to: rows).count)
                })
        case .originGeohash: return .cells(CellDictionary(keys: trips.key.span.extracting(rows)))
        case .destinationGeohash:
            return .cells(
                CellDictionary(
                    keys: SortKeys.keys(
                        longitude: trips.destinationLongitude.span.extracting(rows),
                        latitude: trips.destinationLatitude.span.extracting(rows)
                    ).span))
        case .jobID: return .wide(trips.job[rows])
        case nil: return nil
        }
    }
}
