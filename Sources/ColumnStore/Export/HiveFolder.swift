import Foundation
import TripModel

/// A folder with a folder for each week, named like Hive partitions, which other engines may read during an export.
///
///     _tripstore_export    marks the folder as an export; the process that writes it holds a lock on it
///     _temporary/          weeks that are being written, and replaced ones; engines ignore names that begin with _
///     week=2018-05-28/     part-00001-1a2b3c4d.parquet, …
///     _SUCCESS             exists once all weeks are from one moment of the store
///
/// A week is written elsewhere and then exchanged with the existing one, in one step. Names of files contain their checksums,
/// so a week that did not change keeps its files, and a reader that has listed others finds their old bytes or none. Old weeks
/// are deleted last: a reader that had opened the folder before it was exchanged lists it whole.
struct HiveFolder: ExportDestination {
    let root: String
    private let lock: StoreLock

    private static let prefix = "week="
    private static let marker = "_tripstore_export"
    private static let success = "_SUCCESS"
    /// Seconds from the last exchange to the deletion of replaced weeks, for readers that have just opened a folder.
    private static let graceSeconds = 0.2
    private var temporary: String { root + "/_temporary" }

    /// Creates a folder, or opens one of an earlier export, and locks it against other exports.
    init(_ path: String, outside store: StoreLayout) throws(TripstoreError) {
        if path.contains("://") {
            throw TripstoreError(
                .invalidArgument,
                "\(path) is neither a folder nor s3://BUCKET/PREFIX; export to one of these, then copy the result from there.")
        }
        root = StoreLayout(root: path).root
        try Self.refuse(root, in: store)
        try FileSystem.makeDirectory(root, for: .everyone)
        guard FileSystem.isDirectory(try FileSystem.resolved(root)) else {
            throw TripstoreError(.invalidArgument, "\(root) is not a folder; name another.")
        }
        // A link on the path may have been created meanwhile.
        try Self.refuse(root, in: store)
        let names = try FileSystem.names(in: root)
        guard names.isEmpty || names.contains(Self.marker) else {
            throw TripstoreError(
                .invalidArgument,
                "\(root) is neither empty nor an export (it has \(names[0])); name another folder, or empty it first.")
        }
        do throws(TripstoreError) {
            lock = try StoreLock(path: "\(root)/\(Self.marker)", for: .everyone)
        } catch {
            guard error.code == .busy else { throw error }
            throw TripstoreError(.busy, "Another export is writing to \(root); wait until it ends, or name another folder.")
        }
        for name in names where name.hasPrefix(Self.prefix) { try refuseForeign(name) }
    }

    /// Refuses a path that is in a store, or would be once it is created.
    private static func refuse(_ path: String, in store: StoreLayout) throws(TripstoreError) {
        let store = try FileSystem.resolved(store.root)
        guard !FileSystem.isInside(try FileSystem.destination(path), store) else {
            throw TripstoreError(.invalidArgument, "\(path) is in the store \(store); name a folder outside it.")
        }
    }

    /// Refuses the folder of a week if it has something that no export wrote, since that would be deleted with the week.
    private func refuseForeign(_ week: String) throws(TripstoreError) {
        let folder = "\(root)/\(week)"
        let names = FileSystem.isDirectory(folder) ? try FileSystem.names(in: folder) : [""]
        guard let foreign = names.first(where: { !$0.hasPrefix("part-") || !$0.hasSuffix(".parquet") }) else { return }
        throw TripstoreError(
            .invalidArgument,
            "\(folder)\(foreign.isEmpty ? "" : "/" + foreign) does not belong to an export and would be lost; move it away, or name another "
                + "folder.")
    }

    // MARK: - Names

    /// Returns the name of a week's file.
    static func fileName(number: Int, checksum: UInt32) -> String {
        let hexadecimal = String(checksum, radix: 16)
        return "part-\(padded(String(number), to: 5))-\(padded(hexadecimal, to: 8)).parquet"
    }

    private static func padded(_ digits: String, to count: Int) -> String {
        String(repeating: "0", count: max(0, count - digits.count)) + digits
    }

    private static func folderName(_ week: String) -> String { prefix + week }

    /// Returns the folder in which the files of a week are written.
    private func staging(_ week: String) -> String { "\(temporary)/\(week)" }

    // MARK: - Writing

    func begin() throws(TripstoreError) {
        try FileSystem.remove("\(root)/\(Self.success)")
        try FileSystem.syncDirectory(root)
        try FileSystem.removeDirectory(temporary)
    }

    func makeStaging(_ week: String) throws(TripstoreError) -> String {
        try FileSystem.makeDirectory(staging(week), for: .everyone)
        return staging(week)
    }

    /// It is already in the folder that will be exchanged.
    func take(_ file: ExportedFile, of week: String) {}

    func publish(_ week: String) throws(TripstoreError) -> ExportedWeek {
        let (staged, target) = (staging(week), "\(root)/\(Self.folderName(week))")
        guard FileSystem.isDirectory(target) else {
            try FileSystem.rename(staged, to: target)
            return .written
        }
        if try FileSystem.names(in: target) == FileSystem.names(in: staged) {
            try FileSystem.removeDirectory(staged)
            return .kept
        }
        if try !FileSystem.exchange(staged, target) {
            try FileSystem.rename(target, to: staged + "-old")
            try FileSystem.rename(staged, to: target)
        }
        return .written
    }

    func finish(_ weeks: [String]) throws(TripstoreError) -> Int {
        let named = Set(weeks.map(Self.folderName))
        let gone = try FileSystem.names(in: root).filter { $0.hasPrefix(Self.prefix) && !named.contains($0) }
        if !gone.isEmpty { try FileSystem.makeDirectory(temporary, for: .everyone) }
        for name in gone {
            try FileSystem.rename("\(root)/\(name)", to: "\(temporary)/\(name.dropFirst(Self.prefix.count))")
        }
        try FileSystem.syncDirectory(root)
        try DurableFile(directory: root, name: Self.success, for: .everyone).commit()
        return gone.count
    }

    /// Deletes replaced weeks, too; the next export deletes what cannot be deleted now.
    func close() {
        defer { lock.release() }
        // After a power cut a week must not have its old folder again, without its files.
        guard let old = try? FileSystem.names(in: temporary), (try? FileSystem.syncDirectory(root)) != nil else { return }
        if !old.isEmpty { Thread.sleep(forTimeInterval: Self.graceSeconds) }
        try? FileSystem.removeDirectory(temporary)
    }
}
