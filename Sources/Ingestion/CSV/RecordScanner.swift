import TripModel

/// The range of a needed field in the bytes of a chunk.
struct FieldBounds {
    /// First byte, after the opening quote if there is one.
    var start = 0
    /// After the last byte, before the closing quote if there is one.
    var end = 0
    /// Whether doubled quotes in it stand for one.
    var hasDoubledQuotes = false
}

/// What is at the start of a record.
struct RecordScan {
    enum Kind: Hashable {
        case record
        /// A line without text.
        case blank
        /// No row: a record with too few or too many fields, as a whole, or what a fault costs.
        case malformed(RejectReason)
        /// The bytes end before this can be decided; more will come.
        case undecided
    }

    var kind = Kind.record
    /// Position after the line end, where reading resumes.
    var end = 0
    /// Position of the line end, where the text ends.
    var contentEnd = 0
    /// Count of its physical lines.
    var lineCount = 1
    /// The needed fields, in the order of `CSVColumn`.
    var fields = InlineArray<8, FieldBounds>(repeating: FieldBounds())

    /// Returns the same bytes as no row.
    func malformed(_ reason: RejectReason) -> RecordScan {
        var scan = self
        scan.kind = .malformed(reason)
        return scan
    }

    func undecided() -> RecordScan {
        var scan = self
        scan.kind = .undecided
        return scan
    }
}

/// The rules of records, byte by byte; the chunker and the decoder's slow path share them, so they can't disagree.
///
/// RFC 4180, and where it leaves a choice:
/// - A line without text is skipped.
/// - A quote opens a quoted field only as the field's first byte, and closes it only in front of a delimiter or the line end. A
///   quote anywhere else is stray, and so is one that opens a field which is not closed in this way: closed by a quote in front
///   of other text, or not within `Limits.recordByteCountMax` bytes from the start of the record.
/// - A record without stray quotes is one row, however many lines it has: good, or rejected as a whole. Text in its quotes never
///   becomes a row, whatever it looks like.
/// - A stray quote costs its record up to the end of the line on which it stands; reading resumes at the next line. So it never
///   takes the rows after it, and the fields before it stay as closed as they are.
/// - Fields without a name in the header must be empty.
/// - A line longer than that limit is malformed. A record of several lines that is longer is cut after the line on which its last
///   field with a line break begins, as if that quote was stray.
///
/// So `lookaheadByteCount` bytes from the start of a line are enough to decide what it is.
enum RecordScanner {
    /// The longest record with `\r\n`.
    static let lookaheadByteCount = Limits.recordByteCountMax + 2

    /// Scans the record at `start`.
    ///
    /// `isFinal`: nothing follows `bytes`, so their end is a line end.
    static func scan(_ bytes: Span<UInt8>, from start: Int, layout: CSVLayout, isFinal: Bool) -> RecordScan {
        let firstLine = line(bytes, from: start, isFinal: isFinal)
        guard firstLine.kind == .record else { return firstLine }

        let limit = min(bytes.count, start + lookaheadByteCount)
        let isWhole = isFinal && limit == bytes.count
        var walk = RecordWalk(
            scan: firstLine, position: start, limit: limit, isFinal: isWhole, delimiter: layout.delimiter)
        let outcome = walk.run(bytes, layout: layout)
        if walk.scan.lineCount == 1 {
            // Nearly all: a fault does not reach beyond the line, whose end is known.
            switch outcome {
            case .whole: return walk.scan
            case .malformed(let reason), .stray(let reason): return firstLine.malformed(reason)
            case .cutOff: return firstLine.malformed(.unterminatedQuote)
            }
        }
        let needsMore = !isFinal && limit < start + lookaheadByteCount
        switch outcome {
        case .whole: break
        case .malformed(let reason): walk.scan.kind = .malformed(reason)
        case .stray(let reason):
            if walk.fieldHasLineBreak { return walk.cutAtLineBreak() }
            guard walk.endLine(bytes, isWhole: isWhole) else {
                return needsMore ? firstLine.undecided() : walk.cutAtLineBreak()
            }
            walk.scan.kind = .malformed(reason)
        case .cutOff:
            if needsMore { return firstLine.undecided() }
            guard isWhole, !walk.fieldHasLineBreak, walk.endLine(bytes, isWhole: true) else { return walk.cutAtLineBreak() }
            walk.scan.kind = .malformed(.unterminatedQuote)
        }
        return walk.scan.contentEnd - start <= Limits.recordByteCountMax ? walk.scan : walk.cutAtLineBreak()
    }

    /// Scans the physical line at `start`: a record, blank, too long or undecided.
    private static func line(_ bytes: Span<UInt8>, from start: Int, isFinal: Bool) -> RecordScan {
        var scan = RecordScan()
        if let newline = newline(bytes, from: start, to: bytes.count) {
            scan.end = newline + 1
            scan.contentEnd = newline
        } else {
            scan.end = bytes.count
            scan.contentEnd = bytes.count
            if !isFinal, bytes.count - start < lookaheadByteCount {
                scan.kind = .undecided
                return scan
            }
        }
        if scan.contentEnd > start, bytes[scan.contentEnd - 1] == UInt8(ascii: "\r") { scan.contentEnd -= 1 }
        if scan.contentEnd == start { scan.kind = .blank }
        if scan.contentEnd - start > Limits.recordByteCountMax { scan.kind = .malformed(.rowTooLong) }
        return scan
    }

    private static func newline(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int? {
        StructuralIndexer.firstNewline(in: bytes.extracting(start..<end).bytes).map { $0 + start }
    }
}

/// One pass over a record's fields.
private struct RecordWalk {
    enum Outcome {
        /// A line end outside of quotes ends it, and it has as many fields as the layout says.
        case whole
        /// The same, but with fewer or more fields.
        case malformed(RejectReason)
        /// A quote in the last field is stray.
        case stray(RejectReason)
        /// The record reaches past `limit`.
        case cutOff
    }

    /// What comes after a field.
    private enum Ending { case delimiter, lineEnd, limit, quote, text }

    /// A line break in quotes: where the line ends, and how many lines of the record end there.
    private struct LineBreak {
        var contentEnd: Int
        var end: Int
        var lineCount: Int
    }

    var scan: RecordScan
    var position: Int
    let limit: Int
    /// Whether the record may end at `limit` without a line end.
    let isFinal: Bool
    let delimiter: UInt8
    /// Whether a field without a name has text.
    private var hasSurplus = false
    /// Whether the last field has a line break so far.
    private(set) var fieldHasLineBreak = false
    /// The first line break of the last field that has one.
    private var lineBreak: LineBreak?

    init(scan: RecordScan, position: Int, limit: Int, isFinal: Bool, delimiter: UInt8) {
        self.scan = scan
        self.position = position
        self.limit = limit
        self.isFinal = isFinal
        self.delimiter = delimiter
    }

    mutating func run(_ bytes: Span<UInt8>, layout: CSVLayout) -> Outcome {
        var fieldIndex = 0
        while true {
            fieldHasLineBreak = false
            var bounds = FieldBounds(start: position)
            let ending =
                position < limit && bytes[position] == UInt8(ascii: "\"")
                ? quotedField(bytes, &bounds) : unquotedField(bytes, &bounds)
            for column in layout.fieldIndices.indices where layout.fieldIndices[column] == fieldIndex {
                scan.fields[column] = bounds
            }
            if fieldIndex >= layout.nameCount, bounds.end > bounds.start { hasSurplus = true }
            switch ending {
            case .delimiter: fieldIndex += 1
            case .lineEnd:
                if fieldIndex + 1 < layout.nameCount { return .malformed(.tooFewFields) }
                return hasSurplus || fieldIndex + 1 > layout.fieldCount ? .malformed(.tooManyFields) : .whole
            case .limit:
                return .cutOff
            case .quote:
                return .stray(.quoteInUnquotedField)
            case .text:
                return .stray(.textAfterClosingQuote)
            }
        }
    }

    private mutating func unquotedField(_ bytes: Span<UInt8>, _ bounds: inout FieldBounds) -> Ending {
        while position < limit {
            let byte = bytes[position]
            if byte == delimiter {
                bounds.end = position
                position += 1
                return .delimiter
            }
            if byte == UInt8(ascii: "\n") {
                bounds.end = position > bounds.start && bytes[position - 1] == UInt8(ascii: "\r") ? position - 1 : position
                return lineEnd(contentEnd: bounds.end, end: position + 1)
            }
            if byte == UInt8(ascii: "\"") { return .quote }
            position += 1
        }
        guard isFinal else { return .limit }
        bounds.end = position > bounds.start && bytes[position - 1] == UInt8(ascii: "\r") ? position - 1 : position
        return lineEnd(contentEnd: bounds.end, end: position)
    }

    private mutating func quotedField(_ bytes: Span<UInt8>, _ bounds: inout FieldBounds) -> Ending {
        position += 1
        bounds.start = position
        while position < limit {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                guard position + 1 < limit, bytes[position + 1] == UInt8(ascii: "\"") else {
                    bounds.end = position
                    position += 1
                    return afterClosingQuote(bytes)
                }
                bounds.hasDoubledQuotes = true
                position += 1
            } else if byte == UInt8(ascii: "\n") {
                noteLineBreak(hasReturn: bytes[position - 1] == UInt8(ascii: "\r"))
            }
            position += 1
        }
        return .limit
    }

    private mutating func noteLineBreak(hasReturn: Bool) {
        if !fieldHasLineBreak {
            lineBreak = LineBreak(
                contentEnd: position - (hasReturn ? 1 : 0), end: position + 1, lineCount: scan.lineCount)
        }
        fieldHasLineBreak = true
        scan.lineCount += 1
    }

    // MARK: Faults

    /// Returns the record up to the line on which the last field with a line break begins, whose quote counts as stray.
    func cutAtLineBreak() -> RecordScan {
        guard let lineBreak else { return scan.malformed(.unterminatedQuote) }
        var scan = scan
        scan.end = lineBreak.end
        scan.contentEnd = lineBreak.contentEnd
        scan.lineCount = lineBreak.lineCount
        return scan.malformed(.unterminatedQuote)
    }

    /// Ends the record with the line that has the position; returns false if its end is not known.
    mutating func endLine(_ bytes: Span<UInt8>, isWhole: Bool) -> Bool {
        let rest = bytes.extracting(position..<limit)
        if let newline = StructuralIndexer.firstNewline(in: rest.bytes) {
            scan.contentEnd = position + newline
            scan.end = scan.contentEnd + 1
        } else if isWhole {
            scan.contentEnd = limit
            scan.end = limit
        } else {
            return false
        }
        if scan.contentEnd > 0, bytes[scan.contentEnd - 1] == UInt8(ascii: "\r") { scan.contentEnd -= 1 }
        return true
    }

    private mutating func afterClosingQuote(_ bytes: Span<UInt8>) -> Ending {
        let contentEnd = position
        if position < limit, bytes[position] == delimiter {
            position += 1
            return .delimiter
        }
        if position < limit, bytes[position] == UInt8(ascii: "\r") { position += 1 }
        if position == limit { return isFinal ? lineEnd(contentEnd: contentEnd, end: position) : .limit }
        guard bytes[position] == UInt8(ascii: "\n") else { return .text }
        return lineEnd(contentEnd: contentEnd, end: position + 1)
    }

    private mutating func lineEnd(contentEnd: Int, end: Int) -> Ending {
        scan.contentEnd = contentEnd
        scan.end = end
        return .lineEnd
    }
}
