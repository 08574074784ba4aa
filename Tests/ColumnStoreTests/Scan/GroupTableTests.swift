import ColumnStore
import TestSupport
import Testing

/// Trips counted by group, as a dictionary counts them: in one table, and in a worker's table with its partitions.
@Suite(.timeLimit(.minutes(10)))
struct GroupTableTests {
    private static let layout = GroupKeyLayout(regionCount: 300, precision: 5, bucketCount: 24)

    private static func key(_ number: Int) -> PackedGroupKey {
        PackedGroupKey(
            layout, region: UInt64(number % 300), origin: UInt64(number / 7 % (1 << 25)), destination: UInt64(number % 999),
            bucket: UInt64(number % 24))
    }

    /// Groups with their trips, in the order in which they are added: some recur at once, some much later, some never.
    private static func additions(_ count: Int, groups: Int, _ random: inout SeededGenerator) -> [(
        key: PackedGroupKey, trips: Int
    )] {
        (0..<count).map { _ in
            (key(.random(in: 0..<groups, using: &random)), Int.random(in: 0..<16, using: &random) == 0 ? 5 : 1)
        }
    }

    private static func reference(_ additions: [(key: PackedGroupKey, trips: Int)]) -> [PackedGroupKey: Int] {
        additions.reduce(into: [:]) { $0[$1.key, default: 0] += $1.trips }
    }

    @Test("A table has each group once with all its trips, however often it grew", arguments: [1, 10, 600, 5000, 60_000])
    func counts(groups: Int) {
        var random = SeededGenerator(seed: UInt64(groups))
        let additions = Self.additions(groups * 3, groups: groups, &random)
        let expected = Self.reference(additions)
        var table = GroupTable<PackedGroupKey>()
        for (key, trips) in additions { table.add(key, trips) }
        var found: [PackedGroupKey: Int] = [:]
        table.forEach { key, trips in #expect(found.updateValue(trips, forKey: key) == nil) }
        #expect(found == expected)
        #expect(table.count == expected.count && table.tripCount == expected.values.reduce(0, +))
        for number in 0..<min(groups * 2, 2000) {
            #expect(table.contains(Self.key(number)) == (expected[Self.key(number)] != nil))
        }
        let sorted = expected.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
        for limit in [0, 1, 10, groups, groups * 2] {
            let first = table.first(limit)
            #expect(
                first.map(\.key) == sorted.prefix(limit).map(\.key) && first.map(\.count) == sorted.prefix(limit).map(\.value))
        }
    }

    @Test("A table that is emptied has nothing, and is used again")
    func emptied() {
        var random = SeededGenerator(seed: 9)
        var table = GroupTable<PackedGroupKey>()
        for round in 0..<3 {
            let additions = Self.additions(4000, groups: 700, &random)
            for (key, trips) in additions { table.add(key, trips) }
            var found: [PackedGroupKey: Int] = [:]
            table.removeAll { found[$0] = $1 }
            #expect(found == Self.reference(additions), "round \(round)")
            #expect(table.count == 0 && table.tripCount == 0 && table.first(10).isEmpty)
            #expect(!table.contains(additions[0].key))
        }
    }

    /// Few groups stay in the table; many are partitioned; with nearly as many groups as trips, trips bypass the table, and
    /// after a quarter of a million come back to it.
    @Test(
        "A collector has the trips of each group, whichever way they took",
        arguments: [(100, 5000), (20_000, 200_000), (1_000_000, 30_000), (1_000_000, 400_000)])
    func collected(groups: Int, trips: Int) {
        var random = SeededGenerator(seed: UInt64(groups + trips))
        let additions = Self.additions(trips, groups: groups, &random)
        var collector = GroupCollector<PackedGroupKey>()
        for (key, trips) in additions { collector.add(key, trips) }
        var found: [PackedGroupKey: Int] = [:]
        collector.forEach { found[$0, default: 0] += $1 }
        #expect(found == Self.reference(additions))
        #expect(collector.parts.isEmpty == (groups == 100))
    }

    @Test("Once one worker has partitioned its groups, all have, and a group is in one partition of all of them")
    func aligned() {
        var random = SeededGenerator(seed: 4)
        let work = [(100, 50), (30_000, 90_000), (500, 5000), (1, 0)].map { groups, trips in
            Self.additions(trips, groups: groups, &random)
        }
        var collectors = work.map { additions in
            additions.reduce(into: GroupCollector<PackedGroupKey>()) { $0.add($1.key, $1.trips) }
        }
        #expect(collectors.map(\.parts.isEmpty) == [true, false, true, true])
        GroupCollector.align(&collectors)
        #expect(collectors.allSatisfy { $0.parts.count == GroupCollector<PackedGroupKey>.partCount })
        var found: [PackedGroupKey: Int] = [:]
        var homes: [PackedGroupKey: Int] = [:]
        for collector in collectors {
            for (number, part) in collector.parts.enumerated() {
                part.forEach { key, trips in
                    found[key, default: 0] += trips
                    #expect(homes.updateValue(number, forKey: key) ?? number == number)
                }
            }
        }
        #expect(found == Self.reference(Array(work.joined())))
    }

    @Test("Workers with few groups each are left as they are")
    func unaligned() {
        var collectors = (0..<2).map { _ in GroupCollector<PackedGroupKey>() }
        for number in 0..<50 { collectors[number % 2].add(Self.key(number)) }
        GroupCollector.align(&collectors)
        #expect(collectors.allSatisfy { $0.parts.isEmpty })
    }
}
