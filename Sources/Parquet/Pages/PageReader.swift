/// Reads pages: compares checksums, decompresses, decodes.
///
/// Each worker has its own, since it owns its decompressor and buffers. All lengths are checked against the page's location,
/// which is checked against the file: whatever the bytes, a read returns values or throws. A missing double is read as
/// NaN and the code of a missing text as `ParquetColumn.missingCode`; a page with other missing values is refused.
public struct PageReader {
    private var source: PageSource
    /// Codes on their way to values or runs.
    private var codes: [UInt32] = []

    /// Makes a reader that compares the checksums of pages that have one, unless told otherwise.
    public init(verifiesChecksums: Bool = true) { source = PageSource(verifiesChecksums: verifiesChecksums) }

    /// Returns the header of a page, for tools that show the layout.
    public func header(of page: PageLocation, in bytes: RawSpan) throws(ParquetError) -> PageHeader {
        try PageHeader(at: page.byteRange, in: bytes)
    }

    // MARK: - Values of fixed size

    /// Reads a page of INT32 into `values[start...]`.
    public mutating func read(
        int32 page: PageLocation, of chunk: ColumnChunkMetadata, in bytes: RawSpan, into values: inout MutableSpan<Int32>,
        at start: Int = 0
    ) throws(ParquetError) {
        try read(page, of: chunk, in: bytes, into: &values, at: start)
    }

    /// Reads a page of INT64 into `values[start...]`.
    public mutating func read(
        int64 page: PageLocation, of chunk: ColumnChunkMetadata, in bytes: RawSpan, into values: inout MutableSpan<Int64>,
        at start: Int = 0
    ) throws(ParquetError) {
        try read(page, of: chunk, in: bytes, into: &values, at: start)
    }

    /// Reads a page of DOUBLE into `values[start...]`.
    public mutating func read(
        double page: PageLocation, of chunk: ColumnChunkMetadata, in bytes: RawSpan, into values: inout MutableSpan<Double>,
        at start: Int = 0
    ) throws(ParquetError) {
        try read(page, of: chunk, in: bytes, into: &values, at: start)
    }

    private mutating func read<Value: FixedSizeValue>(
        _ page: PageLocation, of chunk: ColumnChunkMetadata, in bytes: RawSpan, into values: inout MutableSpan<Value>,
        at start: Int
    ) throws(ParquetError) {
        try Self.require(Value.physicalType, of: chunk, page)
        try Self.requireRoom(in: values.count, at: start, page)
        let header = try source.dataHeader(of: page, of: chunk, in: bytes)
        if header.encoding == .plain, try source.loadPlain(header, page, of: chunk, in: bytes, into: &values, at: start) {
            return
        }
        let (body, count) = try source.load(header, page, of: chunk, in: bytes, mayBeMissing: Value.missing != nil)
        let isDecoded: Bool
        switch header.encoding {
        case .plain, .byteStreamSplit:
            guard body.count == count * MemoryLayout<Value>.size else {
                throw ParquetError(
                    offset: page.offset, kind: .malformed, detail: "a page of \(count) values has \(body.count) bytes")
            }
            let part = source.scratch.span.bytes.extracting(body)
            if header.encoding == .plain {
                PlainEncoding.decode(part, count: count, into: &values, at: start)
            } else {
                ByteStreamSplitEncoding.decode(part, count: count, into: &values, at: start)
            }
            isDecoded = true
        case .deltaBinaryPacked:
            isDecoded = try Value.decodeDeltas(
                source.scratch.span.bytes.extracting(body), count: count, fileOffset: page.offset, into: &values, at: start)
        case .rleDictionary, .plainDictionary:
            try lookUp(body, count, page, of: chunk, in: bytes, into: &values, at: start)
            isDecoded = true
        default: isDecoded = false
        }
        guard isDecoded else { throw Self.unsupported(header, page, of: chunk) }
        guard count < page.rowCount, let missing = Value.missing else { return }
        DefinitionLevels.spread(&values, at: start, presentCount: count, source.isPresent, missing: missing)
    }

    /// Replaces the codes of a page by the entries of the chunk's dictionary, which other writers create for numbers too.
    private mutating func lookUp<Value: FixedSizeValue>(
        _ body: Range<Int>, _ valueCount: Int, _ page: PageLocation, of chunk: ColumnChunkMetadata, in bytes: RawSpan,
        into values: inout MutableSpan<Value>, at start: Int
    ) throws(ParquetError) {
        try decodeCodes(body, valueCount, page)
        let (dictionary, count) = try source.loadDictionary(of: chunk, in: bytes)
        let size = MemoryLayout<Value>.size
        guard dictionary.count / size == count, dictionary.count % size == 0 else {
            throw ParquetError(
                offset: page.offset, kind: .malformed, detail: "a dictionary of \(count) values has \(dictionary.count) bytes")
        }
        let entries = source.scratch.span.bytes
        for row in 0..<valueCount {
            let code = Int(codes[row])
            guard code < count else { throw RLEBitPackedEncoding.unknownCode(code, codeCount: count, fileOffset: page.offset) }
            values[start + row] = entries.unsafeLoadUnaligned(fromByteOffset: code * size, as: Value.self)
        }
    }

    // MARK: - Codes

    /// Reads the codes of a dictionary-encoded page into `values[start...]`; each is less than `codeCount`, or
    /// `ParquetColumn.missingCode` if its text is missing, which only happens in an optional column.
    public mutating func readCodes(
        _ page: PageLocation, of chunk: ColumnChunkMetadata, in bytes: RawSpan, codeCount: Int,
        into values: inout MutableSpan<UInt32>, at start: Int = 0
    ) throws(ParquetError) {
        try Self.requireRoom(in: values.count, at: start, page)
        let (body, count) = try loadCodes(page, of: chunk, in: bytes)
        try RLEBitPackedEncoding.decodePage(
            source.scratch.span.bytes.extracting(body), count: count, codeCount: codeCount, fileOffset: page.offset,
            into: &values, at: start)
        guard count < page.rowCount else { return }
        DefinitionLevels.spread(
            &values, at: start, presentCount: count, source.isPresent, missing: ParquetColumn.missingCode)
    }

    private mutating func loadCodes(
        _ page: PageLocation, of chunk: ColumnChunkMetadata, in bytes: RawSpan
    ) throws(ParquetError) -> (range: Range<Int>, count: Int) {
        let header = try source.dataHeader(of: page, of: chunk, in: bytes)
        guard header.encoding.isDictionary else { throw Self.unsupported(header, page, of: chunk) }
        return try source.load(header, page, of: chunk, in: bytes, mayBeMissing: true)
    }

    /// Decodes a page of codes to `codes`.
    private mutating func decodeCodes(_ body: Range<Int>, _ count: Int, _ page: PageLocation) throws(ParquetError) {
        var codes: [UInt32] = []
        swap(&codes, &self.codes)
        defer { swap(&codes, &self.codes) }
        if codes.count < count { codes = [UInt32](repeating: 0, count: count) }
        var span = codes.mutableSpan
        try RLEBitPackedEncoding.decodePage(
            source.scratch.span.bytes.extracting(body), count: count, codeCount: .max,
            fileOffset: page.offset, into: &span, at: 0)
    }

    // MARK: - Text

    /// Returns the dictionary of a chunk of text, by code.
    public mutating func readDictionary(
        of chunk: ColumnChunkMetadata, in bytes: RawSpan
    ) throws(ParquetError) -> [String] {
        let (dictionary, count) = try source.loadDictionary(of: chunk, in: bytes)
        guard chunk.column.physicalType == .byteArray, let page = chunk.dictionaryPage else {
            throw ParquetError(
                offset: chunk.byteRange.lowerBound, kind: .unsupported, detail: "column \(chunk.column.name) is not text")
        }
        return try PlainEncoding.decodeStrings(
            source.scratch.span.bytes.extracting(dictionary), count: count, offset: page.offset)
    }

    /// Returns the texts of a page, plain or dictionary-encoded.
    public mutating func readStrings(
        _ page: PageLocation, of chunk: ColumnChunkMetadata, in bytes: RawSpan
    ) throws(ParquetError) -> [String] {
        try Self.require(.byteArray, of: chunk, page)
        let header = try source.dataHeader(of: page, of: chunk, in: bytes)
        let (body, _) = try source.load(header, page, of: chunk, in: bytes, mayBeMissing: false)
        if header.encoding == .plain {
            return try PlainEncoding.decodeStrings(
                source.scratch.span.bytes.extracting(body), count: page.rowCount, offset: page.offset)
        }
        guard header.encoding.isDictionary else { throw Self.unsupported(header, page, of: chunk) }
        try decodeCodes(body, page.rowCount, page)
        let dictionary = try readDictionary(of: chunk, in: bytes)
        var strings: [String] = []
        strings.reserveCapacity(page.rowCount)
        for row in 0..<page.rowCount {
            let code = Int(codes[row])
            guard code < dictionary.count else {
                throw RLEBitPackedEncoding.unknownCode(code, codeCount: dictionary.count, fileOffset: page.offset)
            }
            strings.append(dictionary[code])
        }
        return strings
    }

    // MARK: - Errors

    private static func require(
        _ type: ParquetColumn.PhysicalType, of chunk: ColumnChunkMetadata, _ page: PageLocation
    ) throws(ParquetError) {
        guard chunk.column.physicalType == type else {
            throw ParquetError(
                offset: page.offset, kind: .unsupported,
                detail: "column \(chunk.column.name) is of type \(chunk.column.physicalType), not \(type)")
        }
    }

    private static func requireRoom(in count: Int, at start: Int, _ page: PageLocation) throws(ParquetError) {
        guard start >= 0, start <= count, page.rowCount <= count - start else {
            throw ParquetError(
                offset: page.offset, kind: .malformed, detail: "a page has \(page.rowCount) rows, more than expected")
        }
    }

    private static func unsupported(
        _ header: PageHeader, _ page: PageLocation, of chunk: ColumnChunkMetadata
    ) -> ParquetError {
        ParquetError(
            offset: page.offset, kind: .unsupported,
            detail: "column \(chunk.column.name) has a page in \(header.encoding), which cannot be read as requested")
    }
}
