/// Predicates on one column, evaluated on many values at once.
///
/// A mask has one byte for each row, 1 while the row still passes; each kernel clears those that fail its predicate. Bytes
/// instead of bits let the compiler vectorize compare, and, and count without a shuffle. All spans have the same length.
package enum FilterKernels {
    /// Keeps rows with `low <= value <= high`.
    package static func between(_ values: Span<Double>, _ low: Double, _ high: Double, into mask: inout MutableSpan<UInt8>) {
        for row in 0..<values.count {
            let value = values[unchecked: row]
            mask[unchecked: row] &= (value >= low ? 1 : 0) & (value <= high ? 1 : 0)
        }
    }

    /// Keeps rows with at least one of two points in a box.
    package static func inEither(
        _ longitude: Span<Double>, _ latitude: Span<Double>, _ otherLongitude: Span<Double>, _ otherLatitude: Span<Double>,
        _ west: Double, _ south: Double, _ east: Double, _ north: Double, into mask: inout MutableSpan<UInt8>
    ) {
        for row in 0..<longitude.count {
            let (x, y) = (longitude[unchecked: row], latitude[unchecked: row])
            let (u, v) = (otherLongitude[unchecked: row], otherLatitude[unchecked: row])
            let first: UInt8 = (x >= west ? 1 : 0) & (x <= east ? 1 : 0) & (y >= south ? 1 : 0) & (y <= north ? 1 : 0)
            let second: UInt8 = (u >= west ? 1 : 0) & (u <= east ? 1 : 0) & (v >= south ? 1 : 0) & (v <= north ? 1 : 0)
            mask[unchecked: row] &= first | second
        }
    }

    /// Keeps rows with `low <= value < high`.
    package static func between(_ values: Span<Int64>, _ low: Int64, _ high: Int64, into mask: inout MutableSpan<UInt8>) {
        for row in 0..<values.count {
            let value = values[unchecked: row]
            mask[unchecked: row] &= (value >= low ? 1 : 0) & (value < high ? 1 : 0)
        }
    }

    /// Keeps rows of one code.
    package static func equal(_ values: Span<UInt32>, _ code: UInt32, into mask: inout MutableSpan<UInt8>) {
        for row in 0..<values.count { mask[unchecked: row] &= values[unchecked: row] == code ? 1 : 0 }
    }

    /// Counts the rows that pass.
    package static func count(_ mask: [UInt8]) -> Int {
        let mask = mask.span
        var sum: UInt32 = 0
        for row in 0..<mask.count { sum &+= UInt32(mask[unchecked: row]) }
        return Int(sum)
    }
}
