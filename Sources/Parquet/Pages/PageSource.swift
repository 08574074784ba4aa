/// The bytes of pages on their way to a decoder: checked, decompressed, without levels.
///
/// One page is kept at a time, in `scratch`, whose memory is reused.
struct PageSource {
    /// Bytes of a page that a header may announce: with a larger limit a few bytes could claim all memory.
    static let pageByteCountMax = 1 << 28

    private let verifiesChecksums: Bool
    private let decompressor = ZstdDecompressor()
    /// The page that was loaded last, at the range that `load` returned.
    private(set) var scratch: [UInt8] = []
    /// Which values of the page that was loaded last are present; empty if all are.
    private(set) var isPresent: [Bool] = []

    init(verifiesChecksums: Bool) { self.verifiesChecksums = verifiesChecksums }

    // MARK: - Headers

    /// Returns the header of a data page after checking it against its location and its chunk, and its checksum.
    func dataHeader(
        of page: PageLocation, of chunk: ColumnChunkMetadata, in bytes: RawSpan
    ) throws(ParquetError) -> PageHeader {
        let header = try checkedHeader(of: page, of: chunk, in: bytes)
        guard header.kind == .data || header.kind == .dataV2 else {
            throw ParquetError(offset: page.offset, kind: .malformed, detail: "a page that should hold data is of another kind")
        }
        guard header.valueCount == page.rowCount else {
            throw ParquetError(
                offset: page.offset, kind: .malformed,
                detail: "a page has \(header.valueCount) values where \(page.rowCount) rows are announced")
        }
        // The header has no checksum of its own; the footer's statements guard it.
        guard chunk.encodings.contains(header.encoding) else {
            throw ParquetError(
                offset: page.offset, kind: .malformed, detail: "a page's encoding \(header.encoding) is not among its chunk's")
        }
        return header
    }

    private func checkedHeader(
        of page: PageLocation, of chunk: ColumnChunkMetadata, in bytes: RawSpan
    ) throws(ParquetError) -> PageHeader {
        guard chunk.codec == .zstd || chunk.codec == .uncompressed else {
            throw ParquetError(offset: page.offset, kind: .unsupported, detail: "pages in \(chunk.codec) are not read")
        }
        let header = try PageHeader(at: page.byteRange, in: bytes)
        guard header.headerByteCount + header.compressedByteCount == page.byteCount else {
            throw ParquetError(offset: page.offset, kind: .malformed, detail: "a page is not as large as its location says")
        }
        guard header.uncompressedByteCount <= Self.pageByteCountMax else {
            throw ParquetError(
                offset: page.offset, kind: .limitExceeded,
                detail: "a page of \(header.uncompressedByteCount) bytes is announced")
        }
        if verifiesChecksums, let checksum = header.checksum {
            let actual = PageChecksum.crc32(bytes.extracting(header.storedRange(at: page)))
            guard actual == checksum else {
                throw ParquetError(
                    offset: page.offset, kind: .checksumMismatch,
                    detail: "a page has checksum \(actual) where \(checksum) is stored")
            }
        }
        return header
    }

    // MARK: - Contents

    /// Decompresses a page of plain values of fixed size directly to its destination.
    ///
    /// Returns false, and does nothing, if the page has anything but values or is not compressed.
    func loadPlain<Value: BitwiseCopyable>(
        _ header: PageHeader, _ page: PageLocation, of chunk: ColumnChunkMetadata, in bytes: RawSpan,
        into values: inout MutableSpan<Value>, at start: Int
    ) throws(ParquetError) -> Bool {
        guard header.kind == .data, chunk.codec == .zstd, !chunk.column.isOptional,
            header.uncompressedByteCount == page.rowCount * MemoryLayout<Value>.size
        else { return false }
        try decompressor.decompress(
            bytes.extracting(header.storedRange(at: page)), count: page.rowCount, into: &values, at: start,
            fileOffset: page.offset)
        return true
    }

    /// Decompresses a data page and returns the range of its values in `scratch`, and how many there are: those that are
    /// present, as `isPresent` says.
    ///
    /// - Parameter mayBeMissing: whether the caller can do without some values; otherwise such a page is refused.
    mutating func load(
        _ header: PageHeader, _ page: PageLocation, of chunk: ColumnChunkMetadata, in bytes: RawSpan, mayBeMissing: Bool
    ) throws(ParquetError) -> (range: Range<Int>, count: Int) {
        let stored = header.storedRange(at: page)
        isPresent.removeAll(keepingCapacity: true)
        var count = header.valueCount
        guard header.kind == .dataV2 else {
            try decompress(stored, isCompressed: true, count: header.uncompressedByteCount, of: chunk, page, in: bytes)
            var start = 0
            if chunk.column.isOptional { (start, count) = try readLevels(header, page) }
            try require(count, header, page, of: chunk, mayBeMissing)
            return (start..<header.uncompressedByteCount, count)
        }
        let levels = try levelsRange(header, page, of: chunk, in: bytes)
        if chunk.column.isOptional {
            count = try DefinitionLevels.read(
                levels, count: header.valueCount, fileOffset: page.offset, in: bytes, into: &isPresent)
        }
        try require(count, header, page, of: chunk, mayBeMissing)
        try decompress(
            levels.upperBound..<stored.upperBound, isCompressed: header.isCompressed,
            count: header.uncompressedByteCount - levels.count, of: chunk, page, in: bytes)
        return (0..<header.uncompressedByteCount - levels.count, count)
    }

    /// Decompresses the dictionary of a chunk and returns its range in `scratch` and its entry count.
    mutating func loadDictionary(
        of chunk: ColumnChunkMetadata, in bytes: RawSpan
    ) throws(ParquetError) -> (range: Range<Int>, count: Int) {
        guard let page = chunk.dictionaryPage else {
            throw ParquetError(
                offset: chunk.byteRange.lowerBound, kind: .malformed, detail: "a column chunk with codes has no dictionary")
        }
        let header = try checkedHeader(of: page, of: chunk, in: bytes)
        guard header.kind == .dictionary, header.encoding == .plain || header.encoding == .plainDictionary else {
            throw ParquetError(offset: page.offset, kind: .malformed, detail: "a page that should be a dictionary is not one")
        }
        try decompress(
            header.storedRange(at: page), isCompressed: true, count: header.uncompressedByteCount, of: chunk, page, in: bytes)
        return (0..<header.uncompressedByteCount, header.valueCount)
    }

    private mutating func decompress(
        _ stored: Range<Int>, isCompressed: Bool, count: Int, of chunk: ColumnChunkMetadata, _ page: PageLocation,
        in bytes: RawSpan
    ) throws(ParquetError) {
        if scratch.count < count { scratch = [UInt8](repeating: 0, count: count) }
        // A span of one property borrows all of `self`.
        let decompressor = decompressor
        var target = scratch.mutableSpan
        if isCompressed, chunk.codec == .zstd {
            try decompressor.decompress(bytes.extracting(stored), count: count, into: &target, at: 0, fileOffset: page.offset)
        } else {
            guard stored.count == count else {
                throw ParquetError(
                    offset: page.offset, kind: .malformed, detail: "an uncompressed page has \(stored.count) bytes of \(count)")
            }
            PlainEncoding.decode(bytes.extracting(stored), count: count, into: &target, at: 0)
        }
    }

    // MARK: - Levels

    /// Reads the definition levels before the values of a V1 page; returns where the values begin, and their count.
    private mutating func readLevels(
        _ header: PageHeader, _ page: PageLocation
    ) throws(ParquetError) -> (start: Int, count: Int) {
        var isPresent = exchange(&self.isPresent, with: [])
        defer { self.isPresent = isPresent }
        let span = scratch.span.bytes
        guard header.uncompressedByteCount >= 4 else { throw Self.levelsTruncated(page) }
        var reader = try ByteReader(0..<header.uncompressedByteCount, in: span)
        let count = Int(try reader.integer(UInt32.self, in: span))
        guard count <= reader.remaining else { throw Self.levelsTruncated(page) }
        let present = try DefinitionLevels.read(
            try reader.skip(count), count: header.valueCount, fileOffset: page.offset, in: span, into: &isPresent)
        return (reader.offset, present)
    }

    /// Returns the range in the file of the levels before the values of a V2 page.
    private func levelsRange(
        _ header: PageHeader, _ page: PageLocation, of chunk: ColumnChunkMetadata, in bytes: RawSpan
    ) throws(ParquetError) -> Range<Int> {
        let stored = header.storedRange(at: page)
        let sizeMax = min(header.compressedByteCount, header.uncompressedByteCount)
        guard header.repetitionLevelsByteCount == 0, header.definitionLevelsByteCount <= sizeMax else {
            throw Self.levelsTruncated(page)
        }
        return stored.lowerBound..<stored.lowerBound + header.definitionLevelsByteCount
    }

    /// Checks the count of values that are present.
    private func require(
        _ count: Int, _ header: PageHeader, _ page: PageLocation, of chunk: ColumnChunkMetadata, _ mayBeMissing: Bool
    ) throws(ParquetError) {
        if let nullCount = header.nullCount, nullCount != header.valueCount - count {
            throw ParquetError(
                offset: page.offset, kind: .malformed,
                detail: "a page announces \(nullCount) missing values and has \(header.valueCount - count)")
        }
        guard mayBeMissing || count == header.valueCount else {
            throw ParquetError(
                offset: page.offset, kind: .unsupported, detail: "column \(chunk.column.name) has missing values")
        }
    }

    private static func levelsTruncated(_ page: PageLocation) -> ParquetError {
        ParquetError(offset: page.offset, kind: .truncated, detail: "a page ends within its levels")
    }
}

extension PageHeader {
    /// Returns the range of the page's bytes in the file, after the header.
    fileprivate func storedRange(at page: PageLocation) -> Range<Int> {
        page.offset + headerByteCount..<page.offset + headerByteCount + compressedByteCount
    }
}
