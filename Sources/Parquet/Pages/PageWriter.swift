/// Encodes column chunks: values to pages, ready to be written.
///
/// Each worker has its own, since it owns its compressor and buffers. Chunks know nothing of each other nor of their offset in
/// a file, so workers encode them in parallel; `ParquetFileWriter` lays them out. Pages are V1 data pages, the kind that every
/// reader supports, each with its checksum.
public struct ColumnChunkEncoder {
    private let compressor: ZstdCompressor?
    /// The bytes of a page before and after compression.
    private var body: [UInt8] = []
    private var compressed: [UInt8] = []

    /// Makes an encoder that compresses with zstd at a level, or not at all.
    public init(zstdLevel: Int32?) { compressor = zstdLevel.map { ZstdCompressor(level: $0) } }

    private var codec: ParquetCodec { compressor == nil ? .uncompressed : .zstd }

    // MARK: - Values of fixed size

    /// Encodes INT32 in PLAIN, DELTA_BINARY_PACKED or BYTE_STREAM_SPLIT, in pages of some rows.
    public mutating func encode(
        int32 values: Span<Int32>, column: ParquetColumn, encoding: ParquetEncoding, pageRowCount: Int
    ) -> EncodedColumnChunk {
        encode(values, column: column, encoding: encoding, pageRowCount: pageRowCount)
    }

    /// Encodes INT64 in PLAIN, DELTA_BINARY_PACKED or BYTE_STREAM_SPLIT, in pages of some rows.
    public mutating func encode(
        int64 values: Span<Int64>, column: ParquetColumn, encoding: ParquetEncoding, pageRowCount: Int
    ) -> EncodedColumnChunk {
        encode(values, column: column, encoding: encoding, pageRowCount: pageRowCount)
    }

    /// Encodes DOUBLE in PLAIN or BYTE_STREAM_SPLIT, in pages of some rows; in an optional column, NaN is a missing value.
    public mutating func encode(
        double values: Span<Double>, column: ParquetColumn, encoding: ParquetEncoding, pageRowCount: Int
    ) -> EncodedColumnChunk {
        encode(values, column: column, encoding: encoding, pageRowCount: pageRowCount)
    }

    private mutating func encode<Value: FixedSizeValue>(
        _ values: Span<Value>, column: ParquetColumn, encoding: ParquetEncoding, pageRowCount: Int
    ) -> EncodedColumnChunk {
        precondition(column.physicalType == Value.physicalType && pageRowCount > 0)
        precondition(!column.isOptional || Value.missing != nil, "\(column.physicalType) cannot be missing")
        var chunk = EncodedColumnChunk(column: column, codec: codec, encoding: encoding)
        var (body, compressed) = takeBuffers()
        defer { (self.body, self.compressed) = (body, compressed) }
        // Values that do not compress grow by a few bytes; most shrink.
        chunk.bytes.reserveCapacity(values.count * MemoryLayout<Value>.size / 2)
        for rows in Self.pages(values.count, pageRowCount) {
            let page = values.extracting(rows)
            if column.isOptional {
                let present = Self.present(page)
                body.removeAll(keepingCapacity: true)
                let isPresent = [UInt32](capacity: page.count) { output in
                    for row in page.indices { output.append(page[row].isMissing ? 0 : 1) }
                }
                DefinitionLevels.append(isPresent.span, to: &body)
                Self.append(present.span, encoding, to: &body)
                Self.append(body.span.bytes, .data, encoding, valueCount: rows.count, compressor, &compressed, to: &chunk)
                chunk.append(Value.bounds(present.span).addingNulls(rows.count - present.count), rowCount: rows.count)
                continue
            }
            if encoding == .plain {
                Self.append(page.bytes, .data, encoding, valueCount: rows.count, compressor, &compressed, to: &chunk)
            } else {
                body.removeAll(keepingCapacity: true)
                Self.append(page, encoding, to: &body)
                Self.append(body.span.bytes, .data, encoding, valueCount: rows.count, compressor, &compressed, to: &chunk)
            }
            chunk.append(Value.bounds(page), rowCount: rows.count)
        }
        return chunk
    }

    /// Appends values in an encoding.
    private static func append<Value: FixedSizeValue>(
        _ values: Span<Value>, _ encoding: ParquetEncoding, to body: inout [UInt8]
    ) {
        switch encoding {
        case .plain: body.append(contentsOf: PlainEncoding.bytes(0..<values.bytes.byteCount, in: values.bytes))
        case .byteStreamSplit: ByteStreamSplitEncoding.encode(values.bytes, width: MemoryLayout<Value>.size, into: &body)
        case .deltaBinaryPacked:
            let isEncoded = Value.encodeDeltas(values, into: &body)
            precondition(isEncoded, "\(Value.physicalType) has no deltas")
        default: preconditionFailure("\(Value.physicalType) is not written in \(encoding)")
        }
    }

    private static func present<Value: FixedSizeValue>(_ values: Span<Value>) -> [Value] {
        [Value](capacity: values.count) { output in
            for row in values.indices where !values[row].isMissing { output.append(values[row]) }
        }
    }

    // MARK: - Text

    /// Encodes texts, given as codes in a dictionary of distinct ones, in pages of some rows.
    ///
    /// The dictionary may be that of a whole table: the codes that occur go into the chunk's own dictionary, in their order.
    ///
    /// - Parameters:
    ///   - codes: in an optional column, `ParquetColumn.missingCode` is a missing text; the dictionary must be exact then.
    ///   - isExact: whether all of the dictionary occurs, in ascending order, so that it can be used as the chunk's own.
    public mutating func encode(
        codes: Span<UInt32>, dictionary: [String], isExact: Bool = false, column: ParquetColumn, pageRowCount: Int
    ) -> EncodedColumnChunk {
        precondition(column.physicalType == .byteArray && pageRowCount > 0 && (!column.isOptional || isExact))
        let local =
            isExact
            ? ChunkDictionary(codes: codes, exact: dictionary) : ChunkDictionary(codes: codes, dictionary: dictionary)
        var chunk = EncodedColumnChunk(column: column, codec: codec, encoding: .rleDictionary)
        var (body, compressed) = takeBuffers()
        defer { (self.body, self.compressed) = (body, compressed) }
        body.removeAll(keepingCapacity: true)
        for string in local.strings { PlainEncoding.encode(string, into: &body) }
        Self.append(body.span.bytes, .dictionary, .plain, valueCount: local.strings.count, compressor, &compressed, to: &chunk)
        chunk.dictionaryByteCount = chunk.bytes.count
        for rows in Self.pages(codes.count, pageRowCount) {
            body.removeAll(keepingCapacity: true)
            let page = local.codes.span.extracting(rows)
            let bounds: ParquetBounds
            if column.isOptional {
                let present = [UInt32](capacity: page.count) { output in
                    for row in page.indices where page[row] != ParquetColumn.missingCode { output.append(page[row]) }
                }
                let isPresent = [UInt32](capacity: page.count) { output in
                    for row in page.indices { output.append(page[row] == ParquetColumn.missingCode ? 0 : 1) }
                }
                DefinitionLevels.append(isPresent.span, to: &body)
                body.append(UInt8(local.width))
                RLEBitPackedEncoding.encode(present.span, width: local.width, into: &body)
                bounds = local.bounds(of: present.span).addingNulls(rows.count - present.count)
            } else {
                body.append(UInt8(local.width))
                RLEBitPackedEncoding.encode(page, width: local.width, into: &body)
                bounds = local.bounds(of: page)
            }
            Self.append(body.span.bytes, .data, .rleDictionary, valueCount: rows.count, compressor, &compressed, to: &chunk)
            chunk.append(bounds, rowCount: rows.count)
        }
        return chunk
    }

    // MARK: - Pages

    /// Moves the buffers out of the encoder: a span of one property would borrow all of it while the other is written to.
    private mutating func takeBuffers() -> (body: [UInt8], compressed: [UInt8]) {
        let buffers = (body, compressed)
        body = []
        compressed = []
        return buffers
    }

    /// Divides rows into pages; no rows still make one page, since readers expect one.
    private static func pages(_ rowCount: Int, _ pageRowCount: Int) -> [Range<Int>] {
        guard rowCount > 0 else { return [0..<0] }
        return stride(from: 0, to: rowCount, by: pageRowCount).map { $0..<min($0 + pageRowCount, rowCount) }
    }

    /// Compresses a page and appends it with its header.
    private static func append(
        _ page: RawSpan, _ kind: PageHeader.Kind, _ encoding: ParquetEncoding, valueCount: Int, _ compressor: ZstdCompressor?,
        _ compressed: inout [UInt8], to chunk: inout EncodedColumnChunk
    ) {
        compressed.removeAll(keepingCapacity: true)
        if let compressor {
            compressor.compress(page, into: &compressed)
        } else {
            compressed.append(contentsOf: PlainEncoding.bytes(0..<page.byteCount, in: page))
        }
        let header = PageHeader(
            kind: kind, encoding: encoding, valueCount: valueCount, compressedByteCount: compressed.count,
            uncompressedByteCount: page.byteCount, checksum: PageChecksum.crc32(compressed.span.bytes)
        ).serialized()
        chunk.bytes.append(contentsOf: header)
        chunk.bytes.append(contentsOf: compressed)
        chunk.uncompressedByteCount += header.count + page.byteCount
    }
}
