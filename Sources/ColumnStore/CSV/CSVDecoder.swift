internal import CPoints

/// A piece of a file, decoded.
package struct DecodedChunk: Sendable {
    /// The rows that are right, in order.
    package var batch = TripBatch()
    /// The first rows that are not, in order; line numbers count from the chunk's first line, which is 1.
    ///
    /// As many as a job keeps: a chunk may have more of them than memory has room for their texts.
    package var rejects: [RejectedRow] = []
    /// All rows that are not, by reason.
    package var rejectCounts: [RejectReason: Int] = [:]
    package var rejectedCount = 0
    /// Physical lines: newlines, and one more for a last line without.
    package var lineCount = 0
    /// Rows of either kind; blank lines are none.
    package var rowCount: Int { batch.count + rejectedCount }
}

/// Stage 2 of CSV decoding: marks to column values.
///
///     bytes ── StructuralIndexer ──> marks ── RowLoop ──────────> rows ──> TripBatch
///              a block at a time         └── RecordScanner ──> a row, or a RejectedRow and why
///
/// A block's marks are used while its bytes are in the cache. The row loop decodes usual rows; where it stops, the row at hand
/// is decoded here by the full rules, and the loop goes on after it.
///
/// A decoder keeps its working memory and the names it met from chunk to chunk: use one for each worker. It is a value; a copy
/// gets memory of its own when it is first used.
package struct CSVDecoder: Sendable {
    /// What the fields of a record are.
    package let header: CSVHeader
    /// Bytes of rejected rows' texts after which rows of a chunk are only counted.
    package var rejectsByteCountMax = Limits.rejectsByteCountMax
    private let indexer: StructuralIndexer
    private var scratch: DecoderScratch

    /// Makes a decoder for files of a header.
    package init(header: CSVHeader) {
        self.init(header: header, path: .fastest)
    }

    /// Makes a decoder whose stage 1 runs a given kernel.
    package init(header: CSVHeader, path: StructuralIndexer.Path, blockByteCount: Int = 64 << 10) {
        self.header = header
        indexer = StructuralIndexer(path: path)
        scratch = DecoderScratch(blockByteCount: blockByteCount, fieldCount: header.fieldCount)
    }

    /// Decodes a chunk.
    ///
    /// - Parameters:
    ///   - bytes: the chunk and at least `Limits.chunkPaddingByteCount` bytes more, whatever they hold.
    ///   - count: bytes of the chunk, which starts at a record and ends at a record's end or the end of the file, or inside a
    ///     line that is too long (see `CSVChunker`). Less than 4 GiB.
    package mutating func decode(padded bytes: RawSpan, count: Int) -> DecodedChunk {
        precondition(count >= 0 && count <= bytes.byteCount - Limits.chunkPaddingByteCount, "no padding after the chunk")
        precondition(count < Int(UInt32.max), "a chunk has less than 4 GiB")
        if !isKnownUniquelyReferenced(&scratch) {
            scratch = DecoderScratch(blockByteCount: scratch.blockByteCount, fieldCount: header.fieldCount)
        }
        return bytes.withUnsafeBytes { buffer in
            var run = ChunkRun(
                base: buffer.baseAddress!, count: count, header: header, indexer: indexer, scratch: scratch,
                rejectsByteCountMax: rejectsByteCountMax)
            return run.decode()
        }
    }
}

/// Working memory of a decoder.
final class DecoderScratch: @unchecked Sendable {
    let blockByteCount: Int
    /// Index 0 is for what precedes the first mark.
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

    /// Makes room for `count` marks, keeping those there are.
    func reserveMarks(_ count: Int) {
        guard count > markCapacity else { return }
        let larger = UnsafeMutablePointer<UInt32>.allocate(capacity: count * 2)
        larger.update(from: marks, count: markCapacity)
        marks.deallocate()
        marks = larger
        markCapacity = count * 2
    }
}

/// The decoding of one chunk.
private struct ChunkRun {
    let base: UnsafeRawPointer
    let count: Int
    let header: CSVHeader
    let indexer: StructuralIndexer
    let scratch: DecoderScratch
    let readsPointsAtOnce: Bool
    let rejectsByteCountMax: Int

    var chunk = DecodedChunk()
    /// Where the next record starts.
    var position = 0
    /// Rows in the row buffer.
    var bufferedCount = 0
    /// Bytes whose marks were found.
    var indexedCount = 0
    /// The first mark not used, and the number of marks, in `scratch.marks`.
    var nextMark = 1
    var markCount = 1

    /// The reason of the last rejected rows, and how many have it: rejected rows come in runs.
    var rejectRun: (reason: RejectReason, count: Int) = (.rowTooLong, 0)
    /// Bytes of the texts that are kept.
    var rejectsByteCount = 0

    init(
        base: UnsafeRawPointer, count: Int, header: CSVHeader, indexer: StructuralIndexer, scratch: DecoderScratch,
        rejectsByteCountMax: Int
    ) {
        self.base = base
        self.count = count
        self.header = header
        self.indexer = indexer
        self.scratch = scratch
        self.rejectsByteCountMax = rejectsByteCountMax
        readsPointsAtOnce = indexer.path == .avx512 && tripstore_points_supported()
    }

    mutating func decode() -> DecodedChunk {
        while position < count {
            if markCount - nextMark < header.fieldCount {
                if indexedCount < count { indexBlock() } else { decodeUnusualRow() }
                continue
            }
            switch runLoop() {
            case .marksUsedUp: break
            case .bufferFull: flush()
            case .unusualRow: decodeUnusualRow()
            }
        }
        flush()
        endRejectRun()
        chunk.batch.regions = scratch.regions.pointee.takeDictionary()
        chunk.batch.datasources = scratch.datasources.pointee.takeDictionary()
        chunk.batch.checkInvariants()
        return chunk
    }

    private mutating func runLoop() -> RowLoop.Stop {
        let memory = RowLoop.Memory(
            base: base, regions: scratch.regions, datasources: scratch.datasources, months: scratch.months,
            buffer: scratch.buffer, fieldStarts: scratch.fieldStarts, fieldEnds: scratch.fieldEnds,
            readsPointsAtOnce: readsPointsAtOnce)
        let rowsBefore = bufferedCount
        let stop = RowLoop.run(
            memory, scratch.marks, markCount: markCount, header: header, next: &nextMark, rowCount: &bufferedCount)
        // Each of these rows is one line.
        chunk.lineCount += bufferedCount - rowsBefore
        position = Int(scratch.marks[nextMark - 1] &+ 1)
        return stop
    }

    // MARK: Marks

    /// Finds the marks of one more block, after those not used yet.
    private mutating func indexBlock() {
        let kept = markCount - nextMark
        scratch.marks.update(from: scratch.marks + (nextMark - 1), count: kept + 1)
        nextMark = 1
        markCount = 1 + kept
        let blockCount = min(scratch.blockByteCount, count - indexedCount)
        scratch.reserveMarks(markCount + blockCount + StructuralIndexer.slack)
        markCount += indexer.index(
            (base + indexedCount).assumingMemoryBound(to: UInt8.self), count: blockCount, base: UInt32(indexedCount),
            into: scratch.marks + markCount)
        indexedCount += blockCount
        skipMarks()
    }

    /// Skips the marks before `position`.
    private mutating func skipMarks() {
        while nextMark < markCount, Int(scratch.marks[nextMark]) < position { nextMark += 1 }
        scratch.marks[nextMark - 1] = UInt32(truncatingIfNeeded: position - 1)
    }

    // MARK: Rows by the full rules

    private mutating func decodeUnusualRow() {
        let start = position
        let bytes = UnsafeRawBufferPointer(start: base, count: count).assumingMemoryBound(to: UInt8.self)
        let scan = RecordScanner.scan(bytes.span, from: start, header: header, isFinal: true)
        switch scan.kind {
        case .blank, .undecided:
            break
        case .malformed(let reason):
            reject(start, scan, reason)
        case .record:
            if bufferedCount == RowBuffer.capacity { flush() }
            do throws(RejectReason) { try decode(scan) } catch { reject(start, scan, error) }
        }
        chunk.lineCount += scan.lineCount
        position = scan.end
        skipMarks()
    }

    private mutating func decode(_ scan: RecordScan) throws(RejectReason) {
        let region = scan.fields[CSVColumn.region.rawValue]
        let datasource = scan.fields[CSVColumn.datasource.rawValue]
        if let problem = nameProblem(region) { throw RejectReason(region: problem) }
        let origin: PointParser.Point
        do throws(PointProblem) {
            origin = try point(scan.fields[CSVColumn.origin.rawValue])
        } catch { throw RejectReason(origin: error) }
        let destination: PointParser.Point
        do throws(PointProblem) {
            destination = try point(scan.fields[CSVColumn.destination.rawValue])
        } catch { throw RejectReason(destination: error) }
        let time: Int64
        do throws(TimestampProblem) {
            time = try self.time(scan.fields[CSVColumn.time.rawValue])
        } catch { throw RejectReason(time: error) }
        if let problem = nameProblem(datasource) { throw RejectReason(datasource: problem) }
        scratch.buffer.rows[bufferedCount] = TripRow(
            originLongitude: origin.longitude, originLatitude: origin.latitude, destinationLongitude: destination.longitude,
            destinationLatitude: destination.latitude, time: time, region: code(region, in: scratch.regions),
            datasource: code(datasource, in: scratch.datasources))
        bufferedCount += 1
    }

    private func point(_ field: FieldBounds) throws(PointProblem) -> PointParser.Point {
        let quick = RowLoop.point(base, field.start, field.end)
        if quick.isValid { return PointParser.Point(longitude: quick.longitude, latitude: quick.latitude) }
        return try PointParser.point(of: bytes(field).span)
    }

    private func time(_ field: FieldBounds) throws(TimestampProblem) -> Int64 {
        let quick = RowLoop.microseconds(base, field.start, field.end, scratch.months)
        return quick != Int64.min ? quick : try TimestampParser.microseconds(of: bytes(field).span)
    }

    private func nameProblem(_ field: FieldBounds) -> NameProblem? {
        guard field.hasDoubledQuotes else {
            let text = bytes(field)
            return NameTable.problem(of: text.span)
        }
        unescape(field)
        return scratch.unescaped.withUnsafeBufferPointer { NameTable.problem(of: $0.span) }
    }

    private func code(_ field: FieldBounds, in table: UnsafeMutablePointer<NameTable>) -> UInt32 {
        let entry: UInt32
        if field.hasDoubledQuotes {
            unescape(field)
            let length = scratch.unescaped.count
            scratch.unescaped.append(contentsOf: repeatElement(0, count: 32))
            entry = scratch.unescaped.withUnsafeBytes { table.pointee.entry($0.baseAddress!, length: length) }
        } else {
            entry = table.pointee.entry(base + field.start, length: field.end - field.start)
        }
        return table.pointee.code(ofEntry: entry)
    }

    private func bytes(_ field: FieldBounds) -> UnsafeBufferPointer<UInt8> {
        UnsafeRawBufferPointer(start: base + field.start, count: field.end - field.start).assumingMemoryBound(to: UInt8.self)
    }

    /// Writes the text of a quoted field, each doubled quote as one, to `scratch.unescaped`.
    private func unescape(_ field: FieldBounds) {
        scratch.unescaped.removeAll(keepingCapacity: true)
        var isSecondQuote = false
        for byte in bytes(field) {
            isSecondQuote = byte == UInt8(ascii: "\"") && !isSecondQuote
            // Of each pair the second is kept.
            if !isSecondQuote { scratch.unescaped.append(byte) }
        }
    }

    // MARK: Results

    private mutating func reject(_ start: Int, _ scan: RecordScan, _ reason: RejectReason) {
        if reason != rejectRun.reason {
            endRejectRun()
            rejectRun.reason = reason
        }
        rejectRun.count += 1
        chunk.rejectedCount += 1
        guard chunk.rejects.count < Limits.rejectRowCountMax, rejectsByteCount < rejectsByteCountMax else { return }
        let bytes = UnsafeRawBufferPointer(start: base + start, count: scan.contentEnd - start)
        let text = RejectedText.text(bytes.bytes, isCutOff: reason == .rowTooLong)
        chunk.rejects.append(RejectedRow(line: chunk.lineCount + 1, reason: reason.rawValue, text: text))
        rejectsByteCount += text.utf8.count
    }

    private mutating func endRejectRun() {
        if rejectRun.count > 0 { chunk.rejectCounts[rejectRun.reason, default: 0] += rejectRun.count }
        rejectRun.count = 0
    }

    /// Moves the buffered rows to the batch.
    private mutating func flush() {
        guard bufferedCount > 0 else { return }
        if chunk.batch.count == 0 {
            // Room for the chunk's rows if the rest is like its beginning.
            chunk.batch.rows.reserveCapacity(bufferedCount + (count - position) * bufferedCount / position * 17 / 16)
        }
        chunk.batch.rows.append(contentsOf: UnsafeBufferPointer(start: scratch.buffer.rows, count: bufferedCount))
        bufferedCount = 0
    }
}
