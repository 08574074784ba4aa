import TripModel

/// Reads a source in chunks of whole records: what `IngestionJob` does with checkpoints.
struct ChunkReader {
    private let source: SampledSource
    private let layout: CSVLayout
    /// Bytes that were read and not returned.
    private var rest: ChunkBuffer
    private var idle: [ChunkBuffer] = []
    private var isInsideLine = false
    private var hasEnded = false

    /// Makes a reader of a source of which nothing was read; the header is passed over.
    init(_ source: SampledSource, layout: CSVLayout) throws(TripstoreError) {
        self.source = source
        self.layout = layout
        rest = Self.makeBuffer()
        hasEnded = try rest.fill(from: source, upTo: rest.capacity)
        drop(layout.byteCount)
    }

    private static func makeBuffer() -> ChunkBuffer {
        ChunkBuffer(capacity: Limits.chunkByteCount + 2 * Limits.recordByteCountMax)
    }

    /// Reads on; returns a buffer and how many bytes of whole records it begins with, nil at the end.
    ///
    /// The buffer is the caller's until `reuse`.
    mutating func next() throws(TripstoreError) -> (buffer: ChunkBuffer, count: Int)? {
        while true {
            if !hasEnded, rest.count < Limits.chunkByteCount {
                hasEnded = try rest.fill(from: source, upTo: Limits.chunkByteCount)
            }
            if rest.count == 0 { return nil }
            guard isInsideLine else { break }
            // The rest of a line that is longer than any row may be.
            let count = rest.withBytes(count: rest.count) { CSVChunker.lineRemainderByteCount(of: $0) }
            isInsideLine = !rest.endsLine(at: count)
            drop(count)
        }
        var count = wholeRecordsByteCount()
        if count == 0, !hasEnded {
            hasEnded = try rest.fill(from: source, upTo: rest.capacity)
            count = wholeRecordsByteCount()
        }
        guard count > 0 else { throw TripstoreError(.internalFault, "No row ends in \(rest.count) bytes.") }
        isInsideLine = !rest.endsLine(at: count)
        // Copied out before the chunk is returned, so that its buffer has one user.
        let buffer = rest
        rest = tail(from: count)
        return (buffer, count)
    }

    /// Takes back a buffer that `next` returned.
    mutating func reuse(_ buffer: ChunkBuffer) { idle.append(buffer) }

    private mutating func drop(_ count: Int) {
        let buffer = rest
        rest = tail(from: count)
        idle.append(buffer)
    }

    private mutating func tail(from start: Int) -> ChunkBuffer {
        let buffer = idle.popLast() ?? Self.makeBuffer()
        buffer.takeTail(of: rest, from: start)
        return buffer
    }

    private func wholeRecordsByteCount() -> Int {
        rest.withBytes(count: rest.count) {
            CSVChunker.wholeRecordsByteCount(of: $0, layout: layout, isFinal: hasEnded)
        }
    }
}
