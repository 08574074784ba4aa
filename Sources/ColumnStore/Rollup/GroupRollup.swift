import Bucketing
import Parquet
import TripModel

/// A rollup: trips of many segments counted by group in advance, in a file of its own beside them.
///
/// A group here is (region, origin cell, destination cell, hour of the day) with cells of the stored precision, from which
/// coarser cells and longer buckets follow exactly. Groups are listed twice: in the order of their keys, for lookups and sums,
/// and by their trips, so that the first hundred are read without a search (Fagin, Lotem and Naor, "Optimal Aggregation
/// Algorithms for Middleware", PODS 2001: no group past the hundredth can be among them).
///
///     "TSROLLUP" ┆ version ┆ bytes of regions ┆ groups ┆ trips      8, 4, 4, 8 and 8 bytes, little-endian
///     regions    count · for each: name ┆ groups ┆ trips            as in a segment's index, ascending by name
///     keys       8 bytes a group: origin 25 bits ┆ destination 25 ┆ hour 5, ascending in each region
///     trips      4 bytes a group
///     ranks      4 bytes a group: in each region the positions of its groups, most trips first, then by key
///
/// each part at a multiple of eight bytes. It is derived from the segments that the catalog says it covers: losing it loses
/// speed, never trips. The catalog has the checksum of the whole file.
package final class GroupRollup: Sendable {
    /// The groups of one region.
    struct Region: Sendable {
        var name: String
        var groups: Range<Int>
        var trips: Int
    }

    static let version: UInt32 = 1
    static let magic: UInt64 = 0x5055_4C4C_4F52_5354  // "TSROLLUP"
    static let headerByteCount = 32
    /// Minutes of a bucket.
    static let bucketMinutes = 60

    private let file: MappedFile
    /// Ascending by name.
    let regions: [Region]
    let groupCount: Int
    let tripCount: Int
    private let keysOffset: Int
    private let countsOffset: Int
    private let ranksOffset: Int
    /// Whether another one will be built in its place.
    let isReplaced = Lock(false)

    static func aligned(_ byteCount: Int) -> Int { (byteCount + 7) & ~7 }

    /// Opens a file whose checksum is in the catalog.
    init(path: String, checksum: UInt32) throws(TripstoreError) {
        file = try MappedFile(path: path)
        do {
            let layout = try file.withBytes { bytes throws(SegmentError) in try Self.parse(bytes, checksum: checksum) }
            (regions, groupCount, tripCount) = (layout.regions, layout.groupCount, layout.tripCount)
            keysOffset = layout.keysOffset
            countsOffset = keysOffset + 8 * groupCount
            ranksOffset = countsOffset + Self.aligned(4 * groupCount)
            guard file.isIntact else { throw SegmentError(description: "it was truncated while it was opened") }
        } catch {
            throw TripstoreError(.corrupt, "Rollup \(path) is damaged: \(error); it will be rebuilt.")
        }
    }

    private struct Layout {
        var regions: [Region]
        var groupCount: Int
        var tripCount: Int
        var keysOffset: Int
    }

    private static func parse(_ bytes: RawSpan, checksum: UInt32) throws(SegmentError) -> Layout {
        guard CRC32.checksum(bytes) == checksum else { throw SegmentError(description: "its checksum does not match") }
        guard bytes.byteCount >= headerByteCount, bytes.unsafeLoadUnaligned(as: UInt64.self) == magic else {
            throw SegmentError(description: "it is not a rollup")
        }
        let version = bytes.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt32.self)
        guard version == self.version else {
            throw SegmentError(description: "it has version \(version), this program supports \(self.version)")
        }
        let regionsByteCount = Int(bytes.unsafeLoadUnaligned(fromByteOffset: 12, as: UInt32.self))
        let groupCount = bytes.unsafeLoadUnaligned(fromByteOffset: 16, as: UInt64.self)
        let tripCount = bytes.unsafeLoadUnaligned(fromByteOffset: 24, as: UInt64.self)
        let keysOffset = aligned(headerByteCount + regionsByteCount)
        guard groupCount <= UInt64(bytes.byteCount) / 16, tripCount <= UInt64(Int.max),
            keysOffset + 8 * Int(groupCount) + 2 * aligned(4 * Int(groupCount)) == bytes.byteCount
        else { throw SegmentError(description: "it is not as large as its header says") }
        var reader = IndexByteReader(
            bytes.extracting(headerByteCount..<headerByteCount + regionsByteCount).withUnsafeBytes { [UInt8]($0) })
        do throws(IndexError) {
            var regions: [Region] = []
            var next = 0
            for _ in 0..<(try reader.count(max: Int(groupCount))) {
                let name = try reader.text()
                let count = try reader.count(max: Int(groupCount) - next)
                regions.append(Region(name: name, groups: next..<next + count, trips: try reader.count(max: Int(tripCount))))
                next += count
            }
            guard next == Int(groupCount), reader.isAtEnd else { throw IndexError(description: "its regions lack groups") }
            return Layout(
                regions: regions, groupCount: Int(groupCount), tripCount: Int(tripCount), keysOffset: keysOffset)
        } catch {
            throw SegmentError(description: error.description)
        }
    }

    /// Whether all groups read so far are those of the file; if it is truncated, trips are counted without it.
    var isIntact: Bool { file.isIntact }

    var path: String { file.path }

    /// Returns the index of a region by its name.
    func region(_ name: String) -> Int? {
        let wanted = ByteOrderedString(name)
        var (low, high) = (0, regions.count)
        while low < high {
            let middle = (low + high) / 2
            if ByteOrderedString(regions[middle].name) < wanted { low = middle + 1 } else { high = middle }
        }
        return low < regions.count && ByteOrderedString(regions[low].name) == wanted ? low : nil
    }

    /// Lends the groups to `body`: keys, trips, and ranks as positions from the first group of their region.
    func withGroups<Value, Failure: Error>(
        _ body: (_ keys: Span<UInt64>, _ counts: Span<UInt32>, _ ranks: Span<UInt32>) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try file.withBytes { bytes throws(Failure) in
            try body(
                Span<UInt64>(_bytes: bytes.extracting(keysOffset..<countsOffset)),
                Span<UInt32>(_bytes: bytes.extracting(countsOffset..<countsOffset + 4 * groupCount)),
                Span<UInt32>(_bytes: bytes.extracting(ranksOffset..<ranksOffset + 4 * groupCount)))
        }
    }

    /// Returns the position of a group by its key; nil if there is none.
    static func position(of key: UInt64, in groups: Range<Int>, _ keys: Span<UInt64>) -> Int? {
        var (low, high) = (groups.lowerBound, groups.upperBound)
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low < groups.upperBound && keys[low] == key ? low : nil
    }

    /// Returns the cells and the hour of a key.
    @inline(__always)
    static func key(origin: UInt64, destination: UInt64, hour: UInt64) -> UInt64 { origin << 30 | destination << 5 | hour }

    @inline(__always)
    static func parts(_ key: UInt64) -> (origin: UInt64, destination: UInt64, hour: UInt64) {
        (key >> 30, key >> 5 & 0x1FF_FFFF, key & 31)
    }
}
