import ColumnStore
import TestSupport
import Testing

/// Keys of groups: their parts come back, and they compare as their parts do.
@Suite(.timeLimit(.minutes(10)))
struct GroupKeyTests {
    private struct Parts: Comparable {
        var values: [UInt64]
        static func < (left: Self, right: Self) -> Bool { left.values.lexicographicallyPrecedes(right.values) }
    }

    /// Random parts, often the least or the greatest of their size.
    private static func parts(
        regionCount: Int, precision: Int, bucketCount: UInt64, _ random: inout SeededGenerator
    ) -> Parts {
        func value(_ last: UInt64, _ random: inout SeededGenerator) -> UInt64 {
            [0, last, .random(in: 0...last, using: &random)].randomElement(using: &random)!
        }
        let cell = UInt64(1) << UInt64(5 * precision) - 1
        return Parts(values: [
            value(UInt64(regionCount - 1), &random), value(cell, &random), value(cell, &random),
            value(bucketCount - 1, &random),
        ])
    }

    private static func check<Key: GroupKey>(_ type: Key.Type, _ regionCount: Int, _ precision: Int, _ bucketCount: UInt64) {
        var random = SeededGenerator(seed: UInt64(regionCount + precision))
        let layout = GroupKeyLayout(regionCount: regionCount, precision: precision, bucketCount: bucketCount)
        let all = (0..<60).map { _ in
            parts(regionCount: regionCount, precision: precision, bucketCount: bucketCount, &random)
        }
        let keys = all.map {
            Key(layout, region: $0.values[0], origin: $0.values[1], destination: $0.values[2], bucket: $0.values[3])
        }
        for (left, key) in zip(all, keys) {
            let found = key.parts(layout)
            #expect([found.region, found.origin, found.destination, found.bucket] == left.values, "\(type) of \(layout)")
            for (right, other) in zip(all, keys) {
                #expect((key < other) == (left < right), "\(type): \(left.values) < \(right.values)")
                #expect((key == other) == (left == right), "\(type): \(left.values) == \(right.values)")
                if left == right { #expect(key.mixed == other.mixed) }
            }
        }
    }

    /// The smallest key that fits, and every larger one.
    @Test(
        "Every key that is large enough keeps parts of any size",
        arguments: [
            (regions: 1, precision: 1, buckets: 1, words: 1), (300, 5, 24, 1), (512, 5, 32, 1), (513, 5, 24, 2), (1, 6, 16, 1),
            (1, 6, 17, 2), (300, 6, 24, 2), (1 << 14, 10, 1 << 14, 2), (1 << 15, 10, 24, 3), (16, 12, 16, 2), (17, 12, 16, 3),
            (16, 12, 1 << 40, 3), (300, 12, 1440, 3),
        ] as [(regions: Int, precision: Int, buckets: UInt64, words: Int)])
    func roundTrip(regions: Int, precision: Int, buckets: UInt64, words: Int) {
        let layout = GroupKeyLayout(regionCount: regions, precision: precision, bucketCount: buckets)
        #expect(layout.isPackable == (words == 1) && layout.isDoublePackable == (words <= 2), "\(layout)")
        if words == 1 { Self.check(PackedGroupKey.self, regions, precision, buckets) }
        if words <= 2 { Self.check(DoublePackedGroupKey.self, regions, precision, buckets) }
        Self.check(WideGroupKey.self, regions, precision, buckets)
    }

    @Test("Neighboring keys differ in the bits that choose a slot and in those that choose a partition")
    func mixing() {
        let layout = GroupKeyLayout(regionCount: 1, precision: 6, bucketCount: 16)
        let bits = (0..<4096 as Range<UInt64>).map {
            PackedGroupKey(layout, region: 0, origin: 7, destination: $0 >> 4, bucket: $0 & 15).mixed
        }
        // 4096 balls in 1024 bins: none is empty by chance more often than once in 50, and none has thirty.
        for shift in [0, 48] as [UInt64] {
            let bins = Dictionary(grouping: bits) { $0 >> shift & 1023 }.mapValues(\.count)
            #expect(bins.count > 980 && bins.values.max()! < 20)
        }
    }
}
