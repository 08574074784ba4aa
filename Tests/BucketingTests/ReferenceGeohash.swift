import Bucketing
import TestSupport

/// The geohash by bisection, bit by bit as its definition says: slow and obvious.
enum ReferenceGeohash {
    /// The leading bits of the key of a point.
    static func bits(longitude: Double, latitude: Double, count: Int) -> UInt64 {
        let value = [longitude, latitude]
        var low = [-180.0, -90.0]
        var high = [180.0, 90.0]
        var bits: UInt64 = 0
        for index in 0..<count {
            let axis = index % 2
            let middle = (low[axis] + high[axis]) / 2
            if value[axis] >= middle {
                bits = bits * 2 + 1
                low[axis] = middle
            } else {
                bits = bits * 2
                high[axis] = middle
            }
        }
        return bits
    }

    static func text(longitude: Double, latitude: Double, precision: Int) -> String {
        let alphabet = Array("0123456789bcdefghjkmnpqrstuvwxyz")
        let bits = bits(longitude: longitude, latitude: latitude, count: 5 * precision)
        return String((0..<precision).map { alphabet[Int(bits >> UInt64(5 * (precision - 1 - $0)) & 31)] })
    }
}

/// Coordinates that are likely to go wrong.
enum HardCoordinate {
    /// Zeros, ends of the axis and values that vanish when the end of the axis is added to them.
    static func constants(end: Double) -> [Double] {
        let tiny = [0, 7.5652993e-7, 1e-20, .leastNonzeroMagnitude, 0x1p-44, 0x1p-43]
        return tiny.flatMap { [$0, -$0] } + [end, -end, end.nextDown, (-end).nextUp, end / 2, (end / 2).nextDown]
    }

    /// A border of a random level or a double next to it, or anything else, on the axis from `-end` to `end`.
    static func random(end: Double, using generator: inout SeededGenerator) -> Double {
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: return constants(end: end).randomElement(using: &generator) ?? 0
        case 1: return Double.random(in: -end...end, using: &generator)
        case 2: return Double.random(in: -1...1, using: &generator) * 0x1p-40
        default:
            let level = UInt64.random(in: 1...30, using: &generator)
            let border = Double(UInt64.random(in: 0...(1 << level), using: &generator)) * (2 * end / Double(1 << level)) - end
            let value = [border, border.nextUp, border.nextDown].randomElement(using: &generator) ?? border
            return min(max(value, -end), end)
        }
    }
}
