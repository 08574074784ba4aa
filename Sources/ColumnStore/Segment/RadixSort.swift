/// Sorts rows by 60-bit keys.
///
/// A key's upper bits and the row's position fit into one word, so that half the memory moves, in half the passes that whole
/// keys with their rows would need:
///
///     63                         r    r-1              0
///     ┌──────────────────────────┬─────────────────────┐     r: bits of the largest position
///     │ the key's window         │ position before     │     window: the bits below those that all keys share
///     └──────────────────────────┴─────────────────────┘
///
/// Least significant digit first, digits of at most eleven bits, all counted in one pass. Rows whose keys agree in the window
/// are then sorted among themselves by the bits below it. Stable, so rows of equal keys stay in file order.
package enum RadixSort {
    private static let digitBitsMax = 11
    /// More bits seldom distinguish more rows, and cost passes: 22 of each axis are cells of 10 by 5 metres.
    private static let windowBitsMax = 4 * digitBitsMax
    /// Up to this many rows are sorted by insertion.
    private static let smallCount = 48

    /// Writes the keys in ascending order, and the rows in the order of their keys; all four have one length.
    package static func sort(
        _ keys: Span<UInt64>, _ rows: Span<UInt32>, intoKeys sortedKeys: inout MutableSpan<UInt64>,
        rows sortedRows: inout MutableSpan<UInt32>
    ) {
        let count = keys.count
        precondition(rows.count == count && sortedKeys.count == count && sortedRows.count == count)
        if count <= smallCount {
            for index in 0..<count { (sortedKeys[index], sortedRows[index]) = (keys[index], rows[index]) }
            return insertionSort(0..<count, &sortedKeys, &sortedRows)
        }
        var varying: UInt64 = 0
        for index in keys.indices { varying |= keys[unchecked: index] ^ keys[unchecked: 0] }
        // What follows also holds if all keys are equal: their window has one bit, the same in all.
        let varyingBits = max(1, UInt64.bitWidth - varying.leadingZeroBitCount)
        let positionBits = UInt64.bitWidth - (UInt64(count) - 1).leadingZeroBitCount
        let windowBits = min(varyingBits, windowBitsMax, UInt64.bitWidth - positionBits)
        let lowBits = varyingBits - windowBits
        let words = sortedWords(keys, lowBits: lowBits, windowBits: windowBits, positionBits: positionBits)
        let positionMask = (1 << UInt64(positionBits)) - 1 as UInt64
        for index in 0..<count {
            let offset = Int(truncatingIfNeeded: words[index] & positionMask)
            sortedKeys[unchecked: index] = keys[offset]
            sortedRows[unchecked: index] = rows[offset]
        }
        if lowBits > 0 { sortRuns(lowBits, &sortedKeys, &sortedRows) }
    }

    /// Returns windows and positions, sorted by window.
    private static func sortedWords(_ keys: Span<UInt64>, lowBits: Int, windowBits: Int, positionBits: Int) -> [UInt64] {
        let passCount = (windowBits + digitBitsMax - 1) / digitBitsMax
        let digitBits = (windowBits + passCount - 1) / passCount
        let bucketCount = 1 << digitBits
        var words = [UInt64](repeating: 0, count: keys.count)
        var counts = [UInt32](repeating: 0, count: passCount * bucketCount)
        makeWords(keys, lowBits, windowBits, positionBits, digitBits, passCount, &words, &counts)
        var others = [UInt64](repeating: 0, count: keys.count)
        for pass in 0..<passCount {
            let base = pass * bucketCount
            let shift = positionBits + pass * digitBits
            let digit = Int(truncatingIfNeeded: words[0] >> UInt64(shift)) & (bucketCount - 1)
            // A digit that is the same in all keys costs nothing more.
            if Int(counts[base + digit]) == keys.count { continue }
            var next: UInt32 = 0
            for bucket in base..<base + bucketCount {
                let size = counts[bucket]
                counts[bucket] = next
                next += size
            }
            scatter(words.span, UInt64(shift), bucketCount, base, &counts, &others)
            swap(&words, &others)
        }
        return words
    }

    private static func makeWords(
        _ keys: Span<UInt64>, _ lowBits: Int, _ windowBits: Int, _ positionBits: Int, _ digitBits: Int, _ passCount: Int,
        _ words: inout [UInt64], _ counts: inout [UInt32]
    ) {
        var words = words.mutableSpan
        var counts = counts.mutableSpan
        let mask = ~0 &>> UInt64(UInt64.bitWidth - windowBits) as UInt64
        let bucketCount = 1 &<< digitBits
        for index in keys.indices {
            var window = (keys[unchecked: index] &>> UInt64(lowBits)) & mask
            words[unchecked: index] = window &<< UInt64(positionBits) | UInt64(truncatingIfNeeded: index)
            for pass in 0..<passCount {
                counts[unchecked: pass &* bucketCount &+ Int(truncatingIfNeeded: window) & (bucketCount &- 1)] &+= 1
                window &>>= UInt64(digitBits)
            }
        }
    }

    private static func scatter(
        _ words: Span<UInt64>, _ shift: UInt64, _ bucketCount: Int, _ base: Int, _ next: inout [UInt32],
        _ sorted: inout [UInt64]
    ) {
        var next = next.mutableSpan
        var sorted = sorted.mutableSpan
        for index in words.indices {
            let word = words[unchecked: index]
            let bucket = base &+ Int(truncatingIfNeeded: word &>> shift) & (bucketCount &- 1)
            let offset = Int(next[unchecked: bucket])
            next[unchecked: bucket] &+= 1
            sorted[unchecked: offset] = word
        }
    }

    /// Sorts each stretch of keys that differ in their lowest bits only.
    private static func sortRuns(_ lowBits: Int, _ keys: inout MutableSpan<UInt64>, _ rows: inout MutableSpan<UInt32>) {
        var start = 0
        while start < keys.count {
            let window = keys[start] >> UInt64(lowBits)
            var end = start + 1
            var isAscending = true
            while end < keys.count, keys[end] >> UInt64(lowBits) == window {
                isAscending = isAscending && keys[end - 1] <= keys[end]
                end += 1
            }
            if !isAscending {
                if end - start <= smallCount {
                    insertionSort(start..<end, &keys, &rows)
                } else {
                    sortRun(start..<end, &keys, &rows)
                }
            }
            start = end
        }
    }

    private static func sortRun(_ run: Range<Int>, _ keys: inout MutableSpan<UInt64>, _ rows: inout MutableSpan<UInt32>) {
        let oldKeys = run.map { keys[$0] }
        let oldRows = run.map { rows[$0] }
        var (newKeys, newRows) = (oldKeys, oldRows)
        var keySpan = newKeys.mutableSpan
        var rowSpan = newRows.mutableSpan
        sort(oldKeys.span, oldRows.span, intoKeys: &keySpan, rows: &rowSpan)
        for index in run {
            keys[index] = keySpan[index - run.lowerBound]
            rows[index] = rowSpan[index - run.lowerBound]
        }
    }

    private static func insertionSort(
        _ range: Range<Int>, _ keys: inout MutableSpan<UInt64>, _ rows: inout MutableSpan<UInt32>
    ) {
        for index in range.dropFirst() {
            let (key, row) = (keys[index], rows[index])
            var offset = index
            while offset > range.lowerBound, keys[offset - 1] > key {
                keys[offset] = keys[offset - 1]
                rows[offset] = rows[offset - 1]
                offset -= 1
            }
            keys[offset] = key
            rows[offset] = row
        }
    }
}
