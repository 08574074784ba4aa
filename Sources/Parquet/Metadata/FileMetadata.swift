/// The metadata of a Parquet file: schema, row groups, the location of each page and its bounds.
///
/// ```
/// "PAR1"                               4 bytes
/// row group*                           column chunk*, each: dictionary page?, data page*
/// …                                    column indexes and offset indexes; anything a writer likes
/// FileMetaData                         the footer, in Thrift's compact protocol
/// length of the footer                 4 bytes, little-endian
/// "PAR1"                               4 bytes
/// ```
/// Everything is copied out of the bytes or stored as an offset within them, so the bytes may be unmapped and mapped again.
/// Supported: flat schemas. A column whose type, encoding or codec is not in the subset is listed; reading its pages fails.
///
/// https://github.com/apache/parquet-format/blob/master/README.md#file-format
public struct ParquetFile: Sendable {
    /// Rows that are stored together, column by column.
    public struct RowGroup: Sendable {
        /// Index of its first row in the file.
        public let firstRow: Int
        public let rowCount: Int
        /// In the order of the schema.
        public let columns: [ColumnChunkMetadata]
        public let sortingColumns: [ParquetSortingColumn]
    }

    public let schema: ParquetSchema
    public let rowCount: Int
    /// The name that the writing application gives itself.
    public let createdBy: String?
    public let keyValueMetadata: [(key: String, value: String)]
    public let rowGroups: [RowGroup]
    /// Range of the footer, without the length and magic bytes after it.
    public let footerRange: Range<Int>

    /// Returns the value of a key in the footer's metadata.
    public func value(forKey key: String) -> String? { keyValueMetadata.first { $0.key == key }?.value }

    /// Reads the footer and the page indexes of a file; reads page headers only if there is no offset index.
    public init(parsing bytes: RawSpan) throws(ParquetError) {
        footerRange = try Self.footerRange(of: bytes)
        let footer = try Footer(at: footerRange, in: bytes)
        schema = ParquetSchema(columns: footer.columns)
        createdBy = footer.createdBy
        keyValueMetadata = footer.keyValueMetadata
        rowCount = footer.rowCount
        var rowGroups: [RowGroup] = []
        rowGroups.reserveCapacity(footer.rowGroups.count)
        var firstRow = 0
        for group in footer.rowGroups {
            guard group.rowCount <= rowCount - firstRow else { throw Self.rowCountMismatch(footerRange) }
            var columns: [ColumnChunkMetadata] = []
            columns.reserveCapacity(group.chunks.count)
            for (index, chunk) in group.chunks.enumerated() {
                columns.append(
                    try ColumnChunkMetadata(
                        chunk, column: footer.columns[index], hasOrder: footer.hasOrder(ofColumn: index),
                        rowCount: group.rowCount,
                        dataEnd: footerRange.lowerBound, in: bytes))
            }
            rowGroups.append(
                RowGroup(
                    firstRow: firstRow, rowCount: group.rowCount, columns: columns, sortingColumns: group.sortingColumns))
            firstRow += group.rowCount
        }
        guard firstRow == rowCount else { throw Self.rowCountMismatch(footerRange) }
        self.rowGroups = rowGroups
    }

    private static func rowCountMismatch(_ footer: Range<Int>) -> ParquetError {
        ParquetError(
            offset: footer.lowerBound, kind: .malformed,
            detail: "the rows of the row groups are not as many as those of the file")
    }

    /// The bytes at both ends of a file.
    static let magic = [UInt8]("PAR1".utf8)
    private static let encryptedMagic = [UInt8]("PARE".utf8)

    private static func footerRange(of bytes: RawSpan) throws(ParquetError) -> Range<Int> {
        let count = bytes.byteCount
        guard count >= 12 else {
            throw ParquetError(offset: 0, kind: .notParquet, detail: "\(count) bytes are too few for a Parquet file")
        }
        guard PlainEncoding.bytes(0..<4, in: bytes) == magic else {
            throw ParquetError(offset: 0, kind: .notParquet, detail: "the file does not start with PAR1")
        }
        let last = PlainEncoding.bytes(count - 4..<count, in: bytes)
        guard last != encryptedMagic else {
            throw ParquetError(offset: count - 4, kind: .unsupported, detail: "the file's footer is encrypted")
        }
        guard last == magic else {
            throw ParquetError(
                offset: count - 4, kind: .notParquet, detail: "the file does not end with PAR1: it may have been cut short")
        }
        var reader = try ByteReader(count - 8..<count - 4, in: bytes)
        let length = Int(try reader.integer(UInt32.self, in: bytes))
        guard length <= count - 12 else {
            throw ParquetError(
                offset: count - 8, kind: .truncated, detail: "a footer of \(length) bytes is announced in a file of \(count)")
        }
        return count - 8 - length..<count - 8
    }
}

/// One column of one row group: how it is stored, and where.
///
/// A class, since it is passed on for every page that is read.
public final class ColumnChunkMetadata: Sendable {
    public let column: ParquetColumn
    public let codec: ParquetCodec
    /// The encodings that occur in the chunk, including those of levels and of the dictionary.
    public let encodings: [ParquetEncoding]
    public let rowCount: Int
    /// Bytes of all pages with their headers.
    public let compressedByteCount: Int
    public let uncompressedByteCount: Int
    /// Bounds of all values of the chunk.
    public let bounds: ParquetBounds?
    public let dictionaryPage: PageLocation?
    /// The data pages.
    public let pages: [PageLocation]
    public let columnIndex: ColumnIndex?
    /// False if the pages had to be found by their headers.
    public let hasOffsetIndex: Bool
    /// The range of the chunk's pages in the file.
    public let byteRange: Range<Int>

    /// Rows of a page that a file may announce: a few bytes can represent any count of equal values, and claim as much memory.
    private static let pageRowCountMax = 1 << 26

    fileprivate init(
        _ chunk: Footer.Chunk, column: ParquetColumn, hasOrder: Bool, rowCount: Int, dataEnd: Int, in bytes: RawSpan
    ) throws(ParquetError) {
        guard chunk.physicalType == column.physicalType, chunk.valueCount == rowCount else {
            throw ParquetError(
                offset: chunk.offset, kind: .malformed, detail: "column \(column.name) is not stored as the schema says")
        }
        let byteRange = try Self.byteRange(of: chunk, dataEnd: dataEnd)
        let pages: Pages
        if let index = chunk.offsetIndex {
            pages = try Pages(offsetIndexAt: index, chunk: byteRange, rowCount: rowCount, in: bytes)
        } else {
            pages = try Pages(walking: byteRange, rowCount: rowCount, in: bytes)
        }
        guard pages.data.allSatisfy({ $0.rowCount <= Self.pageRowCountMax }) else {
            throw ParquetError(offset: chunk.offset, kind: .limitExceeded, detail: "column \(column.name) has too large a page")
        }
        self.column = column
        codec = chunk.codec
        encodings = chunk.encodings
        self.rowCount = rowCount
        compressedByteCount = byteRange.count
        uncompressedByteCount = chunk.uncompressedByteCount
        bounds = hasOrder ? try chunk.bounds(of: column, in: bytes) : nil
        dictionaryPage = pages.dictionary
        self.pages = pages.data
        if hasOrder, let index = chunk.columnIndex, chunk.offsetIndex != nil {
            columnIndex = try ColumnIndex(at: index, of: column, pageCount: pages.data.count, in: bytes)
        } else {
            columnIndex = nil
        }
        hasOffsetIndex = chunk.offsetIndex != nil
        self.byteRange = byteRange
    }

    /// Returns the range of the chunk's pages, from the dictionary on if there is one; all before the footer.
    private static func byteRange(of chunk: Footer.Chunk, dataEnd: Int) throws(ParquetError) -> Range<Int> {
        var start = chunk.dataPageOffset
        // Some writers write 0 for "none".
        if let dictionary = chunk.dictionaryPageOffset, dictionary > 0 { start = min(start, dictionary) }
        guard start >= ParquetFile.magic.count, start <= dataEnd, chunk.compressedByteCount <= dataEnd - start else {
            throw ParquetError(
                offset: chunk.offset, kind: .truncated,
                detail: "a column chunk of \(chunk.compressedByteCount) bytes is announced at \(start), where no data can be")
        }
        return start..<start + chunk.compressedByteCount
    }
}

/// The pages of a chunk, found by either method.
private struct Pages {
    var dictionary: PageLocation?
    var data: [PageLocation] = []

    /// Reads the locations of the data pages from the index; whatever precedes the first one is the dictionary.
    init(offsetIndexAt range: Range<Int>, chunk: Range<Int>, rowCount: Int, in bytes: RawSpan) throws(ParquetError) {
        data = try PageLocation.pages(at: range, chunk: chunk, rowCount: rowCount, in: bytes)
        if let first = data.first, first.offset > chunk.lowerBound {
            dictionary = PageLocation(
                offset: chunk.lowerBound, byteCount: first.offset - chunk.lowerBound, firstRow: 0, rowCount: 0)
        }
    }

    /// Walks from header to header.
    init(walking chunk: Range<Int>, rowCount: Int, in bytes: RawSpan) throws(ParquetError) {
        var rest = chunk
        var row = 0
        while row < rowCount {
            guard !rest.isEmpty else {
                throw ParquetError(
                    offset: chunk.lowerBound, kind: .malformed,
                    detail: "a column chunk has pages for \(row) rows of \(rowCount)")
            }
            let header = try PageHeader(at: rest, in: bytes)
            let byteCount = header.headerByteCount + header.compressedByteCount
            switch header.kind {
            case .data, .dataV2:
                guard header.valueCount <= rowCount - row else {
                    throw ParquetError(
                        offset: rest.lowerBound, kind: .malformed,
                        detail: "a column chunk has pages for more than \(rowCount) rows")
                }
                data.append(
                    PageLocation(offset: rest.lowerBound, byteCount: byteCount, firstRow: row, rowCount: header.valueCount))
                row += header.valueCount
            case .dictionary:
                dictionary = PageLocation(offset: rest.lowerBound, byteCount: byteCount, firstRow: 0, rowCount: 0)
            case .index: break
            }
            rest = rest.lowerBound + byteCount..<rest.upperBound
        }
    }
}
