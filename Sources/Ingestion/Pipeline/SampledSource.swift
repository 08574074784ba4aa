package import TripModel

/// A job's source whose beginning is read ahead, to find out how it is read, and then read as if it had not been.
///
/// Neither a stream can be opened again, nor should a compressed file be decompressed twice. The sample takes no more memory than what is
/// read of it: its pages are touched when they are filled. Used by one thread at a time.
package final class SampledSource: PlainBytes {
    private let source: ByteSource
    private var sample: ChunkBuffer?
    /// Bytes of the sample that were read.
    private var position = 0

    package init(_ source: ByteSource) { self.source = source }

    /// Recognizes the form of the file, from its beginning.
    ///
    /// The errors of reading are thrown; those of the file's form are the result.
    ///
    /// - Parameter places: the places that the options name.
    package func recognize(
        options: ReadingOptions, places: PlaceTable? = nil, mayBeQuoted: Bool
    ) throws(TripstoreError) -> Result<RecognizedCSV, TripstoreError> {
        let sample = ChunkBuffer(capacity: Limits.sampleByteCount)
        self.sample = sample
        var isWholeFile = try sample.fill(from: source, upTo: Limits.recordByteCountMax * 2)
        var recognition: CSVRecognition
        do throws(TripstoreError) {
            recognition = try sample.withBytes(count: sample.count) { bytes throws(TripstoreError) in
                try CSVRecognition(
                    beginning: bytes, isWholeFile: isWholeFile, options: options, places: places, mayBeQuoted: mayBeQuoted)
            }
        } catch { return .failure(error) }
        if recognition.needsSurvey {
            if !isWholeFile { isWholeFile = try sample.fill(from: source, upTo: sample.capacity) }
            sample.withBytes(count: sample.count, padded: true) {
                recognition.surveyTimes(padded: $0, count: sample.count, isWholeFile: isWholeFile)
            }
        }
        return Result { () throws(TripstoreError) in try recognition.recognized() }
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(TripstoreError) -> Int {
        guard let sample else { return try source.read(into: buffer) }
        let count = min(buffer.count, sample.count - position)
        sample.withBytes(from: position, count: count) { bytes in
            bytes.withUnsafeBytes { buffer.copyMemory(from: $0) }
        }
        position += count
        if position == sample.count { self.sample = nil }
        if count == buffer.count { return count }
        return count + (try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...])))
    }

    /// Skips plain bytes that an earlier attempt has committed, and hashes them.
    package func skip(_ byteCount: Int, hashing hasher: ContentHasher) throws(TripstoreError) {
        var rest = byteCount
        if let sample {
            let count = min(rest, sample.count - position)
            sample.withBytes(from: position, count: count) { hasher.update($0) }
            position += count
            rest -= count
            if position == sample.count { self.sample = nil }
        }
        try source.skip(rest, hashing: hasher)
    }

    /// Bytes of the file as stored; nil for a stream.
    var storedByteCount: Int? { source.storedByteCount }
    /// Stored bytes consumed so far; those of the sample that were not read yet are not counted in a file that is not compressed.
    package var consumedByteCount: Int {
        source.consumedByteCount - (source.storedHash == nil ? sample.map { $0.count - position } ?? 0 : 0)
    }
    /// Hash of the stored bytes read so far; nil for input that is not compressed.
    var storedHash: ContentHash? { source.storedHash }

    /// Refuses a file that was written while it was read.
    func requireUnchanged(_ hash: ContentHash?) throws(TripstoreError) { try source.requireUnchanged(hash) }
}
