/// Where a page is, and which rows it has.
///
/// This and `ColumnIndex` are the page index of a column chunk; both lie between the last row group and the footer.
///
/// https://github.com/apache/parquet-format/blob/master/PageIndex.md
public struct PageLocation: Hashable, Sendable {
    /// Offset of the page's header in the file.
    public let offset: Int
    /// Bytes of the page with its header.
    public let byteCount: Int
    /// Index of its first row in the row group.
    public let firstRow: Int
    public let rowCount: Int

    /// Makes a location.
    public init(offset: Int, byteCount: Int, firstRow: Int, rowCount: Int) {
        self.offset = offset
        self.byteCount = byteCount
        self.firstRow = firstRow
        self.rowCount = rowCount
    }

    /// The page's bytes in the file.
    public var byteRange: Range<Int> { offset..<offset + byteCount }
}

/// The bounds of each page of a column chunk.
public struct ColumnIndex: Hashable, Sendable {
    /// The order of the bounds of successive pages.
    public enum BoundaryOrder: Int32, Hashable, Sendable { case unordered = 0, ascending, descending }

    /// One for each page; without minimum and maximum if a page has only missing values.
    public let bounds: [ParquetBounds]
    public let order: BoundaryOrder
}

// MARK: - Offset index

extension PageLocation {
    /// Returns the struct `OffsetIndex` of some pages.
    static func serialized(_ pages: [PageLocation]) -> [UInt8] {
        var writer = CompactThriftWriter()
        writer.append { writer in
            writer.write(listOf: .structure, count: pages.count, field: 1)
            for page in pages {
                writer.append { writer in
                    writer.write(i64: page.offset, field: 1)
                    writer.write(i32: Int32(page.byteCount), field: 2)
                    writer.write(i64: page.firstRow, field: 3)
                }
            }
        }
        return writer.bytes
    }

    /// Reads the struct `OffsetIndex` of a chunk: pages within the chunk, one after another, with all its rows.
    static func pages(
        at range: Range<Int>, chunk: Range<Int>, rowCount: Int, in span: RawSpan
    ) throws(ParquetError) -> [PageLocation] {
        var reader = CompactThriftReader(try ByteReader(range, in: span))
        var starts: [Start] = []
        var id: Int16 = 0
        while let field = try reader.field(after: &id, in: span) {
            guard field.id == 1 else {
                try reader.skip(field, in: span)
                continue
            }
            for _ in 0..<(try reader.list(field, of: .structure, in: span)) {
                starts.append(try Start(from: &reader, in: span))
            }
        }
        return try pages(starts, chunk: chunk, rowCount: rowCount, indexOffset: range.lowerBound)
    }

    private struct Start {
        var offset = -1
        var byteCount = -1
        var row = -1

        init(from reader: inout CompactThriftReader, in span: RawSpan) throws(ParquetError) {
            var id: Int16 = 0
            while let field = try reader.field(after: &id, in: span) {
                switch field.id {
                case 1: offset = try reader.count(field, in: span)
                case 2: byteCount = try reader.count(field, in: span)
                case 3: row = try reader.count(field, in: span)
                default: try reader.skip(field, in: span)
                }
            }
            guard offset >= 0, byteCount >= 0, row >= 0 else {
                throw ParquetError(offset: reader.offset, kind: .malformed, detail: "a page's location lacks a field")
            }
        }
    }

    private static func pages(
        _ starts: [Start], chunk: Range<Int>, rowCount: Int, indexOffset: Int
    ) throws(ParquetError) -> [PageLocation] {
        var pages: [PageLocation] = []
        pages.reserveCapacity(starts.count)
        var free = chunk
        for (index, start) in starts.enumerated() {
            let nextRow = index + 1 < starts.count ? starts[index + 1].row : rowCount
            guard start.offset >= free.lowerBound, start.offset <= free.upperBound,
                start.byteCount <= free.upperBound - start.offset
            else {
                throw ParquetError(offset: indexOffset, kind: .malformed, detail: "page \(index) lies outside its column chunk")
            }
            guard start.row <= nextRow, nextRow <= rowCount, index > 0 || start.row == 0 else {
                throw ParquetError(offset: indexOffset, kind: .malformed, detail: "page \(index) has no valid rows")
            }
            free = start.offset + start.byteCount..<free.upperBound
            pages.append(
                PageLocation(
                    offset: start.offset, byteCount: start.byteCount, firstRow: start.row, rowCount: nextRow - start.row))
        }
        guard rowCount == 0 || !pages.isEmpty else {
            throw ParquetError(offset: indexOffset, kind: .malformed, detail: "an offset index names no page")
        }
        return pages
    }
}

// MARK: - Column index

extension ColumnIndex {
    /// Makes the index of some pages, or nil if one with values has no bounds: the format then allows none for the chunk.
    init?(_ bounds: [ParquetBounds]) {
        let isComplete = bounds.allSatisfy { $0.isOfNulls || ($0.minimum != nil && $0.maximum != nil) }
        guard !bounds.isEmpty, isComplete else { return nil }
        self.bounds = bounds
        // Pages without bounds have no place in the order, and their neighbours are compared past them.
        let ordered = bounds.filter { $0.minimum != nil }
        let pairs = zip(ordered, ordered.dropFirst())
        if pairs.allSatisfy({ !Self.isBelow($1, $0) }) {
            order = .ascending
        } else if pairs.allSatisfy({ !Self.isBelow($0, $1) }) {
            order = .descending
        } else {
            order = .unordered
        }
    }

    /// Returns whether either bound of a page is below that of another.
    private static func isBelow(_ left: ParquetBounds, _ right: ParquetBounds) -> Bool {
        guard let leftMinimum = left.minimum, let rightMinimum = right.minimum else { return false }
        guard let leftMaximum = left.maximum, let rightMaximum = right.maximum else { return false }
        return ParquetValue.precedes(leftMinimum, rightMinimum) || ParquetValue.precedes(leftMaximum, rightMaximum)
    }

    /// Returns the struct `ColumnIndex`.
    func serialized() -> [UInt8] {
        var writer = CompactThriftWriter()
        writer.append { writer in
            writer.write(listOf: .boolTrue, count: bounds.count, field: 1)
            for page in bounds { writer.append(bool: page.isOfNulls) }
            writer.write(listOf: .binary, count: bounds.count, field: 2)
            for page in bounds { writer.append(binary: page.minimum?.statisticsBytes ?? []) }
            writer.write(listOf: .binary, count: bounds.count, field: 3)
            for page in bounds { writer.append(binary: page.maximum?.statisticsBytes ?? []) }
            writer.write(i32: order.rawValue, field: 4)
            writer.write(listOf: .i64, count: bounds.count, field: 5)
            for page in bounds { writer.append(integer: page.nullCount ?? 0) }
            if bounds.allSatisfy({ $0.nanCount != nil }) {
                writer.write(listOf: .i64, count: bounds.count, field: 8)
                for page in bounds { writer.append(integer: page.nanCount ?? 0) }
            }
        }
        return writer.bytes
    }

    /// Reads the struct `ColumnIndex` of a chunk with a given count of pages.
    init(at range: Range<Int>, of column: ParquetColumn, pageCount: Int, in span: RawSpan) throws(ParquetError) {
        var reader = CompactThriftReader(try ByteReader(range, in: span))
        var nullPages: [Bool]?
        var minimums: [Range<Int>]?
        var maximums: [Range<Int>]?
        var nullCounts: [Int64]?
        var nanCounts: [Int64]?
        var order: BoundaryOrder?
        var id: Int16 = 0
        while let field = try reader.field(after: &id, in: span) {
            switch field.id {
            case 1: nullPages = try Self.bools(field, pageCount, from: &reader, in: span)
            case 2: minimums = try Self.ranges(field, pageCount, from: &reader, in: span)
            case 3: maximums = try Self.ranges(field, pageCount, from: &reader, in: span)
            case 4: order = try .init(exactly: try reader.integer(field, in: span), "boundary order", at: reader.offset)
            case 5: nullCounts = try Self.integers(field, pageCount, from: &reader, in: span)
            case 8: nanCounts = try Self.integers(field, pageCount, from: &reader, in: span)
            default: try reader.skip(field, in: span)
            }
        }
        guard let order, let nullPages, let minimums, let maximums else {
            throw ParquetError(offset: range.lowerBound, kind: .malformed, detail: "a column index lacks a field")
        }
        var bounds: [ParquetBounds] = []
        bounds.reserveCapacity(pageCount)
        for page in 0..<pageCount {
            let isNull = nullPages[page]
            bounds.append(
                ParquetBounds(
                    minimum: isNull ? nil : try .bound(minimums[page], of: column, in: span),
                    maximum: isNull ? nil : try .bound(maximums[page], of: column, in: span),
                    nullCount: nullCounts.map { Int($0[page]) }, nanCount: nanCounts.map { Int($0[page]) }))
        }
        self.bounds = bounds
        self.order = order
    }

    private static func bools(
        _ field: CompactThriftReader.Field, _ count: Int, from reader: inout CompactThriftReader, in span: RawSpan
    ) throws(ParquetError) -> [Bool] {
        try expect(count, try reader.list(field, of: .boolTrue, in: span), at: reader.offset)
        var bools: [Bool] = []
        bools.reserveCapacity(count)
        for _ in 0..<count { bools.append(try reader.boolElement(in: span)) }
        return bools
    }

    private static func ranges(
        _ field: CompactThriftReader.Field, _ count: Int, from reader: inout CompactThriftReader, in span: RawSpan
    ) throws(ParquetError) -> [Range<Int>] {
        try expect(count, try reader.list(field, of: .binary, in: span), at: reader.offset)
        var ranges: [Range<Int>] = []
        ranges.reserveCapacity(count)
        for _ in 0..<count { ranges.append(try reader.binaryElement(in: span)) }
        return ranges
    }

    private static func integers(
        _ field: CompactThriftReader.Field, _ count: Int, from reader: inout CompactThriftReader, in span: RawSpan
    ) throws(ParquetError) -> [Int64] {
        try expect(count, try reader.list(field, of: .i64, in: span), at: reader.offset)
        var integers: [Int64] = []
        integers.reserveCapacity(count)
        for _ in 0..<count { integers.append(try reader.integerElement(in: span)) }
        return integers
    }

    private static func expect(_ pageCount: Int, _ count: Int, at offset: Int) throws(ParquetError) {
        guard count == pageCount else {
            throw ParquetError(
                offset: offset, kind: .malformed, detail: "a column index describes \(count) pages of \(pageCount)")
        }
    }
}
