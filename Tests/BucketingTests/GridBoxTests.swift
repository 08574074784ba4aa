import Bucketing
import TestSupport
import Testing

/// Boxes on the grid against the definition: comparisons of doubles.
@Suite(.timeLimit(.minutes(10)))
struct GridBoxTests {
    private static let seed: UInt64 = 3

    /// How a box's edges are drawn.
    enum Kind: CaseIterable { case anything, city, tiny, onBorders, point, segment, atTheEnds }

    @Test("A block with a point of the box is never dropped, and an inside one has no other point", arguments: Kind.allCases)
    func blocksOfPoints(kind: Kind) {
        var generator = SeededGenerator(seed: Self.seed)
        for _ in 0..<600 {
            let box = Self.box(kind, using: &generator)
            let grid = GridBox(box)
            for _ in 0..<40 {
                let point = Self.point(near: box, using: &generator)
                let key = MortonKey.key(longitude: point.longitude, latitude: point.latitude)
                let block = MortonBlock(key: key, depth: .random(in: 0...60, using: &generator))
                let piece = grid.coverage(of: block)
                let context = "\(point) in \(box), \(block) (seed \(Self.seed))"
                if box.contains(longitude: point.longitude, latitude: point.latitude) { #expect(piece != nil, "\(context)") }
                if let piece, piece.longitudes {
                    #expect((box.minLongitude...box.maxLongitude).contains(point.longitude), "\(context)")
                }
                if let piece, piece.latitudes {
                    #expect((box.minLatitude...box.maxLatitude).contains(point.latitude), "\(context)")
                }
            }
        }
    }

    @Test(arguments: [1, 2, 3])
    func classifiesEachCellAsTheDefinitionDoes(precision: Int) {
        var generator = SeededGenerator(seed: Self.seed)
        for _ in 0..<[60, 30, 4][precision - 1] {
            let kind = Kind.allCases.randomElement(using: &generator) ?? .anything
            let box = Self.box(kind, using: &generator)
            let grid = GridBox(box)
            for bits in 0..<(1 << UInt64(5 * precision)) as Range<UInt64> {
                let cell = Geohash(bits: bits, precision: precision)
                let range = grid.coverage(of: MortonBlock(key: cell.keys.lowerBound, depth: 5 * precision))
                let (touches, isInside) = Self.classify(cell.bounds, box)
                let context = "\(cell) \(box) (seed \(Self.seed))"
                #expect((range != nil) == touches, "\(context)")
                #expect((range?.isInside ?? false) == isInside, "\(context)")
            }
        }
    }

    private func piece(_ keys: ClosedRange<UInt64>, _ box: BoundingBox) -> BoxCoverage? {
        let depth = (keys.lowerBound ^ keys.upperBound).leadingZeroBitCount - (64 - MortonKey.bitCount)
        return GridBox(box).coverage(of: MortonBlock(key: keys.lowerBound, depth: depth))
    }

    @Test func theWorldIsInsideItself() {
        #expect(piece(0...MortonKey.max, .world)?.isInside == true)
    }

    @Test func aCellItselfIsInsideOnlyIfNoDoubleOfItIsMissing() throws {
        let cell = try #require(Geohash("u2fkb"))
        var box = cell.bounds
        box.maxLongitude = box.maxLongitude.nextDown  // the border itself is the next cell's
        box.maxLatitude = box.maxLatitude.nextDown
        #expect(piece(cell.keys, box)?.isInside == true)
        box.maxLatitude = box.maxLatitude.nextDown
        #expect(piece(cell.keys, box)?.isInside == false)
    }

    @Test func theLastCellsHoldTheirUpperEnds() {
        let corner = BoundingBox(minLongitude: 135, minLatitude: 45, maxLongitude: 180, maxLatitude: 90)
        let cell = Geohash(bits: 31, precision: 1).keys
        #expect(piece(cell, corner)?.isInside == true)
        var short = corner
        short.maxLongitude = short.maxLongitude.nextDown
        #expect(piece(cell, short)?.isInside == false)
    }

    // MARK: Reference

    /// Whether a cell holds a point of the box, and whether all its points are in the box, from the largest doubles.
    private static func classify(_ cell: BoundingBox, _ box: BoundingBox) -> (touches: Bool, isInside: Bool) {
        var points = cell
        if points.maxLongitude < 180 { points.maxLongitude = points.maxLongitude.nextDown }
        if points.maxLatitude < 90 { points.maxLatitude = points.maxLatitude.nextDown }
        let touches =
            !points.isEmpty && !box.isEmpty
            && points.minLongitude <= box.maxLongitude && box.minLongitude <= points.maxLongitude
            && points.minLatitude <= box.maxLatitude && box.minLatitude <= points.maxLatitude
        return (touches, box.contains(points))
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
