package import TripModel

/// What a chunk's buffer is filled from.
package protocol PlainBytes {
    /// Reads plain bytes until `buffer` is full or the input ends; returns their count.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(TripstoreError) -> Int
}

extension ByteSource: PlainBytes {}
