import HTTPTypes
import NIOCore
import NIOPosix
import Synchronization
import TripModel

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Writes one upload to a new file, off the event loop and in large pieces.
///
/// One piece is written while the next one arrives. A caller with a third piece waits, so the request's body is read no faster
/// than the disk accepts it, and memory has two pieces whatever the size of the upload. The store makes the file durable when
/// it takes ownership; the kernel is told to start with that at once, so that little is left to wait for at the end.
struct UploadWriter: Sendable {
    /// Path of the upload.
    let path: String
    /// Bytes of the upload so far.
    private(set) var byteCount = 0
    private let handle: NIOFileHandle
    /// Tells processes that start meanwhile that the file is in use, until a job has it or it is gone.
    let hold: FileHold?
    private let share = BufferShare()
    private var pending = ByteBuffer()
    private var writing: Task<Void, any Error>?
    private var writtenByteCount = 0
    /// Hashes the pieces as they are written, one after the other.
    private let hasher = ContentHasher()

    /// Hash of the upload, once it is finished.
    var hash: ContentHash { hasher.hash }
    private let bounds: IngestionBounds
    private let directory: String

    /// Creates a file with a unique name in a directory.
    init(directory: String, _ bounds: IngestionBounds) async throws {
        self.directory = directory
        self.bounds = bounds
        let path = "\(directory)/upload-\(String(UInt128.random(in: .min ... .max), radix: 36)).part"
        self.path = path
        do {
            (handle, hold) = try await NIOThreadPool.singleton.runIfActive {
                // A name that exists is a fault, never an old upload to overwrite.
                let flags = NIOFileHandle.Flags.posix(flags: O_CREAT | O_EXCL, mode: S_IRUSR | S_IWUSR)
                return (try NIOFileHandle(_deprecatedPath: path, mode: .write, flags: flags), FileHold(path))
            }
        } catch {
            throw Self.failure(error)
        }
    }

    /// Appends bytes, writing to disk once enough have accumulated.
    mutating func append(_ bytes: ByteBuffer) async throws {
        try UploadBound.require(byteCount + bytes.readableBytes, bounds)
        pending.writeImmutableBuffer(bytes)
        byteCount += bytes.readableBytes
        if pending.readableBytes >= share.byteCount { try await flush() }
    }

    /// Writes the rest and closes the file; throws if the body should be longer.
    ///
    /// A connection that ends early may look like the end of the body.
    mutating func finish(expectedByteCount: Int? = nil) async throws {
        if let expectedByteCount, expectedByteCount != byteCount {
            throw HTTPError(.badRequest, message: "The upload ended early; send it again.")
        }
        try await flush()
        let handle = handle
        do {
            try await writing?.value
            try await NIOThreadPool.singleton.runIfActive { try handle.close() }
        } catch {
            throw Self.failure(error)
        }
    }

    /// Closes and deletes the file, even in a task that is cancelled.
    func discard() async {
        let (handle, path) = (handle, path)
        _ = await writing?.result
        await withCheckedContinuation { continuation in
            NIOThreadPool.singleton.submit { _ in
                if handle.isOpen { try? handle.close() }
                _ = unlink(path)
                continuation.resume()
            }
        }
    }

    private mutating func flush() async throws {
        guard pending.readableBytes > 0 else { return }
        do {
            try await writing?.value
        } catch {
            throw Self.failure(error)
        }
        // Moved out before the write: a task keeps what it was created with for as long as it exists.
        let piece = Lock<ByteBuffer?>(pending)
        let (handle, offset, hasher) = (handle, writtenByteCount, hasher)
        let (directory, reserve) = (directory, bounds.reserve)
        writtenByteCount += pending.readableBytes
        pending = ByteBuffer()
        writing = Task {
            try await NIOThreadPool.singleton.runIfActive {
                guard let bytes = piece.withLock({ $0.take() }) else { return }
                bytes.withUnsafeReadableBytes { hasher.update(RawSpan(_unsafeBytes: $0)) }
                try reserve.require(in: directory)
                try Self.write(bytes, to: handle, at: offset)
            }
        }
    }

    private static func write(_ bytes: ByteBuffer, to handle: NIOFileHandle, at offset: Int) throws {
        try handle.withUnsafeFileDescriptor { descriptor in
            try bytes.withUnsafeReadableBytes { buffer in
                var written = 0
                while written < buffer.count {
                    let count = pwrite(
                        descriptor, buffer.baseAddress! + written, buffer.count - written, off_t(offset + written))
                    if count >= 0 {
                        written += count
                    } else if errno != EINTR {
                        throw IOError(errnoCode: errno, reason: "write")
                    }
                }
                FileSystem.startWriteback(descriptor, offset: offset, byteCount: buffer.count)
            }
        }
    }

    /// Returns the error for a client after a failed write.
    private static func failure(_ error: any Error) -> any Error {
        guard let error = error as? IOError else { return error }
        guard error.errnoCode == ENOSPC || error.errnoCode == EDQUOT else {
            return TripstoreError(
                .io, "The upload can't be written to disk (\(error.reason)); try again later.")
        }
        return HTTPError(.insufficientStorage, message: "The disk is full; free some space and upload the file again.")
    }
}

/// What an upload may gather before it writes: the more uploads, the less, as slow ones keep it for long.
private final class BufferShare: Sendable {
    private static let uploadCount = Atomic<Int>(0)

    init() { Self.uploadCount.add(1, ordering: .relaxed) }

    deinit { Self.uploadCount.subtract(1, ordering: .relaxed) }

    var byteCount: Int {
        let share = ServerLimits.uploadBuffersByteCount / max(1, Self.uploadCount.load(ordering: .relaxed))
        return min(max(share, ServerLimits.uploadWriteByteCountMin), ServerLimits.uploadWriteByteCount)
    }
}

extension HTTPResponse.Status {
    /// The status of a full disk, from https://www.rfc-editor.org/rfc/rfc4918#section-11.5.
    static let insufficientStorage = HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage")
}
