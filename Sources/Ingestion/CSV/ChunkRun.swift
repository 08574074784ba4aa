internal import CKernels
import TripModel

/// The decoding of one chunk.
struct ChunkRun {
    let base: UnsafeRawPointer
    let count: Int
    let layout: CSVLayout
    let indexer: StructuralIndexer
    let scratch: DecoderScratch
    let readsPointsAtOnce: Bool
    let rejectsByteCountMax: Int

    var chunk = DecodedChunk()
    /// Position of the next record.
    var position = 0
    /// Rows in the row buffer.
    var bufferedCount = 0
    /// Bytes whose marks were found.
    var indexedCount = 0
    /// The first unused mark, and the count of marks, in `scratch.marks`.
    var nextMark = 1
    var markCount = 1
    /// Entries in the tables of the names of rows that have none; `NameTable.noEntry` if such rows are rejected.
    var constantRegion = NameTable.noEntry
    var constantDatasource = NameTable.noEntry
    /// Rows with which the row loop begins.
    var blockRowCount = RowBuffer.blockRowCount

    /// The reason of the last rejected rows, how many have it, and the line of the first: rejected rows come in runs.
    var rejectRun: (reason: RejectReason, count: Int, line: Int) = (.rowTooLong, 0, 0)
    /// Bytes of the texts that are kept.
    var rejectsByteCount = 0

    init(
        base: UnsafeRawPointer, count: Int, layout: CSVLayout, indexer: StructuralIndexer, scratch: DecoderScratch,
        rejectsByteCountMax: Int
    ) {
        self.base = base
        self.count = count
        self.layout = layout
        self.indexer = indexer
        self.scratch = scratch
        self.rejectsByteCountMax = rejectsByteCountMax
        readsPointsAtOnce = indexer.path == .avx512 && tripstore_points_supported()
    }

    mutating func decode() -> DecodedChunk {
        constantRegion = entry(of: layout.region, in: scratch.regions)
        constantDatasource = entry(of: layout.datasource, in: scratch.datasources)
        while position < count {
            if passOverLines() { continue }
            if markCount - nextMark < layout.fieldCount {
                if indexedCount < count { indexBlock() } else { decodeUnusualRow() }
                continue
            }
            switch runLoop() {
            case .marksUsedUp: break
            case .bufferFull: flush()
            case .unusualRow:
                blockRowCount = 1
                decodeUnusualRow()
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
        let stop =
            if let form = layout.form {
                FormRowLoop.run(
                    FormRowLoop.Memory(memory, form, region: constantRegion, datasource: constantDatasource), scratch.marks,
                    markCount: markCount, layout: layout, form: form, next: &nextMark, rowCount: &bufferedCount)
            } else {
                RowLoop.run(
                    memory, scratch.marks, markCount: markCount, layout: layout, next: &nextMark, rowCount: &bufferedCount,
                    blockRowCount: &blockRowCount)
            }
        // Each of these rows is one line.
        chunk.lineCount += bufferedCount - rowsBefore
        position = Int(scratch.marks[nextMark - 1] &+ 1)
        return stop
    }

    // MARK: Marks

    /// Finds the marks of one more block, after the unused ones.
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

    // MARK: Lines by their marks

    /// What the marks from the next one on say about the line at `position`.
    private enum MarkedLine {
        /// It has no quotes; `end` is the mark of its newline.
        case plain(fieldCount: Int, end: Int)
        /// A quote is inside a field that does not start with one, and no quote precedes it.
        case strayQuote(end: Int)
        /// Its quotes need further inspection, or its end was not found yet.
        case other
    }

    @inline(__always)
    private func markedLine(_ marks: UnsafePointer<UInt32>) -> MarkedLine {
        var mark = nextMark
        while mark < markCount, byte(marks[mark]) == layout.delimiter { mark &+= 1 }
        guard mark < markCount else { return .other }
        if byte(marks[mark]) == UInt8(ascii: "\n") { return .plain(fieldCount: mark &- nextMark &+ 1, end: mark) }
        guard marks[mark] != marks[mark &- 1] &+ 1 else { return .other }
        repeat { mark &+= 1 } while mark < markCount && byte(marks[mark]) != UInt8(ascii: "\n")
        return mark < markCount ? .strayQuote(end: mark) : .other
    }

    @inline(__always)
    private func byte(_ position: UInt32) -> UInt8 { base.load(fromByteOffset: Int(position), as: UInt8.self) }

    /// Returns where the text of the line at `position` ends, from the position of its newline.
    @inline(__always)
    private func contentEnd(_ newline: UInt32) -> Int {
        let end = Int(newline)
        return end > position && byte(newline &- 1) == UInt8(ascii: "\r") ? end &- 1 : end
    }

    /// Skips lines that are not records, such as blank ones, if their marks say everything about them; returns whether there
    /// were any.
    ///
    /// `RecordScanner` would say the same about such lines: a kilobyte of compressed file may have a hundred thousand of them.
    private mutating func passOverLines() -> Bool {
        let first = position
        let marks = UnsafePointer(scratch.marks)
        while true {
            let end: Int
            let reason: RejectReason
            switch markedLine(marks) {
            case .other: return position > first
            case .plain(let fieldCount, let mark):
                if fieldCount >= layout.nameCount, fieldCount <= layout.fieldCount { return position > first }
                end = mark
                reason = fieldCount < layout.nameCount ? .tooFewFields : .tooManyFields
            case .strayQuote(let mark):
                end = mark
                reason = .quoteInUnquotedField
            }
            let contentEnd = contentEnd(marks[end])
            if contentEnd - position > Limits.recordByteCountMax {
                reject(contentEnd, .rowTooLong)
            } else if contentEnd > position {
                reject(contentEnd, reason)
            }
            chunk.lineCount += 1
            position = Int(marks[end]) + 1
            nextMark = end + 1
        }
    }

    /// Scans the record at `position` if it is a line without quotes with a name for each field; returns whether it is.
    ///
    /// - Parameter scan: passed in as created; not returned, since an optional of its size is copied again and again.
    private func scanByMarks(_ scan: inout RecordScan) -> Bool {
        let marks = UnsafePointer(scratch.marks)
        guard case .plain(layout.nameCount, let end) = markedLine(marks) else { return false }
        let contentEnd = contentEnd(marks[end])
        guard contentEnd - position <= Limits.recordByteCountMax else { return false }
        scan.end = Int(marks[end]) + 1
        scan.contentEnd = contentEnd
        for column in layout.fieldIndices.indices {
            let field = layout.fieldIndices[column]
            if field < 0 { continue }
            let fieldEnd = field == layout.nameCount - 1 ? contentEnd : Int(marks[nextMark + field])
            scan.fields[column] = FieldBounds(start: Int(marks[nextMark + field - 1] &+ 1), end: fieldEnd)
        }
        return true
    }

    // MARK: Rows by the full rules

    private mutating func decodeUnusualRow() {
        var scan = RecordScan()
        if !scanByMarks(&scan) { scan = scanBytes() }
        switch scan.kind {
        case .blank, .undecided: break
        case .malformed(let reason):
            reject(scan.contentEnd, reason)
        case .record:
            if bufferedCount == RowBuffer.capacity { flush() }
            do throws(RejectReason) {
                if let form = layout.form { try decode(scan, as: form) } else { try decode(scan) }
            } catch { reject(scan.contentEnd, error) }
        }
        chunk.lineCount += scan.lineCount
        position = scan.end
        skipMarks()
    }

    private func scanBytes() -> RecordScan {
        let bytes = UnsafeRawBufferPointer(start: base, count: count).assumingMemoryBound(to: UInt8.self)
        return RecordScanner.scan(bytes.span, from: position, layout: layout, isFinal: true)
    }

    private mutating func decode(_ scan: RecordScan) throws(RejectReason) {
        let region = scan.fields[CSVColumn.region.rawValue]
        let datasource = scan.fields[CSVColumn.datasource.rawValue]
        if let problem = nameProblem(region, constantRegion) { throw RejectReason(region: problem) }
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
        if let problem = nameProblem(datasource, constantDatasource) { throw RejectReason(datasource: problem) }
        scratch.buffer.rows[bufferedCount] = TripRow(
            originLongitude: origin.longitude, originLatitude: origin.latitude, destinationLongitude: destination.longitude,
            destinationLatitude: destination.latitude, time: time, region: code(region, constantRegion, in: scratch.regions),
            datasource: code(datasource, constantDatasource, in: scratch.datasources))
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

    /// Returns what is wrong with a name; nothing if it is empty and `constant` is an entry to take its place.
    private func nameProblem(_ field: FieldBounds, _ constant: UInt32) -> NameProblem? {
        if field.end == field.start, constant != NameTable.noEntry { return nil }
        return text(field) { NameTable.problem(of: $0) }
    }

    /// Returns the code of a name, or of `constant` if it is empty.
    private func code(_ field: FieldBounds, _ constant: UInt32, in table: UnsafeMutablePointer<NameTable>) -> UInt32 {
        table.pointee.code(ofEntry: field.end == field.start ? constant : entry(field, in: table))
    }

    // MARK: Results

    /// Counts the row at `position` as rejected, and keeps its text if there is room for it.
    private mutating func reject(_ contentEnd: Int, _ reason: RejectReason) {
        // `!=` for all enums with raw values is the generic one, which compares texts.
        if !(reason == rejectRun.reason) {
            endRejectRun()
            rejectRun.reason = reason
        }
        if rejectRun.count == 0 { rejectRun.line = chunk.lineCount + 1 }
        rejectRun.count += 1
        chunk.rejectedCount += 1
        guard chunk.rejects.count < Limits.rejectRowCountMax, rejectsByteCount < rejectsByteCountMax else { return }
        let bytes = UnsafeRawBufferPointer(start: base + position, count: contentEnd - position)
        let text = RejectedText.text(bytes.bytes, isCutOff: reason == .rowTooLong)
        chunk.rejects.append(RejectedRow(line: chunk.lineCount + 1, reason: reason.rawValue, text: text))
        rejectsByteCount += text.utf8.count
    }

    private mutating func endRejectRun() {
        guard rejectRun.count > 0 else { return }
        let earlierCount = chunk.rejectCounts[rejectRun.reason] ?? 0
        if earlierCount == 0 { chunk.rejectLines[rejectRun.reason] = rejectRun.line }
        chunk.rejectCounts[rejectRun.reason] = earlierCount + rejectRun.count
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
