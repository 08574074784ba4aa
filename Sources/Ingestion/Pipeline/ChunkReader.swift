import TripModel

/// Reads a source in chunks of whole records, on one thread: what `IngestionJob` does for many workers.
struct ChunkReader {
    private let source: SampledSource
    private let layout: CSVLayout
    private(set) var buffer = ChunkReader.makeBuffer()
    private var spare = ChunkReader.makeBuffer()
    /// Bytes of the buffer that were used.
    private var start = 0
    private var isInsideLine = false
    private var hasEnded = false

    /// Makes a reader of a source of which nothing was read; the header is passed over.
    init(_ source: SampledSource, layout: CSVLayout) throws(TripstoreError) {
        self.source = source
        self.layout = layout
        hasEnded = try buffer.fill(from: source, upTo: buffer.capacity)
        start = layout.byteCount
    }

    private static func makeBuffer() -> ChunkBuffer {
        ChunkBuffer(capacity: Limits.chunkByteCount + 2 * Limits.recordByteCountMax)
    }

    /// Reads on; returns how many bytes of whole records the buffer begins with, nil at the end.
    mutating func next() throws(TripstoreError) -> Int? {
        while true {
            spare.takeTail(of: buffer, from: start)
            swap(&buffer, &spare)
            start = 0
            if !hasEnded, buffer.count < Limits.chunkByteCount {
                hasEnded = try buffer.fill(from: source, upTo: Limits.chunkByteCount)
            }
            if buffer.count == 0 { return nil }
            guard isInsideLine else { break }
            // The rest of a line that is longer than any row may be.
            start = buffer.withBytes(count: buffer.count) { CSVChunker.lineRemainderByteCount(of: $0) }
            isInsideLine = !buffer.endsLine(at: start)
        }
        var count = wholeRecordsByteCount()
        if count == 0 {
            hasEnded = try buffer.fill(from: source, upTo: buffer.capacity)
            count = wholeRecordsByteCount()
        }
        guard count > 0 else { throw TripstoreError(.internalFault, "No row ends in \(buffer.count) bytes.") }
        start = count
        isInsideLine = !buffer.endsLine(at: count)
        return count
    }

    private func wholeRecordsByteCount() -> Int {
        buffer.withBytes(count: buffer.count) {
            CSVChunker.wholeRecordsByteCount(of: $0, layout: layout, isFinal: hasEnded)
        }
    }
}
