#if canImport(Glibc)
import Glibc
#else
import Musl
#endif
import Foundation

/// The location of a job's CSV, as the catalog records it: the absolute path of a file, or a stream.
///
/// A stream cannot be opened again under its name with the same bytes: standard input (`-`), or, with its path after that sign
/// (`-/dev/fd/63`), a pipe, a device, a socket or a deleted file. A job that reads one cannot resume once it was interrupted;
/// under the same name another command's stream may come next.
package enum SourcePath {
    package static let standardInput = "-"
    /// A pattern of SQL's LIKE for streams.
    package static let streamPattern = "-%"
    /// The end of the message of a job whose stream broke off, after `Interrupted while reading …`.
    package static let remedy = "which cannot be read again; load it again."

    /// Determines what a command's path names.
    package static func of(_ path: String) throws(TripstoreError) -> String {
        if path == standardInput { return path }
        var status = stat()
        guard stat(path, &status) == 0 else { throw FileSystem.error("open", path) }
        let real = FileSystem.realPath(path)
        switch status.st_mode & S_IFMT {
        case S_IFDIR: return try FileSystem.resolved(path)
        case S_IFREG:
            // The name of a file that was deleted while open leads to nothing, or to another file.
            var named = stat()
            if let real, stat(real, &named) == 0, named.st_dev == status.st_dev, named.st_ino == status.st_ino { return real }
        default: if let real { return standardInput + real }
        }
        return standardInput + (path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)")
    }

    /// Returns whether it is read once and never again.
    package static func isStream(_ source: String) -> Bool { source.hasPrefix(standardInput) }

    /// Returns the path that opens a source; nil for standard input, which is open.
    package static func opening(_ source: String) -> String? {
        if source == standardInput { return nil }
        return isStream(source) ? String(source.dropFirst(standardInput.count)) : source
    }

    /// Returns a stream's name for messages, without its path.
    package static func name(ofStream source: String) -> String {
        source == standardInput ? "standard input" : "a pipe or a device"
    }
}
