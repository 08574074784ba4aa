package import Bucketing
internal import CKernels
internal import CPlatform
import Parquet
import TripModel

/// Where the origin of each row is in its leaf of `CellIndex`, quantized to 4096ths of the leaf's width and height.
///
/// This is the vector approximation file (VA-file) of Weber, Schek and Blott ("A Quantitative Analysis and Performance Study
/// for Similarity-Search Methods in High-Dimensional Spaces", VLDB 1998), with the leaves of a tree as its grid. The edge of a
/// box cuts through leaves, the boundary cells. Three bytes decide which of their rows are inside; only if the edge cuts
/// through a row's step as well are its coordinates read.
///
/// Leaves are stored one after another, behind the index and uncompressed, and in a leaf its rows in segment order, so
/// partition by partition: the edge of a box is in the same few leaves for all partitions. A leaf of `n` rows has
///
///     x ÷ 16  n bytes ┆ y ÷ 16  n bytes ┆ x % 16 + 16 (y % 16)  n bytes ┆ CRC-32 of them  4 bytes, little-endian
///
/// A damaged leaf is not used: losing it loses speed, never rows.
///
/// Unsafe code: loads from leaves whose range was checked when the segment was opened, and pointers to them for the kernel.
package enum OriginApproximations {
    /// The version of the bytes; a reader ignores a version that it does not know.
    static let version = 1
    private static let checksumByteCount = 4
    private static let bytesPerRow = 3

    /// Returns the bytes of the quantized origins of a segment.
    package static func byteCount(rowCount: Int, leafCount: Int) -> Int {
        rowCount * bytesPerRow + leafCount * checksumByteCount
    }

    // MARK: - Writing

    /// Returns the quantized origins of rows, as bytes.
    ///
    /// - Parameters:
    ///   - keys: Morton keys of the rows.
    ///   - cells: the leaves of the rows.
    package static func bytes(keys: Span<UInt64>, cells: CellIndex) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: byteCount(rowCount: keys.count, leafCount: cells.leafCount))
        var start = 0
        cells.forEachLeaf { leaf, block in
            let count = cells.rows(ofLeaf: leaf).count
            var span = bytes.mutableSpan
            var row = start
            for partition in 0..<cells.partitionCount {
                block.forEachStep(of: keys, cells.rows(ofLeaves: leaf..<leaf + 1, partition: partition)) { _, x, y in
                    span[row] = UInt8(truncatingIfNeeded: x >> 4)
                    span[row + count] = UInt8(truncatingIfNeeded: y >> 4)
                    span[row + 2 * count] = UInt8(truncatingIfNeeded: x & 15 | (y & 15) << 4)
                    row += 1
                }
            }
            let end = start + bytesPerRow * count
            let checksum = CRC32.checksum(bytes.span.bytes.extracting(start..<end))
            for byte in 0..<checksumByteCount { bytes[end + byte] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * byte)) }
            start = end + checksumByteCount
        }
        return bytes
    }

    // MARK: - Reading

    /// Reads the quantized origins of one segment for one query.
    package struct Reader {
        private let file: MappedFile
        private let range: Range<Int>?
        private let cells: CellIndex

        package init(_ segment: SegmentReader) {
            file = segment.file
            range = segment.approximations
            cells = segment.index.cells
        }

        /// Returns the range in the file of the bytes of a leaf's rows; behind them is their checksum.
        private func bytes(ofLeaf leaf: Int) -> Range<Int>? {
            guard let range else { return nil }
            let rows = cells.rows(ofLeaf: leaf)
            let start = range.lowerBound + rows.lowerBound * bytesPerRow + leaf * checksumByteCount
            return start..<start + rows.count * bytesPerRow
        }

        /// Prefetches a leaf that will be counted soon: the leaves of an edge are scattered over the file.
        func prefetch(_ leaf: Int) {
            guard let range = bytes(ofLeaf: leaf) else { return }
            file.withBytes { bytes in
                bytes.extracting(range).withUnsafeBytes { bytes in
                    for line in stride(from: 0, to: bytes.count, by: 64) { tripstore_prefetch(bytes.baseAddress! + line) }
                }
            }
        }

        /// Counts the rows of a leaf that are certainly in a box, and calls `open` with those that are undecided.
        ///
        /// - Parameters:
        ///   - isWanted: for each partition, whether the query includes its rows.
        ///   - counts: count of rows by partition, which is increased; those of other partitions are meaningless.
        /// - Returns: how many rows were compared; nil, without any change, if the leaf is absent or damaged.
        package func count(
            _ leaf: Int, _ limits: BlockLimits, isWanted: [Bool], into counts: inout [Int],
            open: (_ row: Int, _ partition: Int) -> Void
        ) -> Int? {
            guard let range = bytes(ofLeaf: leaf) else { return nil }
            let isIntact = file.withBytes { bytes in
                CRC32.checksum(bytes.extracting(range))
                    == UInt32(
                        littleEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: range.upperBound, as: UInt32.self))
            }
            guard isIntact else { return nil }
            let rowCount = range.count / bytesPerRow
            let leafRows = LeafRows(start: range.lowerBound, count: rowCount, limits: limits)
            let wordCount = (rowCount + rowsAtATime - 1) / rowsAtATime
            withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 2 * wordCount) { bits in
                var isOpen = false
                for word in 0..<wordCount {
                    let first = word * rowsAtATime
                    let (inside, unknown) = file.withBytes {
                        leafRows.compare(first, min(first + rowsAtATime, rowCount), in: $0)
                    }
                    (bits[word], bits[wordCount + word]) = (inside, unknown)
                    isOpen = isOpen || unknown != 0
                }
                cells.withRows(ofLeaf: leaf) { starts, ends in
                    Self.add(bits.baseAddress!, starts, ends, to: &counts)
                    if isOpen {
                        Self.forEachRow(UnsafeBufferPointer(rebasing: bits[wordCount...]), starts, ends) { row, partition in
                            if isWanted[partition] { open(row, partition) }
                        }
                    }
                }
            }
            return rowCount
        }

        /// Counts the bits that are set, by partition.
        private static func add(
            _ bits: UnsafePointer<UInt64>, _ starts: Span<UInt32>, _ ends: Span<UInt32>, to counts: inout [Int]
        ) {
            precondition(starts.count == counts.count && ends.count == counts.count)
            counts.withUnsafeMutableBufferPointer { counts in
                starts.withUnsafeBufferPointer { starts in
                    ends.withUnsafeBufferPointer { ends in
                        tripstore_count_runs(
                            bits, starts.baseAddress!, ends.baseAddress!, starts.count, counts.baseAddress!)
                    }
                }
            }
        }

        /// Calls `body` with the row and the partition of each bit that is set.
        private static func forEachRow(
            _ bits: UnsafeBufferPointer<UInt64>, _ starts: Span<UInt32>, _ ends: Span<UInt32>,
            _ body: (_ row: Int, _ partition: Int) -> Void
        ) {
            var partition = 0
            // Rows of the leaf up to the end of the partition.
            var end = Int(ends[0] - starts[0])
            for (word, bits) in bits.enumerated() {
                var rest = bits
                while rest != 0 {
                    let row = word * rowsAtATime + rest.trailingZeroBitCount
                    rest &= rest - 1
                    while row >= end {
                        partition += 1
                        end += Int(ends[partition] - starts[partition])
                    }
                    body(Int(ends[partition]) - (end - row), partition)
                }
            }
        }
    }

    /// The rows of a leaf and the box that they are compared with.
    private struct LeafRows {
        private let x, y, rest: Int
        private let limits: BlockLimits
        private let coarseX, coarseY: tripstore_axis

        /// - Parameters:
        ///   - start: offset of the leaf in the file.
        ///   - count: its rows.
        init(start: Int, count: Int, limits: BlockLimits) {
            (x, y, rest) = (start, start + count, start + 2 * count)
            self.limits = limits
            (coarseX, coarseY) = (limits.longitude.coarse, limits.latitude.coarse)
        }

        /// Compares up to 64 rows: returns bits of those inside, and of those that are undecided.
        func compare(_ first: Int, _ end: Int, in bytes: RawSpan) -> (inside: UInt64, unknown: UInt64) {
            var (inside, touched): (UInt64, UInt64) = (0, 0)
            bytes.withUnsafeBytes { bytes in
                let start = bytes.baseAddress!.assumingMemoryBound(to: UInt8.self) + first
                tripstore_rows_in_box(start + x, start + y, coarseX, coarseY, &inside, &touched)
            }
            let isRow = UInt64.max >> UInt64(rowsAtATime - (end - first))
            inside &= isRow
            var rest = touched & ~inside & isRow
            var unknown: UInt64 = 0
            while rest != 0 {
                let row = rest.trailingZeroBitCount
                rest &= rest - 1
                let (fineX, fineY) = steps(ofRow: first + row, in: bytes)
                if limits.longitude.isInside(fineX) && limits.latitude.isInside(fineY) {
                    inside |= 1 << UInt64(row)
                } else if limits.longitude.isTouched(fineX) && limits.latitude.isTouched(fineY) {
                    unknown |= 1 << UInt64(row)
                }
            }
            return (inside, unknown)
        }

        private func steps(ofRow row: Int, in bytes: RawSpan) -> (x: Int, y: Int) {
            func byte(_ part: Int) -> Int { Int(bytes.unsafeLoad(fromUncheckedByteOffset: part + row, as: UInt8.self)) }
            let low = byte(rest)
            return (byte(x) << 4 | low & 15, byte(y) << 4 | low >> 4)
        }
    }

    /// Rows that the kernel compares at once; for the last ones it also reads the bytes behind them.
    static let rowsAtATime = 64
}

extension BlockLimits.Axis {
    /// The limits of the upper eight bits of a step, which sixteen steps share: inside if all of them are, touched if one is.
    fileprivate var coarse: tripstore_axis {
        let (first, last) = ((firstInside + 15) >> 4, (lastInside + 1) >> 4 - 1)
        var axis = tripstore_axis(first_inside: 1, last_inside: 0, first_touched: 1, last_touched: 0)
        if first <= last { (axis.first_inside, axis.last_inside) = (UInt8(first), UInt8(last)) }
        if firstTouched <= lastTouched {
            (axis.first_touched, axis.last_touched) = (UInt8(firstTouched >> 4), UInt8(lastTouched >> 4))
        }
        return axis
    }

    fileprivate func isInside(_ step: Int) -> Bool { step >= firstInside && step <= lastInside }
    fileprivate func isTouched(_ step: Int) -> Bool { step >= firstTouched && step <= lastTouched }
}
