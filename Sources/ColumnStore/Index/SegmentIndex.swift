package import Bucketing

/// Everything a segment knows about its rows without reading them: names, weeks, counts, cells and bounds.
///
/// It travels inside the Parquet file, before the footer, where other readers skip it; `docs/FORMAT.md` gives its place and
/// version. It may only skip rows that cannot match or count rows that surely do: losing it loses speed, never rows.
///
///     regions    number · names, ascending        names of the segment, code = position
///     datasources                                 the same
///     weeks      number · for each: ISO week index − previous · rows − 1
///     bounds     for each region: min longitude, min latitude, max longitude, max latitude (IEEE doubles) of its origins
///     counts     see `TripCounts`
///     cells      see `CellIndex`
package struct SegmentIndex: Hashable, Sendable {
    /// Rows of one ISO week in a segment.
    package struct Week: Hashable, Sendable {
        package var week: ISOWeek
        package var rows: Range<Int>
    }

    /// Ascending; the code of a name is its position.
    package var regions: [String]
    /// Ascending; the code of a name is its position.
    package var datasources: [String]
    /// Ascending and without gaps in their rows.
    package var weeks: [Week]
    /// Where the origins of each region are.
    package var bounds: [BoundingBox]
    package var counts: TripCounts
    package var cells: CellIndex

    /// The version of the bytes; a reader ignores the index of a version it does not know and scans.
    static let version = 2
    /// Versions that were written before, and are made anew from the rows when a segment is opened.
    static let earlierVersions = [1]

    /// Rows of the segment.
    package var rowCount: Int { weeks.last?.rows.upperBound ?? 0 }

    /// Indexes sorted trips.
    package init(_ trips: SortedTrips) {
        regions = trips.regions
        datasources = trips.datasources
        weeks = trips.weeks
        let weekRowStarts = weeks.map(\.rows.lowerBound) + [trips.count]
        bounds = SegmentIndex.bounds(
            region: trips.region.span, longitude: trips.originLongitude.span, latitude: trips.originLatitude.span,
            regionCount: trips.regions.count)
        counts = TripCounts(
            weekRowStarts: weekRowStarts, region: trips.region.span, datasource: trips.datasource.span, time: trips.time.span,
            regionCount: regions.count, datasourceCount: datasources.count)
        cells = CellIndex(keys: trips.key.span, weekRowStarts: weekRowStarts)
    }

    private static func bounds(
        region: Span<UInt32>, longitude: Span<Double>, latitude: Span<Double>, regionCount: Int
    ) -> [BoundingBox] {
        let empty = BoundingBox(
            minLongitude: .infinity, minLatitude: .infinity, maxLongitude: -.infinity, maxLatitude: -.infinity)
        var bounds = [BoundingBox](repeating: empty, count: regionCount)
        // Rows of one place come one after the other, so a box is kept at hand as long as the region stays the same.
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
            writer.append(signed: Int64(week.week.index) - previous)
            writer.append(week.rows.count - 1)
            previous = Int64(week.week.index)
        }
        for box in bounds {
            for edge in [box.minLongitude, box.minLatitude, box.maxLongitude, box.maxLatitude] { writer.append(edge) }
        }
        counts.write(to: &writer, weekStartTimes: weeks.map(\.week.startMicroseconds))
        cells.write(to: &writer)
        return writer.bytes
    }

    /// Reads the index of a segment of `rowCount` rows.
    package init(bytes: [UInt8], rowCount: Int) throws {
        var reader = IndexByteReader(bytes)
        regions = try SegmentIndex.names(from: &reader, max: rowCount)
        datasources = try SegmentIndex.names(from: &reader, max: rowCount)
        weeks = []
        var row = 0
        var week: Int64 = 0
        for position in 0..<(try reader.count(max: rowCount)) {
            let (next, overflows) = week.addingReportingOverflow(try reader.signed())
            // Weeks of the years 1 to 9999 have numbers far below a million.
            guard !overflows, abs(next) < 1_000_000, let index = Int32(exactly: next), position == 0 || next > week else {
                throw IndexError(description: "the weeks of the index are not in ascending order")
            }
            week = next
            let count = try reader.count(max: rowCount - row - 1) + 1
            weeks.append(Week(week: ISOWeek(index: index), rows: row..<row + count))
            row += count
        }
        guard row == rowCount else { throw IndexError(description: "the weeks of the index miss rows") }
        bounds = []
        for _ in regions {
            bounds.append(
                BoundingBox(
                    minLongitude: try reader.double(), minLatitude: try reader.double(), maxLongitude: try reader.double(),
                    maxLatitude: try reader.double()))
        }
        let weekRowStarts = weeks.map(\.rows.lowerBound) + [rowCount]
        counts = try TripCounts(
            from: &reader, weekRowStarts: weekRowStarts, weekStartTimes: weeks.map(\.week.startMicroseconds),
            regionCount: regions.count, datasourceCount: datasources.count)
        cells = try CellIndex(from: &reader, weekRowStarts: weekRowStarts)
        guard reader.isAtEnd else { throw IndexError(description: "the index has bytes past its end") }
    }

    private static func names(from reader: inout IndexByteReader, max: Int) throws(IndexError) -> [String] {
        var names: [String] = []
        for _ in 0..<(try reader.count(max: max)) {
            let name = try reader.text()
            if let last = names.last, ExactName(last) >= ExactName(name) {
                throw IndexError(description: "the names of the index are not sorted")
            }
            names.append(name)
        }
        return names
    }
}
