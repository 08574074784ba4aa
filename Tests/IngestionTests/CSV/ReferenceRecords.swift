import Ingestion
import TripModel

/// The oracle for where records begin and end, slow and obvious: a record is taken apart again with each line that it grows by.
struct ReferenceRecords {
    /// A row, or what a fault costs; blank lines are none.
    struct Record {
        /// Its first line, from 1.
        var line: Int
        var text: [UInt8]
        var content: Result<[[UInt8]], RejectReason>
    }

    private enum Split {
        case fields([[UInt8]])
        /// Of the line on which the field with the stray quote begins, from 0; whether the fault is on that line.
        case stray(RejectReason, line: Int, isSameLine: Bool)
        /// The last field is not closed, and begins on this line.
        case open(line: Int)
    }

    private(set) var records: [Record] = []
    let lineCount: Int
    private let lines: [[UInt8]]
    private let delimiter: UInt8
    private let fieldCounts: ClosedRange<Int>

    /// - Parameter fieldCounts: names of the header, and fields that a record may have if those without a name are empty.
    init(_ bytes: [UInt8], delimiter: UInt8, fieldCounts: ClosedRange<Int>) {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
        if lines.last == [] { lines.removeLast() }
        (self.lines, self.delimiter, self.fieldCounts) = (lines, delimiter, fieldCounts)
        lineCount = lines.count
        var next = 0
        while next < lines.count { next += takeRecord(at: next) }
    }

    /// Takes the record that begins with a line, and returns how many lines it has.
    private mutating func takeRecord(at first: Int) -> Int {
        /// The text of some lines from the first one on, without its line end.
        func text(_ count: Int) -> [UInt8] {
            let joined = Array(lines[first..<first + count].joined(separator: [UInt8(ascii: "\n")]))
            return joined.last == UInt8(ascii: "\r") ? joined.dropLast() : joined
        }
        func add(_ count: Int, _ content: Result<[[UInt8]], RejectReason>) -> Int {
            records.append(Record(line: first + 1, text: text(count), content: content))
            return count
        }
        if text(1).isEmpty { return 1 }
        if text(1).count > Limits.recordByteCountMax { return add(1, .failure(.rowTooLong)) }
        var openLine = 0
        for count in 1...lines.count - first {
            let text = text(count)
            // The field that was open before this line is not closed in time.
            if text.count > Limits.recordByteCountMax { return add(openLine + 1, .failure(.unterminatedQuote)) }
            switch split(text) {
            case .open(let line): openLine = line
            case .stray(let reason, let line, let isSameLine):
                return add(line + 1, .failure(isSameLine ? reason : .unterminatedQuote))
            case .fields(let fields):
                if fields.count < fieldCounts.lowerBound { return add(count, .failure(.tooFewFields)) }
                let hasSurplus = fields.dropFirst(fieldCounts.lowerBound).contains { !$0.isEmpty }
                let isTooLong = fields.count > fieldCounts.upperBound || hasSurplus
                return add(count, isTooLong ? .failure(.tooManyFields) : .success(fields))
            }
        }
        return add(openLine + 1, .failure(.unterminatedQuote))
    }

    private func split(_ text: [UInt8]) -> Split {
        enum State { case start, unquoted, quoted, quoteInQuoted }
        var state = State.start
        var fields: [[UInt8]] = []
        var field: [UInt8] = []
        var (line, fieldLine) = (0, 0)
        for byte in text {
            switch (state, byte) {
            case (.start, UInt8(ascii: "\"")):
                state = .quoted
                fieldLine = line
            case (.start, delimiter), (.unquoted, delimiter), (.quoteInQuoted, delimiter):
                fields.append(field)
                field = []
                state = .start
            case (.unquoted, UInt8(ascii: "\"")):
                return .stray(.quoteInUnquotedField, line: line, isSameLine: true)
            case (.start, _), (.unquoted, _):
                field.append(byte)
                state = .unquoted
            case (.quoted, UInt8(ascii: "\"")):
                state = .quoteInQuoted
            case (.quoted, _):
                field.append(byte)
            case (.quoteInQuoted, UInt8(ascii: "\"")):
                field.append(byte)
                state = .quoted
            case (.quoteInQuoted, _):
                return .stray(.textAfterClosingQuote, line: fieldLine, isSameLine: line == fieldLine)
            }
            if byte == UInt8(ascii: "\n") { line += 1 }
        }
        return state == .quoted ? .open(line: fieldLine) : .fields(fields + [field])
    }
}
