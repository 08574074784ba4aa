package import Bucketing

/// Where the rows of each geohash cell are, week by week: a tree that halves cells until few rows are left in each.
///
/// Rows are sorted by week and then by the Morton key of the origin, so a block of keys that agree in their first bits is one
/// run of rows per week, and a bit more cuts the run in two (a k-d tree whose planes are the borders of geohash cells; Bentley,
/// "Multidimensional Binary Search Trees Used for Associative Searching", CACM 1975):
///
///     world          all rows of the week
///     ├─ west  0…    rows 0..<900           a block with at most 64 rows is a leaf;
///     └─ east  1…    rows 900..<5000        a block without rows is left out
///        ├─ …
///
/// Dense places get small leaves and empty ones none, whatever the mixture in a segment. Only the leaves are kept, in Z-order;
/// blocks above them are ranges of leaves. As bytes, for each week:
///
///     number of nodes · nodes in preorder, two bits each, four to a byte from its low end · for each leaf: rows − 1
///
/// where a node is 0 for a leaf, else 1 where its lower half has rows plus 2 where its upper half has; numbers are unsigned
/// LEB128. A leaf with more than 64 rows has them all in one cell of the finest grid.
package struct CellIndex: Hashable, Sendable {
    /// Week `w` has the leaves `weekStarts[w]..<weekStarts[w + 1]`.
    package private(set) var weekStarts: [Int] = [0]
    /// The smallest key of each leaf's block.
    private var leafKeys: [UInt64] = []
    /// How many bits the keys of each leaf's block share: 0 to 60.
    private var leafDepths: [UInt8] = []
    /// Leaf `i` has the rows `rowStarts[i]..<rowStarts[i + 1]`.
    private var rowStarts: [UInt32] = [0]

    /// Rows of a leaf: fewer make the edge of a box thinner and the index larger (64 rows: four hundredths of a byte a row).
    static let leafRowCountMax = 64

    /// Number of leaves.
    package var leafCount: Int { leafKeys.count }

    private mutating func appendLeaf(key: UInt64, depth: Int, endRow: Int) {
        leafKeys.append(key)
        leafDepths.append(UInt8(depth))
        rowStarts.append(UInt32(endRow))
    }

    /// The smallest key of the upper half of a block.
    private static func middle(key: UInt64, depth: Int) -> UInt64 { key | 1 << UInt64(MortonKey.bitCount - 1 - depth) }

    // MARK: - Building

    /// Cuts the rows of a segment into leaves.
    ///
    /// - Parameters:
    ///   - keys: Morton keys (60 bits) of the rows, ascending in each week.
    ///   - weekRowStarts: week `w` has the rows `weekRowStarts[w]..<weekRowStarts[w + 1]`.
    init(keys: Span<UInt64>, weekRowStarts: [Int]) {
        for week in 0..<weekRowStarts.count - 1 {
            divide(weekRowStarts[week]..<weekRowStarts[week + 1], key: 0, depth: 0, keys: keys)
            weekStarts.append(leafKeys.count)
        }
    }

    private mutating func divide(_ rows: Range<Int>, key: UInt64, depth: Int, keys: Span<UInt64>) {
        if rows.count <= Self.leafRowCountMax || depth == MortonKey.bitCount {
            return appendLeaf(key: key, depth: depth, endRow: rows.upperBound)
        }
        let middle = Self.middle(key: key, depth: depth)
        let split = Self.partition(rows) { keys[$0] < middle }
        if split > rows.lowerBound { divide(rows.lowerBound..<split, key: key, depth: depth + 1, keys: keys) }
        if split < rows.upperBound { divide(split..<rows.upperBound, key: middle, depth: depth + 1, keys: keys) }
    }

    /// The first index of a range for which `precedes` is false.
    @inline(__always)
    private static func partition(_ range: Range<Int>, _ precedes: (Int) -> Bool) -> Int {
        var low = range.lowerBound
        var high = range.upperBound
        if low < high, !precedes(low) { return low }
        if low < high, precedes(high - 1) { return high }
        while low < high {
            let middle = (low + high) / 2
            if precedes(middle) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: - Asking

    /// The keys from the smallest of a week to its largest, to within a leaf: never more of them.
    func keys(week: Int) -> ClosedRange<UInt64> {
        let last = leafKeys[weekStarts[week + 1] - 1]
        return min(lastKey(ofLeaf: weekStarts[week]), last)...last
    }

    /// Calls `body` with the smallest key of each leaf's block and its rows, in their order.
    func forEachLeaf(week: Int, _ body: (_ key: UInt64, _ rows: Range<Int>) -> Void) {
        for leaf in weekStarts[week]..<weekStarts[week + 1] {
            body(leafKeys[leaf], Int(rowStarts[leaf])..<Int(rowStarts[leaf + 1]))
        }
    }

    /// The rows of a week that may have keys on both sides of `key`: those before have smaller ones, those behind have not.
    func rows(week: Int, aroundKey key: UInt64) -> Range<Int> {
        let next = Self.partition(weekStarts[week]..<weekStarts[week + 1]) { leafKeys[$0] < key }
        let end = Int(rowStarts[next])
        guard next > weekStarts[week], lastKey(ofLeaf: next - 1) >= key else { return end..<end }
        return Int(rowStarts[next - 1])..<end
    }

    /// The largest key of a leaf's block.
    private func lastKey(ofLeaf leaf: Int) -> UInt64 { leafKeys[leaf] | UInt64.max >> (4 + UInt64(leafDepths[leaf])) }

    /// Calls `body` with runs of rows of a week that together hold every row in a box, in their order, and what is known of
    /// where all their rows are.
    package func forEachRun(week: Int, of box: GridBox, _ body: (_ rows: Range<Int>, _ coverage: BoxCoverage) -> Void) {
        descend(weekStarts[week]..<weekStarts[week + 1], box, body)
    }

    private func descend(_ leaves: Range<Int>, _ box: GridBox, _ body: (Range<Int>, BoxCoverage) -> Void) {
        // The smallest block that holds the leaves: levels with one half only are passed over.
        let lower = leafKeys[leaves.lowerBound]
        let upper = lastKey(ofLeaf: leaves.upperBound - 1)
        let depth = (lower ^ upper).leadingZeroBitCount - 4
        let rest = UInt64.max >> UInt64(4 + depth)
        guard let coverage = box.coverage(lower: lower & ~rest, upper: lower | rest) else { return }
        if coverage.isInside || leaves.count == 1 {
            return body(Int(rowStarts[leaves.lowerBound])..<Int(rowStarts[leaves.upperBound]), coverage)
        }
        let middle = Self.middle(key: lower & ~rest, depth: depth)
        let split = Self.partition(leaves) { leafKeys[$0] < middle }
        descend(leaves.lowerBound..<split, box, body)
        descend(split..<leaves.upperBound, box, body)
    }

    // MARK: - Bytes

    func write(to writer: inout IndexByteWriter) {
        for week in 0..<weekStarts.count - 1 {
            var nodes: [UInt8] = []
            listNodes(weekStarts[week]..<weekStarts[week + 1], key: 0, depth: 0, into: &nodes)
            writer.append(nodes.count)
            for start in stride(from: 0, to: nodes.count, by: 4) {
                var byte: UInt8 = 0
                for (place, node) in nodes[start..<min(start + 4, nodes.count)].enumerated() {
                    byte |= node << UInt8(2 * place)
                }
                writer.append(contentsOf: [byte])
            }
            for leaf in weekStarts[week]..<weekStarts[week + 1] {
                writer.append(UInt64(rowStarts[leaf + 1] - rowStarts[leaf] - 1))
            }
        }
    }

    private func listNodes(_ leaves: Range<Int>, key: UInt64, depth: Int, into nodes: inout [UInt8]) {
        if Int(leafDepths[leaves.lowerBound]) == depth { return nodes.append(0) }
        let middle = Self.middle(key: key, depth: depth)
        let split = Self.partition(leaves) { leafKeys[$0] < middle }
        nodes.append((split > leaves.lowerBound ? 1 : 0) | (split < leaves.upperBound ? 2 : 0))
        if split > leaves.lowerBound {
            listNodes(leaves.lowerBound..<split, key: key, depth: depth + 1, into: &nodes)
        }
        if split < leaves.upperBound {
            listNodes(split..<leaves.upperBound, key: middle, depth: depth + 1, into: &nodes)
        }
    }

    /// Reads the trees of weeks of known row counts; every inconsistency is an error.
    init(from reader: inout IndexByteReader, weekRowStarts: [Int]) throws(IndexError) {
        for week in 0..<weekRowStarts.count - 1 {
            let rowCount = weekRowStarts[week + 1] - weekRowStarts[week]
            let nodeCount = try reader.count(max: rowCount * (MortonKey.bitCount + 1))
            let nodes = try reader.bytes((nodeCount + 3) / 4)
            try readTree(nodes, nodeCount: nodeCount)
            var row = weekRowStarts[week]
            for _ in weekStarts[week]..<leafKeys.count {
                row += try reader.count(max: weekRowStarts[week + 1] - row - 1) + 1
                rowStarts.append(UInt32(row))
            }
            guard row == weekRowStarts[week + 1] else { throw IndexError(description: "the cell index misses rows") }
            weekStarts.append(leafKeys.count)
        }
    }

    /// Appends the leaves of a tree, without their rows.
    private mutating func readTree(_ nodes: ArraySlice<UInt8>, nodeCount: Int) throws(IndexError) {
        // Blocks still to be read, the next one last.
        var open: [(key: UInt64, depth: Int)] = [(key: 0, depth: 0)]
        for position in 0..<nodeCount {
            guard let (key, depth) = open.popLast() else {
                throw IndexError(description: "a tree of the cell index has nodes past its end")
            }
            let node = nodes[nodes.startIndex + position / 4] >> UInt8(2 * (position % 4)) & 3
            if node == 0 {
                leafKeys.append(key)
                leafDepths.append(UInt8(depth))
                continue
            }
            guard depth < MortonKey.bitCount else {
                throw IndexError(description: "a tree of the cell index is deeper than a key")
            }
            if node & 2 != 0 { open.append((key: Self.middle(key: key, depth: depth), depth: depth + 1)) }
            if node & 1 != 0 { open.append((key: key, depth: depth + 1)) }
        }
        guard open.isEmpty else { throw IndexError(description: "a tree of the cell index is cut off") }
        // The bits behind the last node are zero, so that equal indexes have equal bytes.
        if nodeCount % 4 != 0, nodes.last! >> UInt8(2 * (nodeCount % 4)) != 0 {
            throw IndexError(description: "a tree of the cell index has bits past its end")
        }
    }
}
