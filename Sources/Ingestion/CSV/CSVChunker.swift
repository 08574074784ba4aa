/// Cuts a file into chunks that can be decoded each on its own.
///
/// This is the part of a load that can't be shared among cores, so it looks at no more than it must. In a file without quotes
/// every newline ends a record: after one pass over the bytes that finds no newline between an odd quote and the next (memory
/// speed), the last newline is the cut. Only from a line that leaves a quote open are records followed one by one.
///
/// How to read a file, `buffer` being at least `bufferByteCountMin` bytes in size:
///
///     var isInsideLine = false                      // the rest of an overlong line comes next
///     while true {
///         fill `buffer` up from the file; isFinal = nothing more will come
///         if isInsideLine {
///             count = CSVChunker.lineRemainderByteCount(of: buffer)
///             isInsideLine = !isFinal && the last of these bytes is no newline
///             drop `count` bytes; they belong to a row that was rejected and a line that was counted
///             continue (or end, where isFinal and the buffer is empty)
///         }
///         count = CSVChunker.wholeRecordsByteCount(of: buffer, header: header, isFinal: isFinal)
///         if count == 0 { end }                     // only where isFinal and the buffer is empty
///         decode the first `count` bytes
///         isInsideLine = !isFinal && the last of these bytes is no newline
///         drop `count` bytes
///     }
///
/// A load that resumes must start at a record: what is committed after a chunk that ends inside a line counts the line's rest.
package enum CSVChunker {
    /// Bytes that a buffer needs so that its first record can always be told.
    package static let bufferByteCountMin = RecordScanner.lookaheadByteCount

    /// Returns the length of the longest prefix of `bytes` that consists of whole records.
    ///
    /// `bytes` start at a record. The answer is all of them where `isFinal`; 0 only where more bytes are needed, which is never
    /// so with `bufferByteCountMin` bytes or more. Where the last line has no end and is longer than
    /// `Limits.recordByteCountMax`, the answer is all of them too: that row is rejected whatever follows.
    package static func wholeRecordsByteCount(of bytes: RawSpan, header: CSVHeader, isFinal: Bool) -> Int {
        wholeRecordsByteCount(of: bytes, header: header, isFinal: isFinal, indexer: StructuralIndexer())
    }

    /// The same with a given kernel.
    package static func wholeRecordsByteCount(
        of bytes: RawSpan, header: CSVHeader, isFinal: Bool, indexer: StructuralIndexer
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
            let scan = RecordScanner.scan(Span(_bytes: bytes), from: line, header: header, isFinal: false)
            if scan.kind == .undecided { return line }
            start = scan.end
        }
        return count - start >= RecordScanner.lookaheadByteCount ? count : start
    }

    /// Returns the number of bytes up to and including the first newline, or all where there is none.
    package static func lineRemainderByteCount(of bytes: RawSpan) -> Int {
        StructuralIndexer.firstNewline(in: bytes).map { $0 + 1 } ?? bytes.byteCount
    }
}
