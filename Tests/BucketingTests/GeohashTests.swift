import Bucketing
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct GeohashTests {
    private static let seed: UInt64 = 2

    @Test(
        arguments: [
            (-5.6, 42.6, 5, "ezs42"), (10.40744, 57.64911, 11, "u4pruydqqvj"), (0.0, 0.0, 1, "s"), (-1e-20, -1e-20, 4, "7zzz"),
            (180.0, 90.0, 12, "zzzzzzzzzzzz"), (-180.0, -90.0, 12, "000000000000"),
        ] as [(Double, Double, Int, String)])
    func knownPoints(longitude: Double, latitude: Double, precision: Int, text: String) {
        #expect(Geohash(longitude: longitude, latitude: latitude, precision: precision).text == text)
    }

    @Test func pygeohashAgrees() throws {
        let rows = try Fixture.rows("geohash_pygeohash.csv")
        #expect(rows.count > 2000)
        for row in rows {
            let longitude = try #require(Double(row[0]))
            let latitude = try #require(Double(row[1]))
            let precision = try #require(Int(row[2]))
            #expect(Geohash(longitude: longitude, latitude: latitude, precision: precision).text == row[3], "\(row)")
        }
    }

    @Test func textEqualsBisectionAndReadsBack() {
        var generator = SeededGenerator(seed: Self.seed)
        for _ in 0..<20_000 {
            let longitude = HardCoordinate.random(end: 180, using: &generator)
            let latitude = HardCoordinate.random(end: 90, using: &generator)
            let precision = Int.random(in: Geohash.precisions, using: &generator)
            let geohash = Geohash(longitude: longitude, latitude: latitude, precision: precision)
            let expected = ReferenceGeohash.text(longitude: longitude, latitude: latitude, precision: precision)
            #expect(geohash.text == expected, "\(longitude) \(latitude) \(precision) (seed \(Self.seed))")
            #expect(Geohash(geohash.text) == geohash)
        }
    }

    @Test(arguments: ["", "a", "i", "l", "o", "U", "u2 kb", "u-", "0000000000000", "é", "u\u{301}", "{", "`", ":"])
    func otherTextsAreRefused(text: String) {
        #expect(Geohash(text) == nil)
    }

    @Test func boundsHoldExactlyThePointsOfTheCell() {
        var generator = SeededGenerator(seed: Self.seed)
        for _ in 0..<20_000 {
            let precision = Int.random(in: Geohash.precisions, using: &generator)
            let bits = UInt64.random(in: 0..<(1 << UInt64(5 * precision)), using: &generator)
            let cell = Geohash(bits: bits, precision: precision)
            let bounds = cell.bounds
            func isInCell(_ longitude: Double, _ latitude: Double) -> Bool {
                Geohash(longitude: longitude, latitude: latitude, precision: precision) == cell
            }
            #expect(isInCell(bounds.minLongitude, bounds.minLatitude), "\(cell) (seed \(Self.seed))")
            #expect(isInCell(bounds.maxLongitude.nextDown, bounds.maxLatitude.nextDown), "\(cell) (seed \(Self.seed))")
            #expect(
                bounds.minLongitude == -180 || !isInCell(bounds.minLongitude.nextDown, bounds.minLatitude),
                "\(cell) (seed \(Self.seed))")
            #expect(
                bounds.minLatitude == -90 || !isInCell(bounds.minLongitude, bounds.minLatitude.nextDown),
                "\(cell) (seed \(Self.seed))")
            #expect(
                isInCell(bounds.maxLongitude, bounds.minLatitude) == (bounds.maxLongitude == 180), "\(cell) (seed \(Self.seed))"
            )
            #expect(
                isInCell(bounds.minLongitude, bounds.maxLatitude) == (bounds.maxLatitude == 90), "\(cell) (seed \(Self.seed))")
        }
    }

    @Test func oddPrecisionsAreAsWideInCellsAsTheyAreHigh() throws {
        let one = try #require(Geohash("s")).bounds
        #expect(one == BoundingBox(minLongitude: 0, minLatitude: 0, maxLongitude: 45, maxLatitude: 45))
        let two = try #require(Geohash("s0")).bounds
        #expect(two == BoundingBox(minLongitude: 0, minLatitude: 0, maxLongitude: 11.25, maxLatitude: 5.625))
    }

    @Test func keysOfACellAreThoseWithItsPrefix() throws {
        let cell = try #require(Geohash("u2fkb"))
        #expect(Geohash.prefix(of: cell.keys.lowerBound, precision: 5) == cell.bits)
        #expect(Geohash.prefix(of: cell.keys.upperBound, precision: 5) == cell.bits)
        #expect(Geohash.prefix(of: cell.keys.lowerBound - 1, precision: 5) == cell.bits - 1)
        #expect(Geohash.prefix(of: cell.keys.upperBound + 1, precision: 5) == cell.bits + 1)
        #expect(cell.keys.count == 1 << 35)
        #expect(Geohash(bits: 5, precision: 12).keys == 5...5)
    }

    @Test func orderIsThatOfTheTexts() {
        var generator = SeededGenerator(seed: Self.seed)
        var cells: [Geohash] = []
        for _ in 0..<2000 {
            let precision = Int.random(in: Geohash.precisions, using: &generator)
            cells.append(
                Geohash(bits: UInt64.random(in: 0..<(1 << UInt64(5 * precision)), using: &generator), precision: precision))
            cells.append(Geohash(bits: 0, precision: precision))
        }
        #expect(cells.sorted().map(\.text) == cells.map(\.text).sorted())
    }
}
