import Bucketing
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct MortonKeyTests {
    private static let seed: UInt64 = 1

    @Test func keyEqualsBisectionOnHardAndRandomPoints() {
        var generator = SeededGenerator(seed: Self.seed)
        for _ in 0..<200_000 {
            let longitude = HardCoordinate.random(end: 180, using: &generator)
            let latitude = HardCoordinate.random(end: 90, using: &generator)
            let key = MortonKey.key(longitude: longitude, latitude: latitude)
            let expected = ReferenceGeohash.bits(longitude: longitude, latitude: latitude, count: 60)
            guard key == expected else {
                Issue.record("\(longitude) \(latitude): \(key), not \(expected) (seed \(Self.seed))")
                return
            }
        }
    }

    @Test func keyEqualsBisectionOnEveryPairOfConstants() {
        for longitude in HardCoordinate.constants(end: 180) {
            for latitude in HardCoordinate.constants(end: 90) {
                let key = MortonKey.key(longitude: longitude, latitude: latitude)
                let expected = ReferenceGeohash.bits(longitude: longitude, latitude: latitude, count: 60)
                #expect(key == expected, "\(longitude) \(latitude)")
            }
        }
    }

    @Test func longitudeIsTheFirstBit() {
        #expect(MortonKey.key(longitude: 0, latitude: -1) >> 58 == 0b10)
        #expect(MortonKey.key(longitude: -1, latitude: 0) >> 58 == 0b01)
    }

    @Test(
        arguments: [
            (180.0, MortonKey.cellMax), (180.0.nextDown, MortonKey.cellMax), (-180.0, 0), (0.0, 1 << 29), (-0.0, 1 << 29),
            (-1e-20, (1 << 29) - 1), (.leastNonzeroMagnitude, 1 << 29), (Double.infinity, MortonKey.cellMax),
            (-Double.infinity, 0),
            (1e300, MortonKey.cellMax), (Double.nan, MortonKey.cellMax),
        ] as [(Double, UInt32)])
    func longitudeHasCell(longitude: Double, cell: UInt32) {
        #expect(MortonKey.quantize(longitude: longitude) == cell)
    }

    @Test func bordersAreExactAndBelongToTheirCell() {
        var generator = SeededGenerator(seed: Self.seed)
        for _ in 0..<20_000 {
            let cell = UInt32.random(in: 1...MortonKey.cellMax, using: &generator)
            let longitude = MortonKey.longitude(ofCell: cell)
            let latitude = MortonKey.latitude(ofCell: cell)
            #expect(longitude == 2 * latitude, "cell \(cell) (seed \(Self.seed))")
            #expect(MortonKey.quantize(longitude: longitude) == cell, "cell \(cell) (seed \(Self.seed))")
            #expect(MortonKey.quantize(longitude: longitude.nextDown) == cell - 1, "cell \(cell) (seed \(Self.seed))")
            #expect(MortonKey.quantize(latitude: latitude) == cell, "cell \(cell) (seed \(Self.seed))")
            #expect(MortonKey.quantize(latitude: latitude.nextDown) == cell - 1, "cell \(cell) (seed \(Self.seed))")
        }
        #expect(MortonKey.longitude(ofCell: 1 << 30) == 180 && MortonKey.latitude(ofCell: 1 << 30) == 90)
    }

    @Test func deinterleaveReversesInterleave() {
        var generator = SeededGenerator(seed: Self.seed)
        for _ in 0..<20_000 {
            let key = UInt64.random(in: 0...MortonKey.max, using: &generator)
            let cells = MortonKey.deinterleave(key)
            #expect(MortonKey.interleave(longitude: cells.longitude, latitude: cells.latitude) == key, "seed \(Self.seed)")
        }
        #expect(MortonKey.interleave(longitude: 1, latitude: 0) == 2)
        #expect(MortonKey.interleave(longitude: MortonKey.cellMax, latitude: MortonKey.cellMax) == MortonKey.max)
    }
}

extension MortonKey {
    /// The largest cell index of an axis.
    fileprivate static var cellMax: UInt32 { (1 << 30) - 1 }
}
