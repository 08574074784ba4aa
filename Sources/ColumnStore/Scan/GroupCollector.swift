/// Groups of one worker on their way to be counted: a small table that stays in the cache, and parts that it is emptied into.
///
/// Groups that come again soon are added up in the table. Where nearly every trip is a group of its own the table fills, and
/// what it holds is put aside by a part of the hash; then each part is counted by one worker, in a table that is small again,
/// and no group is looked up outside the caches (partitioned aggregation, as in Müller et al., "Cache-Efficient Aggregation:
/// Hashing Is Sorting", SIGMOD 2015).
struct GroupCollector<Key: GroupKey>: Sendable {
    typealias Entry = GroupTable<Key>.Entry

    /// Parts that groups are put aside in; a power of two.
    static var partitionCount: Int { 64 }
    /// Groups that the table may hold: with their free places they fit into a second-level cache.
    private static var tableCountMax: Int { 8 << 10 }

    private var table = GroupTable<Key>(capacity: tableCountMax)
    /// By the high bits of the hash; a group may occur more than once.
    private(set) var partitions: [[Entry]] = []

    /// Adds trips to a group.
    @inline(__always)
    mutating func add(_ key: Key, _ trips: Int = 1) {
        table.add(key, trips)
        if _slowPath(table.count >= Self.tableCountMax) { putAside() }
    }

    /// Empties the table into the parts.
    @inline(never)
    mutating func putAside() {
        if partitions.isEmpty { partitions = Array(repeating: [], count: Self.partitionCount) }
        table.removeAll { key, trips in
            // The high bits choose the part, the low ones the place, so that parts fill their tables evenly.
            let part = Int(truncatingIfNeeded: key.mixed >> 48) & (Self.partitionCount - 1)
            partitions[part].append(Entry(key: key, count: trips))
        }
    }

    /// Calls `body` with each group and its trips; a group may come more than once.
    func forEach(_ body: (Key, Int) -> Void) {
        table.forEach(body)
        for part in partitions { for entry in part { body(entry.key, entry.count) } }
    }

    /// Where one worker had to put groups aside, all do, so that parts can be counted one by one.
    static func aligned(_ collectors: [Self]) -> [Self] {
        if collectors.allSatisfy(\.partitions.isEmpty) { return collectors }
        return collectors.map { collector in
            var collector = collector
            collector.putAside()
            return collector
        }
    }
}
