package import Bucketing
import Parquet
package import TripModel

/// Residual predicates: those that must be tested row by row after the index has done what it can.
package struct ResidualPredicates: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let region = ResidualPredicates(rawValue: 1)
    package static let datasource = ResidualPredicates(rawValue: 2)
    package static let time = ResidualPredicates(rawValue: 4)
    package static let originLongitude = ResidualPredicates(rawValue: 8)
    package static let originLatitude = ResidualPredicates(rawValue: 16)
    package static let destinationInBox = ResidualPredicates(rawValue: 32)
    package static let eitherInBox = ResidualPredicates(rawValue: 64)

    package static let originInBox: ResidualPredicates = [.originLongitude, .originLatitude]
}

/// The values that the predicates of a filter compare with, in the codes of one segment.
package struct PredicateValues: Hashable, Sendable {
    package var region: UInt32 = 0
    package var datasource: UInt32 = 0
    package var from = Int64.min
    package var to = Int64.max
    package var box = BoundingBox.world

    /// Makes values that every row passes, but for its names.
    package init() {}
}

/// Candidate rows of one segment, all of one week, and the predicates that they still have to pass.
struct ScanRange: Hashable, Sendable {
    /// Rows of the segment.
    var rows: Range<Int>
    /// Index of the week in the segment's index.
    var week: Int
    var tests: ResidualPredicates
}

/// Which rows of a range of one page pass.
package enum RowSelection: Sendable {
    case none
    case all
    /// Those whose byte in the mask is 1.
    case masked
}

extension PageBuffers {
    /// Tests rows of one page; if only some may pass, `mask` says which.
    package func select(
        _ local: Range<Int>, ofPage page: Int, of segment: SegmentReader, tests: ResidualPredicates, values: PredicateValues
    ) throws(TripstoreError) -> RowSelection {
        if tests.isEmpty { return .all }
        // A few rows that only need the test of their origin are in a boundary cell, which zone maps would not decide either.
        let isLeftOpen = local.count < Limits.originPageRowCountMax && tests.isSubset(of: .originInBox)
        if !isLeftOpen, Self.pageCannotMatch(page, of: segment, tests: tests, box: values.box) { return .none }
        countTested(local.count)
        // The mask is moved out meanwhile, so that it is changed in location.
        var mask = exchange(&self.mask, with: [])
        defer { self.mask = mask }
        Self.resize(&mask, to: local.count, filler: 1)
        for row in mask.indices { mask[row] = 1 }
        let box = values.box
        if tests.contains(.region) {
            try load(.region, page: page, rows: local, of: segment)
            Self.keep(region, local, equalTo: values.region, &mask)
        }
        if tests.contains(.datasource) {
            try load(.datasource, page: page, rows: local, of: segment)
            Self.keep(datasource, local, equalTo: values.datasource, &mask)
        }
        if tests.contains(.time) {
            try load(.time, page: page, rows: local, of: segment)
            Self.keep(time, local, from: values.from, to: values.to, &mask)
        }
        if tests.contains(.originLongitude) {
            try load(.originLongitude, page: page, rows: local, of: segment)
            Self.keep(originLongitude, local, box.minLongitude...box.maxLongitude, &mask)
        }
        if tests.contains(.originLatitude) {
            try load(.originLatitude, page: page, rows: local, of: segment)
            Self.keep(originLatitude, local, box.minLatitude...box.maxLatitude, &mask)
        }
        if tests.contains(.destinationInBox) {
            try load(.destinationLongitude, page: page, rows: local, of: segment)
            try load(.destinationLatitude, page: page, rows: local, of: segment)
            Self.keep(destinationLongitude, local, box.minLongitude...box.maxLongitude, &mask)
            Self.keep(destinationLatitude, local, box.minLatitude...box.maxLatitude, &mask)
        }
        if tests.contains(.eitherInBox) {
            for column in [
                SegmentColumn.originLongitude, .originLatitude, .destinationLongitude, .destinationLatitude,
            ] { try load(column, page: page, rows: local, of: segment) }
            Self.keep(
                originLongitude, originLatitude, destinationLongitude, destinationLatitude, local, eitherIn: box, &mask)
        }
        return .masked
    }

    // Columns belong to this object and may be reloaded; as arguments of a function they live as long as a span refers to them.

    private static func keep(_ column: [UInt32], _ local: Range<Int>, equalTo code: UInt32, _ mask: inout [UInt8]) {
        var mask = mask.mutableSpan
        FilterKernels.equal(column.span.extracting(local), code, into: &mask)
    }

    private static func keep(_ column: [Int64], _ local: Range<Int>, from: Int64, to: Int64, _ mask: inout [UInt8]) {
        var mask = mask.mutableSpan
        FilterKernels.between(column.span.extracting(local), from, to, into: &mask)
    }

    private static func keep(
        _ column: [Double], _ local: Range<Int>, _ range: ClosedRange<Double>, _ mask: inout [UInt8]
    ) {
        var mask = mask.mutableSpan
        FilterKernels.between(column.span.extracting(local), range.lowerBound, range.upperBound, into: &mask)
    }

    private static func keep(
        _ x: [Double], _ y: [Double], _ u: [Double], _ v: [Double], _ local: Range<Int>, eitherIn box: BoundingBox,
        _ mask: inout [UInt8]
    ) {
        var mask = mask.mutableSpan
        FilterKernels.inEither(
            x.span.extracting(local), y.span.extracting(local), u.span.extracting(local), v.span.extracting(local),
            box.minLongitude, box.minLatitude, box.maxLongitude, box.maxLatitude, into: &mask)
    }

    /// Returns whether the zone maps of a page rule out that any row passes the tests of the box.
    private static func pageCannotMatch(_ page: Int, of segment: SegmentReader, tests: ResidualPredicates, box: BoundingBox)
        -> Bool
    {
        func isOutside(_ longitude: SegmentColumn, _ latitude: SegmentColumn) -> Bool {
            isOutside(longitude, box.minLongitude, box.maxLongitude) || isOutside(latitude, box.minLatitude, box.maxLatitude)
        }
        func isOutside(_ column: SegmentColumn, _ low: Double, _ high: Double) -> Bool {
            let location = segment.pages[page]
            guard let bounds = segment.chunk(column, group: location.group).columnIndex?.bounds else { return false }
            let positions = column.isOriginCoordinate ? location.originPositions : location.position..<location.position + 1
            return positions.allSatisfy { position in
                if bounds[position].isOfNulls { return true }
                guard let minimum = bounds[position].minimum?.double, let maximum = bounds[position].maximum?.double else {
                    return false
                }
                return maximum < low || minimum > high
            }
        }
        if tests.contains(.originInBox), isOutside(.originLongitude, .originLatitude) { return true }
        if tests.contains(.destinationInBox), isOutside(.destinationLongitude, .destinationLatitude) { return true }
        if tests.contains(.eitherInBox), isOutside(.originLongitude, .originLatitude),
            isOutside(.destinationLongitude, .destinationLatitude)
        {
            return true
        }
        return false
    }
}
