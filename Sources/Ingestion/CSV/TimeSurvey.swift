import TripModel

/// What the times of a file's beginning prove: all of them, at memory speed.
///
/// Goes from mark to mark as the row loop does. A time such as `2015-09-21 14:53:16` proves nothing and is passed over at once; only others
/// are taken apart.
///
/// Unsafe code: reads 64 bytes past the end of the sample, which its caller provides.
struct TimeSurvey {
    /// Bytes whose marks are found together.
    private static let pieceByteCount = 256 << 10

    let layout: CSVLayout
    private(set) var facts = TimeFacts()
    /// Physical lines up to the record being read.
    private var lineCount: Int

    init(layout: CSVLayout) {
        self.layout = layout
        lineCount = layout.lineCount
    }

    /// Notes the times of a file's beginning.
    ///
    /// - Parameters:
    ///   - bytes: the beginning and at least `Limits.chunkPaddingByteCount` further bytes, of any content.
    ///   - start: where the records begin; nil: after the header.
    ///   - count: bytes of the beginning, less than 4 GiB.
    ///   - isWholeFile: whether they are the whole file.
    mutating func note(padded bytes: RawSpan, from start: Int? = nil, count: Int, isWholeFile: Bool) {
        precondition(count <= bytes.byteCount - Limits.chunkPaddingByteCount && count < Int(UInt32.max), "no padding")
        let scratch = DecoderScratch(
            blockByteCount: min(Self.pieceByteCount, max(1, count)), fieldCount: layout.fieldCount)
        let indexer = StructuralIndexer(delimiter: layout.delimiter)
        bytes.withUnsafeBytes { buffer in
            let base = buffer.baseAddress!
            var position = start ?? layout.byteCount
            while position < count {
                let pieceCount = min(Self.pieceByteCount, count - position)
                // As in a chunk, the position before the first record precedes the marks.
                scratch.marks[0] = UInt32(truncatingIfNeeded: position - 1)
                let markCount = indexer.index(
                    (base + position).assumingMemoryBound(to: UInt8.self), count: pieceCount, base: UInt32(position),
                    into: scratch.marks + 1)
                let end = notePiece(base, count, scratch, markCount: markCount, isWholeFile: isWholeFile)
                if end > position {
                    position = end
                } else {
                    guard let end = noteUnusual(base, count, position, isWholeFile) else { return }
                    position = end
                }
            }
        }
    }

    /// Notes the records whose marks are all known; returns the position after them.
    private mutating func notePiece(
        _ base: UnsafeRawPointer, _ count: Int, _ scratch: DecoderScratch, markCount: Int, isWholeFile: Bool
    ) -> Int {
        let marks = UnsafePointer(scratch.marks)
        let fieldCount = layout.fieldCount
        var next = 1
        while markCount + 1 - next >= fieldCount {
            let mark = marks + next
            var difference = RowLoop.byte(base, Int(mark[fieldCount - 1])) ^ UInt8(ascii: "\n")
            for field in 0..<fieldCount - 1 { difference |= RowLoop.byte(base, Int(mark[field])) ^ layout.delimiter }
            var usedCount = fieldCount
            if difference == 0 {
                note(base, mark - 1, mark, scratch)
            } else {
                usedCount = RowLoop.findQuotedFields(
                    base, mark, markCount: markCount + 1 - next, fieldCount: fieldCount, delimiter: layout.delimiter,
                    starts: scratch.fieldStarts, ends: scratch.fieldEnds)
                if usedCount > 0 { note(base, scratch.fieldStarts, scratch.fieldEnds, scratch) }
            }
            if usedCount > 0 {
                next += usedCount
                lineCount += 1
                continue
            }
            let position = Int(marks[next - 1] &+ 1)
            guard let end = noteUnusual(base, count, position, isWholeFile) else { return count }
            while next <= markCount, Int(marks[next]) < end { next += 1 }
            scratch.marks[next - 1] = UInt32(truncatingIfNeeded: end - 1)
        }
        return Int(marks[next - 1] &+ 1)
    }

    /// Notes the time of a record by the full rules; returns the position after it, nil at the end of the sample.
    private mutating func noteUnusual(_ base: UnsafeRawPointer, _ count: Int, _ position: Int, _ isWholeFile: Bool) -> Int? {
        let bytes = RowLoop.bytes(base, 0, count)
        let scan = RecordScanner.scan(bytes.span, from: position, layout: layout, isFinal: isWholeFile)
        if scan.kind == .undecided { return nil }
        if scan.kind == .record {
            for column in [CSVColumn.time, .timeOfDay] where layout[column] >= 0 {
                let field = scan.fields[column.rawValue]
                let isDate = column == .time && layout[.timeOfDay] >= 0
                facts.note(RowLoop.bytes(base, field.start, field.end).span, line: lineCount + 1, isDate: isDate)
            }
        }
        lineCount += scan.lineCount
        return scan.end
    }

    /// Notes the time of a record whose fields lie after `starts` and before `ends`.
    @inline(__always)
    private mutating func note(
        _ base: UnsafeRawPointer, _ starts: UnsafePointer<UInt32>, _ ends: UnsafePointer<UInt32>, _ scratch: DecoderScratch
    ) {
        let field = layout[.time]
        let (start, end) = (Int(starts[field] &+ 1), Int(ends[field]))
        if FormRowLoop.quickTime(base, start, end, scratch.months) == Int64.min {
            facts.note(RowLoop.bytes(base, start, end).span, line: lineCount + 1, isDate: layout[.timeOfDay] >= 0)
        }
        let clock = layout[.timeOfDay]
        if clock >= 0 {
            facts.note(RowLoop.bytes(base, Int(starts[clock] &+ 1), Int(ends[clock])).span, line: lineCount + 1)
        }
    }
}
