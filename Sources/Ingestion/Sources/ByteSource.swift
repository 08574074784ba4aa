package import TripModel

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A job's source (`SourcePath`) as a stream of plain bytes, compressed or not.
///
/// Its first bytes determine the format, not its name. Used by one thread at a time.
package final class ByteSource: @unchecked Sendable {
    private let path: String
    private let descriptor: Int32
    private let ownsDescriptor: Bool
    private var stream: DecompressionStream?
    /// Stored bytes read ahead: the magic at first, compressed input later.
    private var stored: [UInt8] = []
    private var storedStart = 0
    /// Whether the end was reached: reading a terminal again after it waits for another.
    private var isAtEnd = false
    /// Identifies the bytes of compressed input.
    private var storedHasher: ContentHasher?
    private let expansion: ExpansionBound
    private var producedByteCount = 0

    /// The state of the file when it was opened; nil for a stream.
    private let state: FileState?
    /// Bytes of the file as stored; nil for a stream.
    package var storedByteCount: Int? { state?.byteCount }
    /// Stored bytes consumed so far.
    package private(set) var consumedByteCount = 0

    /// Opens a source.
    ///
    /// - Parameter expansion: how much compressed data may expand.
    package init(path: String, _ expansion: ExpansionBound) throws(TripstoreError) {
        self.expansion = expansion
        let opening = SourcePath.opening(path)
        self.path = opening ?? SourcePath.name(ofStream: path)
        ownsDescriptor = opening != nil
        descriptor = opening.map { open($0, O_RDONLY | O_CLOEXEC) } ?? STDIN_FILENO
        guard descriptor >= 0 else {
            state = nil
            throw FileSystem.error("open", self.path)
        }
        state = SourcePath.isStream(path) ? nil : FileState(descriptor)
        if state != nil { posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL) }
        stored = try readStored(DecompressionStream.Format.magicByteCount)
        isArchive = stored.starts(with: ArchiveDirectory.fileMagic) || stored.starts(with: ArchiveDirectory.emptyMagic)
        if let format = DecompressionStream.Format(magic: stored) {
            stream = try DecompressionStream(format)
            storedHasher = ContentHasher()
            storedHasher?.update(stored.span.bytes)
        }
    }

    deinit { if ownsDescriptor { close(descriptor) } }

    /// Hash of the stored bytes read so far; nil for input that is not compressed, which is hashed as it is used.
    package var storedHash: ContentHash? { storedHasher?.hash }

    /// Whether it is decompressed.
    package var isCompressed: Bool { stream != nil }

    /// Whether it begins as a ZIP archive does.
    package private(set) var isArchive = false

    /// Refuses a file that was written while it was read: the bytes may be the head of one and the tail of another.
    ///
    /// - Parameter hash: hash of all stored bytes, as they were read.
    package func requireUnchanged(_ hash: ContentHash?) throws(TripstoreError) {
        // The time alone may change, as by `touch`.
        guard let state, FileState(descriptor) != state, try hash != ContentHash.file(path) else { return }
        throw TripstoreError(
            .conflict,
            "The file changed while it was loaded; none of its trips are in the store. Load it when it is complete.")
    }

    /// Reads plain bytes until `buffer` is full or the input ends; returns their count.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(TripstoreError) -> Int {
        guard let stream else { return try readPlain(into: buffer) }
        var filled = 0
        while filled < buffer.count {
            if storedStart == stored.count && !isAtEnd {
                stored = try readStored(1 << 20)
                storedStart = 0
                storedHasher?.update(stored.span.bytes)
            }
            var used = (consumed: 0, produced: 0)
            var failure: TripstoreError?
            stored.withUnsafeBytes { input in
                let rest = UnsafeRawBufferPointer(rebasing: input[storedStart...])
                do throws(TripstoreError) {
                    used = try stream.decompress(rest, into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
                } catch {
                    failure = error
                }
            }
            if let failure { throw failure }
            storedStart += used.consumed
            consumedByteCount += used.consumed
            filled += used.produced
            producedByteCount += used.produced
            try expansion.require(producedByteCount, from: consumedByteCount, format: stream.format)
            if used.consumed == 0 && used.produced == 0 && isAtEnd && storedStart == stored.count {
                guard stream.isAtBoundary else {
                    throw TripstoreError(
                        .badInput,
                        "The \(stream.format.rawValue) data ends in the middle; the file was cut off, fetch it again."
                    )
                }
                break
            }
            if used.consumed == 0 && used.produced == 0 && storedStart < stored.count {
                throw TripstoreError(
                    .badInput, "The \(stream.format.rawValue) data is followed by something else; remove it.")
            }
        }
        return filled
    }

    private func readPlain(into buffer: UnsafeMutableRawBufferPointer) throws(TripstoreError) -> Int {
        let head = min(stored.count, buffer.count)
        if head > 0 {
            stored.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<head])) }
            stored.removeFirst(head)
        }
        let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[head...])
        var count = head
        if !rest.isEmpty, !isAtEnd {
            count += try FileSystem.read(descriptor, into: rest, path: path)
            isAtEnd = count < buffer.count
        }
        consumedByteCount += count
        return count
    }

    private func readStored(_ byteCount: Int) throws(TripstoreError) -> [UInt8] {
        var count = 0
        var failure: TripstoreError?
        let bytes = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, initialized in
            do throws(TripstoreError) {
                count = try FileSystem.read(descriptor, into: UnsafeMutableRawBufferPointer(buffer), path: path)
            } catch {
                failure = error
            }
            initialized = count
        }
        if let failure { throw failure }
        isAtEnd = count < byteCount
        return bytes
    }
}
