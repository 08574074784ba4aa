package import TripModel

/// What a chunk's buffer is filled from.
package protocol PlainBytes {
    /// Reads plain bytes until `buffer` is full or the input ends; returns their count.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(TripstoreError) -> Int
}

extension PlainBytes {
    /// Skips plain bytes that an earlier attempt has committed, and hashes them.
    package func skip(_ byteCount: Int, hashing hasher: ContentHasher) throws(TripstoreError) {
        var rest = byteCount
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { buffer.deallocate() }
        while rest > 0 {
            let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(rest, buffer.count)]))
            if count == 0 { break }
            hasher.update(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: buffer[..<count])))
            rest -= count
        }
    }
}

extension ByteSource: PlainBytes {}
