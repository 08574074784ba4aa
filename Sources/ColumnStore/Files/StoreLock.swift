#if canImport(Glibc)
import Glibc
#else
import Musl
#endif
import CPlatform
import Foundation
package import TripModel

/// The right to write to a store: held by one process at a time, and released by the kernel however the process ends.
///
/// The file names the holder, as JSON. Two locks are taken on it: `flock`, as in all versions, and an open file description
/// lock (fcntl_locking(2)), which others can test without taking it.
package final class StoreLock: Sendable {
    /// The process that writes to a store.
    package struct Holder: Codable, Sendable {
        package var process: Int32
        /// Where it listens, if it is a server.
        package var address: String?
        /// Whether its disk accepts no writes, so that it cannot write now.
        var isWaiting: Bool?

        /// The error for another process that wants to write.
        var refusal: String {
            guard let address else {
                return "Process \(process) is loading into this store or changing it; wait until it ends, and try again."
            }
            return "A server (process \(process), \(address)) has this store open; use it over HTTP, as with "
                + "curl -T trips.csv \(address)/ingest/ (all of its API: \(address)/docs), or stop it and try again."
        }
    }

    private let path: String
    private let descriptor: Lock<Int32?>
    private let holder = Lock(Holder(process: getpid()))

    /// Takes the lock; throws `.busy` with a sentence about its holder if another process has it.
    ///
    /// - Parameter mayBeReadOnly: whether to lock a file on a disk that accepts no writes as it is, without naming the holder
    ///   and unseen by `hasWriter`; or the folder of segments if there is no file.
    package init(path: String, for readers: FileSystem.Readers = .owner, mayBeReadOnly: Bool = false) throws(TripstoreError) {
        var descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, mode_t(readers.fileMode))
        let isReadOnly = descriptor < 0 && mayBeReadOnly && [ENOSPC, EDQUOT, EROFS].contains(errno)
        if isReadOnly { descriptor = open(path, O_RDONLY | O_CLOEXEC) }
        if isReadOnly, descriptor < 0, errno == ENOENT { descriptor = Self.openFolder(of: path) }
        guard descriptor >= 0 else { throw FileSystem.error("open", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0,
            isReadOnly || tripstore_lock_file(descriptor) == 0
        else {
            close(descriptor)
            throw TripstoreError(
                .busy,
                Self.holder(path: path)?.refusal
                    ?? "Another process is writing to this store; wait until it ends, or end it, and try again.")
        }
        if !isReadOnly, Self.isFolderHeld(of: path) {
            close(descriptor)
            throw TripstoreError(
                .busy,
                "A server that waits for disk space has this store open; end it, or wait until there is space, and try again.")
        }
        self.path = path
        self.descriptor = Lock(descriptor)
        if !isReadOnly { write() }
    }

    /// Opens a folder of the store: not the data directory itself, which a script may lock with `flock` around the program.
    private static func openFolder(of path: String) -> Int32 {
        open(StoreLayout(root: (path as NSString).deletingLastPathComponent).segments, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }

    /// Returns whether a process that waits for its disk has locked the folder, since it found no file to lock.
    private static func isFolderHeld(of path: String) -> Bool {
        let folder = openFolder(of: path)
        guard folder >= 0 else { return false }
        defer { close(folder) }
        // Some file systems cannot lock folders; then it is not locked either.
        return flock(folder, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }

    /// Takes the lock as a writing process does, after it was taken on a disk that accepted no writes.
    func becomeWritable() throws(TripstoreError) {
        try descriptor.withLock { held throws(TripstoreError) in
            guard let old = held, fcntl(old, F_GETFL) & O_ACCMODE == O_RDONLY else { return }
            let new = open(path, O_RDWR | O_CREAT | O_CLOEXEC, mode_t(FileSystem.Readers.owner.fileMode))
            guard new >= 0 else { throw FileSystem.error("open", path) }
            // A process that comes in between the two is the one that writes.
            flock(old, LOCK_UN)
            guard flock(new, LOCK_EX | LOCK_NB) == 0, tripstore_lock_file(new) == 0 else {
                close(new)
                flock(old, LOCK_EX | LOCK_NB)
                throw TripstoreError(.busy, Self.holder(path: path)?.refusal ?? "Another process writes to this store.")
            }
            close(old)
            held = new
        }
        write()
    }

    deinit { release() }

    /// Records where this process listens.
    package func note(address: String) {
        holder.withLock { $0.address = address }
        write()
    }

    /// Records whether this process waits for its disk.
    func note(isWaiting: Bool) {
        holder.withLock { $0.isWaiting = isWaiting ? true : nil }
        write()
    }

    private func write() {
        let holder = holder.withLock { $0 }
        descriptor.withLock { descriptor in
            guard let descriptor, let text = try? JSONEncoder().encode(holder) else { return }
            // Overwrites what is there, so that a full disk has space for it.
            let count = text.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
            if count > 0 { ftruncate(descriptor, count) }
        }
    }

    /// Releases the lock.
    package func release() {
        descriptor.withLock { held in
            if let descriptor = held { close(descriptor) }
            held = nil
        }
    }

    /// Returns whether a process holds the lock of a path now and can write; the lock is only tested.
    package static func hasWriter(path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return tripstore_is_file_locked(descriptor) != 0 && holder(path: path)?.isWaiting != true
    }

    /// Returns the current or last holder of the lock of a path.
    private static func holder(path: String) -> Holder? {
        guard let text = FileManager.default.contents(atPath: path) else { return nil }
        return try? JSONDecoder().decode(Holder.self, from: text)
    }
}
