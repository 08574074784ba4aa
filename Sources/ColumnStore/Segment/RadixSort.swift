/// Sorts rows by 60-bit keys, least significant digit first.
///
/// Six digits of ten bits; one pass counts all digits, and a digit that is the same in all keys costs nothing more. Stable, so
/// rows of equal keys stay in file order.
package enum RadixSort {
    private static let digitBits: UInt64 = 10
    private static let digitCount = 6
    private static let bucketCount = 1 << 10

    /// Sorts both arrays, of equal length, by `keys`.
    package static func sort(keys: inout [UInt64], rows: inout [UInt32]) {
        let count = keys.count
        if count < 64 {
            insertionSort(keys: &keys, rows: &rows)
            return
        }
        var histogram = [UInt32](repeating: 0, count: digitCount * bucketCount)
        countDigits(keys.span, &histogram)
        var otherKeys = [UInt64](repeating: 0, count: count)
        var otherRows = [UInt32](repeating: 0, count: count)
        for digit in 0..<digitCount {
            let shift = UInt64(digit) * digitBits
            let base = digit * bucketCount
            if Int(histogram[base + Int((keys[0] >> shift) & UInt64(bucketCount - 1))]) == count { continue }
            var next: UInt32 = 0
            for bucket in base..<base + bucketCount {
                let size = histogram[bucket]
                histogram[bucket] = next
                next += size
            }
            scatter(keys.span, rows.span, shift, base, &histogram, &otherKeys, &otherRows)
            swap(&keys, &otherKeys)
            swap(&rows, &otherRows)
        }
    }

    private static func countDigits(_ keys: Span<UInt64>, _ histogram: inout [UInt32]) {
        var counts = histogram.mutableSpan
        for index in keys.indices {
            var key = keys[unchecked: index]
            for digit in 0..<digitCount {
                counts[unchecked: digit * bucketCount + Int(key & UInt64(bucketCount - 1))] &+= 1
                key >>= digitBits
            }
        }
    }

    private static func scatter(
        _ keys: Span<UInt64>, _ rows: Span<UInt32>, _ shift: UInt64, _ base: Int, _ next: inout [UInt32],
        _ sortedKeys: inout [UInt64], _ sortedRows: inout [UInt32]
    ) {
        var next = next.mutableSpan
        var sortedKeys = sortedKeys.mutableSpan
        var sortedRows = sortedRows.mutableSpan
        for index in keys.indices {
            let key = keys[unchecked: index]
            let bucket = base + Int((key >> shift) & UInt64(bucketCount - 1))
            let place = Int(next[unchecked: bucket])
            next[unchecked: bucket] &+= 1
            sortedKeys[unchecked: place] = key
            sortedRows[unchecked: place] = rows[unchecked: index]
        }
    }

    private static func insertionSort(keys: inout [UInt64], rows: inout [UInt32]) {
        for index in keys.indices.dropFirst() {
            let (key, row) = (keys[index], rows[index])
            var place = index
            while place > 0, keys[place - 1] > key {
                keys[place] = keys[place - 1]
                rows[place] = rows[place - 1]
                place -= 1
            }
            keys[place] = key
            rows[place] = row
        }
    }
}
