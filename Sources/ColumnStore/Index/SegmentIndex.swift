package import Bucketing

/// Everything a segment knows about its rows without reading them: names, weeks, counts, cells and bounds.
///
/// It is stored inside the Parquet file, before the footer, where other readers skip it; `docs/FORMAT.md` describes its
/// location and version. It may only skip rows that cannot match or count rows that surely do: losing it loses speed, never
/// rows.
///
///     regions    count · names, ascending         names of the segment, code = position
///     datasources                                 the same
///     weeks      count · for each: ISO week index − previous
///     partitions 1 if rows are sorted by datasource first, else 0 · rows of each week, or of each datasource and week
///     bounds     for each region: min longitude, min latitude, max longitude, max latitude (IEEE doubles) of its origins
///     counts     see `TripCounts`
///     cells      see `CellIndex`
package struct SegmentIndex: Hashable, Sendable {
    /// A partition: rows that are sorted only by their origin, those of one ISO week, or of one datasource in one week.
    package struct Partition: Hashable, Sendable {
        /// Code of the datasource of all rows; nil if they may have any.
        package var datasource: UInt32?
        /// Index in `weeks`.
        package var week: Int
        package var rows: Range<Int>

        /// Makes a partition.
        package init(datasource: UInt32?, week: Int, rows: Range<Int>) {
            (self.datasource, self.week, self.rows) = (datasource, week, rows)
        }
    }

    /// Ascending; the code of a name is its index.
    package var regions: [String]
    /// Ascending; the code of a name is its index.
    package var datasources: [String]
    /// Weeks that have rows, ascending.
    package var weeks: [ISOWeek]
    /// Partitions by datasource, if rows are sorted by it, then by week; without gaps between their rows.
    package var partitions: [Partition]
    /// Bounding box of the origins of each region.
    package var bounds: [BoundingBox]
    package var counts: TripCounts
    package var cells: CellIndex

    /// The version of the bytes; a reader ignores the index of a version it does not know and scans.
    static let version = 3
    /// Earlier versions, whose index is rebuilt from the rows when a segment is opened.
    static let earlierVersions = [1, 2]

    /// Rows of the segment.
    package var rowCount: Int { partitions.last?.rows.upperBound ?? 0 }

    /// Indexes sorted trips.
    package init(_ trips: SortedTrips) {
        regions = trips.regions
        datasources = trips.datasources
        weeks = trips.weeks
        partitions = trips.partitions
        bounds = SegmentIndex.bounds(
            region: trips.region.span, longitude: trips.originLongitude.span, latitude: trips.originLatitude.span,
            regionCount: trips.regions.count)
        counts = TripCounts(
            rowsOfWeeks: SegmentIndex.rowsOfWeeks(weeks.count, partitions), region: trips.region.span,
            datasource: trips.datasource.span, time: trips.time.span, regionCount: regions.count,
            datasourceCount: datasources.count)
        cells = CellIndex(keys: trips.key.span, partitionRowStarts: partitions.map(\.rows.lowerBound) + [trips.count])
    }

    private static func bounds(
        region: Span<UInt32>, longitude: Span<Double>, latitude: Span<Double>, regionCount: Int
    ) -> [BoundingBox] {
        let empty = BoundingBox(
            minLongitude: .infinity, minLatitude: .infinity, maxLongitude: -.infinity, maxLatitude: -.infinity)
        var bounds = [BoundingBox](repeating: empty, count: regionCount)
        // Rows of one area are adjacent, so a box is kept at hand as long as the region stays the same.
        var row = 0
        while row < region.count {
            let code = region[row]
            var box = bounds[Int(code)]
            while row < region.count, region[row] == code {
                let (x, y) = (longitude[row], latitude[row])
                box.minLongitude = x < box.minLongitude ? x : box.minLongitude
                box.maxLongitude = x > box.maxLongitude ? x : box.maxLongitude
                box.minLatitude = y < box.minLatitude ? y : box.minLatitude
                box.maxLatitude = y > box.maxLatitude ? y : box.maxLatitude
                row += 1
            }
            bounds[Int(code)] = box
        }
        return bounds
    }

    /// Whether rows are sorted by datasource before week.
    package var isSortedByDatasource: Bool { partitions.first?.datasource != nil }

    /// Rows of each week.
    package var weekRowCounts: [Int] {
        Self.rowsOfWeeks(weeks.count, partitions).map { $0.reduce(0) { $0 + $1.count } }
    }

    private static func rowsOfWeeks(_ weekCount: Int, _ partitions: [Partition]) -> [[Range<Int>]] {
        var rows = [[Range<Int>]](repeating: [], count: weekCount)
        for partition in partitions { rows[partition.week].append(partition.rows) }
        return rows
    }

    // MARK: - Bytes

    /// The index as bytes, without checksum or compression.
    package var bytes: [UInt8] {
        var writer = IndexByteWriter()
        for names in [regions, datasources] {
            writer.append(names.count)
            for name in names { writer.append(name) }
        }
        writer.append(weeks.count)
        var previous: Int64 = 0
        for week in weeks {
            writer.append(signed: Int64(week.index) - previous)
            previous = Int64(week.index)
        }
        writer.append(isSortedByDatasource ? 1 : 0)
        var rest = partitions[...]
        for datasource in isSortedByDatasource ? datasources.indices.map({ UInt32($0) as UInt32? }) : [nil] {
            for week in weeks.indices {
                guard let next = rest.first, next.datasource == datasource, next.week == week else {
                    writer.append(0)
                    continue
                }
                writer.append(next.rows.count)
                rest.removeFirst()
            }
        }
        for box in bounds {
            for edge in [box.minLongitude, box.minLatitude, box.maxLongitude, box.maxLatitude] { writer.append(edge) }
        }
        counts.write(to: &writer, weekStartTimes: weeks.map(\.startMicroseconds))
        cells.write(to: &writer)
        return writer.bytes
    }

    /// Reads the index of a segment of `rowCount` rows.
    package init(bytes: [UInt8], rowCount: Int) throws {
        var reader = IndexByteReader(bytes)
        regions = try SegmentIndex.names(from: &reader, max: rowCount)
        datasources = try SegmentIndex.names(from: &reader, max: rowCount)
        weeks = try SegmentIndex.weeks(from: &reader, max: rowCount)
        partitions = try SegmentIndex.partitions(
            from: &reader, weekCount: weeks.count, datasourceCount: datasources.count, rowCount: rowCount)
        bounds = []
        for _ in regions {
            bounds.append(
                BoundingBox(
                    minLongitude: try reader.double(), minLatitude: try reader.double(), maxLongitude: try reader.double(),
                    maxLatitude: try reader.double()))
        }
        let weekRowCounts = SegmentIndex.rowsOfWeeks(weeks.count, partitions).map { $0.reduce(0) { $0 + $1.count } }
        guard weekRowCounts.allSatisfy({ $0 > 0 }) else { throw IndexError(description: "a week of the index has no rows") }
        counts = try TripCounts(
            from: &reader, weekRowCounts: weekRowCounts, weekStartTimes: weeks.map(\.startMicroseconds),
            regionCount: regions.count, datasourceCount: datasources.count)
        cells = try CellIndex(from: &reader, partitionRowStarts: partitions.map(\.rows.lowerBound) + [rowCount])
        guard reader.isAtEnd else { throw IndexError(description: "the index has bytes past its end") }
    }

    private static func weeks(from reader: inout IndexByteReader, max: Int) throws(IndexError) -> [ISOWeek] {
        var weeks: [ISOWeek] = []
        var week: Int64 = 0
        for position in 0..<(try reader.count(max: max)) {
            let (next, overflows) = week.addingReportingOverflow(try reader.signed())
            // Weeks of the years 1 to 9999 have indexes far below a million.
            guard !overflows, abs(next) < 1_000_000, let index = Int32(exactly: next), position == 0 || next > week else {
                throw IndexError(description: "the weeks of the index are not in ascending order")
            }
            week = next
            weeks.append(ISOWeek(index: index))
        }
        return weeks
    }

    private static func partitions(
        from reader: inout IndexByteReader, weekCount: Int, datasourceCount: Int, rowCount: Int
    ) throws(IndexError) -> [Partition] {
        var partitions: [Partition] = []
        var row = 0
        func append(_ datasource: UInt32?) throws(IndexError) {
            for week in 0..<weekCount {
                let count = try reader.count(max: rowCount - row)
                if count == 0 { continue }
                partitions.append(Partition(datasource: datasource, week: week, rows: row..<row + count))
                row += count
            }
        }
        if try reader.count(max: 1) == 0 {
            try append(nil)
        } else {
            for datasource in 0..<datasourceCount { try append(UInt32(datasource)) }
        }
        guard row == rowCount else { throw IndexError(description: "the partitions of the index lack rows") }
        return partitions
    }

    private static func names(from reader: inout IndexByteReader, max: Int) throws(IndexError) -> [String] {
        var names: [String] = []
        for _ in 0..<(try reader.count(max: max)) {
            let name = try reader.text()
            if let last = names.last, ByteOrderedString(last) >= ByteOrderedString(name) {
                throw IndexError(description: "the names of the index are not sorted")
            }
            names.append(name)
        }
        return names
    }
}
