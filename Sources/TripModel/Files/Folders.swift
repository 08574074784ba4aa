/// Where things are in the data directory.
///
///     catalog.sqlite      jobs, segments, counts
///     catalog.sqlite.new  a catalog that is being made, and takes the place of the other
///     lock                held by the process that writes
///     ballast             room that the catalog gets when the disk has no other (`Ballast`)
///     source.key          opens the queries of URLs in the catalog (`SourceSeal`); for its owner alone, and in no backup
///     segments/           trips-JOB-LINE.parquet: trips of a job up to a line of its source
///                         group-JOB.parquet: trips of several small jobs, of which JOB is the first
///     rollups/            groups-SEGMENT-TIME.rollup: groups of all segments, counted
///     rejects/            JOB.jsonl: rejected rows of a job
///     quarantine/         damaged segments that were set aside; NAME.json: of which jobs they are, where they don't say it;
///                         JOB.jsonl: damaged rejected rows of a job
///     uploads/            sources of jobs that came over HTTP or were fetched, until they are done
///                         NAME.fetching, NAME.fetching.json: what of a source is there, and notes of it
package struct Folders: Sendable {
    package let root: String

    package init(root: String) { self.root = root.count > 1 && root.hasSuffix("/") ? String(root.dropLast()) : root }

    package var catalog: String { root + "/catalog.sqlite" }
    /// A catalog that is being made, by `rebuild-catalog`, `backup` or `restore`, until it gets the name of the old one.
    package var newCatalog: String { catalog + ".new" }
    package var sourceKey: String { root + "/source.key" }
    package var lock: String { root + "/lock" }
    package var ballast: String { root + "/ballast" }
    package var segments: String { root + "/segments" }
    package var rollups: String { root + "/rollups" }
    package var rejects: String { root + "/rejects" }
    package var quarantine: String { root + "/quarantine" }
    package var uploads: String { root + "/uploads" }

    package func rejectsPath(job: Int64) -> String { "\(rejects)/\(job).jsonl" }

    /// The job whose rejected rows a file of the folder of rejects has; nil for a file that no job makes.
    package func job(ofRejects name: String) -> Int64? {
        guard let id = Self.number(in: name), name == "\(id).jsonl" else { return nil }
        return id
    }

    package func segmentName(job: Int64, endLine: Int) -> String { "\(segmentPrefix(job))\(endLine).parquet" }

    /// Whether a load of a job, alone or as the first of several, made a file of the segments folder, whole or still being written.
    package func isSegment(_ name: String, ofJob job: Int64) -> Bool {
        name.hasPrefix(segmentPrefix(job)) || name.hasPrefix(groupSegmentName(firstJob: job))
    }

    private func segmentPrefix(_ job: Int64) -> String { "trips-\(Self.padded(job))-" }

    /// A group's segments have another prefix than a job's, so that what a failed job leaves behind is never mistaken.
    package func groupSegmentName(firstJob: Int64) -> String { "group-\(Self.padded(firstJob)).parquet" }

    /// The one job of a segment that a load made, by its name; nil where it was made otherwise.
    package static func job(ofSegment name: String) -> Int64? {
        name.hasPrefix("trips-") ? number(in: name) : nil
    }

    /// The first number in a name; nil where there is none.
    package static func number(in name: String) -> Int64? {
        Int64(name.drop { !$0.isASCII || !$0.isNumber }.prefix { $0.isASCII && $0.isNumber })
    }

    private static func padded(_ job: Int64) -> String {
        let digits = String(job)
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    package func segmentPath(_ name: String) -> String { "\(segments)/\(name)" }

    package func rollupPath(_ name: String) -> String { "\(rollups)/\(name)" }

    /// Makes the folders that every store has.
    package func make() throws(TripstoreError) {
        for folder in [root, segments, rollups, rejects, uploads] { try FileSystem.makeDirectory(folder) }
    }

    /// Removes a catalog that was being made, as by a process that was killed.
    package func removeNewCatalog() throws(TripstoreError) {
        for suffix in ["", "-journal", "-wal", "-shm"] { try FileSystem.remove(newCatalog + suffix) }
    }

    // MARK: - What is there

    /// Files that the store may have made in the folder of segments, and what is not its own.
    package func segmentFiles() throws(TripstoreError) -> FolderContents {
        try FolderContents(of: segments, Self.isSegmentFile)
    }

    package func rollupFiles() throws(TripstoreError) -> FolderContents {
        try FolderContents(of: rollups) { $0.wholeMatch(of: /groups-[0-9]+-[0-9a-z]+\.rollup(\.tmp)?/) != nil }
    }

    package func uploadFiles() throws(TripstoreError) -> FolderContents { try FolderContents(of: uploads, Self.isUploadFile) }

    package func rejectsFiles() throws(TripstoreError) -> FolderContents {
        try FolderContents(of: rejects) { $0.wholeMatch(of: /[0-9]+\.jsonl/) != nil }
    }

    package func quarantineFiles() throws(TripstoreError) -> FolderContents {
        try FolderContents(of: quarantine) { name in
            Self.isSegmentFile(name) || Self.segment(ofNote: name).map(Self.isSegmentFile) == true
        }
    }

    /// Whether a name is of a form that the store gives to files of segments, those being written included.
    package static func isSegmentFile(_ name: String) -> Bool {
        name.wholeMatch(of: /((trips|divided)-[0-9]+-[0-9]+|(group|merged|kept)-[0-9]+)\.parquet(\.tmp)?/) != nil
    }

    /// Whether a name is of a form that the store gives to uploads, and to files that it fetches.
    package static func isUploadFile(_ name: String) -> Bool {
        name.wholeMatch(of: /(upload-[0-9a-z]+(\.part)?|fetched-[0-9a-z]+)(\.fetching(\.json(\.tmp)?)?)?/) != nil
    }

    /// Whether a name is of a form that files have which clients send.
    package static func isReceived(_ name: String) -> Bool { name.hasPrefix("upload-") }

    /// The segment that a file of the folder quarantine is a note of.
    package static func segment(ofNote name: String) -> String? {
        name.hasSuffix(".json") ? String(name.dropLast(".json".count)) : nil
    }

    package func notePath(ofSegment name: String) -> String { "\(quarantine)/\(name).json" }
}

/// The names in a folder of the store: regular files of a form that the store itself makes, and all else, such as `lost+found` or what
/// a person keeps there, which is never touched.
package struct FolderContents: Sendable {
    package var own: [String] = []
    package var foreign: [String] = []

    package init(of folder: String, _ isOwn: (String) -> Bool) throws(TripstoreError) {
        for name in try FileSystem.names(in: folder) {
            if isOwn(name), FileSystem.isRegularFile("\(folder)/\(name)") { own.append(name) } else { foreign.append(name) }
        }
    }
}
