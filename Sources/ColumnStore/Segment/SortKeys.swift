import Bucketing
internal import CKernels
package import TripModel

/// The sort keys of many rows at once: computed by `CKeys`, eight at a time, if the machine can, otherwise one after the other.
///
/// Unsafe code: pointers to rows and values; the caller guarantees their counts.
package enum SortKeys {
    /// Rows per block: their weeks are computed while the rows are still in the cache from computing their keys.
    private static let blockRowCount = 256
    /// Whether the machine has the instructions.
    package static let hasKernel = tripstore_keys_supported()

    /// Writes the index of the ISO week and the Morton key of the origin of each row.
    package static func write(
        _ rows: UnsafePointer<TripRow>, weeks: inout MutableSpan<Int32>, keys: inout MutableSpan<UInt64>,
        withKernel: Bool = hasKernel
    ) {
        let count = keys.count
        precondition(weeks.count == count)
        guard withKernel else {
            for index in 0..<count {
                weeks[unchecked: index] = ISOWeek(microseconds: rows[index].time).index
                keys[unchecked: index] = MortonKey.key(
                    longitude: rows[index].originLongitude, latitude: rows[index].originLatitude)
            }
            return
        }
        let stride = MemoryLayout<TripRow>.stride
        weeks.withUnsafeMutableBufferPointer { weeks in
            keys.withUnsafeMutableBufferPointer { keys in
                for first in Swift.stride(from: 0, to: count, by: blockRowCount) {
                    let blockCount = min(blockRowCount, count - first)
                    let block = UnsafeRawPointer(rows + first)
                    func field<Value>(_ path: KeyPath<TripRow, Value>) -> UnsafePointer<Value> {
                        (block + MemoryLayout<TripRow>.offset(of: path)!).assumingMemoryBound(to: Value.self)
                    }
                    tripstore_morton_keys(
                        field(\.originLongitude), field(\.originLatitude), stride, blockCount, keys.baseAddress! + first)
                    tripstore_weeks(field(\.time), stride, blockCount, weeks.baseAddress! + first)
                }
            }
        }
    }

    /// Returns the Morton keys of destinations in degrees, `MortonKey.none` for a trip without one.
    ///
    /// - Parameter mayLack: whether there may be such trips.
    package static func keys(longitude: Span<Double>, latitude: Span<Double>, mayLack: Bool) -> [UInt64] {
        var keys = keys(longitude: longitude, latitude: latitude)
        if mayLack { for row in keys.indices where longitude[row].isNaN { keys[row] = MortonKey.none } }
        return keys
    }

    /// Returns the Morton keys of points in degrees, one key per point.
    package static func keys(longitude: Span<Double>, latitude: Span<Double>, withKernel: Bool = hasKernel) -> [UInt64] {
        let count = longitude.count
        precondition(latitude.count == count)
        return [UInt64](unsafeUninitializedCapacity: count) { keys, initializedCount in
            initializedCount = count
            guard withKernel, count > 0 else {
                for index in 0..<count {
                    keys[index] = MortonKey.key(longitude: longitude[unchecked: index], latitude: latitude[unchecked: index])
                }
                return
            }
            longitude.withUnsafeBufferPointer { longitude in
                latitude.withUnsafeBufferPointer { latitude in
                    tripstore_morton_keys(
                        longitude.baseAddress!, latitude.baseAddress!, MemoryLayout<Double>.stride, count, keys.baseAddress!)
                }
            }
        }
    }
}
