import Bucketing

/// How one segment answers a question: what its index counts, and which rows are left to be read.
struct SegmentPlan: Sendable {
    /// What the question wants of the matching rows.
    enum Purpose: Sendable {
        /// Their number, by week.
        case count
        /// The rows themselves.
        case rows
    }

    /// Position of the segment in the snapshot.
    var segment: Int
    var values = RowTestValues()
    /// Matching trips that the index knows without a look at a row, by position of the week.
    private(set) var counted: [(week: Int, trips: Int)] = []
    /// Candidates to be read; they do not overlap.
    private(set) var ranges: [ScanRange] = []

    /// Plans a segment.
    ///
    /// - Parameters:
    ///   - useIndex: false plans the plain scan, the judge of the index: every row, every condition.
    ///   - weeks: the only weeks wanted; nil: all.
    init(
        segment position: Int, of snapshot: Snapshot, filter: TripFilter, purpose: Purpose, useIndex: Bool,
        weeks wanted: Set<ISOWeek>? = nil
    ) {
        segment = position
        let index = snapshot.segments[position].index
        var base: RowTests = []
        var regionCode: UInt32?
        if let region = filter.region {
            guard let code = ExactName.index(of: region, in: index.regions) else { return }
            regionCode = UInt32(code)
            values.region = UInt32(code)
            if !useIndex || index.regions.count > 1 { base.insert(.region) }
        }
        var datasourceCode: UInt32?
        if let datasource = filter.datasource {
            guard let code = ExactName.index(of: datasource, in: index.datasources) else { return }
            datasourceCode = UInt32(code)
            values.datasource = UInt32(code)
            if !useIndex || index.datasources.count > 1 { base.insert(.datasource) }
        }
        values.from = filter.from ?? .min
        values.to = filter.to ?? .max
        values.box = filter.box ?? .world

        // The index knows the origins: those of the box where it asks for them, else those of the region.
        var originBox: BoundingBox?
        if let box = filter.box, filter.within == .origin || filter.within == .both { originBox = box }
        if let regionCode, useIndex {
            originBox = originBox.map { $0.intersection(index.bounds[Int(regionCode)]) } ?? index.bounds[Int(regionCode)]
        }
        if let originBox, originBox.isEmpty { return }
        let gridBox = useIndex ? originBox.map { GridBox($0) } : nil

        for (slot, week) in index.weeks.enumerated() {
            if let wanted, !wanted.contains(week.week) { continue }
            let start = week.week.startMicroseconds
            let end = start + 7 * LocalDateTime.microsecondsPerDay
            if start >= values.to || end <= values.from { continue }
            var tests = base
            let isWholeWeek = start >= values.from && end <= values.to
            if !isWholeWeek || (!useIndex && (filter.from != nil || filter.to != nil)) { tests.insert(.time) }

            if useIndex, purpose == .count, filter.box == nil, isWholeWeek {
                let entries = index.counts.entries(week: slot, region: regionCode)
                let trips = entries.reduce(0) { sum, entry in
                    datasourceCode == nil || entry.datasource == datasourceCode ? sum + entry.trips : sum
                }
                if trips > 0 { count(trips, week: slot) }
                continue
            }
            let boxTests = filter.box == nil ? RowTests() : Self.tests(of: filter.within)
            guard let gridBox else {
                add(week.rows, week: slot, tests: tests.union(boxTests), purpose: purpose)
                continue
            }
            // Cells inside the box need no test of the origin; where there is no box of origins there is none to spare.
            // A leaf on one edge only needs one coordinate.
            index.cells.forEachRun(week: slot, of: gridBox) { rows, coverage in
                var tests = tests.union(boxTests)
                if coverage.longitudes { tests.remove(.originLongitude) }
                if coverage.latitudes { tests.remove(.originLatitude) }
                add(rows, week: slot, tests: tests, purpose: purpose)
            }
        }
    }

    private mutating func count(_ trips: Int, week: Int) {
        if let last = counted.last, last.week == week {
            counted[counted.count - 1].trips += trips
        } else {
            counted.append((week: week, trips: trips))
        }
    }

    private static func tests(of within: TripFilter.Within) -> RowTests {
        switch within {
        case .origin: .originInBox
        case .destination: .destinationInBox
        case .both: [.originInBox, .destinationInBox]
        case .either: .eitherInBox
        }
    }

    private mutating func add(_ rows: Range<Int>, week: Int, tests: RowTests, purpose: Purpose) {
        if rows.isEmpty { return }
        if purpose == .count && tests.isEmpty {
            count(rows.count, week: week)
        } else if let last = ranges.last, last.week == week, last.tests == tests, last.rows.upperBound == rows.lowerBound {
            ranges[ranges.count - 1].rows = last.rows.lowerBound..<rows.upperBound
        } else {
            ranges.append(ScanRange(rows: rows, week: week, tests: tests))
        }
    }
}

extension BoundingBox {
    /// What two boxes share; empty where they do not touch.
    func intersection(_ other: BoundingBox) -> BoundingBox {
        BoundingBox(
            minLongitude: max(minLongitude, other.minLongitude), minLatitude: max(minLatitude, other.minLatitude),
            maxLongitude: min(maxLongitude, other.maxLongitude), maxLatitude: min(maxLatitude, other.maxLatitude))
    }
}
