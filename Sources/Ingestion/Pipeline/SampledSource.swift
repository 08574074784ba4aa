package import TripModel

/// A job's source whose beginning is read ahead, to find out how it is read, and then read as if it had not been.
///
/// Neither a stream can be opened again, nor should a compressed file be decompressed twice. The sample takes no more memory than what is
/// read of it: its pages are touched when they are filled. Used by one thread at a time.
package final class SampledSource: PlainBytes {
    private let source: TextSource
    /// What decompresses and converts meanwhile; nil for a file that is read as it is.
    private let ahead: ReadAhead?
    private var sample: ChunkBuffer?
    /// Whether the sample is all of the file.
    private var isWholeFile = false
    /// Bytes of the sample that were read.
    private var position = 0

    package init(_ source: TextSource) {
        self.source = source
        ahead = source.isVerbatim ? nil : ReadAhead(source) { source.consumedByteCount }
    }

    deinit { ahead?.stop() }

    /// Whether a thread of its own decompresses or converts the source.
    var isReadAhead: Bool { ahead != nil }

    /// Recognizes the form of the file, from its beginning.
    ///
    /// The errors of reading are thrown; those of the file's form are the result.
    ///
    /// - Parameter places: the places that the options name.
    package func recognize(
        options: ReadingOptions, places: PlaceTable? = nil, mayBeQuoted: Bool
    ) throws(TripstoreError) -> Result<RecognizedCSV, TripstoreError> {
        try readSample()
        var recognition: CSVRecognition
        do throws(TripstoreError) {
            recognition = try self.recognition(options, places, mayBeQuoted: mayBeQuoted)
        } catch { return .failure(error) }
        try survey(&recognition)
        return Result { () throws(TripstoreError) in try recognized(recognition) }
    }

    /// Returns how the file is read, as far as it was surveyed.
    func recognized(_ recognition: CSVRecognition) throws(TripstoreError) -> RecognizedCSV {
        var file = try recognition.recognized()
        if let encoding = source.provenEncoding { file.reading?.format?.encoding = encoding.rawValue }
        return file
    }

    /// Recognizes the columns of the file, whose times are then to be surveyed.
    func beginning(options: ReadingOptions, places: PlaceTable?) throws(TripstoreError) -> CSVRecognition {
        try readSample()
        return try recognition(options, places, mayBeQuoted: true)
    }

    /// Surveys the times of the sample, if that is needed.
    func survey(_ recognition: inout CSVRecognition) throws(TripstoreError) {
        guard recognition.needsSurvey, let sample else { return }
        if !isWholeFile { isWholeFile = try fill(sample, upTo: sample.capacity) }
        sample.withBytes(count: sample.count, padded: true) {
            recognition.surveyTimes(padded: $0, count: sample.count, isWholeFile: isWholeFile)
        }
    }

    /// Reads what the columns are recognized from.
    private func readSample() throws(TripstoreError) {
        let sample = ChunkBuffer(capacity: Limits.sampleByteCount)
        isWholeFile = try fill(sample, upTo: Limits.recordByteCountMax * 2)
        self.sample = sample
    }

    private func fill(_ buffer: ChunkBuffer, upTo limit: Int) throws(TripstoreError) -> Bool {
        if let ahead { return try buffer.fill(from: ahead, upTo: limit) }
        return try buffer.fill(from: source, upTo: limit)
    }

    private func readOn(into buffer: UnsafeMutableRawBufferPointer) throws(TripstoreError) -> Int {
        if let ahead { return try ahead.read(into: buffer) }
        return try source.read(into: buffer)
    }

    private func recognition(
        _ options: ReadingOptions, _ places: PlaceTable?, mayBeQuoted: Bool
    ) throws(TripstoreError) -> CSVRecognition {
        guard let sample else {
            throw TripstoreError(.internalFault, "The sample of a source was used up before it was looked at.")
        }
        return try sample.withBytes(count: sample.count) { bytes throws(TripstoreError) in
            try CSVRecognition(
                beginning: bytes, isWholeFile: isWholeFile, options: options, places: places, mayBeQuoted: mayBeQuoted)
        }
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(TripstoreError) -> Int {
        guard let sample else { return try readOn(into: buffer) }
        let count = min(buffer.count, sample.count - position)
        sample.withBytes(from: position, count: count) { bytes in
            bytes.withUnsafeBytes { buffer.copyMemory(from: $0) }
        }
        position += count
        if position == sample.count { self.sample = nil }
        if count == buffer.count { return count }
        return count + (try readOn(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...])))
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
        if let ahead { return try ahead.skip(rest, hashing: hasher) }
        try source.skip(rest, hashing: hasher)
    }

    /// Bytes of the file as stored; nil for a stream.
    var storedByteCount: Int? { source.storedByteCount }
    /// Stored bytes consumed so far; those of the sample that were not read yet are not counted in a file that is read as it is.
    package var consumedByteCount: Int {
        if let ahead { return ahead.consumedByteCount }
        return source.consumedByteCount - (sample.map { $0.count - position } ?? 0)
    }
    /// Hash of all stored bytes, at their end; nil for a file that is read as it is.
    var storedHash: ContentHash? { source.storedHash }

    /// Refuses a file that was written while it was read.
    func requireUnchanged(_ hash: ContentHash?) throws(TripstoreError) { try source.requireUnchanged(hash) }
}
