import Parquet
package import TripModel

/// Buffers for the columns of one page, for one worker: what a scan has decoded last.
///
/// Consecutive ranges often lie in the same page, so each column remembers which page it has.
package final class PageBuffers {
    /// In place of the cell of a trip without a destination.
    static let noCell = ParquetColumn.missingCode
    private static let notLoaded = (serial: 0, page: -1)

    private var reader = PageReader()
    private var loaded = [(serial: Int, page: Int)](repeating: notLoaded, count: SegmentColumn.allCases.count)
    /// Which of the smaller pages of the origins' coordinates are loaded, by column.
    private var loadedParts: [[Bool]] = [[], []]
    private(set) var originLongitude: [Double] = []
    private(set) var originLatitude: [Double] = []
    private(set) var destinationLongitude: [Double] = []
    private(set) var destinationLatitude: [Double] = []
    private(set) var time: [Int64] = []
    /// Codes of the segment's index.
    private(set) var region: [UInt32] = []
    /// Codes of the segment's index.
    private(set) var datasource: [UInt32] = []
    /// Bits of the stored geohash.
    private(set) var originCell: [UInt32] = []
    /// Bits of the stored geohash; `noCell` for a trip without a destination.
    private(set) var destinationCell: [UInt32] = []
    /// One byte per row of the range under test: 1 while it passes.
    package internal(set) var mask: [UInt8] = []
    /// What was read since the last `takeMetrics`.
    private var metrics = ScanMetrics()

    /// Makes buffers that have no page.
    package init() {}

    /// Returns the counts since the last call.
    package func takeMetrics() -> ScanMetrics {
        defer { metrics = ScanMetrics() }
        return metrics
    }

    /// Counts rows as tested.
    func countTested(_ rows: Int) { metrics.rowsTested += rows }

    /// Decodes the part of a column's page that some rows need, unless it is loaded already.
    func load(
        _ column: SegmentColumn, page: Int, rows local: Range<Int>, of segment: SegmentReader
    ) throws(TripstoreError) {
        guard column.isOriginCoordinate else { return try load(column, page: page, of: segment) }
        do {
            if column == .originLongitude {
                try loadOrigins(column, 0, page, local, segment, into: &originLongitude)
            } else {
                try loadOrigins(column, 1, page, local, segment, into: &originLatitude)
            }
        } catch {
            throw SegmentReader.damage(segment.file.path, error)
        }
    }

    private func loadOrigins(
        _ column: SegmentColumn, _ slot: Int, _ page: Int, _ local: Range<Int>, _ segment: SegmentReader,
        into values: inout [Double]
    ) throws(ParquetError) {
        let location = segment.pages[page]
        if loaded[column.rawValue] != (segment.serial, page) {
            loaded[column.rawValue] = (segment.serial, page)
            Self.resize(&loadedParts[slot], to: location.originPositions.count, filler: false)
            for part in loadedParts[slot].indices { loadedParts[slot][part] = false }
            Self.resize(&values, to: location.rows.count, filler: 0)
        }
        let chunk = segment.chunk(column, group: location.group)
        var start = 0
        for (part, position) in location.originPositions.enumerated() {
            let location = chunk.pages[position]
            let rows = start..<start + location.rowCount
            start = rows.upperBound
            guard !loadedParts[slot][part], rows.overlaps(local) else { continue }
            loadedParts[slot][part] = true
            var span = values.mutableSpan
            do throws(ParquetError) {
                try segment.file.withBytes { bytes throws(ParquetError) in
                    try reader.read(double: location, of: chunk, in: bytes, into: &span, at: rows.lowerBound)
                }
            } catch {
                loadedParts[slot][part] = false
                throw error
            }
            metrics.countPage(ofFile: segment.serial, at: location.offset)
            metrics.bytesDecompressed += 8 * location.rowCount
        }
    }

    /// Decodes a column's page, unless it is loaded already.
    private func load(_ column: SegmentColumn, page: Int, of segment: SegmentReader) throws(TripstoreError) {
        guard loaded[column.rawValue] != (segment.serial, page) else { return }
        loaded[column.rawValue] = Self.notLoaded
        do {
            let entry = segment.pages[page]
            let chunk = segment.chunk(column, group: entry.group)
            let location = chunk.pages[entry.position]
            switch column {
            case .destinationLongitude: try read(double: location, chunk, segment, into: &destinationLongitude)
            case .destinationLatitude: try read(double: location, chunk, segment, into: &destinationLatitude)
            case .time: try read(int64: location, chunk, segment, into: &time)
            case .region: try read(codes: location, chunk, column, entry.group, segment, into: &region)
            case .datasource: try read(codes: location, chunk, column, entry.group, segment, into: &datasource)
            case .originGeohash: try read(codes: location, chunk, column, entry.group, segment, into: &originCell)
            case .destinationGeohash: try read(codes: location, chunk, column, entry.group, segment, into: &destinationCell)
            case .originLongitude, .originLatitude, .week, .jobID: preconditionFailure("no query reads \(column.name)")
            }
            metrics.countPage(ofFile: segment.serial, at: location.offset)
            loaded[column.rawValue] = (segment.serial, page)
        } catch {
            throw SegmentReader.damage(segment.file.path, error)
        }
    }

    private func read(
        double page: PageLocation, _ chunk: ColumnChunkMetadata, _ segment: SegmentReader, into values: inout [Double]
    ) throws(ParquetError) {
        Self.resize(&values, to: page.rowCount, filler: 0)
        var span = values.mutableSpan
        try segment.file.withBytes { bytes throws(ParquetError) in
            try reader.read(double: page, of: chunk, in: bytes, into: &span)
        }
        metrics.bytesDecompressed += 8 * page.rowCount
    }

    private func read(
        int64 page: PageLocation, _ chunk: ColumnChunkMetadata, _ segment: SegmentReader, into values: inout [Int64]
    ) throws(ParquetError) {
        Self.resize(&values, to: page.rowCount, filler: 0)
        var span = values.mutableSpan
        try segment.file.withBytes { bytes throws(ParquetError) in
            try reader.read(int64: page, of: chunk, in: bytes, into: &span)
        }
        metrics.bytesDecompressed += 8 * page.rowCount
    }

    private func read(
        codes page: PageLocation, _ chunk: ColumnChunkMetadata, _ column: SegmentColumn, _ group: Int, _ segment: SegmentReader,
        into values: inout [UInt32]
    ) throws {
        let map = try segment.localCodes(column, group: group, with: &reader).values
        Self.resize(&values, to: page.rowCount, filler: 0)
        var span = values.mutableSpan
        try segment.file.withBytes { bytes throws(ParquetError) in
            try reader.readCodes(page, of: chunk, in: bytes, codeCount: map.count, into: &span)
        }
        let table = map.span
        metrics.bytesDecompressed += 4 * page.rowCount
        if chunk.column.isOptional {
            for row in 0..<span.count where span[row] != ParquetColumn.missingCode { span[row] = table[Int(span[row])] }
            return
        }
        for row in 0..<span.count { span[unchecked: row] = table[unchecked: Int(span[unchecked: row])] }
    }

    /// Resizes an array to `count` values, keeping its memory.
    static func resize<Value>(_ values: inout [Value], to count: Int, filler: Value) {
        if values.count > count {
            values.removeLast(values.count - count)
        } else if values.count < count {
            values.append(contentsOf: repeatElement(filler, count: count - values.count))
        }
    }
}
