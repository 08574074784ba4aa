package import Bucketing

/// Where the rows of each geohash cell are: a tree that halves cells until each has few rows, and for each of its leaves the
/// rows in every partition.
///
/// A partition is the rows of one week, or of one datasource in one week. In it rows are sorted by the Morton key of the
/// origin, so a block of keys that agree in their first bits is contiguous in each partition, and one more bit cuts each of
/// these ranges in two (a k-d tree whose planes are the borders of geohash cells; Bentley, "Multidimensional Binary Search
/// Trees Used for Associative Searching", CACM 1975):
///
///     world          all rows                       partition 1   partition 2
///     ├─ west  0…    rows 0..<900 and 5000..<5800   0    900      5000   5800
///     └─ east  1…    …                              900  5000     5800   9000
///        ├─ …
///
/// Dense areas get small leaves and empty ones none, whatever the mixture in a segment. One tree serves all partitions: a box
/// is looked up once, however many there are. In memory the nodes are in preorder, each with the index of its first leaf and
/// the index of the node behind its subtree: a walk skips a subtree in one step. As bytes:
///
///     count of nodes · nodes in preorder, two bits each, four to a byte from its low end · for each leaf and partition: rows
///
/// where a node is 0 for a leaf, else 1 if its lower half has rows plus 2 if its upper half has; integers are unsigned LEB128.
/// If a leaf exceeds the row limit, all its rows are in one cell of the finest grid.
package struct CellIndex: Hashable, Sendable {
    private struct Node: Hashable, Sendable {
        /// Index of the first leaf in its subtree.
        var firstLeaf: UInt32
        /// The upper two bits say which of its halves have rows; below them is the index of the node behind its subtree.
        var halvesAndEnd: UInt32 = 0

        static let endBitCount: UInt32 = 30

        var halves: UInt8 { UInt8(truncatingIfNeeded: halvesAndEnd >> Self.endBitCount) }
        var hasLowerHalf: Bool { halvesAndEnd >> Self.endBitCount & 1 != 0 }
        var hasUpperHalf: Bool { halvesAndEnd >> Self.endBitCount & 2 != 0 }
        var isLeaf: Bool { halvesAndEnd >> Self.endBitCount == 0 }
        var end: Int { Int(halvesAndEnd & (1 << Self.endBitCount - 1)) }

        mutating func close(halves: UInt8, end: Int) { halvesAndEnd = UInt32(halves) << Self.endBitCount | UInt32(end) }
    }

    /// The tree, and one node behind it whose first leaf is the one behind the last; empty if there are no rows.
    private var nodes: [Node] = []
    /// Count of partitions.
    let partitionCount: Int
    /// The first row of leaf `l` in partition `s` is `rowStarts[l * partitionCount + s]`; after the leaves come the ends of the
    /// partitions.
    private var rowStarts: [UInt32] = []
    /// Rows of all partitions in the leaves before each one; the last element counts all rows.
    private var leafStarts: [UInt32] = [0]

    /// Count of leaves.
    package var leafCount: Int { leafStarts.count - 1 }

    /// Maximum rows of a leaf, unless they are in one cell of the finest grid.
    ///
    /// Fewer rows make the edge of a box thinner and the index larger, since each leaf has an integer for each partition.
    private static func leafRowCountMax(partitionCount: Int) -> Int { max(128, 8 * partitionCount) }
    /// Nodes of a segment: the bits for a node index allow no more.
    private static let nodeCountMax = 1 << Node.endBitCount - 2

    // MARK: - Building

    /// Cuts the rows of a segment into leaves.
    ///
    /// - Parameters:
    ///   - keys: Morton keys (60 bits) of the rows, ascending in each partition.
    ///   - partitionRowStarts: partition `s` has the rows `partitionRowStarts[s]..<partitionRowStarts[s + 1]`, at least one.
    init(keys: Span<UInt64>, partitionRowStarts: [Int]) {
        partitionCount = partitionRowStarts.count - 1
        guard partitionCount > 0 else { return }
        let most = Self.leafRowCountMax(partitionCount: partitionCount)
        // Row positions in all partitions at which blocks begin and end, a few of them at a time.
        var cuts = Cuts(partitionCount: partitionCount)
        cuts.append(partitionRowStarts.dropLast().map(UInt32.init))
        cuts.append(partitionRowStarts.dropFirst().map(UInt32.init))
        divide(.world, cuts: &cuts, from: 0, to: 1, keys: keys, leafRowCountMax: most)
        rowStarts += cuts[1]
        nodes.append(Node(firstLeaf: UInt32(leafCount)))
    }

    /// Rows at which something begins, one in each partition.
    private struct Cuts {
        let partitionCount: Int
        private(set) var rows: [UInt32] = []

        init(partitionCount: Int) { self.partitionCount = partitionCount }

        var count: Int { rows.count / partitionCount }
        subscript(cut: Int) -> ArraySlice<UInt32> { rows[cut * partitionCount..<(cut + 1) * partitionCount] }

        mutating func append(_ starts: [UInt32]) { rows += starts }
        mutating func removeLast() { rows.removeLast(partitionCount) }

        func rowCount(from start: Int, to end: Int) -> Int {
            var sum = 0
            for partition in 0..<partitionCount {
                sum += Int(rows[end * partitionCount + partition]) - Int(rows[start * partitionCount + partition])
            }
            return sum
        }

        /// Appends the rows, between two others, at which the keys from `key` on begin.
        mutating func cut(from start: Int, to end: Int, at key: UInt64, keys: Span<UInt64>) {
            for partition in 0..<partitionCount {
                rows.append(
                    Self.firstRow(
                        from: rows[start * partitionCount + partition], to: rows[end * partitionCount + partition],
                        notBelow: key,
                        keys)
                )
            }
        }

        private static func firstRow(from start: UInt32, to end: UInt32, notBelow key: UInt64, _ keys: Span<UInt64>) -> UInt32 {
            var (low, high) = (Int(start), Int(end))
            // In most halvings above a city, all rows are in one half.
            if low == high || keys[low] >= key { return start }
            if keys[high - 1] < key { return end }
            while low < high {
                let middle = (low + high) / 2
                if keys[middle] < key { low = middle + 1 } else { high = middle }
            }
            return UInt32(low)
        }
    }

    private mutating func divide(
        _ block: MortonBlock, cuts: inout Cuts, from start: Int, to end: Int, keys: Span<UInt64>, leafRowCountMax: Int
    ) {
        let position = nodes.count
        let rowCount = cuts.rowCount(from: start, to: end)
        nodes.append(Node(firstLeaf: UInt32(leafCount)))
        if rowCount <= leafRowCountMax || block.depth == MortonKey.bitCount {
            rowStarts += cuts[start]
            leafStarts.append(leafStarts[leafCount] + UInt32(rowCount))
            return nodes[position].close(halves: 0, end: position + 1)
        }
        let middle = cuts.count
        cuts.cut(from: start, to: end, at: block.upperHalf.key, keys: keys)
        let lowerRowCount = cuts.rowCount(from: start, to: middle)
        if lowerRowCount > 0 {
            divide(block.lowerHalf, cuts: &cuts, from: start, to: middle, keys: keys, leafRowCountMax: leafRowCountMax)
        }
        if lowerRowCount < rowCount {
            divide(block.upperHalf, cuts: &cuts, from: middle, to: end, keys: keys, leafRowCountMax: leafRowCountMax)
        }
        cuts.removeLast()
        nodes[position].close(halves: (lowerRowCount > 0 ? 1 : 0) | (lowerRowCount < rowCount ? 2 : 0), end: nodes.count)
    }

    // MARK: - Queries

    /// Returns the rows of some leaves in a partition, which are contiguous.
    package func rows(ofLeaves leaves: Range<Int>, partition: Int) -> Range<Int> {
        Int(
            rowStarts[leaves.lowerBound * partitionCount + partition])..<Int(
                rowStarts[leaves.upperBound * partitionCount + partition])
    }

    /// Calls `body` with the first row of a leaf in each partition, and the row behind its last.
    func withRows<Result>(ofLeaf leaf: Int, _ body: (_ starts: Span<UInt32>, _ ends: Span<UInt32>) -> Result) -> Result {
        let starts = rowStarts.span
        return body(
            starts.extracting(leaf * partitionCount..<(leaf + 1) * partitionCount),
            starts.extracting((leaf + 1) * partitionCount..<(leaf + 2) * partitionCount))
    }

    /// Adds the row counts of some leaves to a count for each partition.
    func addRowCounts(ofLeaves leaves: Range<Int>, to counts: inout [Int]) {
        let (first, end) = (leaves.lowerBound * partitionCount, leaves.upperBound * partitionCount)
        let starts = rowStarts.span
        for partition in 0..<partitionCount {
            counts[partition] &+= Int(starts[end &+ partition]) &- Int(starts[first &+ partition])
        }
    }

    /// Returns the row positions of a leaf if rows are counted leaf by leaf, and in a leaf partition by partition.
    package func rows(ofLeaf leaf: Int) -> Range<Int> { Int(leafStarts[leaf])..<Int(leafStarts[leaf + 1]) }

    /// Calls `body` with the index and the block of each leaf, in the order of their keys.
    package func forEachLeaf(_ body: (_ leaf: Int, _ block: MortonBlock) -> Void) {
        if !nodes.isEmpty { Self.forEachLeaf(0, .world, nodes.span, body) }
    }

    private static func forEachLeaf(
        _ position: Int, _ block: MortonBlock, _ nodes: Span<Node>, _ body: (Int, MortonBlock) -> Void
    ) {
        let node = nodes[position]
        if node.isLeaf { return body(Int(node.firstLeaf), block) }
        if node.hasLowerHalf { forEachLeaf(position + 1, block.lowerHalf, nodes, body) }
        if node.hasUpperHalf { forEachLeaf(upperHalf(position, node, nodes), block.upperHalf, nodes, body) }
    }

    /// Returns the block of the first leaf, or the last one, that has rows in some partitions.
    func endBlock(isFirst: Bool, ofPartitions partitions: [Int]) -> MortonBlock? {
        if nodes.isEmpty { return nil }
        return Self.find(0, .world, nodes.span, isFirst: isFirst) { leaf in
            partitions.contains { !rows(ofLeaves: leaf..<leaf + 1, partition: $0).isEmpty }
        }
    }

    private static func find(
        _ position: Int, _ block: MortonBlock, _ nodes: Span<Node>, isFirst: Bool, _ isFound: (_ leaf: Int) -> Bool
    ) -> MortonBlock? {
        let node = nodes[position]
        if node.isLeaf { return isFound(Int(node.firstLeaf)) ? block : nil }
        let lower = node.hasLowerHalf ? (position + 1, block.lowerHalf) : nil
        let upper = node.hasUpperHalf ? (upperHalf(position, node, nodes), block.upperHalf) : nil
        for half in isFirst ? [lower, upper] : [upper, lower] {
            guard let (position, block) = half else { continue }
            if let found = find(position, block, nodes, isFirst: isFirst, isFound) { return found }
        }
        return nil
    }

    /// Returns the index of the upper half of a node that has one.
    @inline(__always)
    private static func upperHalf(_ position: Int, _ node: Node, _ nodes: Span<Node>) -> Int {
        node.hasLowerHalf ? nodes[position &+ 1].end : position &+ 1
    }

    /// Returns the rows of a partition that may have keys on both sides of `key`: rows before them have smaller keys, rows
    /// behind them do not.
    package func rows(partition: Int, aroundKey key: UInt64) -> Range<Int> {
        var (position, block) = (0, MortonBlock.world)
        while !nodes[position].isLeaf {
            let (node, upper) = (nodes[position], block.upperHalf)
            if key >= upper.key {
                guard node.hasUpperHalf else { return border(beforeLeaf: nodes[node.end].firstLeaf, partition) }
                (position, block) = (Self.upperHalf(position, node, nodes.span), upper)
            } else {
                guard node.hasLowerHalf else { return border(beforeLeaf: node.firstLeaf, partition) }
                (position, block) = (position + 1, block.lowerHalf)
            }
        }
        let leaf = nodes[position].firstLeaf
        if key <= block.key { return border(beforeLeaf: leaf, partition) }
        return key > block.lastKey
            ? border(beforeLeaf: leaf + 1, partition) : rows(ofLeaves: Int(leaf)..<Int(leaf) + 1, partition: partition)
    }

    private func border(beforeLeaf leaf: UInt32, _ partition: Int) -> Range<Int> {
        rows(ofLeaves: Int(leaf)..<Int(leaf), partition: partition)
    }

    /// Calls `body` with consecutive leaves that together have every row in a box, in order.
    ///
    /// It gets how the box covers the rows of these leaves, and the block that they fill; a part that is not inside the box is
    /// a single leaf.
    package func forEachRun(
        of box: GridBox, _ body: (_ leaves: Range<Int>, _ coverage: BoxCoverage, _ block: MortonBlock) -> Void
    ) {
        if !nodes.isEmpty { Self.descend(0, .world, nodes.span, box, body) }
    }

    private static func descend(
        _ position: Int, _ block: MortonBlock, _ nodes: Span<Node>, _ box: GridBox,
        _ body: (Range<Int>, BoxCoverage, MortonBlock) -> Void
    ) {
        guard let coverage = box.coverage(of: block) else { return }
        let node = nodes[position]
        if coverage.isInside || node.isLeaf {
            return body(Int(node.firstLeaf)..<Int(nodes[node.end].firstLeaf), coverage, block)
        }
        if node.hasLowerHalf { descend(position &+ 1, block.lowerHalf, nodes, box, body) }
        if node.hasUpperHalf { descend(upperHalf(position, node, nodes), block.upperHalf, nodes, box, body) }
    }

    // MARK: - Bytes

    func write(to writer: inout IndexByteWriter) {
        let tree = nodes.dropLast()
        writer.append(tree.count)
        for start in stride(from: 0, to: tree.count, by: 4) {
            var byte: UInt8 = 0
            for (position, node) in tree[start..<min(start + 4, tree.count)].enumerated() {
                byte |= node.halves << UInt8(2 * position)
            }
            writer.append(contentsOf: [byte])
        }
        for position in 0..<leafCount * partitionCount {
            writer.append(UInt64(rowStarts[position + partitionCount] - rowStarts[position]))
        }
    }

    /// Reads the tree of a segment with partitions of known row counts; throws on every inconsistency.
    init(from reader: inout IndexByteReader, partitionRowStarts: [Int]) throws(IndexError) {
        partitionCount = partitionRowStarts.count - 1
        let rowCount = partitionRowStarts.last ?? 0
        guard rowCount <= UInt32.max else { throw IndexError(description: "the index has more rows than a segment can") }
        let nodeCount = try reader.count(max: min(rowCount * (MortonKey.bitCount + 1), Self.nodeCountMax))
        let bytes = try reader.bytes((nodeCount + 3) / 4)
        guard partitionCount > 0 else {
            guard nodeCount == 0 else { throw IndexError(description: "the cell index has nodes without rows") }
            return
        }
        let leafCount = try readTree(bytes, nodeCount: nodeCount)
        var next = partitionRowStarts.dropLast().map(UInt32.init)
        let ends = partitionRowStarts.dropFirst().map(UInt32.init)
        // Each integer takes at least a byte, so a false index can't claim more memory than some times its own size.
        if leafCount * partitionCount <= reader.byteCountLeft { rowStarts.reserveCapacity((leafCount + 1) * partitionCount) }
        leafStarts.reserveCapacity(leafCount + 1)
        for _ in 0..<leafCount {
            rowStarts += next
            let rowCount = try reader.addCounts(to: &next, upTo: ends)
            guard rowCount > 0 else { throw IndexError(description: "a leaf of the cell index has no rows") }
            leafStarts.append(leafStarts[leafStarts.count - 1] + UInt32(rowCount))
        }
        guard next == ends else { throw IndexError(description: "the cell index lacks rows") }
        rowStarts += next
        nodes.append(Node(firstLeaf: UInt32(leafCount)))
    }

    /// Appends the nodes of the tree and returns the count of its leaves.
    private mutating func readTree(_ bytes: ArraySlice<UInt8>, nodeCount: Int) throws(IndexError) -> Int {
        /// Nodes above the next one that still lack a half, the lowest last.
        var open: [(position: Int, missing: Int)] = []
        var leafCount = 0
        var isWhole = false
        for position in 0..<nodeCount {
            guard !isWhole else { throw IndexError(description: "the tree of the cell index has nodes past its end") }
            let halves = bytes[bytes.startIndex + position / 4] >> UInt8(2 * (position % 4)) & 3
            let position = nodes.count
            nodes.append(Node(firstLeaf: UInt32(leafCount)))
            nodes[position].close(halves: halves, end: position + 1)
            if halves != 0 {
                guard open.count < MortonKey.bitCount else {
                    throw IndexError(description: "the tree of the cell index is deeper than a key")
                }
                open.append((position: position, missing: halves.nonzeroBitCount))
                continue
            }
            leafCount += 1
            while let last = open.last {
                if last.missing > 1 {
                    open[open.count - 1].missing -= 1
                    break
                }
                nodes[last.position].close(halves: nodes[last.position].halves, end: nodes.count)
                open.removeLast()
            }
            isWhole = open.isEmpty
        }
        guard isWhole else { throw IndexError(description: "the tree of the cell index is cut off") }
        // The bits behind the last node are zero, so that equal indexes have equal bytes.
        if nodeCount % 4 != 0, bytes.last! >> UInt8(2 * (nodeCount % 4)) != 0 {
            throw IndexError(description: "the tree of the cell index has bits past its end")
        }
        return leafCount
    }
}
