import Synchronization

/// Decoded pages that were read lately, for all workers of a store: a buffer pool of the small pages at the edges of boxes.
///
/// Whoever moves a box over a map asks of the same few streets again and again; their pages are kept as values, so that the
/// next question only compares. Pages never change, as segments do not, so nothing here is ever wrong or invalidated: pages of
/// segments that are gone are pushed out by others.
///
/// A page is kept when it is read for the second time: most that one box needs no other will ask for, and keeping a page costs
/// a copy and fresh memory (the doorkeeper of Einziger et al., "TinyLFU", ACM TOS 2017).
/// Two generations approximate the order of use: what is found or added goes to the young one, and once that has half of the
/// room the old one is dropped and the young one becomes old.
final class PageCache: Sendable {
    /// A page of a segment that is open.
    struct Key: Hashable {
        /// `SegmentReader.serial`.
        var segment: Int
        /// Where the page is in its file.
        var offset: Int
    }

    /// Shards keep workers out of each other's way.
    private static let shardCount = 16
    /// Pages of a shard that are remembered as read once.
    private static let candidateCountMax = 4096

    private struct Generations {
        var young: [Key: [Double]] = [:]
        var old: [Key: [Double]] = [:]
        var youngByteCount = 0
        /// Pages that were read once.
        var candidates: Set<Key> = []
    }

    private final class Shard: Sendable {
        let generations = Mutex(Generations())
    }

    private let shards = (0..<shardCount).map { _ in Shard() }
    private let generationByteCountMax: Int

    /// Makes a cache of at most `byteCount` bytes of values.
    init(byteCount: Int = Limits.pageCacheByteCount) {
        generationByteCountMax = byteCount / 2 / Self.shardCount
    }

    private func shard(of key: Key) -> Shard {
        shards[Int(truncatingIfNeeded: (UInt64(truncatingIfNeeded: key.offset) &* 0x9E37_79B9_7F4A_7C15) >> 60)]
    }

    /// The values of a page, where it is there.
    func page(_ key: Key) -> [Double]? {
        shard(of: key).generations.withLock { generations in
            if let values = generations.young[key] { return values }
            guard let values = generations.old.removeValue(forKey: key) else { return nil }
            add(key, values, to: &generations)
            return values
        }
    }

    /// Tells of a page that was read; returns whether its values should be kept.
    func admits(_ key: Key) -> Bool {
        shard(of: key).generations.withLock { generations in
            if generations.candidates.remove(key) != nil { return true }
            if generations.candidates.count >= Self.candidateCountMax {
                generations.candidates.removeAll(keepingCapacity: true)
            }
            generations.candidates.insert(key)
            return false
        }
    }

    /// Keeps the values of a page.
    func keep(_ values: [Double], as key: Key) {
        shard(of: key).generations.withLock { add(key, values, to: &$0) }
    }

    private func add(_ key: Key, _ values: [Double], to generations: inout Generations) {
        guard generations.young.updateValue(values, forKey: key) == nil else { return }
        generations.youngByteCount += values.count * MemoryLayout<Double>.stride
        guard generations.youngByteCount > generationByteCountMax else { return }
        generations.old = generations.young
        generations.young = [:]
        generations.youngByteCount = 0
    }
}
