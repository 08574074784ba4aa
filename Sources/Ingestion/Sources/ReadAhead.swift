import Foundation
import TripModel

/// Decompresses and converts a source on a thread of its own, some blocks ahead of who reads it, so that inflating and decoding do not
/// wait for each other.
///
/// The source belongs to the thread until its end was read. A reader that stops earlier calls `stop`; the thread ends after its current read.
final class ReadAhead: PlainBytes, @unchecked Sendable {
    private static let blockByteCount = 1 << 20
    private static let blockCount = 4

    private struct Block {
        var bytes: ChunkBuffer
        /// Bytes of the source as stored that were consumed up to its end.
        var consumedByteCount: Int
        var isLast: Bool
    }

    private let condition = NSCondition()
    // Guarded by the condition.
    private var ready: [Block] = []
    private var idle: [ChunkBuffer] = []
    private var failure: TripstoreError?
    private var isStopped = false

    // Of the reading thread.
    private var current: Block?
    private var position = 0
    /// Stored bytes consumed up to the last block that is read.
    private(set) var consumedByteCount: Int

    /// Starts to read.
    ///
    /// - Parameter source: no other thread uses it until `read` has returned its end.
    init(_ source: some PlainBytes & AnyObject & Sendable, consumedByteCount: @escaping @Sendable () -> Int) {
        self.consumedByteCount = consumedByteCount()
        idle = (0..<Self.blockCount).map { _ in ChunkBuffer(capacity: Self.blockByteCount) }
        let thread = Thread { [self] in
            while let buffer = takeIdle() {
                buffer.count = 0
                do throws(TripstoreError) {
                    let isLast = try buffer.fill(from: source, upTo: buffer.capacity)
                    add(Block(bytes: buffer, consumedByteCount: consumedByteCount(), isLast: isLast))
                    if isLast { return }
                } catch {
                    fail(error)
                    return
                }
            }
        }
        thread.name = "tripstore-reader"
        thread.start()
    }

    /// Lets the thread end.
    func stop() {
        condition.withLock {
            isStopped = true
            condition.broadcast()
        }
    }

    /// Reads until `buffer` is full or the source ends; returns the count of bytes.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(TripstoreError) -> Int {
        var filled = 0
        while filled < buffer.count {
            if current == nil { current = try next() }
            guard let block = current else { break }
            let count = min(buffer.count - filled, block.bytes.count - position)
            block.bytes.withBytes(from: position, count: count) { bytes in
                bytes.withUnsafeBytes {
                    UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]).copyMemory(from: $0)
                }
            }
            filled += count
            position += count
            if position < block.bytes.count { break }
            if block.isLast { break }
            giveBack(block.bytes)
            current = nil
            position = 0
        }
        return filled
    }

    private func next() throws(TripstoreError) -> Block? {
        condition.lock()
        defer { condition.unlock() }
        while ready.isEmpty, failure == nil { condition.wait() }
        if let failure, ready.isEmpty { throw failure }
        let block = ready.removeFirst()
        consumedByteCount = block.consumedByteCount
        return block
    }

    private func giveBack(_ buffer: ChunkBuffer) {
        condition.withLock {
            idle.append(buffer)
            condition.broadcast()
        }
    }

    // MARK: The thread's side

    private func takeIdle() -> ChunkBuffer? {
        condition.lock()
        defer { condition.unlock() }
        while idle.isEmpty, !isStopped { condition.wait() }
        return isStopped ? nil : idle.removeLast()
    }

    private func add(_ block: Block) {
        condition.withLock {
            ready.append(block)
            condition.broadcast()
        }
    }

    private func fail(_ error: TripstoreError) {
        condition.withLock {
            failure = error
            condition.broadcast()
        }
    }
}
