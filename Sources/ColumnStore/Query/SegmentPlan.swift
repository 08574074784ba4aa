import Bucketing
import TripModel

/// How one segment answers a query: what its index counts, and which rows must be read.
struct SegmentPlan: Sendable {
    /// What the query needs of the matching rows.
    enum Purpose: Sendable {
        /// Their count, by week.
        case count
        /// The rows themselves.
        case rows
    }

    /// Index of the segment in the snapshot.
    var segment: Int
    var values = PredicateValues()
    /// Matching trips that are counted without reading a row, by index of the week; empty if there are none.
    private(set) var counted: [Int] = []
    /// Candidates that must be read; they do not overlap.
    private(set) var ranges: [ScanRange] = []
    /// Rows in boundary cells of a box whose quantized origins were compared.
    private(set) var approximatedRowCount = 0
    private let weekCount: Int

    /// Whether bytes of the file, and not only the index, were or will be read.
    var readsFile: Bool { approximatedRowCount > 0 || !ranges.isEmpty }

    /// Plans a segment.
    ///
    /// - Parameters:
    ///   - useIndex: false plans the plain scan, the oracle of the index: every row, every predicate.
    ///   - weeks: the only weeks wanted; nil: all.
    init(
        segment position: Int, of snapshot: Snapshot, filter: TripFilter, purpose: Purpose, useIndex: Bool,
        weeks wanted: Set<ISOWeek>? = nil
    ) {
        segment = position
        let index = snapshot.segments[position].index
        weekCount = index.weeks.count
        var base: ResidualPredicates = []
        var regionCode: UInt32?
        if let region = filter.region {
            guard let code = ByteOrderedString.index(of: region, in: index.regions) else { return }
            regionCode = UInt32(code)
            values.region = UInt32(code)
            if !useIndex || index.regions.count > 1 { base.insert(.region) }
        }
        var datasourceCode: UInt32?
        if let datasource = filter.datasource {
            guard let code = ByteOrderedString.index(of: datasource, in: index.datasources) else { return }
            datasourceCode = UInt32(code)
            values.datasource = UInt32(code)
            if !useIndex || (index.datasources.count > 1 && !index.isSortedByDatasource) { base.insert(.datasource) }
        }
        values.from = filter.from ?? .min
        values.to = filter.to ?? .max
        values.box = filter.box ?? .world

        // The index knows the origins: those of the box if it filters by them, else those of the region.
        var originBox: BoundingBox?
        if let box = filter.box, filter.within == .origin || filter.within == .both { originBox = box }
        if let regionCode, useIndex {
            originBox = originBox.map { $0.intersection(index.bounds[Int(regionCode)]) } ?? index.bounds[Int(regionCode)]
        }
        if let originBox, originBox.isEmpty || (useIndex && !originBox.touches(snapshot.segments[position].extent)) { return }
        let boxTests = filter.box == nil ? ResidualPredicates() : Self.tests(of: filter.within)
        let codes = (region: regionCode, datasource: datasourceCode)
        let testsOfWeeks = tests(index, filter, purpose, useIndex, wanted, codes, base)
        let slots = Self.slots(index, testsOfWeeks, datasource: useIndex ? datasourceCode : nil)
        guard useIndex, let originBox else {
            for slot in slots {
                add(index.partitions[slot.partition].rows, week: slot.week, tests: slot.tests.union(boxTests), purpose)
            }
            return
        }
        if slots.isEmpty { return }
        look(for: GridBox(originBox), snapshot.segments[position], slots, boxTests, purpose)
    }

    /// Decides week by week what the index counts and what is left to be tested.
    ///
    /// - Returns: residual predicates on the rows of each week, besides their location; nil if none of its rows is needed.
    private mutating func tests(
        _ index: SegmentIndex, _ filter: TripFilter, _ purpose: Purpose, _ useIndex: Bool, _ wanted: Set<ISOWeek>?,
        _ codes: (region: UInt32?, datasource: UInt32?), _ base: ResidualPredicates
    ) -> [ResidualPredicates?] {
        var testsOfWeeks = [ResidualPredicates?](repeating: nil, count: weekCount)
        for (slot, week) in index.weeks.enumerated() {
            if let wanted, !wanted.contains(week) { continue }
            let start = week.startMicroseconds
            let end = start + 7 * LocalDateTime.microsecondsPerDay
            if start >= values.to || end <= values.from { continue }
            let isWholeWeek = start >= values.from && end <= values.to
            if useIndex, purpose == .count, filter.box == nil, isWholeWeek {
                let entries = index.counts.entries(week: slot, region: codes.region)
                count(
                    entries.reduce(0) { sum, entry in
                        codes.datasource == nil || entry.datasource == codes.datasource ? sum + entry.trips : sum
                    }, week: slot)
                continue
            }
            let isTimeTested = !isWholeWeek || (!useIndex && (filter.from != nil || filter.to != nil))
            testsOfWeeks[slot] = isTimeTested ? base.union(.time) : base
        }
        return testsOfWeeks
    }

    /// The partitions that have rows to be tested.
    ///
    /// - Parameter datasource: the only one wanted; nil: all.
    private static func slots(
        _ index: SegmentIndex, _ testsOfWeeks: [ResidualPredicates?], datasource: UInt32?
    ) -> [Slot] {
        var slots: [Slot] = []
        for (number, partition) in index.partitions.enumerated() {
            guard let tests = testsOfWeeks[partition.week] else { continue }
            if let datasource, let code = partition.datasource, code != datasource { continue }
            slots.append(Slot(partition: number, week: partition.week, tests: tests))
        }
        return slots
    }

    /// A partition that has candidates.
    private struct Slot {
        var partition: Int
        var week: Int
        /// Residual predicates on its rows, besides their location.
        var tests: ResidualPredicates
    }

    /// Boundary cells of a box that are prefetched ahead of the one being counted.
    private static let leavesAhead = 6

    /// Looks up a box of origins.
    private mutating func look(
        for box: GridBox, _ segment: SegmentReader, _ slots: [Slot], _ boxTests: ResidualPredicates,
        _ purpose: Purpose
    ) {
        let (cells, partitions) = (segment.index.cells, segment.index.partitions)
        var runs: [(leaves: Range<Int>, coverage: BoxCoverage, block: MortonBlock)] = []
        cells.forEachRun(of: box) { leaves, coverage, block in
            runs.append((leaves: leaves, coverage: coverage, block: block))
        }
        /// Returns the residual predicates of some leaves: none for an axis along which they are inside.
        func tests(in coverage: BoxCoverage) -> ResidualPredicates {
            var tests = boxTests
            if coverage.longitudes { tests.remove(.originLongitude) }
            if coverage.latitudes { tests.remove(.originLatitude) }
            return tests
        }
        // If only the origin is filtered, quantized origins mostly decide; only rows that they leave undecided are read.
        var rest = slots
        if purpose == .count, boxTests.isSubset(of: .originInBox), slots.contains(where: { $0.tests.isEmpty }) {
            rest.removeAll(where: { $0.tests.isEmpty })
            var isWanted = [Bool](repeating: false, count: partitions.count)
            for slot in slots where slot.tests.isEmpty { isWanted[slot.partition] = true }
            var counts = [Int](repeating: 0, count: partitions.count)
            let approximations = OriginApproximations.Reader(segment)
            for (number, run) in runs.enumerated() {
                let next = number + Self.leavesAhead
                if next < runs.count, runs[next].leaves.count == 1 { approximations.prefetch(runs[next].leaves.lowerBound) }
                let runTests = tests(in: run.coverage)
                if runTests.isEmpty {
                    cells.addRowCounts(ofLeaves: run.leaves, to: &counts)
                    continue
                }
                let compared = approximations.count(
                    run.leaves.lowerBound, BlockLimits(box, in: run.block), isWanted: isWanted, into: &counts
                ) { row, partition in add(row..<row + 1, week: partitions[partition].week, tests: runTests, purpose) }
                approximatedRowCount += compared ?? 0
                if compared == nil {
                    for partition in partitions.indices where isWanted[partition] {
                        let rows = cells.rows(ofLeaves: run.leaves, partition: partition)
                        add(rows, week: partitions[partition].week, tests: runTests, purpose)
                    }
                }
            }
            for partition in partitions.indices where isWanted[partition] {
                count(counts[partition], week: partitions[partition].week)
            }
        }
        for slot in rest {
            for run in runs {
                add(
                    cells.rows(ofLeaves: run.leaves, partition: slot.partition), week: slot.week,
                    tests: slot.tests.union(tests(in: run.coverage)), purpose)
            }
        }
        // Pages are read in their order, each once.
        ranges.sort { $0.rows.lowerBound < $1.rows.lowerBound }
    }

    private mutating func count(_ trips: Int, week: Int) {
        if trips == 0 { return }
        if counted.isEmpty { counted = Array(repeating: 0, count: weekCount) }
        counted[week] += trips
    }

    private static func tests(of within: TripFilter.Within) -> ResidualPredicates {
        switch within {
        case .origin: .originInBox
        case .destination: .destinationInBox
        case .both: [.originInBox, .destinationInBox]
        case .either: .eitherInBox
        }
    }

    private mutating func add(_ rows: Range<Int>, week: Int, tests: ResidualPredicates, _ purpose: Purpose) {
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
    /// Returns whether two boxes share a point.
    func touches(_ other: BoundingBox) -> Bool { !intersection(other).isEmpty }

    /// Returns the intersection of two boxes; empty if they do not touch.
    func intersection(_ other: BoundingBox) -> BoundingBox {
        BoundingBox(
            minLongitude: max(minLongitude, other.minLongitude), minLatitude: max(minLatitude, other.minLatitude),
            maxLongitude: min(maxLongitude, other.maxLongitude), maxLatitude: min(maxLatitude, other.maxLatitude))
    }
}
