/// The 60-bit Z-order key of a point: its geohash of twelve characters as an integer.
///
/// Each axis is cut into 2^30 equal cells, and the two cell indexes are interleaved, longitude first:
///
///     bit   59   58   57   56           1    0
///           lon  lat  lon  lat   ...   lon  lat
///           └── most significant       └── least significant
///
/// So the cells of any geohash precision are contiguous ranges of keys, and sorting by key sorts by geohash of every precision
/// at once. The key is exact: it equals bisection of the axis in which a value on a midpoint goes to the upper half. The upper
/// end of an axis, which is in no half-open cell, belongs to the last cell.
///
/// Spec: https://en.wikipedia.org/wiki/Geohash.
/// Spreading of bits: https://graphics.stanford.edu/~seander/bithacks.html#InterleaveBMN.
public enum MortonKey {
    /// Bits of a key.
    @inlinable public static var bitCount: Int { 60 }
    /// Bits of one axis.
    @inlinable public static var axisBitCount: Int { 30 }
    /// The largest key.
    @inlinable public static var max: UInt64 { (1 << 60) - 1 }
    /// In place of the key of a point that is not known: larger than every key, and so are its first bits.
    @inlinable public static var none: UInt64 { .max }

    /// Width of a cell in degrees of longitude: 45 / 2^27, so that every border is a double without rounding.
    @inlinable @inline(__always) static var longitudeStep: Double { 0x1p-27 * 45 }
    /// Height of a cell in degrees of latitude.
    @inlinable @inline(__always) static var latitudeStep: Double { 0x1p-28 * 45 }

    /// Returns the key of a point.
    ///
    /// Coordinates are degrees; a coordinate beyond an end of its axis counts as that end, and NaN as the upper end.
    @inlinable @inline(__always)
    public static func key(longitude: Double, latitude: Double) -> UInt64 {
        interleave(longitude: quantize(longitude: longitude), latitude: quantize(latitude: latitude))
    }

    /// Returns the index of the cell, of 2^30, that contains a longitude.
    @inlinable @inline(__always)
    public static func quantize(longitude: Double) -> UInt32 {
        quantize(longitude, end: 180, cellsPerDegree: 0x1p30 / 360, step: longitudeStep)
    }

    /// Returns the index of the cell, of 2^30, that contains a latitude.
    @inlinable @inline(__always)
    public static func quantize(latitude: Double) -> UInt32 {
        quantize(latitude, end: 90, cellsPerDegree: 0x1p30 / 180, step: latitudeStep)
    }

    /// Rounds to the nearest border, then steps back if that border lies above the value.
    ///
    /// The product is at most a millionth of a cell off, so the nearest border is the cell's lower or upper one, and borders
    /// are exact: one comparison decides. Adding 2^52 + 2^51 leaves the rounded integer in the low bits of the mantissa; unlike
    /// a checked conversion this needs no branch and vectorizes.
    @inlinable @inline(__always)
    static func quantize(_ degrees: Double, end: Double, cellsPerDegree: Double, step: Double) -> UInt32 {
        let capped = degrees < end ? degrees : end
        let value = capped > -end ? capped : -end
        let shifted = (value + end) * cellsPerDegree + 0x1.8p52
        let border = (shifted - 0x1.8p52) * step - end
        let nearest = UInt32(truncatingIfNeeded: shifted.bitPattern)
        let cell = nearest &- (border > value ? 1 : 0)
        return cell &- cell &>> 30  // the end of the axis belongs to the cell before it
    }

    /// Returns the lower border of a longitude cell, exactly; for index 2^30 it is 180.
    @inlinable
    public static func longitude(ofCell cell: UInt32) -> Double { Double(cell) * longitudeStep - 180 }

    /// Returns the lower border of a latitude cell, exactly; for index 2^30 it is 90.
    @inlinable
    public static func latitude(ofCell cell: UInt32) -> Double { Double(cell) * latitudeStep - 90 }

    /// Returns the key of a pair of cell indexes of 30 bits each.
    @inlinable @inline(__always)
    public static func interleave(longitude: UInt32, latitude: UInt32) -> UInt64 {
        spread(longitude) << 1 | spread(latitude)
    }

    /// Returns the cell indexes of a key.
    @inlinable @inline(__always)
    public static func deinterleave(_ key: UInt64) -> (longitude: UInt32, latitude: UInt32) {
        (gather(key >> 1), gather(key))
    }

    /// Moves bit `i` to bit `2 i`.
    @inlinable @inline(__always)
    static func spread(_ cell: UInt32) -> UInt64 {
        var bits = UInt64(cell)
        bits = (bits | bits << 16) & 0x0000_ffff_0000_ffff
        bits = (bits | bits << 8) & 0x00ff_00ff_00ff_00ff
        bits = (bits | bits << 4) & 0x0f0f_0f0f_0f0f_0f0f
        bits = (bits | bits << 2) & 0x3333_3333_3333_3333
        bits = (bits | bits << 1) & 0x5555_5555_5555_5555
        return bits
    }

    /// Moves bit `2 i` to bit `i` and drops the odd bits.
    @inlinable @inline(__always)
    static func gather(_ key: UInt64) -> UInt32 {
        var bits = key & 0x5555_5555_5555_5555
        bits = (bits | bits >> 1) & 0x3333_3333_3333_3333
        bits = (bits | bits >> 2) & 0x0f0f_0f0f_0f0f_0f0f
        bits = (bits | bits >> 4) & 0x00ff_00ff_00ff_00ff
        bits = (bits | bits >> 8) & 0x0000_ffff_0000_ffff
        bits = bits | bits >> 16
        return UInt32(truncatingIfNeeded: bits)
    }
}
