/// Lays out a Parquet file: returns which bytes come next and records their offsets, while the caller writes them in order.
///
/// ```
/// header()            "PAR1"
/// append(rowGroup:)   the bytes of each chunk, by the caller             (once or more)
/// skip(byteCount:)    bytes of the caller's own, which other readers ignore
/// finish(…)           column indexes, offset indexes, footer, its length, "PAR1"
/// ```
public struct ParquetFileWriter: Sendable {
    private struct Chunk: Sendable {
        let offset: Int
        let chunk: EncodedColumnChunk
        var columnIndex: Range<Int>?
        var offsetIndex = 0..<0
    }

    private struct RowGroup: Sendable {
        let rowCount: Int
        var chunks: [Chunk]
    }

    private let schema: ParquetSchema
    private let sortingColumns: [ParquetSortingColumn]
    private let createdBy: String
    private var rowGroups: [RowGroup] = []

    /// Offset of the next byte of the file.
    public private(set) var currentOffset = 0

    /// Starts a file whose rows are sorted, in each row group, by some columns.
    ///
    /// - Parameter createdBy: what wrote the file, in the form `name version 1.2.3`.
    public init(schema: ParquetSchema, sortingColumns: [ParquetSortingColumn], createdBy: String) {
        precondition(sortingColumns.allSatisfy { schema.columns.indices.contains($0.columnIndex) })
        self.schema = schema
        self.sortingColumns = sortingColumns
        self.createdBy = createdBy
    }

    /// Returns the first bytes of the file.
    public mutating func header() -> [UInt8] {
        precondition(currentOffset == 0)
        currentOffset = ParquetFile.magic.count
        return ParquetFile.magic
    }

    /// Adds a row group, one chunk for each column of the schema; the caller then writes their bytes in this order.
    public mutating func append(rowGroup chunks: [EncodedColumnChunk]) {
        precondition(currentOffset > 0 && chunks.map(\.column) == schema.columns, "the chunks are not those of the schema")
        let rowCount = chunks.first?.rowCount ?? 0
        precondition(chunks.allSatisfy { $0.rowCount == rowCount }, "the columns differ in length")
        var placed: [Chunk] = []
        for var chunk in chunks {
            let byteCount = chunk.bytes.count
            // The caller writes the bytes; keeping them here as well would keep the whole file in memory.
            chunk.forgetBytes()
            placed.append(Chunk(offset: currentOffset, chunk: chunk))
            currentOffset += byteCount
        }
        rowGroups.append(RowGroup(rowCount: rowCount, chunks: placed))
    }

    /// Skips bytes that the caller writes at `currentOffset`.
    public mutating func skip(byteCount: Int) {
        precondition(currentOffset > 0 && byteCount >= 0)
        currentOffset += byteCount
    }

    /// Returns the last bytes of the file.
    public mutating func finish(keyValueMetadata: [(key: String, value: String)]) -> [UInt8] {
        precondition(currentOffset > 0)
        var bytes: [UInt8] = []
        appendColumnIndexes(to: &bytes)
        appendOffsetIndexes(to: &bytes)
        let footer = footer(keyValueMetadata)
        bytes.append(contentsOf: footer)
        bytes.append(littleEndian: UInt32(footer.count))
        bytes.append(contentsOf: ParquetFile.magic)
        currentOffset += bytes.count
        return bytes
    }

    // MARK: - Page indexes

    private mutating func appendColumnIndexes(to bytes: inout [UInt8]) {
        for group in rowGroups.indices {
            for column in rowGroups[group].chunks.indices {
                guard let index = ColumnIndex(rowGroups[group].chunks[column].chunk.pageBounds) else { continue }
                let start = currentOffset + bytes.count
                bytes.append(contentsOf: index.serialized())
                rowGroups[group].chunks[column].columnIndex = start..<currentOffset + bytes.count
            }
        }
    }

    private mutating func appendOffsetIndexes(to bytes: inout [UInt8]) {
        for group in rowGroups.indices {
            for column in rowGroups[group].chunks.indices {
                let chunk = rowGroups[group].chunks[column]
                let start = currentOffset + bytes.count
                bytes.append(contentsOf: PageLocation.serialized(chunk.chunk.pageLocations(at: chunk.offset)))
                rowGroups[group].chunks[column].offsetIndex = start..<currentOffset + bytes.count
            }
        }
    }

    // MARK: - Footer

    /// Returns the struct `FileMetaData`.
    private func footer(_ keyValueMetadata: [(key: String, value: String)]) -> [UInt8] {
        var writer = CompactThriftWriter()
        writer.append { writer in
            // Version 2 would only say what the encodings say anyway; the specification asks for 1.
            writer.write(i32: 1, field: 1)
            SchemaElement.write(schema, to: &writer, field: 2)
            writer.write(i64: rowGroups.reduce(0) { $0 + $1.rowCount }, field: 3)
            writer.write(listOf: .structure, count: rowGroups.count, field: 4)
            for (ordinal, group) in rowGroups.enumerated() { append(group, ordinal: ordinal, to: &writer) }
            writer.write(listOf: .structure, count: keyValueMetadata.count, field: 5)
            for (key, value) in keyValueMetadata {
                writer.append { writer in
                    writer.write(string: key, field: 1)
                    writer.write(string: value, field: 2)
                }
            }
            writer.write(string: createdBy, field: 6)
            // Without the order of each column (that of its type), readers ignore all bounds.
            writer.write(listOf: .structure, count: schema.columns.count, field: 7)
            for _ in schema.columns { writer.append { writer in writer.write(structure: 1) { _ in } } }
        }
        return writer.bytes
    }

    private func append(_ group: RowGroup, ordinal: Int, to writer: inout CompactThriftWriter) {
        writer.append { writer in
            writer.write(listOf: .structure, count: group.chunks.count, field: 1)
            for chunk in group.chunks { append(chunk, to: &writer) }
            writer.write(i64: group.chunks.reduce(0) { $0 + $1.chunk.uncompressedByteCount }, field: 2)
            writer.write(i64: group.rowCount, field: 3)
            if !sortingColumns.isEmpty {
                writer.write(listOf: .structure, count: sortingColumns.count, field: 4)
                for column in sortingColumns {
                    writer.append { writer in
                        writer.write(i32: Int32(column.columnIndex), field: 1)
                        writer.write(bool: column.isDescending, field: 2)
                        writer.write(bool: column.nullsFirst, field: 3)
                    }
                }
            }
            if let first = group.chunks.first { writer.write(i64: first.offset, field: 5) }
            writer.write(i64: group.chunks.reduce(0) { $0 + $1.chunk.byteCount }, field: 6)
            if let ordinal = Int16(exactly: ordinal) { writer.write(i16: ordinal, field: 7) }
        }
    }

    private func append(_ placed: Chunk, to writer: inout CompactThriftWriter) {
        writer.append { writer in
            // Deprecated, but required: 0 if the metadata is only in the footer.
            writer.write(i64: 0, field: 2)
            writer.write(structure: 3) { writer in writeMetadata(placed, to: &writer) }
            writer.write(i64: placed.offsetIndex.lowerBound, field: 4)
            writer.write(i32: Int32(placed.offsetIndex.count), field: 5)
            if let columnIndex = placed.columnIndex {
                writer.write(i64: columnIndex.lowerBound, field: 6)
                writer.write(i32: Int32(columnIndex.count), field: 7)
            }
        }
    }

    /// Writes `ColumnMetaData`.
    private func writeMetadata(_ placed: Chunk, to writer: inout CompactThriftWriter) {
        let chunk = placed.chunk
        let hasDictionary = chunk.dictionaryByteCount > 0
        // Levels, which only optional columns have, are runs.
        let encodings: [ParquetEncoding] =
            (hasDictionary ? [.plain, chunk.encoding] : [chunk.encoding]) + (chunk.column.isOptional ? [.rle] : [])
        writer.write(i32: chunk.column.physicalType.rawValue, field: 1)
        writer.write(listOf: .i32, count: encodings.count, field: 2)
        for encoding in encodings { writer.append(integer: Int(encoding.rawValue)) }
        writer.write(listOf: .binary, count: 1, field: 3)
        writer.append(binary: chunk.column.name.utf8)
        writer.write(i32: chunk.codec.rawValue, field: 4)
        writer.write(i64: chunk.rowCount, field: 5)
        writer.write(i64: chunk.uncompressedByteCount, field: 6)
        writer.write(i64: chunk.byteCount, field: 7)
        writer.write(i64: placed.offset + chunk.dictionaryByteCount, field: 9)
        if hasDictionary { writer.write(i64: placed.offset, field: 11) }
        chunk.bounds?.write(to: &writer, field: 12)
        writer.write(listOf: .structure, count: hasDictionary ? 2 : 1, field: 13)
        if hasDictionary { Self.append(.dictionary, .plain, pageCount: 1, to: &writer) }
        Self.append(.data, chunk.encoding, pageCount: chunk.pages.count, to: &writer)
    }

    /// Appends `PageEncodingStats`: readers skip whole chunks by the dictionary only if it says that all pages use it.
    private static func append(
        _ kind: PageHeader.Kind, _ encoding: ParquetEncoding, pageCount: Int, to writer: inout CompactThriftWriter
    ) {
        writer.append { writer in
            writer.write(i32: kind.rawValue, field: 1)
            writer.write(i32: encoding.rawValue, field: 2)
            writer.write(i32: Int32(pageCount), field: 3)
        }
    }
}
