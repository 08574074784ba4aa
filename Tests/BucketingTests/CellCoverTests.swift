import Bucketing
import TestSupport
import Testing

struct CellCoverTests {
    private static let seed: UInt64 = 3

    /// How a box's edges are drawn.
    enum Kind: CaseIterable { case anything, city, tiny, onBorders, point, segment, atTheEnds }

    @Test(arguments: Kind.allCases)
    func coversHoldTheBoxAndInsideRangesAreInIt(kind: Kind) {
        var generator = SeededGenerator(seed: Self.seed)
        for _ in 0..<600 {
            let box = Self.box(kind, using: &generator)
            let precision = Int.random(in: Geohash.precisions, using: &generator)
            let rangeCountMax = [1, 2, 7, 64, 500].randomElement(using: &generator) ?? 64
            let ranges = CellCover.ranges(of: box, precision: precision, rangeCountMax: rangeCountMax)
            let context = "\(box) precision \(precision) at most \(rangeCountMax) (seed \(Self.seed))"
            #expect(Self.isWellFormed(ranges) && ranges.count <= rangeCountMax, "\(context)")
            for _ in 0..<40 {
                let point = Self.point(near: box, using: &generator)
                let range = Self.range(holding: MortonKey.key(longitude: point.longitude, latitude: point.latitude), in: ranges)
                if box.contains(longitude: point.longitude, latitude: point.latitude) {
                    #expect(range != nil, "\(point) is in \(context)")
                } else {
                    #expect(range?.isInside != true, "\(point) is outside \(context)")
                }
            }
            for range in ranges where range.isInside { Self.expectInside(range, box, context) }
        }
    }

    @Test(arguments: [1, 2, 3])
    func classifiesEachCellAsTheDefinitionDoes(precision: Int) {
        var generator = SeededGenerator(seed: Self.seed)
        for _ in 0..<[60, 30, 4][precision - 1] {
            let kind = Kind.allCases.randomElement(using: &generator) ?? .anything
            let box = Self.box(kind, using: &generator)
            let ranges = CellCover.ranges(of: box, precision: precision, rangeCountMax: .max)
            for bits in 0..<(1 << UInt64(5 * precision)) as Range<UInt64> {
                let cell = Geohash(bits: bits, precision: precision)
                let range = Self.range(holding: cell.keys.lowerBound, in: ranges)
                let (touches, isInside) = Self.classify(cell.bounds, box)
                let context = "\(cell) \(box) (seed \(Self.seed))"
                #expect((range != nil) == touches, "\(context)")
                #expect((range?.isInside ?? false) == isInside, "\(context)")
                #expect(range == nil || (range!.upper >= cell.keys.upperBound), "\(context)")
            }
        }
    }

    @Test func theWorldIsOneRange() {
        #expect(
            CellCover.ranges(of: .world, precision: 6, rangeCountMax: 100) == [
                CellRange(lower: 0, upper: MortonKey.max, isInside: true)
            ])
    }

    @Test func aCellItselfIsInsideOnlyIfNoDoubleOfItIsMissing() throws {
        let cell = try #require(Geohash("u2fkb"))
        var box = cell.bounds
        box.maxLongitude = box.maxLongitude.nextDown  // the border itself is the next cell's
        box.maxLatitude = box.maxLatitude.nextDown
        let whole = CellRange(lower: cell.keys.lowerBound, upper: cell.keys.upperBound, isInside: true)
        #expect(CellCover.ranges(of: box, precision: 5, rangeCountMax: 10) == [whole])
        box.maxLatitude = box.maxLatitude.nextDown
        let edge = CellRange(lower: whole.lower, upper: whole.upper, isInside: false)
        #expect(CellCover.ranges(of: box, precision: 5, rangeCountMax: 10) == [edge])
    }

    @Test func theLastCellsHoldTheirUpperEnds() {
        let corner = BoundingBox(minLongitude: 135, minLatitude: 45, maxLongitude: 180, maxLatitude: 90)
        let cell = Geohash(bits: 31, precision: 1).keys
        let inside = [CellRange(lower: cell.lowerBound, upper: cell.upperBound, isInside: true)]
        #expect(CellCover.ranges(of: corner, precision: 1, rangeCountMax: 10) == inside)
        var short = corner
        short.maxLongitude = short.maxLongitude.nextDown
        #expect(CellCover.ranges(of: short, precision: 1, rangeCountMax: 10).map(\.isInside) == [false])
    }

    @Test func emptyBoxesHaveNoCells() {
        let inverted = BoundingBox(minLongitude: 1, minLatitude: 0, maxLongitude: 0, maxLatitude: 1)
        #expect(CellCover.ranges(of: inverted, precision: 5, rangeCountMax: 10).isEmpty)
    }

    @Test func moreRangesLeaveLessOnTheEdge() {
        let city = BoundingBox(minLongitude: 14.22, minLatitude: 49.94, maxLongitude: 14.71, maxLatitude: 50.18)
        var edgeSizes: [UInt64] = []
        for rangeCountMax in [1, 10, 100, 1000] {
            let ranges = CellCover.ranges(of: city, precision: 12, rangeCountMax: rangeCountMax)
            edgeSizes.append(ranges.reduce(0) { $1.isInside ? $0 : $0 + ($1.upper - $1.lower) })
        }
        #expect(edgeSizes == edgeSizes.sorted(by: >) && Set(edgeSizes).count == edgeSizes.count, "\(edgeSizes)")
    }

    // MARK: Reference

    /// Whether a cell holds a point of the box, and whether all its points are in the box, from the largest doubles.
    private static func classify(_ cell: BoundingBox, _ box: BoundingBox) -> (touches: Bool, isInside: Bool) {
        var points = cell
        if points.maxLongitude < 180 { points.maxLongitude = points.maxLongitude.nextDown }
        if points.maxLatitude < 90 { points.maxLatitude = points.maxLatitude.nextDown }
        return (points.intersects(box), box.contains(points))
    }

    /// Corners of the range's cells by halving it into whole cells would be slow; its first, last and random keys will do.
    private static func expectInside(_ range: CellRange, _ box: BoundingBox, _ context: String) {
        for key in [range.lower, range.upper, range.lower + (range.upper - range.lower) / 3] {
            let cell = Geohash(bits: key, precision: 12).bounds
            #expect(classify(cell, box).isInside, "key \(key) of \(range) in \(context)")
        }
    }

    private static func isWellFormed(_ ranges: [CellRange]) -> Bool {
        for (a, b) in zip(ranges, ranges.dropFirst()) {
            if a.upper >= b.lower || (a.upper + 1 == b.lower && a.isInside == b.isInside) { return false }
        }
        return ranges.allSatisfy { $0.lower <= $0.upper && $0.upper <= MortonKey.max } && !ranges.isEmpty
    }

    private static func range(holding key: UInt64, in ranges: [CellRange]) -> CellRange? {
        ranges.first { $0.lower <= key && key <= $0.upper }
    }

    private static func box(_ kind: Kind, using generator: inout SeededGenerator) -> BoundingBox {
        let longitudes = edges(kind, end: 180, using: &generator)
        let latitudes = edges(kind == .segment ? .city : kind, end: 90, using: &generator)
        return BoundingBox(
            minLongitude: longitudes.0, minLatitude: latitudes.0, maxLongitude: longitudes.1, maxLatitude: latitudes.1)
    }

    private static func edges(_ kind: Kind, end: Double, using generator: inout SeededGenerator) -> (Double, Double) {
        let a: Double
        let b: Double
        switch kind {
        case .anything: (a, b) = (.random(in: -end...end, using: &generator), .random(in: -end...end, using: &generator))
        case .city:
            a = .random(in: -end...end, using: &generator)
            b = a + .random(in: 0.01...0.5, using: &generator)
        case .tiny:
            a = .random(in: -end...end, using: &generator)
            b = a + .random(in: 0...1e-6, using: &generator)
        case .onBorders:
            (a, b) = (HardCoordinate.random(end: end, using: &generator), HardCoordinate.random(end: end, using: &generator))
        case .point, .segment:
            a = HardCoordinate.random(end: end, using: &generator)
            b = a
        case .atTheEnds:
            (a, b) = ([-end, end].randomElement(using: &generator) ?? end, HardCoordinate.random(end: end, using: &generator))
        }
        return (min(a, b), min(max(a, b), end))
    }

    /// A point in the box, or one that is on or just beyond an edge of it.
    private static func point(
        near box: BoundingBox, using generator: inout SeededGenerator
    ) -> (longitude: Double, latitude: Double) {
        func coordinate(_ low: Double, _ high: Double, _ end: Double) -> Double {
            let value =
                switch Int.random(in: 0..<8, using: &generator) {
                case 0: low
                case 1: high
                case 2: low.nextDown
                case 3: high.nextUp
                default: Double.random(in: low...high, using: &generator)
                }
            return min(max(value, -end), end)
        }
        return (coordinate(box.minLongitude, box.maxLongitude, 180), coordinate(box.minLatitude, box.maxLatitude, 90))
    }
}
