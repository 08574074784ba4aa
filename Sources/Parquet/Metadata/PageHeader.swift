/// The struct before the bytes of each page: its kind, sizes, encoding and checksum.
public struct PageHeader: Hashable, Sendable {
    public enum Kind: Int32, Hashable, Sendable { case data = 0, index, dictionary, dataV2 }

    public let kind: Kind
    public let encoding: ParquetEncoding
    /// Values of the page, including missing ones; or entries of a dictionary.
    public let valueCount: Int
    /// Bytes of the page as stored, without the header.
    public let compressedByteCount: Int
    public let uncompressedByteCount: Int
    public let checksum: UInt32?
    public let headerByteCount: Int

    /// Missing values, if the header has them (`dataV2`).
    let nullCount: Int?
    /// Bytes of the levels that precede the values of a `dataV2` page uncompressed.
    let repetitionLevelsByteCount: Int
    let definitionLevelsByteCount: Int
    /// False if a `dataV2` page of a compressed chunk is not compressed itself.
    let isCompressed: Bool
}

// MARK: - Writing

extension PageHeader {
    /// Makes the header of a page to write: a V1 data page, which every reader supports, or a dictionary.
    init(
        kind: Kind, encoding: ParquetEncoding, valueCount: Int, compressedByteCount: Int, uncompressedByteCount: Int,
        checksum: UInt32
    ) {
        self.init(
            kind: kind, encoding: encoding, valueCount: valueCount, compressedByteCount: compressedByteCount,
            uncompressedByteCount: uncompressedByteCount, checksum: checksum, headerByteCount: 0, nullCount: nil,
            repetitionLevelsByteCount: 0, definitionLevelsByteCount: 0, isCompressed: true)
    }

    /// Returns the struct `PageHeader`.
    ///
    /// Sizes are 32-bit in the format: larger pages are a programming error.
    func serialized() -> [UInt8] {
        var writer = CompactThriftWriter()
        writer.append { writer in
            writer.write(i32: kind.rawValue, field: 1)
            writer.write(i32: Int32(uncompressedByteCount), field: 2)
            writer.write(i32: Int32(compressedByteCount), field: 3)
            if let checksum { writer.write(i32: Int32(bitPattern: checksum), field: 4) }
            if kind == .dictionary {
                writer.write(structure: 7) { writer in
                    writer.write(i32: Int32(valueCount), field: 1)
                    writer.write(i32: encoding.rawValue, field: 2)
                }
            } else {
                writer.write(structure: 5) { writer in
                    writer.write(i32: Int32(valueCount), field: 1)
                    writer.write(i32: encoding.rawValue, field: 2)
                    // Required columns have no levels; the fields are required all the same.
                    writer.write(i32: ParquetEncoding.rle.rawValue, field: 3)
                    writer.write(i32: ParquetEncoding.rle.rawValue, field: 4)
                }
            }
        }
        return writer.bytes
    }
}

// MARK: - Reading

extension PageHeader {
    /// Reads the header at the start of a range that must contain the whole page, and checks that it does.
    init(at range: Range<Int>, in span: RawSpan) throws(ParquetError) {
        var reader = CompactThriftReader(try ByteReader(range, in: span))
        var fields = Fields()
        var id: Int16 = 0
        while let field = try reader.field(after: &id, in: span) {
            switch field.id {
            case 1: fields.kind = try .init(exactly: try reader.integer(field, in: span), "page", at: reader.offset)
            case 2: fields.uncompressed = try reader.count(field, in: span)
            case 3: fields.compressed = try reader.count(field, in: span)
            case 4: fields.checksum = UInt32(truncatingIfNeeded: try reader.integer(field, in: span))
            case 5: fields.v1 = try Self.details(field, from: &reader, in: span)
            case 7: fields.dictionary = try Self.details(field, from: &reader, in: span)
            case 8: fields.v2 = try Self.detailsV2(field, from: &reader, in: span)
            default: try reader.skip(field, in: span)
            }
        }
        try self.init(fields, headerRange: range.lowerBound..<reader.offset)
        guard compressedByteCount <= range.upperBound - reader.offset else {
            throw ParquetError(
                offset: range.lowerBound, kind: .truncated,
                detail: "a page of \(compressedByteCount) bytes is announced where \(range.upperBound - reader.offset) are left"
            )
        }
    }

    private struct Details {
        var valueCount: Int?
        var encoding: ParquetEncoding?
        var nullCount: Int?
        var rowCount: Int?
        var definitionLevels = 0
        var repetitionLevels = 0
        var isCompressed = true
    }

    private struct Fields {
        var kind: Kind?
        var uncompressed: Int?
        var compressed: Int?
        var checksum: UInt32?
        var v1: Details?
        var dictionary: Details?
        var v2: Details?
    }

    private init(_ fields: Fields, headerRange: Range<Int>) throws(ParquetError) {
        let offset = headerRange.lowerBound
        guard let kind = fields.kind, let uncompressed = fields.uncompressed, let compressed = fields.compressed else {
            throw ParquetError(offset: offset, kind: .malformed, detail: "a page header lacks its kind or its sizes")
        }
        let details: Details?
        switch kind {
        case .data: details = fields.v1
        case .dictionary: details = fields.dictionary
        case .dataV2: details = fields.v2
        case .index: details = Details(valueCount: 0, encoding: .plain)
        }
        guard let details, let valueCount = details.valueCount, let encoding = details.encoding else {
            throw ParquetError(offset: offset, kind: .malformed, detail: "a page header lacks its count or its encoding")
        }
        guard kind != .dataV2 || details.rowCount == valueCount else {
            throw ParquetError(offset: offset, kind: .unsupported, detail: "a page does not have one value for each row")
        }
        self.init(
            kind: kind, encoding: encoding, valueCount: valueCount, compressedByteCount: compressed,
            uncompressedByteCount: uncompressed, checksum: fields.checksum, headerByteCount: headerRange.count,
            nullCount: details.nullCount, repetitionLevelsByteCount: details.repetitionLevels,
            definitionLevelsByteCount: details.definitionLevels, isCompressed: details.isCompressed)
    }

    /// Reads `DataPageHeader` or `DictionaryPageHeader`.
    private static func details(
        _ field: CompactThriftReader.Field, from reader: inout CompactThriftReader, in span: RawSpan
    ) throws(ParquetError) -> Details {
        try reader.structure(field)
        var details = Details()
        var id: Int16 = 0
        while let field = try reader.field(after: &id, in: span) {
            switch field.id {
            case 1: details.valueCount = try reader.count(field, in: span)
            case 2: details.encoding = try .init(exactly: try reader.integer(field, in: span), "encoding", at: reader.offset)
            default: try reader.skip(field, in: span)
            }
        }
        return details
    }

    /// Reads `DataPageHeaderV2`.
    private static func detailsV2(
        _ field: CompactThriftReader.Field, from reader: inout CompactThriftReader, in span: RawSpan
    ) throws(ParquetError) -> Details {
        try reader.structure(field)
        var details = Details()
        var id: Int16 = 0
        while let field = try reader.field(after: &id, in: span) {
            switch field.id {
            case 1: details.valueCount = try reader.count(field, in: span)
            case 2: details.nullCount = try reader.count(field, in: span)
            case 3: details.rowCount = try reader.count(field, in: span)
            case 4: details.encoding = try .init(exactly: try reader.integer(field, in: span), "encoding", at: reader.offset)
            case 5: details.definitionLevels = try reader.count(field, in: span)
            case 6: details.repetitionLevels = try reader.count(field, in: span)
            case 7: details.isCompressed = try reader.bool(field)
            default: try reader.skip(field, in: span)
            }
        }
        return details
    }
}

extension RawRepresentable where RawValue == Int32 {
    /// Makes a value of an enumeration of the format from its raw value, which may be unknown.
    init(exactly number: Int64, _ what: String, at offset: Int) throws(ParquetError) {
        guard let raw = Int32(exactly: number), let value = Self(rawValue: raw) else {
            throw ParquetError(offset: offset, kind: .unsupported, detail: "\(what) number \(number) is not known")
        }
        self = value
    }
}
