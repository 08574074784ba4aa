import Bucketing
import TestSupport
import Testing

/// Blocks against the keys that they consist of, and boxes in their steps against comparisons of doubles.
@Suite(.timeLimit(.minutes(10)))
struct MortonBlockTests {
    private static let seed: UInt64 = 17

    @Test("A block has the keys that share its first bits, and its halves share them out", arguments: 0...60)
    func keys(depth: Int) {
        var generator = SeededGenerator(seed: Self.seed)
        for _ in 0..<50 {
            let key = UInt64.random(in: 0...MortonKey.max, using: &generator)
            let rest = MortonKey.max >> UInt64(depth)
            let block = MortonBlock(key: key, depth: depth)
            #expect(block.key == key & ~rest && block.lastKey == key | rest, "\(key) (seed \(Self.seed))")
            guard depth < 60 else { continue }
            let middle = block.key | (rest >> 1 + 1)
            #expect(block.lowerHalf == MortonBlock(key: block.key, depth: depth + 1))
            #expect(block.upperHalf == MortonBlock(key: middle, depth: depth + 1))
        }
    }

    @Test(
        "A step inside the limits has points of the box only, and one outside has none",
        arguments: [0, 1, 7, 20, 33, 36, 37, 50, 60])
    func limits(depth: Int) {
        var generator = SeededGenerator(seed: Self.seed)
        for _ in 0..<400 {
            let (x, y) = (Double.random(in: -180...180, using: &generator), Double.random(in: -90...90, using: &generator))
            let block = MortonBlock(key: MortonKey.key(longitude: x, latitude: y), depth: depth)
            let keys = (0..<30).map { _ in UInt64.random(in: block.key...block.lastKey, using: &generator) }
            // Edges at points of the block, on borders of cells, and anywhere.
            let corners = keys.prefix(2).map { MortonKey.deinterleave($0) }
            let west = MortonKey.longitude(ofCell: min(corners[0].longitude, corners[1].longitude))
            let south = MortonKey.latitude(ofCell: min(corners[0].latitude, corners[1].latitude))
            let box = BoundingBox(
                minLongitude: [west, west.nextUp, -180].randomElement(using: &generator)!,
                minLatitude: [south, south.nextDown, -90].map { max($0, -90) }.randomElement(using: &generator)!,
                maxLongitude: MortonKey.longitude(ofCell: max(corners[0].longitude, corners[1].longitude)).nextUp,
                maxLatitude: MortonKey.latitude(ofCell: max(corners[0].latitude, corners[1].latitude) + 1))
            if box.isEmpty { continue }
            let limits = BlockLimits(GridBox(box), in: block)
            block.forEachStep(of: keys.span, 0..<keys.count) { index, stepX, stepY in
                #expect(stepX < 4096 && stepY < 4096)
                let cell = MortonKey.deinterleave(keys[index])
                let points = [0.0, 0.5].map { part in
                    (
                        MortonKey.longitude(ofCell: cell.longitude) + part * 1e-7,
                        MortonKey.latitude(ofCell: cell.latitude) + part * 1e-7
                    )
                }
                for (longitude, latitude) in points {
                    let isBetween = (box.minLongitude...box.maxLongitude).contains(longitude)
                    let (inside, touched) = (
                        limits.longitude.firstInside...max(limits.longitude.firstInside, limits.longitude.lastInside),
                        limits.longitude.firstTouched...max(limits.longitude.firstTouched, limits.longitude.lastTouched)
                    )
                    let isInside = limits.longitude.firstInside <= limits.longitude.lastInside && inside.contains(Int(stepX))
                    let isTouched =
                        limits.longitude.firstTouched <= limits.longitude.lastTouched && touched.contains(Int(stepX))
                    #expect(!isInside || isBetween, "\(box) \(block) \(longitude) (seed \(Self.seed))")
                    #expect(!isBetween || isTouched, "\(box) \(block) \(longitude) (seed \(Self.seed))")
                    let latitudes = limits.latitude
                    let isBetweenToo = (box.minLatitude...box.maxLatitude).contains(latitude)
                    #expect(
                        !(latitudes.firstInside...max(latitudes.firstInside, latitudes.lastInside)).contains(Int(stepY))
                            || latitudes.firstInside > latitudes.lastInside || isBetweenToo, "\(box) \(block) \(latitude)")
                    #expect(!isBetweenToo || (latitudes.firstTouched <= Int(stepY) && Int(stepY) <= latitudes.lastTouched))
                }
            }
        }
    }
}
