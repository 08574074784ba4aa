import Foundation
import Ingestion
import TripModel

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// The files that a command names: as they are, or in folders.
///
/// A folder stands for the files in it and in its folders whose names end as those of CSV files and archives do, in the order of their
/// names; what is hidden is left out, and links to folders are not followed. A name that is not UTF-8, which no `String` can hold, is opened
/// here and read by its descriptor, like a pipe.
struct FileArguments {
    /// What one argument is, or one file of a folder.
    enum Item {
        case url(String)
        /// A path, and the name to show if the path has none.
        case file(path: String, name: String?)
        case wrong(TripstoreError)
    }

    let items: [Item]

    init(_ arguments: [String]) {
        items = arguments.flatMap { argument -> [Item] in
            if IngestCommand.isURL(argument) { return [.url(argument)] }
            if Self.isFolder(argument) { return Self.files(in: argument) }
            if argument.unicodeScalars.contains("\u{FFFD}"), !FileManager.default.fileExists(atPath: argument),
                let path = Self.open(argument)
            {
                return [.file(path: path, name: argument.split(separator: "/").last.map(String.init))]
            }
            return [.file(path: argument, name: nil)]
        }
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }

    private static func files(in folder: String) -> [Item] {
        do throws(TripstoreError) {
            let paths = try Self.paths(in: folder)
            if !paths.isEmpty { return paths.map { .file(path: $0, name: nil) } }
            let endings = UploadName.endings.dropLast().joined(separator: ", ")
            return [
                .wrong(
                    TripstoreError(
                        .invalidArgument,
                        "The folder \(Readable.text(folder)) has no files that end in \(endings) or \(UploadName.endings.last ?? ""); name the files "
                            + "themselves."))
            ]
        } catch { return [.wrong(error)] }
    }

    private static func paths(in folder: String) throws(TripstoreError) -> [String] {
        var paths: [String] = []
        for name in try FileSystem.names(in: folder) where !ArchiveName.isHidden(name) {
            let path = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
            if FileSystem.isDirectory(path) {
                paths += try Self.paths(in: path)
            } else if (try? UploadName(name)) != nil, FileSystem.byteCount(of: path) != nil {
                paths.append(path)
            }
        }
        return paths
    }

    /// Opens a file whose name is not UTF-8, for the time of the program, and returns a path that leads to it.
    private static func open(_ argument: String) -> String? {
        for index in 0..<Int(CommandLine.argc) {
            guard let raw = CommandLine.unsafeArgv[index], String(cString: raw) == argument else { continue }
            let descriptor = Glibc.open(raw, O_RDONLY | O_CLOEXEC)
            return descriptor < 0 ? nil : "/proc/self/fd/\(descriptor)"
        }
        return nil
    }
}
