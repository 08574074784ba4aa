/// The struct `FileMetaData` as it is in the file, before its parts are checked against each other.
///
/// https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
struct Footer {
    /// `ColumnChunk` and the `ColumnMetaData` in it.
    struct Chunk {
        /// Offset of the struct in the file, for errors.
        let offset: Int
        var physicalType: ParquetColumn.PhysicalType?
        var encodings: [ParquetEncoding] = []
        var codec: ParquetCodec = .uncompressed
        var valueCount = -1
        var uncompressedByteCount = 0
        var compressedByteCount = -1
        var dataPageOffset = -1
        var dictionaryPageOffset: Int?
        /// Range of the struct `Statistics`.
        var statistics: Range<Int>?
        var offsetIndexOffset: Int?
        var offsetIndexByteCount: Int?
        var columnIndexOffset: Int?
        var columnIndexByteCount: Int?
    }

    struct RowGroup {
        var chunks: [Chunk] = []
        var rowCount = -1
        var sortingColumns: [ParquetSortingColumn] = []
    }

    private(set) var columns: [ParquetColumn] = []
    private(set) var rowCount = -1
    private(set) var rowGroups: [RowGroup] = []
    private(set) var keyValueMetadata: [(key: String, value: String)] = []
    private(set) var createdBy: String?
    /// For each column, whether the order of its bounds is defined.
    private var columnOrders: [Bool] = []

    /// Returns whether bounds of a column have the meaning that the current format defines.
    func hasOrder(ofColumn index: Int) -> Bool { index < columnOrders.count && columnOrders[index] }

    init(at range: Range<Int>, in span: RawSpan) throws(ParquetError) {
        var reader = CompactThriftReader(try ByteReader(range, in: span))
        var id: Int16 = 0
        while let field = try reader.field(after: &id, in: span) {
            switch field.id {
            case 2: columns = try SchemaElement.columns(field, from: &reader, in: span)
            case 3: rowCount = try reader.count(field, in: span)
            case 4:
                for _ in 0..<(try reader.list(field, of: .structure, in: span)) {
                    rowGroups.append(try RowGroup(from: &reader, columnCount: columns.count, in: span))
                }
            case 5:
                for _ in 0..<(try reader.list(field, of: .structure, in: span)) {
                    keyValueMetadata.append(try Self.keyValue(from: &reader, in: span))
                }
            case 6: createdBy = try reader.string(field, in: span)
            case 7:
                for _ in 0..<(try reader.list(field, of: .structure, in: span)) {
                    columnOrders.append(try Self.isOrder(from: &reader, in: span))
                }
            case 8: throw ParquetError(offset: reader.offset, kind: .unsupported, detail: "the file is encrypted")
            default: try reader.skip(field, in: span)
            }
        }
        guard !columns.isEmpty, rowCount >= 0 else {
            throw ParquetError(
                offset: range.lowerBound, kind: .malformed, detail: "the footer lacks the schema or the row count")
        }
    }

    private static func keyValue(
        from reader: inout CompactThriftReader, in span: RawSpan
    ) throws(ParquetError) -> (key: String, value: String) {
        var key: String?
        var value = ""
        var id: Int16 = 0
        while let field = try reader.field(after: &id, in: span) {
            switch field.id {
            case 1: key = try reader.string(field, in: span)
            case 2: value = try reader.string(field, in: span)
            default: try reader.skip(field, in: span)
            }
        }
        guard let key else {
            throw ParquetError(offset: reader.offset, kind: .malformed, detail: "a key/value pair has no key")
        }
        return (key, value)
    }

    /// Reads the union `ColumnOrder`: the orders of the types and of IEEE 754 agree except on NaN and the sign of zero.
    private static func isOrder(from reader: inout CompactThriftReader, in span: RawSpan) throws(ParquetError) -> Bool {
        var isOrder = false
        var id: Int16 = 0
        while let field = try reader.field(after: &id, in: span) {
            isOrder = field.id == 1 || field.id == 2
            try reader.skip(field, in: span)
        }
        return isOrder
    }
}

// MARK: - Row groups

extension Footer.RowGroup {
    fileprivate init(from reader: inout CompactThriftReader, columnCount: Int, in span: RawSpan) throws(ParquetError) {
        let start = reader.offset
        var id: Int16 = 0
        while let field = try reader.field(after: &id, in: span) {
            switch field.id {
            case 1:
                let count = try reader.list(field, of: .structure, in: span)
                guard count == columnCount else {
                    throw ParquetError(
                        offset: reader.offset, kind: .malformed, detail: "a row group has \(count) columns of \(columnCount)")
                }
                chunks.reserveCapacity(count)
                for _ in 0..<count { chunks.append(try Footer.Chunk(from: &reader, in: span)) }
            case 3: rowCount = try reader.count(field, in: span)
            case 4:
                for _ in 0..<(try reader.list(field, of: .structure, in: span)) {
                    sortingColumns.append(try ParquetSortingColumn(from: &reader, columnCount: columnCount, in: span))
                }
            default: try reader.skip(field, in: span)
            }
        }
        guard rowCount >= 0, chunks.count == columnCount else {
            throw ParquetError(offset: start, kind: .malformed, detail: "a row group lacks its columns or its row count")
        }
    }
}

extension ParquetSortingColumn {
    fileprivate init(from reader: inout CompactThriftReader, columnCount: Int, in span: RawSpan) throws(ParquetError) {
        var index = -1
        var isDescending = false
        var nullsFirst = false
        var id: Int16 = 0
        while let field = try reader.field(after: &id, in: span) {
            switch field.id {
            case 1: index = try reader.count(field, in: span)
            case 2: isDescending = try reader.bool(field)
            case 3: nullsFirst = try reader.bool(field)
            default: try reader.skip(field, in: span)
            }
        }
        guard (0..<columnCount).contains(index) else {
            throw ParquetError(offset: reader.offset, kind: .malformed, detail: "the sorting column \(index) does not exist")
        }
        self.init(columnIndex: index, isDescending: isDescending, nullsFirst: nullsFirst)
    }
}

// MARK: - Column chunks

extension Footer.Chunk {
    /// Range of the offset index; nil if there is none.
    var offsetIndex: Range<Int>? { Self.range(offsetIndexOffset, offsetIndexByteCount) }
    /// Range of the column index; nil if there is none.
    var columnIndex: Range<Int>? { Self.range(columnIndexOffset, columnIndexByteCount) }

    private static func range(_ offset: Int?, _ byteCount: Int?) -> Range<Int>? {
        guard let offset, let byteCount, byteCount > 0 else { return nil }
        // A range that would overflow is past the end of any file, and the reader refuses it there.
        let (end, overflows) = offset.addingReportingOverflow(byteCount)
        return offset..<(overflows ? .max : end)
    }

    /// Returns the bounds of all values; nil if the writer gave none.
    func bounds(of column: ParquetColumn, in span: RawSpan) throws(ParquetError) -> ParquetBounds? {
        guard let statistics else { return nil }
        var reader = CompactThriftReader(try ByteReader(statistics, in: span))
        return try ParquetBounds(from: &reader, of: column, in: span)
    }

    fileprivate init(from reader: inout CompactThriftReader, in span: RawSpan) throws(ParquetError) {
        self.init(offset: reader.offset)
        var id: Int16 = 0
        while let field = try reader.field(after: &id, in: span) {
            switch field.id {
            case 1: throw ParquetError(offset: offset, kind: .unsupported, detail: "a column chunk is in another file")
            case 3:
                try reader.structure(field)
                try readMetadata(from: &reader, in: span)
            case 4: offsetIndexOffset = try reader.count(field, in: span)
            case 5: offsetIndexByteCount = try reader.count(field, in: span)
            case 6: columnIndexOffset = try reader.count(field, in: span)
            case 7: columnIndexByteCount = try reader.count(field, in: span)
            case 8: throw ParquetError(offset: offset, kind: .unsupported, detail: "a column chunk is encrypted")
            default: try reader.skip(field, in: span)
            }
        }
        guard physicalType != nil, valueCount >= 0, compressedByteCount >= 0, dataPageOffset >= 0 else {
            throw ParquetError(
                offset: offset, kind: .malformed, detail: "a column chunk lacks its type, its sizes or its offset")
        }
    }

    /// Reads `ColumnMetaData`.
    private mutating func readMetadata(from reader: inout CompactThriftReader, in span: RawSpan) throws(ParquetError) {
        var id: Int16 = 0
        while let field = try reader.field(after: &id, in: span) {
            switch field.id {
            case 1: physicalType = try .init(exactly: try reader.integer(field, in: span), "type", at: reader.offset)
            case 2:
                for _ in 0..<(try reader.list(field, of: .i32, in: span)) {
                    let number = try reader.integerElement(in: span)
                    let encoding: ParquetEncoding = try .init(exactly: number, "encoding", at: reader.offset)
                    if !encodings.contains(encoding) { encodings.append(encoding) }
                }
            case 4: codec = try .init(exactly: try reader.integer(field, in: span), "codec", at: reader.offset)
            case 5: valueCount = try reader.count(field, in: span)
            case 6: uncompressedByteCount = try reader.count(field, in: span)
            case 7: compressedByteCount = try reader.count(field, in: span)
            case 9: dataPageOffset = try reader.count(field, in: span)
            case 11: dictionaryPageOffset = try reader.count(field, in: span)
            case 12:
                try reader.structure(field)
                let start = reader.offset
                try reader.skip(field, in: span)
                statistics = start..<reader.offset
            default: try reader.skip(field, in: span)
            }
        }
    }
}
