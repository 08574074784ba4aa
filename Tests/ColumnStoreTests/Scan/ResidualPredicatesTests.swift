import Bucketing
import ColumnStore
import TestSupport
import Testing
import TripModel

/// Rows of a page that pass the residual predicates are those whose plain values pass them.
@Suite(.timeLimit(.minutes(10)))
struct ResidualPredicatesTests {
    private let folder = TemporaryDirectory()
    private let pool = WorkerPool(threadCount: 2)

    /// Random predicates with values of some row, in the codes of a segment.
    private static func predicates(
        _ trips: SortedTrips, _ random: inout SeededGenerator
    ) -> (tests: ResidualPredicates, values: PredicateValues) {
        let row = Int.random(in: 0..<trips.count, using: &random)
        var values = PredicateValues()
        values.region = Bool.random(using: &random) ? trips.region[row] : .random(in: 0...9, using: &random)
        values.datasource = trips.datasource[row]
        values.from = Bool.random(using: &random) ? trips.time[row] : .min
        values.to = Bool.random(using: &random) ? trips.time[row] + 86_400_000_000 : .max
        let reach = [0, 0.01, 0.2, 30, 360].randomElement(using: &random)!
        values.box = BoundingBox(
            minLongitude: max(-180, trips.originLongitude[row] - reach),
            minLatitude: max(-90, trips.originLatitude[row] - reach),
            maxLongitude: min(180, trips.originLongitude[row] + reach), maxLatitude: min(90, trips.originLatitude[row] + reach))
        // Far from all trips: a page says so without its rows.
        if Int.random(in: 0..<6, using: &random) == 0 {
            values.box = BoundingBox(minLongitude: 100, minLatitude: 10, maxLongitude: 101, maxLatitude: 11)
        }
        // Few at a time, as together they rarely leave a row.
        var tests: ResidualPredicates = []
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            tests.insert(ResidualPredicates(rawValue: 1 << UInt8.random(in: 0..<7, using: &random)))
        }
        return (tests, values)
    }

    /// What each predicate says of a row, in plain words.
    private static func passes(_ trips: SortedTrips, _ row: Int, _ tests: ResidualPredicates, _ values: PredicateValues) -> Bool
    {
        let box = values.box
        let (x, y) = (trips.originLongitude[row], trips.originLatitude[row])
        let (u, v) = (trips.destinationLongitude[row], trips.destinationLatitude[row])
        func isIn(_ longitude: Double, _ latitude: Double) -> Bool {
            box.minLongitude <= longitude && longitude <= box.maxLongitude && box.minLatitude <= latitude
                && latitude <= box.maxLatitude
        }
        let found: [(ResidualPredicates, Bool)] = [
            (.region, trips.region[row] == values.region), (.datasource, trips.datasource[row] == values.datasource),
            (.time, values.from <= trips.time[row] && trips.time[row] < values.to),
            (.originLongitude, box.minLongitude <= x && x <= box.maxLongitude),
            (.originLatitude, box.minLatitude <= y && y <= box.maxLatitude), (.destinationInBox, isIn(u, v)),
            (.eitherInBox, isIn(x, y) || isIn(u, v)),
        ]
        return found.allSatisfy { !tests.contains($0.0) || $0.1 }
    }

    @Test("The mask of a page is that of the plain values, whichever pages were loaded before", arguments: [UInt64(1), 2, 3])
    func selects(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        // Without the far corners of the world, which would be in every page.
        let near = RandomTrips.trips(60_000, using: &random).filter {
            abs($0.originLongitude) < 90 && abs($0.destinationLongitude) < 90
        }
        let batches = RandomTrips.batches(near, size: 9000)
        _ = try SegmentWriter.write(
            try RowSorter.sort(batches, job: 1, on: pool), directory: folder.path, name: "a.parquet", on: pool)
        let segment = try SegmentReader(path: folder.path + "/a.parquet")
        let trips = try segment.readTrips()
        #expect(trips.regions == segment.index.regions && segment.pages.count > 2)
        let buffers = PageBuffers()
        var kinds: Set<String> = []
        for _ in 0..<600 {
            let page = Int.random(in: 0..<segment.pages.count, using: &random)
            let rows = segment.pages[page].rows
            let start = Int.random(in: 0..<rows.count, using: &random)
            let count = min(rows.count - start, [1, 100, 2000, 8192].randomElement(using: &random)!)
            let (tests, values) = Self.predicates(trips, &random)
            let selection = try buffers.select(
                start..<start + count, ofPage: page, of: segment, tests: tests, values: values)
            let expected = (rows.lowerBound + start..<rows.lowerBound + start + count).map {
                Self.passes(trips, $0, tests, values) ? 1 : 0 as UInt8
            }
            let what = "seed \(seed), page \(page), rows \(start)..<\(start + count), \(tests) with \(values)"
            switch selection {
            case .all: #expect(!expected.contains(0), "all of \(what)")
            case .none: #expect(!expected.contains(1), "none of \(what)")
            case .masked: #expect(buffers.mask == expected, "\(what)")
            }
            #expect(buffers.takeMetrics().rowsTested == (selection == .masked ? count : 0))
            kinds.insert("\(selection)")
        }
        #expect(kinds == ["all", "none", "masked"], "the test meets every kind of selection")
    }
}
