/// A cell of the geohash grid: one character of its text for every five bits of the Morton key.
///
/// Characters alternate between three bits of longitude and two of latitude, and two and three, so a cell of an odd
/// precision has one bit more of longitude than of latitude.
///
/// Spec: https://en.wikipedia.org/wiki/Geohash. A coordinate on a border belongs to the cell above.
@frozen
public struct Geohash: Hashable, Comparable, Sendable {
    /// The leading `5 * precision` bits of the key, right-aligned.
    public let bits: UInt64
    /// Count of characters, 1 to 12.
    public let precision: Int

    /// The precisions that a key of 60 bits has.
    public static let precisions = 1...12

    /// Makes a cell from its bits, right-aligned, and a precision of 1 to 12.
    @inlinable
    public init(bits: UInt64, precision: Int) {
        self.bits = bits
        self.precision = precision
    }

    /// Makes the cell that contains a point, with a precision of 1 to 12.
    @inlinable
    public init(longitude: Double, latitude: Double, precision: Int) {
        self.init(
            bits: Self.prefix(of: MortonKey.key(longitude: longitude, latitude: latitude), precision: precision),
            precision: precision)
    }

    /// Makes the cell of a text of 1 to 12 characters of the lower-case alphabet; nil for any other text.
    public init?(_ text: some StringProtocol) {
        var bits: UInt64 = 0
        var precision = 0
        for byte in text.utf8 {
            guard precision < 12, let value = Self.value(of: byte) else { return nil }
            bits = bits << 5 | value
            precision += 1
        }
        guard precision > 0 else { return nil }
        self.init(bits: bits, precision: precision)
    }

    /// The cell's text, such as `u2fkb`.
    public var text: String { Self.text(bits: bits, precision: precision) }

    /// The smallest and the largest 60-bit key in the cell.
    @inlinable
    public var keys: ClosedRange<UInt64> { Self.keys(bits: bits, precision: precision) }

    /// The cell's borders, exactly.
    ///
    /// Points on the eastern or northern border belong to the next cell, except in the last cell of an axis.
    public var bounds: BoundingBox {
        let low = MortonKey.deinterleave(keys.lowerBound)
        let high = MortonKey.deinterleave(keys.upperBound)
        return BoundingBox(
            minLongitude: MortonKey.longitude(ofCell: low.longitude),
            minLatitude: MortonKey.latitude(ofCell: low.latitude),
            maxLongitude: MortonKey.longitude(ofCell: high.longitude + 1),
            maxLatitude: MortonKey.latitude(ofCell: high.latitude + 1))
    }

    /// Orders cells as their texts: along the Z-order curve, and a cell before those inside it.
    @inlinable
    public static func < (a: Geohash, b: Geohash) -> Bool {
        (a.keys.lowerBound, a.precision) < (b.keys.lowerBound, b.precision)
    }

    // MARK: On bare integers, for loops over columns

    /// Returns the bits of the cell that contains a 60-bit key, right-aligned.
    @inlinable @inline(__always)
    public static func prefix(of key: UInt64, precision: Int) -> UInt64 {
        key &>> UInt64(truncatingIfNeeded: 60 &- 5 &* precision)
    }

    /// Returns the smallest and the largest 60-bit key in a cell.
    @inlinable
    public static func keys(bits: UInt64, precision: Int) -> ClosedRange<UInt64> {
        let freeBitCount = UInt64(truncatingIfNeeded: 60 &- 5 &* precision)
        let lower = bits &<< freeBitCount
        return lower...(lower | (1 &<< freeBitCount &- 1))
    }

    /// Returns the text of a cell.
    public static func text(bits: UInt64, precision: Int) -> String {
        var characters: [UInt8] = []
        characters.reserveCapacity(precision)
        append(bits: bits, precision: precision, to: &characters)
        return String(decoding: characters, as: UTF8.self)
    }

    /// Appends the text of a cell, in ASCII.
    @inlinable
    public static func append(bits: UInt64, precision: Int, to bytes: inout [UInt8]) {
        var shift = UInt64(truncatingIfNeeded: 5 &* precision)
        while shift > 0 {
            shift &-= 5
            bytes.append(character(of: bits &>> shift & 31))
        }
    }

    /// Returns the character of a five-bit value.
    ///
    /// The alphabet is four runs of consecutive ASCII codes; summing up the gaps needs no table.
    @inlinable @inline(__always)
    static func character(of value: UInt64) -> UInt8 {
        var code = 48 &+ value  // 0-9
        code &+= value > 9 ? 40 : 0  // from b
        code &+= value > 16 ? 1 : 0  // no i
        code &+= value > 18 ? 1 : 0  // no l
        code &+= value > 20 ? 1 : 0  // no o
        return UInt8(truncatingIfNeeded: code)
    }

    private static func value(of character: UInt8) -> UInt64? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(character) - 48
        case UInt8(ascii: "b")...UInt8(ascii: "h"): UInt64(character) - 88
        case UInt8(ascii: "j")...UInt8(ascii: "k"): UInt64(character) - 89
        case UInt8(ascii: "m")...UInt8(ascii: "n"): UInt64(character) - 90
        case UInt8(ascii: "p")...UInt8(ascii: "z"): UInt64(character) - 91
        default: nil
        }
    }
}

extension Geohash: CustomStringConvertible {
    public var description: String { text }
}
