package import TripModel

/// A job's source as UTF-8 with line feeds: the plain bytes of `ByteSource`, converted if they are something else.
///
/// Positions, checkpoints and the hash of the content are those of the converted bytes, as they are those of decompressed ones. Used by one
/// thread at a time.
///
/// Memory safety: bytes are copied between buffers whose sizes are compared first.
package final class TextSource: PlainBytes, @unchecked Sendable {
    private let source: ByteSource
    private var converter: TextConverter?
    /// The first bytes of the source, which were looked at.
    private var head: [UInt8]
    private var headPosition = 0
    private var hasEnded: Bool
    /// Converted bytes that were not read yet.
    private var converted: [UInt8] = []
    private var convertedCount = 0
    private var convertedPosition = 0
    /// Hash of the bytes before their conversion, if nothing else hashes what is stored.
    private let hasher: ContentHasher?

    /// The encoding that the bytes prove; nil if it is UTF-8 or only said.
    package let provenEncoding: ReadingOptions.Encoding?

    /// Opens the text of a source, and reads its first bytes.
    package init(_ source: ByteSource, _ options: ReadingOptions) throws(TripstoreError) {
        self.source = source
        var sample = [UInt8](repeating: 0, count: TextForm.sampleByteCount)
        let count = try Self.read(source, into: &sample)
        hasEnded = count < sample.count
        sample.removeLast(sample.count - count)
        head = sample
        converter = try TextForm.converter(
            for: sample, encoding: options.encoding.flatMap(ReadingOptions.Encoding.init(rawValue:)))
        provenEncoding =
            switch converter?.encoding {
            case .utf16LittleEndian: .utf16LittleEndian
            case .utf16BigEndian: .utf16BigEndian
            default: nil
            }
        hasher = converter != nil && !source.isCompressed ? ContentHasher() : nil
        if converter == nil {
            converted = []
        } else {
            converted = [UInt8](repeating: 0, count: TextConverter.outputByteCountMax(for: TextForm.sampleByteCount))
        }
    }

    /// Whether the stored bytes are read as they are.
    package var isVerbatim: Bool { converter == nil && !source.isCompressed }

    /// Bytes of the file as stored; nil for a stream.
    package var storedByteCount: Int? { source.storedByteCount }
    /// Stored bytes consumed so far; of a file that is read as it is, those that were read from here.
    package var consumedByteCount: Int { source.consumedByteCount - (isVerbatim ? head.count - headPosition : 0) }
    /// Hash of the stored bytes read so far; nil for a file that is read as it is.
    package var storedHash: ContentHash? { source.storedHash ?? hasher?.hash }

    /// Refuses a file that was written while it was read.
    package func requireUnchanged(_ hash: ContentHash?) throws(TripstoreError) { try source.requireUnchanged(hash) }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(TripstoreError) -> Int {
        if converter == nil { return try readPlain(into: buffer) }
        var filled = 0
        while filled < buffer.count {
            if convertedPosition == convertedCount, try !convert() { break }
            let count = min(buffer.count - filled, convertedCount - convertedPosition)
            converted.withUnsafeBytes { bytes in
                UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[convertedPosition..<convertedPosition + count]))
            }
            filled += count
            convertedPosition += count
        }
        return filled
    }

    private func readPlain(into buffer: UnsafeMutableRawBufferPointer) throws(TripstoreError) -> Int {
        let count = min(buffer.count, head.count - headPosition)
        if count > 0 {
            head.withUnsafeBytes {
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[headPosition..<headPosition + count]))
            }
            headPosition += count
            if headPosition == head.count { (head, headPosition) = ([], 0) }
        }
        if count == buffer.count || hasEnded { return count }
        return count + (try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...])))
    }

    /// Converts another piece; returns false at the end.
    private func convert() throws(TripstoreError) -> Bool {
        while convertedPosition == convertedCount {
            if hasEnded, head.isEmpty { return false }
            if head.isEmpty {
                head = [UInt8](repeating: 0, count: TextForm.sampleByteCount)
                let count = try Self.read(source, into: &head)
                hasEnded = count < head.count
                head.removeLast(head.count - count)
            }
            hasher?.update(head.span.bytes)
            let isFinal = hasEnded
            convertedCount = converted.withUnsafeMutableBytes { output in
                head.withUnsafeBytes { converter?.convert($0, into: output, isFinal: isFinal) ?? 0 }
            }
            convertedPosition = 0
            head = []
        }
        return true
    }

    private static func read(_ source: ByteSource, into bytes: inout [UInt8]) throws(TripstoreError) -> Int {
        var failure: TripstoreError?
        let count = bytes.withUnsafeMutableBytes { buffer in
            do throws(TripstoreError) { return try source.read(into: buffer) } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return count
    }
}
