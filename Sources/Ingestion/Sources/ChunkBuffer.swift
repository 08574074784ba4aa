import TripModel

/// Memory for one piece of CSV, with readable padding behind it, so that SIMD loads need no tail case.
final class ChunkBuffer: @unchecked Sendable {
    private let memory: UnsafeMutableRawBufferPointer
    /// Count of bytes that may be filled.
    let capacity: Int
    /// Count of bytes that are filled.
    var count = 0

    init(capacity: Int) {
        self.capacity = capacity
        memory = .allocate(byteCount: capacity + Limits.chunkPaddingByteCount, alignment: 64)
        memory[capacity...].copyBytes(from: repeatElement(0, count: Limits.chunkPaddingByteCount))
    }

    deinit { memory.deallocate() }

    /// Fills more of the buffer from a source, up to `limit` bytes in all; returns whether the source has ended.
    func fill(from source: some PlainBytes, upTo limit: Int) throws(TripstoreError) -> Bool {
        let wanted = min(limit, capacity) - count
        let read = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: memory[count..<count + wanted]))
        count += read
        return read < wanted
    }

    /// Starts with the bytes of another from `start` on.
    func takeTail(of other: ChunkBuffer, from start: Int) {
        memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: other.memory[start..<other.count]))
        count = other.count - start
    }

    /// Returns whether the byte before `end` is a newline.
    func endsLine(at end: Int) -> Bool { end > 0 && memory[end - 1] == UInt8(ascii: "\n") }

    /// Calls `body` with `count` bytes from `start` on and, if `padded`, the padding behind them.
    func withBytes<Value, Failure: Error>(
        from start: Int = 0, count: Int, padded: Bool = false, _ body: (RawSpan) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        let end = start + (padded ? count + Limits.chunkPaddingByteCount : count)
        return try body(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: memory[start..<end])))
    }
}
