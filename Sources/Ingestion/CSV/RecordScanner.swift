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
        /// One physical line that is not a record.
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
}

/// The rules of records, byte by byte; the chunker and the decoder's slow path share them, so they can't disagree.
///
/// RFC 4180, and where it leaves a choice:
/// - A line without text is skipped.
/// - A quote opens a quoted field only as the field's first byte; inside any other field it makes the line malformed.
/// - After a closing quote comes a delimiter or the line end.
/// - Fields without a name in the header must be empty.
/// - A record may span several lines (a newline inside quotes) only if its quotes are well formed, it has as many fields as the
///   layout says, and it is no longer than `Limits.recordByteCountMax`. Otherwise only its first line is malformed and reading
///   resumes at the next line, so that a stray quote never swallows the rows after it.
/// - A line longer than that limit is malformed.
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
        var walk = RecordWalk(
            scan: firstLine, position: start, limit: limit, isFinal: isFinal && limit == bytes.count,
            delimiter: layout.delimiter)
        switch walk.run(bytes, layout: layout) {
        case .whole where walk.scan.contentEnd - start <= Limits.recordByteCountMax:
            return walk.scan
        case .malformed(let reason) where walk.scan.lineCount == 1:
            walk.scan = firstLine
            walk.scan.kind = .malformed(reason)
        case .cutOff where !isFinal && limit < start + lookaheadByteCount:
            walk.scan.kind = .undecided
        case .whole, .malformed, .cutOff:
            walk.scan = firstLine
            walk.scan.kind = .malformed(.unterminatedQuote)
        }
        return walk.scan
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
        case whole
        case malformed(RejectReason)
        /// The record reaches past `limit`.
        case cutOff
    }

    /// What comes after a field.
    private enum Ending { case delimiter, lineEnd, limit, quote, text }

    var scan: RecordScan
    var position: Int
    let limit: Int
    /// Whether the record may end at `limit` without a line end.
    let isFinal: Bool
    let delimiter: UInt8
    /// Whether a field without a name has text.
    var hasSurplus = false

    mutating func run(_ bytes: Span<UInt8>, layout: CSVLayout) -> Outcome {
        var fieldIndex = 0
        while true {
            var bounds = FieldBounds(start: position)
            let ending =
                position < limit && bytes[position] == UInt8(ascii: "\"")
                ? quotedField(bytes, &bounds) : unquotedField(bytes, &bounds)
            for column in layout.fieldIndices.indices where layout.fieldIndices[column] == fieldIndex {
                scan.fields[column] = bounds
            }
            if fieldIndex >= layout.nameCount, bounds.end > bounds.start { hasSurplus = true }
            switch ending {
            case .delimiter:
                fieldIndex += 1
                // The rest can't make a record of it, and searching for its end would cost time with every stray quote.
                if scan.lineCount > 1, fieldIndex >= layout.fieldCount { return .malformed(.tooManyFields) }
            case .lineEnd:
                if fieldIndex + 1 < layout.nameCount { return .malformed(.tooFewFields) }
                return hasSurplus || fieldIndex + 1 > layout.fieldCount ? .malformed(.tooManyFields) : .whole
            case .limit:
                return .cutOff
            case .quote:
                return .malformed(.quoteInUnquotedField)
            case .text:
                return .malformed(.textAfterClosingQuote)
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
                scan.lineCount += 1
            }
            position += 1
        }
        return .limit
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
