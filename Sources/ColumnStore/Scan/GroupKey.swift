/// What trips of one group share, as integers that compare in the order of the answer: region, origin, destination, bucket.
package protocol GroupKey: Hashable, Comparable, Sendable {
    init(_ layout: GroupKeyLayout, region: UInt64, origin: UInt64, destination: UInt64, bucket: UInt64)

    /// Returns the parts of the key.
    func parts(_ layout: GroupKeyLayout) -> (region: UInt64, origin: UInt64, destination: UInt64, bucket: UInt64)

    /// Well-mixed bits, any of which may choose a slot.
    var mixed: UInt64 { get }
}

/// How many bits the parts of a key take in one query.
package struct GroupKeyLayout: Hashable, Sendable {
    package var regionBits: Int
    /// Bits of one cell.
    package var cellBits: Int
    package var bucketBits: Int

    /// Lays out keys for codes below the counts, and cells of `precision` characters.
    package init(regionCount: Int, precision: Int, bucketCount: UInt64) {
        regionBits = Self.bits(for: UInt64(regionCount))
        cellBits = 5 * precision
        bucketBits = Self.bits(for: bucketCount)
    }

    /// Whether all parts fit into one word.
    package var isPackable: Bool { bitCount <= 64 }

    /// Whether region and origin fit into one word, and destination and bucket into another.
    package var isDoublePackable: Bool { regionBits + cellBits <= 64 && cellBits + bucketBits <= 64 }

    private var bitCount: Int { regionBits + 2 * cellBits + bucketBits }

    private static func bits(for count: UInt64) -> Int { count <= 1 ? 0 : 64 - (count - 1).leadingZeroBitCount }
}

/// A key in one word: the usual case (300 regions, precision 5, hours of the day take 64 bits).
package struct PackedGroupKey: GroupKey {
    package var bits: UInt64

    @inline(__always)
    package init(_ layout: GroupKeyLayout, region: UInt64, origin: UInt64, destination: UInt64, bucket: UInt64) {
        bits =
            ((region &<< UInt64(layout.cellBits) | origin) &<< UInt64(layout.cellBits) | destination)
            &<< UInt64(layout.bucketBits) | bucket
    }

    package func parts(_ layout: GroupKeyLayout) -> (region: UInt64, origin: UInt64, destination: UInt64, bucket: UInt64) {
        let cell = UInt64(1) << UInt64(layout.cellBits) - 1
        let pair = bits >> UInt64(layout.bucketBits)
        return (
            region: (pair >> UInt64(layout.cellBits)) >> UInt64(layout.cellBits),
            origin: (pair >> UInt64(layout.cellBits)) & cell,
            destination: pair & cell, bucket: bits & (UInt64(1) << UInt64(layout.bucketBits) - 1)
        )
    }

    @inline(__always)
    package var mixed: UInt64 { Mix.finalize(bits) }

    package static func < (left: Self, right: Self) -> Bool { left.bits < right.bits }
}

/// A key in two words: cells of up to ten characters.
package struct DoublePackedGroupKey: GroupKey {
    /// Region and origin.
    package var upper: UInt64
    /// Destination and bucket.
    package var lower: UInt64

    @inline(__always)
    package init(_ layout: GroupKeyLayout, region: UInt64, origin: UInt64, destination: UInt64, bucket: UInt64) {
        // No cell has 64 bits; a bucket has them only if nothing comes before it.
        upper = region &<< UInt64(layout.cellBits) | origin
        lower = destination &<< UInt64(layout.bucketBits) | bucket
    }

    package func parts(_ layout: GroupKeyLayout) -> (region: UInt64, origin: UInt64, destination: UInt64, bucket: UInt64) {
        let cell = UInt64(1) << UInt64(layout.cellBits) - 1
        return (
            region: upper >> UInt64(layout.cellBits), origin: upper & cell, destination: lower >> UInt64(layout.bucketBits),
            bucket: lower & (UInt64(1) << UInt64(layout.bucketBits) - 1)
        )
    }

    @inline(__always)
    package var mixed: UInt64 { Mix.finalize(lower ^ Mix.finalize(upper)) }

    @inline(__always)
    package static func < (left: Self, right: Self) -> Bool {
        left.upper != right.upper ? left.upper < right.upper : left.lower < right.lower
    }
}

/// A key of any size, for the finest cells.
package struct WideGroupKey: GroupKey {
    package var region: UInt64
    package var origin: UInt64
    package var destination: UInt64
    package var bucket: UInt64

    @inline(__always)
    package init(_ layout: GroupKeyLayout, region: UInt64, origin: UInt64, destination: UInt64, bucket: UInt64) {
        self.region = region
        self.origin = origin
        self.destination = destination
        self.bucket = bucket
    }

    package func parts(_ layout: GroupKeyLayout) -> (region: UInt64, origin: UInt64, destination: UInt64, bucket: UInt64) {
        (region, origin, destination, bucket)
    }

    @inline(__always)
    package var mixed: UInt64 { Mix.finalize(Mix.finalize(Mix.finalize(origin) ^ destination) ^ (region << 40 ^ bucket)) }

    package static func < (left: Self, right: Self) -> Bool {
        (left.region, left.origin, left.destination, left.bucket) < (
            right.region, right.origin, right.destination, right.bucket
        )
    }
}

private enum Mix {
    /// The finalizer of MurmurHash3: every input bit changes every output bit with probability one half.
    @inline(__always)
    static func finalize(_ value: UInt64) -> UInt64 {
        var bits = value
        bits ^= bits >> 33
        bits &*= 0xFF51_AFD7_ED55_8CCD
        bits ^= bits >> 33
        bits &*= 0xC4CE_B9FE_1A85_EC53
        return bits ^ (bits >> 33)
    }
}
