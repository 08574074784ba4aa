#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A file that is either whole under its name or absent, whatever happens in between.
///
/// Steps: write to `NAME.tmp` · fsync the file · rename to `NAME` · fsync the folder. If it is dropped without `commit`, its
/// temporary file is deleted; a temporary file that a crash leaves behind is swept at the next start, since no catalog names
/// it.
package struct DurableFile: ~Copyable {
    private let directory: String
    private let name: String
    private let descriptor: Int32
    private var isOpen = true
    /// Bytes written so far.
    package private(set) var byteCount = 0
    /// CRC-32 (of gzip) of all bytes written so far.
    package private(set) var checksum: UInt32 = 0
    /// Bytes that the kernel was told to start writing to disk.
    private var startedByteCount = 0
    /// Count of new bytes after which it is told so again.
    private static let writebackByteCount = 1 << 20
    private let reserve: DiskReserve

    private var temporaryPath: String { "\(directory)/\(name).tmp" }

    /// Creates the temporary file.
    ///
    /// - Parameters:
    ///   - readers: who may read the file.
    ///   - reserve: bytes that stay free on its disk.
    package init(
        directory: String, name: String, for readers: FileSystem.Readers = .owner, leaving reserve: DiskReserve = .none
    ) throws(TripstoreError) {
        self.directory = directory
        self.name = name
        self.reserve = reserve
        do throws(TripstoreError) {
            try reserve.require(in: directory)
        } catch {
            descriptor = -1
            isOpen = false
            throw error
        }
        descriptor = open("\(directory)/\(name).tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode_t(readers.fileMode))
        if descriptor < 0 {
            isOpen = false
            throw FileSystem.error("create", "\(directory)/\(name).tmp")
        }
    }

    /// Appends bytes.
    package mutating func write(_ bytes: [UInt8]) throws(TripstoreError) { try write(bytes.span.bytes) }

    /// Appends bytes.
    package mutating func write(_ bytes: RawSpan) throws(TripstoreError) {
        try FileSystem.write(bytes, to: descriptor, path: temporaryPath)
        byteCount += bytes.byteCount
        // So that the disk works while the rest is encoded, and little is left for the sync at the end.
        if byteCount - startedByteCount >= Self.writebackByteCount {
            FileSystem.startWriteback(descriptor, offset: startedByteCount, byteCount: byteCount - startedByteCount)
            startedByteCount = byteCount
            try reserve.require(in: directory)
        }
        checksum = CRC32.checksum(bytes, continuing: checksum)
    }

    /// Publishes the file under its name; when this returns, the file survives a power cut.
    ///
    /// - Parameter finalName: a name that was not known before the file's bytes were; nil: the one that it was created with.
    package consuming func commit(as finalName: String? = nil) throws(TripstoreError) {
        guard fsync(descriptor) == 0 else { throw FileSystem.error("sync", temporaryPath) }
        let closed = close(descriptor)
        isOpen = false
        guard closed == 0 else { throw FileSystem.error("close", temporaryPath) }
        let path = "\(directory)/\(finalName ?? name)"
        guard rename(temporaryPath, path) == 0 else { throw FileSystem.error("rename", temporaryPath) }
        try FileSystem.syncDirectory(directory)
    }

    deinit {
        if isOpen {
            close(descriptor)
            unlink("\(directory)/\(name).tmp")
        }
    }
}
