import Foundation
package import TripModel

/// A prefix in S3 with a folder for each week, named like Hive partitions, which other engines may read during an export: what
/// `HiveFolder` is on a disk.
///
///     _tripstore_export                                     marks the prefix as an export, and says which run wrote it last
///     week=2018-05-28/part-00001-1a2b3c4d.parquet, …
///     _symlink_format_manifest/week=2018-05-28/manifest     the URLs of the week's files
///     _SUCCESS                                              exists once all weeks are from one moment
///
/// S3 changes one object at a time, so a week is replaced in steps: all bytes of its files are sent without being visible; the
/// files appear; the manifest, which names them, replaces the previous one; the files that it does not name are deleted. So a
/// reader that uses the manifest finds the week as it was or as it is. A reader that lists finds both between the second step
/// and the last, and never too few trips. Names of files contain their checksums, and only manifests and marks are ever
/// overwritten.
package final class HivePrefix: ExportDestination {
    private static let weekPrefix = "week="
    private static let marker = "_tripstore_export"
    private static let success = "_SUCCESS"
    private static let manifests = "_symlink_format_manifest/"

    private struct State {
        /// Existing files, and their sizes, by week.
        var there: [String: [String: Int]] = [:]
        /// Sizes of manifests, by week.
        var manifests: [String: Int] = [:]
        /// Files of this export, and their sizes, by week.
        var taken: [String: [String: Int]] = [:]
        /// Those of them that are not visible yet.
        var staged: [String: [S3Client.Staged]] = [:]
    }

    private let prefix: S3Prefix
    private let client: S3Client
    /// Identifies this run.
    private let run = UUID().uuidString.lowercased()
    /// The folder in which files are written before they are sent.
    private let folder: String
    private let state = Lock(State())

    /// Makes a destination, without a request.
    ///
    /// - Parameter url: `s3://bucket/prefix`.
    package convenience init(_ url: String, environment: [String: String]) throws(TripstoreError) {
        try self.init(url, options: S3Options(environment: environment))
    }

    package init(_ url: String, options: S3Options) throws(TripstoreError) {
        prefix = try S3Prefix(url, setting: "--hive")
        client = S3Client(options)
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("tripstore-export-\(run)").path
    }

    // MARK: - Names

    private func object(_ file: String, of week: String) -> S3Object {
        prefix.object("\(Self.weekPrefix)\(week)/\(file)")
    }

    private func manifest(_ week: String) -> S3Object {
        prefix.object("\(Self.manifests)\(Self.weekPrefix)\(week)/manifest")
    }

    /// Returns the week and the rest of a name such as `week=2018-05-28/part-1.parquet`; nil for others.
    private static func parts(_ name: some StringProtocol) -> (week: String, file: String)? {
        let parts = name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].hasPrefix(weekPrefix) else { return nil }
        return (week: String(parts[0].dropFirst(weekPrefix.count)), file: String(parts[1]))
    }

    // MARK: - Writing

    package func begin() throws(TripstoreError) {
        _ = try look()
        try client.put(run + "\n", to: prefix.object(Self.marker))
        // The marker stops another export, which may have published a week before it.
        let found = try look()
        state.withLock {
            $0.there = found.there
            $0.manifests = found.manifests
        }
        try client.remove([prefix.object(Self.success)])
        client.abortUploads(under: prefix) { key in
            prefix.name(of: key).flatMap(Self.parts).map { $0.file.hasPrefix("part-") } ?? false
        }
    }

    /// Lists the existing objects; refuses those that belong to no export.
    private func look() throws(TripstoreError) -> State {
        var state = State()
        var isExport = false
        var foreign: String?
        for listed in try client.list(prefix) {
            // Some programs create empty objects that stand for folders.
            guard let name = prefix.name(of: listed.key), !name.hasSuffix("/"), !name.isEmpty else { continue }
            if name == Self.marker {
                isExport = true
            } else if let (week, file) = Self.parts(name) {
                guard file.hasPrefix("part-"), file.hasSuffix(".parquet"), !file.contains("/") else {
                    throw TripstoreError(
                        .invalidArgument,
                        "\(prefix.url)/\(name) does not belong to an export, and readers would take it for trips; move it away, or name "
                            + "another prefix.")
                }
                state.there[week, default: [:]][file] = listed.byteCount
            } else if name.hasPrefix(Self.manifests), let (week, _) = Self.parts(name.dropFirst(Self.manifests.count)) {
                state.manifests[week] = listed.byteCount
            }
            foreign = foreign ?? name
        }
        if !isExport, let foreign {
            throw TripstoreError(
                .invalidArgument,
                "\(prefix.url) is neither empty nor an export (it has \(foreign)); name another prefix, or empty it first.")
        }
        return state
    }

    package func makeStaging(_ week: String) throws(TripstoreError) -> String {
        let folder = "\(folder)/\(week)"
        try FileSystem.makeDirectory(folder)
        return folder
    }

    package func take(_ file: ExportedFile, of week: String) throws(TripstoreError) {
        let path = "\(folder)/\(week)/\(file.name)"
        let isThere = state.withLock { state in
            state.taken[week, default: [:]][file.name] = file.byteCount
            return state.there[week]?[file.name] == file.byteCount
        }
        if !isThere {
            let staged = try explained { () throws(TripstoreError) in
                try client.stage(file: path, to: object(file.name, of: week))
            }
            state.withLock { $0.staged[week, default: []].append(staged) }
        }
        try FileSystem.remove(path)
    }

    package func publish(_ week: String) throws(TripstoreError) -> ExportedWeek {
        let now = state.withLock { $0 }
        let (taken, there) = (now.taken[week] ?? [:], now.there[week] ?? [:])
        let urls = taken.keys.sorted().map { object($0, of: week).url + "\n" }.joined()
        // A manifest of only some of these files, which an aborted run may have left, is shorter.
        if taken == there, now.manifests[week] == urls.utf8.count { return .kept }
        try requireToBeLast()
        try explained { () throws(TripstoreError) in try client.complete(now.staged[week] ?? []) }
        state.withLock { $0.staged[week] = nil }
        try client.put(urls, to: manifest(week))
        try client.remove(there.keys.filter { taken[$0] == nil }.sorted().map { object($0, of: week) })
        return .written
    }

    package func finish(_ weeks: [String]) throws(TripstoreError) -> Int {
        let named = Set(weeks)
        let (there, manifests) = state.withLock { ($0.there, $0.manifests) }
        try requireToBeLast()
        let gone = Set(there.keys).union(manifests.keys).subtracting(named).sorted()
        try client.remove(gone.map(manifest))
        try client.remove(gone.flatMap { week in there[week, default: [:]].keys.sorted().map { object($0, of: week) } })
        // Another export, or a rule of the bucket, may have deleted or added some meanwhile.
        let found = try look()
        let taken = state.withLock { $0.taken }
        try requireToBeLast()
        guard found.there == taken else {
            throw TripstoreError(
                .conflict,
                "\(prefix.url) has files that this export did not write, so something else writes to it; export again."
            )
        }
        try client.put("", to: prefix.object(Self.success))
        return gone.count { there[$0] != nil }
    }

    /// Throws if another export has begun after this one: that one continues, so that the result is of one of them.
    private func requireToBeLast() throws(TripstoreError) {
        guard try client.text(of: prefix.object(Self.marker)) != run + "\n" else { return }
        throw TripstoreError(
            .busy, "Another export to \(prefix.url) has begun since; wait until it ends, or name another prefix.")
    }

    /// Adds to an error, if applicable, that another export has aborted what this one sends.
    private func explained<Result>(_ body: () throws(TripstoreError) -> Result) throws(TripstoreError) -> Result {
        do throws(TripstoreError) {
            return try body()
        } catch {
            // If no server answers at all, the first error says more.
            if error.code == .unavailable, (try? client.text(of: prefix.object(Self.marker))) == nil { throw error }
            try requireToBeLast()
            throw error
        }
    }

    package func close() {
        let staged = state.withLock { state in
            defer { state.staged = [:] }
            return state.staged.values.flatMap(\.self)
        }
        for staged in staged { client.abort(staged.object, staged.uploadID) }
        client.close()
        try? FileManager.default.removeItem(atPath: folder)
    }
}
