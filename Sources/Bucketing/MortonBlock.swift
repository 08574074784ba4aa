/// All Morton keys that share their first bits: the world halved bit by bit, longitude first, as in a geohash.
///
/// Positions in a block are measured in steps of its width and height. An axis has 2^12 steps, or one per cell of the finest
/// grid if the block has fewer cells.
@frozen
public struct MortonBlock: Hashable, Sendable {
    /// Its first cell of the finest grid, per axis.
    public let longitude, latitude: UInt32
    /// How many first bits its keys share: 0 to 60.
    public let depth: UInt32

    /// Bits of a step.
    @inlinable public static var stepBitCount: Int { 12 }

    /// The block of all keys.
    @inlinable public static var world: MortonBlock { MortonBlock(longitude: 0, latitude: 0, depth: 0) }

    @inlinable @inline(__always)
    init(longitude: UInt32, latitude: UInt32, depth: UInt32) {
        self.longitude = longitude
        self.latitude = latitude
        self.depth = depth
    }

    /// The block of the keys that share their first `depth` bits with one.
    @inlinable
    public init(key: UInt64, depth: Int) {
        let cells = MortonKey.deinterleave(key)
        self.init(longitude: 0, latitude: 0, depth: UInt32(depth))
        self.init(
            longitude: cells.longitude & ~(1 << longitudeBitCount &- 1),
            latitude: cells.latitude & ~(1 << latitudeBitCount &- 1),
            depth: UInt32(depth))
    }

    /// The smallest key.
    @inlinable public var key: UInt64 { MortonKey.interleave(longitude: longitude, latitude: latitude) }
    /// The largest key.
    @inlinable public var lastKey: UInt64 { key | MortonKey.max &>> UInt64(depth) }

    /// Bits of a cell index that differ within the block, per axis; if the depth is odd, longitude has one more fixed bit.
    @inlinable @inline(__always) var longitudeBitCount: UInt32 { UInt32(MortonKey.axisBitCount) &- (depth &+ 1) / 2 }
    @inlinable @inline(__always) var latitudeBitCount: UInt32 { UInt32(MortonKey.axisBitCount) &- depth / 2 }

    /// Its last cell of the finest grid, per axis.
    @inlinable @inline(__always) var lastLongitude: UInt32 { longitude | (1 &<< longitudeBitCount &- 1) }
    @inlinable @inline(__always) var lastLatitude: UInt32 { latitude | (1 &<< latitudeBitCount &- 1) }

    /// The half with the smaller keys; a block of one cell has none.
    @inlinable @inline(__always)
    public var lowerHalf: MortonBlock { MortonBlock(longitude: longitude, latitude: latitude, depth: depth &+ 1) }

    /// The half with the larger keys; a block of one cell has none.
    @inlinable @inline(__always)
    public var upperHalf: MortonBlock {
        depth & 1 == 0
            ? MortonBlock(longitude: longitude | 1 &<< (longitudeBitCount &- 1), latitude: latitude, depth: depth &+ 1)
            : MortonBlock(longitude: longitude, latitude: latitude | 1 &<< (latitudeBitCount &- 1), depth: depth &+ 1)
    }

    /// Calls `body` with the offsets in steps, from the block's west and south, of each key.
    @inlinable @inline(__always)
    public func forEachStep(
        of keys: Span<UInt64>, _ range: Range<Int>, _ body: (_ index: Int, _ longitude: UInt32, _ latitude: UInt32) -> Void
    ) {
        let (first, shifts) = (key, stepShifts)
        for index in range {
            // Keys of the block differ in their low bits only, so the rest of a key has the cell indexes within the block.
            let (x, y) = MortonKey.deinterleave(keys[index] &- first)
            body(index, x &>> shifts.longitude, y &>> shifts.latitude)
        }
    }

    /// A step is 2 to the power of this count of cells, per axis.
    @inlinable @inline(__always)
    var stepShifts: (longitude: UInt32, latitude: UInt32) {
        let bitCount = UInt32(Self.stepBitCount)
        return (max(longitudeBitCount, bitCount) &- bitCount, max(latitudeBitCount, bitCount) &- bitCount)
    }
}

/// A box in the steps of a block.
public struct BlockLimits: Hashable, Sendable {
    /// One axis; no such step exists if the first one lies behind the last one.
    @frozen
    public struct Axis: Hashable, Sendable {
        /// Of the steps whose points all lie between the edges of the box.
        public let firstInside, lastInside: Int
        /// Of the steps that contain a point between the edges.
        public let firstTouched, lastTouched: Int

        @inlinable @inline(__always)
        init(inside: Range<UInt32>, touched: ClosedRange<UInt32>, blockStart: UInt32, shift: UInt32) {
            let start = Int(blockStart)
            let last = 1 << MortonBlock.stepBitCount &- 1
            firstInside = max(0, (Int(inside.lowerBound) &- start &+ (1 &<< Int(shift) &- 1)) &>> Int(shift))
            lastInside = min(last, (Int(inside.upperBound) &- start) &>> Int(shift) &- 1)
            firstTouched = max(0, (Int(touched.lowerBound) &- start) &>> Int(shift))
            lastTouched = min(last, (Int(touched.upperBound) &- start) &>> Int(shift))
        }
    }

    public let longitude: Axis
    public let latitude: Axis

    /// Converts a box to the steps of a block.
    @inlinable @inline(__always)
    public init(_ box: GridBox, in block: MortonBlock) {
        let shifts = block.stepShifts
        longitude = Axis(
            inside: box.insideLongitudes, touched: box.touchedLongitudes, blockStart: block.longitude, shift: shifts.longitude)
        latitude = Axis(
            inside: box.insideLatitudes, touched: box.touchedLatitudes, blockStart: block.latitude, shift: shifts.latitude)
    }
}
