import Synchronization

/// Decoded pages that were read lately, for all workers of a store: a buffer pool of the small pages at the edges of boxes.
///
/// Whoever moves a box over a map asks of the same few streets again and again; their pages are kept as values, so that the
/// next question only compares. Pages never change, as segments do not, so nothing here is ever wrong or invalidated: pages of
/// segments that are gone are pushed out by others.
///
/// A page has one place, by its hash. Reading it for the first time only puts its name there, and for the second time its values
/// too: most pages that one box needs no other will ask for, and keeping one costs a copy and fresh memory (the doorkeeper of
/// Einziger et al., "TinyLFU", ACM TOS 2017). A page that was found since is passed over once before it gives way to another.
package final class PageCache: Sendable {
    /// A page of a segment that is open.
    package struct Key: Hashable {
        /// `SegmentReader.serial`.
        package var segment: Int
        /// Where the page is in its file.
        package var offset: Int

        /// Names a page.
        package init(segment: Int, offset: Int) {
            self.segment = segment
            self.offset = offset
        }
    }

    /// What the cache knows of a page.
    package enum Answer {
        case values([Double])
        /// The page has to be read; `isWanted` where its values should be kept.
        case absent(isWanted: Bool)
    }

    private struct Place {
        var key: Key?
        /// Empty where the page was read only once.
        var values: [Double] = []
        var wasFound = false
    }

    /// Parts with a lock each, so that workers seldom meet.
    private final class Shard: Sendable {
        let places: Mutex<[Place]>

        init(placeCount: Int) { places = Mutex(Array(repeating: Place(), count: placeCount)) }
    }

    private static let shardBits: UInt64 = 4
    private let shards: [Shard]
    private let placeCount: Int

    /// Makes a cache of about `byteCount` bytes of values at most.
    package init(byteCount: Int = Limits.pageCacheByteCount) {
        let pageByteCount = Limits.originPageRowCountMax * MemoryLayout<Double>.stride
        let shardCount = 1 << Int(Self.shardBits)
        let count = max(1, byteCount / pageByteCount / shardCount)
        placeCount = count
        shards = (0..<shardCount).map { _ in Shard(placeCount: count) }
    }

    /// The shard and the place of a page.
    private func address(of key: Key) -> (shard: Shard, place: Int) {
        let name = UInt64(truncatingIfNeeded: key.segment) << 40 ^ UInt64(truncatingIfNeeded: key.offset)
        let hash = name &* 0x9E37_79B9_7F4A_7C15  // multiplicative hashing: the high bits depend on all bits
        let place = ((hash << Self.shardBits) >> 32) % UInt64(placeCount)
        return (shards[Int(hash >> (64 - Self.shardBits))], Int(place))
    }

    /// Looks for the values of a page.
    package func look(for key: Key) -> Answer {
        let (shard, place) = address(of: key)
        return shard.places.withLock { places in
            if places[place].key == key {
                if places[place].values.isEmpty { return .absent(isWanted: true) }
                places[place].wasFound = true
                return .values(places[place].values)
            }
            if places[place].wasFound {
                places[place].wasFound = false
            } else {
                places[place] = Place(key: key)
            }
            return .absent(isWanted: false)
        }
    }

    /// Keeps the values of a page, where its place is still its own.
    package func keep(_ values: [Double], as key: Key) {
        let (shard, place) = address(of: key)
        shard.places.withLock { if $0[place].key == key { $0[place].values = values } }
    }
}
