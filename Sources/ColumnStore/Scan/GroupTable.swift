/// Trips counted by group: open addressing with linear probing, keys and counts in arrays of their own.
package struct GroupTable<Key: GroupKey>: Sendable {
    /// One group and its trips.
    package struct Entry: RankedEntry, Hashable, Sendable {
        package var key: Key
        package var count: Int

        /// Compares in the order of an answer: more trips first, then by key.
        @inline(__always)
        package static func precedes(_ left: Entry, _ right: Entry) -> Bool {
            left.count != right.count ? left.count > right.count : left.key < right.key
        }
    }

    private var keys: [Key]
    /// 0 marks a free slot.
    private var counts: [Int]
    private var mask: Int
    /// Count of groups.
    package private(set) var count = 0

    static var emptyKey: Key {
        Key(GroupKeyLayout(regionCount: 1, precision: 1, bucketCount: 1), region: 0, origin: 0, destination: 0, bucket: 0)
    }

    /// Makes a table that has room for some groups before it grows.
    package init(capacity: Int = 1 << 10) {
        var size = 1 << 10
        while size < capacity * 2 { size <<= 1 }
        keys = Array(repeating: Self.emptyKey, count: size)
        counts = Array(repeating: 0, count: size)
        mask = size - 1
    }

    /// Adds trips to a group.
    @inline(__always)
    package mutating func add(_ key: Key, _ trips: Int = 1) {
        var slot = Int(truncatingIfNeeded: key.mixed) & mask
        while counts[slot] != 0 {
            if keys[slot] == key {
                counts[slot] &+= trips
                return
            }
            slot = (slot &+ 1) & mask
        }
        keys[slot] = key
        counts[slot] = trips
        count += 1
        // At most half full, so that runs of occupied slots stay short.
        if count * 2 > mask { grow() }
    }

    private mutating func grow() {
        var larger = GroupTable(capacity: (mask + 1))
        for slot in keys.indices where counts[slot] != 0 { larger.add(keys[slot], counts[slot]) }
        self = larger
    }

    /// Calls `body` with each group and its trips, and removes it; the memory stays.
    package mutating func removeAll(_ body: (Key, Int) -> Void) {
        for slot in keys.indices where counts[slot] != 0 {
            body(keys[slot], counts[slot])
            counts[slot] = 0
        }
        count = 0
    }

    /// Returns whether a group has trips.
    package func contains(_ key: Key) -> Bool {
        var slot = Int(truncatingIfNeeded: key.mixed) & mask
        while counts[slot] != 0 {
            if keys[slot] == key { return true }
            slot = (slot &+ 1) & mask
        }
        return false
    }

    /// Calls `body` with each group and its trips, in arbitrary order.
    package func forEach(_ body: (Key, Int) -> Void) {
        for slot in keys.indices where counts[slot] != 0 { body(keys[slot], counts[slot]) }
    }

    /// Trips of all groups.
    package var tripCount: Int { counts.reduce(0, +) }

    /// Returns the first `limit` groups in the order of an answer.
    package func first(_ limit: Int) -> [Entry] {
        var best = BoundedHeap<Entry>(limit: limit)
        for slot in keys.indices where counts[slot] != 0 { best.offer(Entry(key: keys[slot], count: counts[slot])) }
        return best.sorted()
    }
}
