package import TripModel

/// A decoded chunk of a file.
package struct DecodedChunk: Sendable {
    /// The valid rows, in order.
    package var batch = TripBatch()
    /// The first rejected rows, in order; line numbers count from the chunk's first line, which is 1.
    ///
    /// At most as many as a job keeps: a chunk may have more than memory has room for their texts.
    package var rejects: [RejectedRow] = []
    /// All rejected rows, by reason.
    package var rejectCounts: [RejectReason: Int] = [:]
    /// The line of the first rejected row of each reason.
    package var rejectLines: [RejectReason: Int] = [:]
    package var rejectedCount = 0
    /// Ids and names of no place in rejected rows.
    package var unknownPlaces = UnknownPlaces()
    /// Physical lines: newlines, and one more for a last line without.
    package var lineCount = 0
    /// Rows of either kind, without blank lines.
    package var rowCount: Int { batch.count + rejectedCount }
}

/// Stage 2 of CSV decoding: marks to column values.
///
///     bytes ── StructuralIndexer ──> marks ── RowLoop ──────────> rows ──> TripBatch
///              a block at a time         └── RecordScanner ──> a row, or a RejectedRow and why
///
/// A block's marks are used while its bytes are in the cache. The row loop decodes usual rows. If it stops at a row, that row
/// is decoded here by the full rules, and the loop continues after it.
///
/// A decoder keeps its working memory and the names that it has seen from chunk to chunk: use one for each worker. It is a
/// value; a copy gets memory of its own when it is first used.
package struct CSVDecoder: Sendable {
    /// Where records have what a trip needs.
    package let layout: CSVLayout
    /// Bytes of rejected rows' texts after which rows of a chunk are only counted.
    package var rejectsByteCountMax = Limits.rejectsByteCountMax
    private let indexer: StructuralIndexer
    private var scratch: DecoderScratch

    /// Makes a decoder for files of a layout.
    package init(layout: CSVLayout) {
        self.init(layout: layout, path: .fastest)
    }

    /// Makes a decoder whose stage 1 runs a given kernel.
    package init(layout: CSVLayout, path: StructuralIndexer.Path, blockByteCount: Int = 64 << 10) {
        self.layout = layout
        indexer = StructuralIndexer(path: path, delimiter: layout.delimiter)
        scratch = DecoderScratch(blockByteCount: blockByteCount, fieldCount: layout.fieldCount)
    }

    /// Decodes a chunk.
    ///
    /// - Parameters:
    ///   - bytes: the chunk and at least `Limits.chunkPaddingByteCount` further bytes, of any content.
    ///   - count: bytes of the chunk, which starts at a record and ends at a record's end or the end of the file, or inside a
    ///     line that is too long (see `CSVChunker`). Less than 4 GiB.
    package mutating func decode(padded bytes: RawSpan, count: Int) -> DecodedChunk {
        precondition(count >= 0 && count <= bytes.byteCount - Limits.chunkPaddingByteCount, "no padding after the chunk")
        precondition(count < Int(UInt32.max), "a chunk has less than 4 GiB")
        if !isKnownUniquelyReferenced(&scratch) {
            scratch = DecoderScratch(blockByteCount: scratch.blockByteCount, fieldCount: layout.fieldCount)
        }
        return bytes.withUnsafeBytes { buffer in
            var run = ChunkRun(
                base: buffer.baseAddress!, count: count, layout: layout, indexer: indexer, scratch: scratch,
                rejectsByteCountMax: rejectsByteCountMax)
            return run.decode()
        }
    }
}

/// Working memory of a decoder.
final class DecoderScratch: @unchecked Sendable {
    let blockByteCount: Int
    /// Index 0 is for the position before the first mark.
    var marks: UnsafeMutablePointer<UInt32>
    var markCapacity: Int
    let buffer = RowBuffer()
    let months: UnsafeMutablePointer<TimestampParser.Month>
    let regions: UnsafeMutablePointer<NameTable>
    let datasources: UnsafeMutablePointer<NameTable>
    let fieldStarts: UnsafeMutablePointer<UInt32>
    let fieldEnds: UnsafeMutablePointer<UInt32>
    /// The text of a field with doubled quotes, and the bytes after it that `NameTable` reads.
    var unescaped: [UInt8] = []

    init(blockByteCount: Int, fieldCount: Int) {
        self.blockByteCount = max(1, blockByteCount)
        fieldStarts = .allocate(capacity: fieldCount)
        fieldEnds = .allocate(capacity: fieldCount)
        markCapacity = 1 + self.blockByteCount + StructuralIndexer.slack
        marks = .allocate(capacity: markCapacity)
        months = .allocate(capacity: TimestampParser.monthSlotCount)
        months.initialize(repeating: TimestampParser.Month(), count: TimestampParser.monthSlotCount)
        regions = .allocate(capacity: 1)
        regions.initialize(to: NameTable())
        datasources = .allocate(capacity: 1)
        datasources.initialize(to: NameTable())
    }

    deinit {
        marks.deallocate()
        fieldStarts.deallocate()
        fieldEnds.deallocate()
        buffer.deallocate()
        months.deallocate()
        for table in [regions, datasources] {
            table.pointee.deallocate()
            table.deinitialize(count: 1)
            table.deallocate()
        }
    }

    /// Makes room for `count` marks, and keeps the existing ones.
    func reserveMarks(_ count: Int) {
        guard count > markCapacity else { return }
        let larger = UnsafeMutablePointer<UInt32>.allocate(capacity: count * 2)
        larger.update(from: marks, count: markCapacity)
        marks.deallocate()
        marks = larger
        markCapacity = count * 2
    }
}
