/// Groups of one worker that wait to be counted: a small table that stays in the cache, and partitions that it is emptied into.
///
/// Groups that recur soon are summed in the table. If nearly every trip is a group of its own, the table fills, and its
/// contents are partitioned by some bits of the hash; then each partition is counted by one worker, in a table that is small
/// again, and no group is looked up outside the caches (partitioned aggregation, as in Müller et al., "Cache-Efficient
/// Aggregation: Hashing Is Sorting", SIGMOD 2015). As there, trips bypass a table that aggregates little, and the table is
/// tried again later.
package struct GroupCollector<Key: GroupKey>: Sendable {
    typealias Entry = GroupTable<Key>.Entry

    /// A partition: groups with the same bits of the hash; one may occur more than once.
    package struct Part: Sendable {
        /// Groups of one trip each.
        fileprivate var singles: [Key] = []
        fileprivate var groups: [Entry] = []

        var count: Int { singles.count + groups.count }

        /// Calls `body` with each group and its trips.
        @inline(__always)
        package func forEach(_ body: (Key, Int) -> Void) {
            for key in singles { body(key, 1) }
            for entry in groups { body(entry.key, entry.count) }
        }
    }

    /// Count of partitions; a power of two.
    package static var partCount: Int { 64 }
    /// Groups that the table may have: with the free slots they fit into a second-level cache.
    private static var tableCountMax: Int { 8 << 10 }
    /// Trips that bypass a table that aggregated little.
    private static var bypassCount: Int { 256 << 10 }
    private var table = GroupTable<Key>(capacity: tableCountMax)
    private var aside = Parts()
    /// Trips that still bypass the table.
    private var bypassLeft = 0

    /// Makes a collector without groups.
    package init() {}

    /// Adds trips to a group.
    @inline(__always)
    package mutating func add(_ key: Key, _ trips: Int = 1) {
        if trips == 1, bypassLeft > 0 {
            bypassLeft &-= 1
            return aside.add(key)
        }
        table.add(key, trips)
        if _slowPath(table.count >= Self.tableCountMax) { emptyTable() }
    }

    /// The partitions; empty, or as many as `partCount`.
    package var parts: [Part] { aside.parts }

    /// Empties the table into the partitions.
    @inline(never)
    private mutating func emptyTable() {
        // Fewer than three trips for two groups: the table is a detour.
        if table.tripCount * 2 < table.count * 3 { bypassLeft = Self.bypassCount }
        var aside = exchange(&self.aside, with: Parts())
        if aside.parts.isEmpty { aside = Parts(count: Self.partCount) }
        table.removeAll { aside.add($0, $1) }
        self.aside = aside
    }

    /// Calls `body` with each group and its trips; a group may come more than once.
    package func forEach(_ body: (Key, Int) -> Void) {
        table.forEach(body)
        var aside = aside
        aside.flush()
        for part in aside.parts { part.forEach(body) }
    }

    /// If one worker had to partition its groups, all do so completely, so that partitions can be counted one by one.
    package static func align(_ collectors: inout [Self]) {
        if collectors.allSatisfy({ $0.parts.isEmpty }) { return }
        for position in collectors.indices {
            collectors[position].emptyTable()
            collectors[position].aside.flush()
        }
    }

    /// The partitions and, for each, the next few keys, so that its array is touched once for several cache lines.
    private struct Parts: Sendable {
        private static var stageCount: Int { 32 }

        private(set) var parts: [Part] = []
        private var stage: [Key] = []
        private var stagedCounts: [Int] = []

        init() {}

        init(count: Int) {
            parts = Array(repeating: Part(), count: count)
            stage = Array(repeating: GroupTable<Key>.emptyKey, count: count * Self.stageCount)
            stagedCounts = Array(repeating: 0, count: count)
        }

        // The high bits choose the partition, the low ones the slot, so that partitions fill their tables evenly.
        @inline(__always)
        private func part(of key: Key) -> Int { Int(truncatingIfNeeded: key.mixed >> 48) & (parts.count &- 1) }

        @inline(__always)
        mutating func add(_ key: Key) {
            let part = part(of: key)
            let position = stagedCounts[part]
            stage[part &* Self.stageCount &+ position] = key
            stagedCounts[part] = position &+ 1
            if _slowPath(position &+ 1 == Self.stageCount) { flush(part) }
        }

        @inline(__always)
        mutating func add(_ key: Key, _ trips: Int) {
            if trips == 1 { add(key) } else { parts[part(of: key)].groups.append(Entry(key: key, count: trips)) }
        }

        /// Moves all keys to their partitions.
        mutating func flush() { for part in parts.indices { flush(part) } }

        @inline(never)
        private mutating func flush(_ part: Int) {
            let start = part * Self.stageCount
            parts[part].singles.append(contentsOf: stage[start..<start + stagedCounts[part]])
            stagedCounts[part] = 0
        }
    }
}
