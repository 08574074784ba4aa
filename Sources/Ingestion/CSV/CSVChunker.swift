/// Cuts a file into chunks that can be decoded independently.
///
/// This is the part of ingestion that can't be spread over cores, so it reads no more than it must. In a file without quotes
/// every newline ends a record: after one pass over the bytes, at memory speed, that finds no newline after an odd count of
/// quotes, the last newline is the cut. Records are followed one by one only from a line that leaves a quote open.
///
/// How to read a file, with a `buffer` of at least `bufferByteCountMin` bytes:
///
///     var isInsideLine = false                      // the rest of an overlong line comes next
///     while true {
///         fill `buffer` from the file; isFinal = the file has ended
///         if isInsideLine {
///             count = CSVChunker.lineRemainderByteCount(of: buffer)
///             isInsideLine = !isFinal && the last of these bytes is not a newline
///             drop `count` bytes; they belong to a row that was rejected and a line that was counted
///             continue (or end, if isFinal and the buffer is empty)
///         }
///         count = CSVChunker.wholeRecordsByteCount(of: buffer, layout: layout, isFinal: isFinal)
///         if count == 0 { end }                     // only if isFinal and the buffer is empty
///         decode the first `count` bytes
///         isInsideLine = !isFinal && the last of these bytes is not a newline
///         drop `count` bytes
///     }
///
/// A job that resumes must start at a record: a commit after a chunk that ends inside a line counts the line's rest.
package enum CSVChunker {
    /// Bytes that a buffer needs so that its first record can always be determined.
    package static let bufferByteCountMin = RecordScanner.lookaheadByteCount

    /// Returns the length of the longest prefix of `bytes` that consists of whole records.
    ///
    /// `bytes` start at a record. The result is all of them if `isFinal`; it is 0 only if more bytes are needed, which never
    /// happens with `bufferByteCountMin` bytes or more. If the last line has no end and is longer than
    /// `Limits.recordByteCountMax`, the result is all of them too: that row is rejected whatever follows.
    package static func wholeRecordsByteCount(of bytes: RawSpan, layout: CSVLayout, isFinal: Bool) -> Int {
        wholeRecordsByteCount(of: bytes, layout: layout, isFinal: isFinal, indexer: StructuralIndexer())
    }

    /// The same with a given kernel.
    package static func wholeRecordsByteCount(
        of bytes: RawSpan, layout: CSVLayout, isFinal: Bool, indexer: StructuralIndexer
    ) -> Int {
        let count = bytes.byteCount
        if isFinal { return count }
        var start = 0
        while start < count {
            let rest = bytes.extracting(start..<count)
            guard let quoted = indexer.firstQuotedNewline(in: rest) else {
                // No line leaves a quote open.
                guard let newline = StructuralIndexer.lastNewline(in: rest) else { break }
                start += newline + 1
                break
            }
            let line = start + (StructuralIndexer.lastNewline(in: rest.extracting(0..<quoted)).map { $0 + 1 } ?? 0)
            let scan = RecordScanner.scan(Span(_bytes: bytes), from: line, layout: layout, isFinal: false)
            if scan.kind == .undecided { return line }
            start = scan.end
        }
        return count - start >= bufferByteCountMin ? count : start
    }

    /// Returns the count of bytes up to and including the first newline, or all if there is none.
    package static func lineRemainderByteCount(of bytes: RawSpan) -> Int {
        StructuralIndexer.firstNewline(in: bytes).map { $0 + 1 } ?? bytes.byteCount
    }
}
