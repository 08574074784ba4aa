#if canImport(Glibc)
import Glibc
#else
import Musl
#endif
import CPlatform

/// The few file operations that the store needs, with errors that name the file, the operation and the remedy.
package enum FileSystem {
    /// Returns the error for the `errno` that an operation on `path` just set.
    package static func error(_ operation: String, _ path: String, _ number: Int32 = errno) -> TripstoreError {
        let reason = String(cString: strerror(number))
        let remedy =
            switch number {
            case ENOSPC, EDQUOT: "free space on that file system and try again"
            case EACCES, EPERM, EROFS: "check the permissions of the file and its folder"
            case EMFILE, ENFILE: "raise the limit of open files (ulimit -n)"
            case ENOMEM: "free some, or raise the limit of it (ulimit -v)"
            case ENOENT: "check the path"
            case ENOTDIR: "a part of the path is a file, name a folder instead"
            case EISDIR: "it is a folder, name a file instead"
            case ENXIO: "it is a socket or a pipe without a peer, name a file or a pipe instead"
            default: "check the file system"
            }
        let code: TripstoreError.Code =
            switch number {
            case ENOENT: .notFound
            case ENOSPC, EDQUOT: .diskFull
            default: .io
            }
        return TripstoreError(code, "Cannot \(operation) \(path): \(reason); \(remedy).", cause: .machine)
    }

    /// Who may read a new file or folder.
    package enum Readers {
        /// The user that the program runs as: trips reveal where people were.
        case owner
        /// Everybody, as the umask allows: for exports, which are meant for others.
        case everyone

        /// Permission bits of a file.
        package var fileMode: UInt32 { self == .owner ? 0o600 : 0o644 }
        fileprivate var folderMode: mode_t { self == .owner ? 0o700 : 0o755 }
    }

    /// Creates a folder and its parents; an existing one is left alone.
    package static func makeDirectory(_ path: String, for readers: Readers = .owner) throws(TripstoreError) {
        if mkdir(path, readers.folderMode) == 0 || errno == EEXIST { return }
        if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try makeDirectory(String(path[..<slash]), for: readers)
            if mkdir(path, readers.folderMode) == 0 || errno == EEXIST { return }
        }
        throw error("make the folder", path)
    }

    /// Creates an empty file that only its owner may read; an existing one is left alone.
    package static func createFile(_ path: String) throws(TripstoreError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_t(Readers.owner.fileMode))
        if descriptor >= 0 { close(descriptor) } else if errno != EEXIST { throw error("create", path) }
    }

    /// Creates an empty file that everybody may read; false if there is one of that name.
    package static func createNew(_ path: String) throws(TripstoreError) -> Bool {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_t(Readers.everyone.fileMode))
        if descriptor < 0 {
            if errno == EEXIST { return false }
            throw error("create", path)
        }
        close(descriptor)
        return true
    }

    /// Removes the permissions of everybody but the owner from a file or folder; a link, or what another user owns, is left
    /// alone.
    package static func makePrivate(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0, [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) else { return }
        let mode = status.st_mode & 0o7777
        if mode & 0o077 != 0 { _ = chmod(path, mode & ~0o077) }
    }

    /// Makes renames into, and removals from, a folder survive a power cut.
    package static func syncDirectory(_ path: String) throws(TripstoreError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw error("open the folder", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw error("sync the folder", path) }
    }

    /// Makes the bytes of a file that other code wrote survive a power cut.
    package static func syncFile(_ path: String) throws(TripstoreError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw error("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw error("sync", path) }
    }

    /// Returns the bytes that we may use on the file system of a folder, and its total size.
    package static func space(_ path: String) throws(TripstoreError) -> (free: Int, total: Int) {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw error("determine the free space of", path) }
        let block = UInt64(status.f_frsize)
        return (Int(clamping: UInt64(status.f_bavail) * block), Int(clamping: UInt64(status.f_blocks) * block))
    }

    /// Returns the bytes that we may use on the file system of a folder.
    package static func freeByteCount(_ path: String) throws(TripstoreError) -> Int { try space(path).free }

    /// Returns the names in a folder, without `.` and `..`, in ascending order.
    package static func names(in path: String) throws(TripstoreError) -> [String] {
        guard let folder = opendir(path) else { throw error("list the folder", path) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Gives a file another name in addition; false if that is impossible, as between file systems.
    package static func link(_ path: String, as other: String) throws(TripstoreError) -> Bool {
        if Glibc.link(path, other) == 0 { return true }
        if errno == ENOENT { throw error("link", path) }
        return false
    }

    /// Renames a file; replaces a file that has the new name.
    package static func rename(_ path: String, to other: String) throws(TripstoreError) {
        guard Glibc.rename(path, other) == 0 else { throw error("rename", path) }
    }

    /// Exchanges the names of two folders, so that both names exist at every moment; false if the file system cannot.
    package static func exchange(_ path: String, _ other: String) throws(TripstoreError) -> Bool {
        if tripstore_exchange(path, other) == 0 { return true }
        if [EINVAL, ENOSYS, ENOTSUP, EPERM].contains(errno) { return false }
        throw error("exchange with \(other)", path)
    }

    /// Deletes a folder with its contents; one that is absent is fine.
    package static func removeDirectory(_ path: String) throws(TripstoreError) {
        guard isDirectory(path) else { return }
        for name in try names(in: path) {
            let inner = "\(path)/\(name)"
            if isDirectory(inner) { try removeDirectory(inner) } else { try remove(inner) }
        }
        guard rmdir(path) == 0 else { throw error("remove the folder", path) }
    }

    /// Returns whether the path is itself a folder, not a link to one.
    package static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Returns whether this process may create files in a folder, as far as can be told without creating one.
    package static func isWritable(_ path: String) -> Bool { access(path, W_OK | X_OK) == 0 }

    /// Returns whether the path is itself a regular file, not a link to one.
    package static func isRegularFile(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Returns the path that a file has, or would have once created: without links and dots as far as it exists.
    package static func destination(_ path: String) throws(TripstoreError) -> String {
        var existing = path.hasPrefix("/") ? path : "./" + path
        var rest: [Substring] = []
        while true {
            if let resolved = realPath(existing) {
                // What does not exist yet has no links: ".." is the folder above.
                var parts = resolved.split(separator: "/")
                for part in rest.reversed() where part != "." {
                    if part == ".." { _ = parts.popLast() } else { parts.append(part) }
                }
                return "/" + parts.joined(separator: "/")
            }
            guard let slash = existing.lastIndex(of: "/") else { throw error("open", path) }
            rest.append(existing[existing.index(after: slash)...])
            existing = slash == existing.startIndex ? "/" : String(existing[..<slash])
            if existing == "/", realPath(existing) == nil { throw error("open", path) }
        }
    }

    /// Returns whether a path is a folder or in it; both without links and dots.
    package static func isInside(_ path: String, _ folder: String) -> Bool {
        path == folder || folder == "/" || path.hasPrefix(folder + "/")
    }

    /// Returns the path, without links and dots, of a file that exists.
    package static func resolved(_ path: String) throws(TripstoreError) -> String {
        guard let resolved = realpath(path, nil) else { throw error("open", path) }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Deletes a file; one that is absent is fine.
    package static func remove(_ path: String) throws(TripstoreError) {
        if unlink(path) != 0 && errno != ENOENT { throw error("remove", path) }
    }

    /// Returns whether a file was last changed longer ago than some seconds.
    package static func isOlder(_ path: String, than seconds: Int) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && time(nil) - status.st_mtim.tv_sec > seconds
    }

    /// Returns a path without links, or nil if nothing is there.
    package static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Returns whether a path cannot be examined for lack of permission.
    package static func isDenied(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) != 0 && errno == EACCES
    }

    /// Returns the bytes of a regular file, or nil if the path is not one.
    package static func byteCount(of path: String) -> Int? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int(status.st_size)
    }

    /// Returns the bytes that a regular file takes on the disk, fewer than its size if it has holes; nil if the path is not
    /// one.
    package static func usedByteCount(of path: String) -> Int? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return min(Int(status.st_size), Int(status.st_blocks) * 512)
    }

    /// Writes all of `bytes` to a descriptor.
    package static func write(_ bytes: RawSpan, to descriptor: Int32, path: String) throws(TripstoreError) {
        var failure: Int32 = 0
        bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let count = Glibc.write(descriptor, buffer.baseAddress! + written, buffer.count - written)
                if count >= 0 {
                    written += count
                } else if errno != EINTR {
                    failure = errno
                    return
                }
            }
        }
        if failure != 0 { throw error("write to", path, failure) }
    }

    /// Lets the kernel start writing a range to disk, so that little is left to wait for when the file is synced.
    package static func startWriteback(_ descriptor: Int32, offset: Int, byteCount: Int) {
        tripstore_start_writeback(descriptor, Int64(offset), Int64(byteCount))
    }

    /// Reads until `buffer` is full or the input ends, and returns the count of bytes read.
    package static func read(
        _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, path: String
    ) throws(TripstoreError) -> Int {
        var filled = 0
        while filled < buffer.count {
            let count = Glibc.read(descriptor, buffer.baseAddress! + filled, buffer.count - filled)
            if count > 0 {
                filled += count
            } else if count == 0 {
                break
            } else if errno != EINTR {
                throw error("read", path)
            }
        }
        return filled
    }
}
