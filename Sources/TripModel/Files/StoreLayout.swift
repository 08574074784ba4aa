/// The layout of the data directory.
///
///     catalog.sqlite      jobs, segments, counts
///     catalog.sqlite.new  a new catalog that will replace the other
///     lock                locked by the process that writes
///     ballast             space for the catalog when the disk has no other (`Ballast`)
///     source.key          decrypts the queries of URLs in the catalog (`SourceSeal`); only for its owner, and in no backup
///     segments/           trips-JOB-LINE.parquet: trips of a job up to a line of its source
///                         group-JOB.parquet: trips of several small jobs, of which JOB is the first
///     rollups/            groups-SEGMENT-TIME.rollup: trip counts by group, of all segments
///     rejects/            JOB.jsonl: rejected rows of a job
///     quarantine/         damaged segments; NAME.json: which jobs they belong to, if they don't say it themselves;
///                         JOB.jsonl: damaged rejected rows of a job
///     uploads/            sources of jobs that came over HTTP or were fetched, until they are ingested
///                         NAME.fetching, NAME.fetching.json: the fetched part of a source, and notes about it
package struct StoreLayout: Sendable {
    package let root: String

    package init(root: String) { self.root = root.count > 1 && root.hasSuffix("/") ? String(root.dropLast()) : root }

    package var catalog: String { root + "/catalog.sqlite" }
    /// A new catalog, made by `rebuild-catalog`, `backup` or `restore`, until it gets the name of the old one.
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

    /// Returns the job of a file in the folder of rejected rows; nil for a file that no job makes.
    package func job(ofRejects name: String) -> Int64? {
        guard let id = Self.number(in: name), name == "\(id).jsonl" else { return nil }
        return id
    }

    package func segmentName(job: Int64, endLine: Int) -> String { "\(segmentPrefix(job))\(endLine).parquet" }

    /// Returns whether a job, alone or as the first of several, made a file of the segments folder, complete or still being
    /// written.
    package func isSegment(_ name: String, ofJob job: Int64) -> Bool {
        name.hasPrefix(segmentPrefix(job)) || name.hasPrefix(groupSegmentName(firstJob: job))
    }

    private func segmentPrefix(_ job: Int64) -> String { "trips-\(Self.padded(job))-" }

    /// A group's segments have another prefix than a job's, so that what a failed job leaves behind is unambiguous.
    package func groupSegmentName(firstJob: Int64) -> String { "group-\(Self.padded(firstJob)).parquet" }

    /// Returns the one job of a segment that an ingestion made, by its name; nil if it was made otherwise.
    package static func job(ofSegment name: String) -> Int64? {
        name.hasPrefix("trips-") ? number(in: name) : nil
    }

    /// Returns the first integer in a name; nil if there is none.
    package static func number(in name: String) -> Int64? {
        Int64(name.drop { !$0.isASCII || !$0.isNumber }.prefix { $0.isASCII && $0.isNumber })
    }

    private static func padded(_ job: Int64) -> String {
        let digits = String(job)
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    package func segmentPath(_ name: String) -> String { "\(segments)/\(name)" }

    /// Returns a path for a file that arrives, which no other has.
    package func newUploadPath() -> String { "\(uploads)/upload-\(String(UInt128.random(in: .min ... .max), radix: 36)).part" }

    package func rollupPath(_ name: String) -> String { "\(rollups)/\(name)" }

    /// Creates the folders that every store has.
    package func make() throws(TripstoreError) {
        for folder in [root, segments, rollups, rejects, uploads] { try FileSystem.makeDirectory(folder) }
    }

    /// Deletes an unfinished new catalog, such as one of a killed process.
    package func removeNewCatalog() throws(TripstoreError) {
        for suffix in ["", "-journal", "-wal", "-shm"] { try FileSystem.remove(newCatalog + suffix) }
    }

    // MARK: - Contents

    /// Returns files that the store may have made in the folder of segments, and foreign ones.
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

    /// Returns whether a name has a form that the store gives to files of segments, including those being written.
    package static func isSegmentFile(_ name: String) -> Bool {
        name.wholeMatch(of: /((trips|divided)-[0-9]+-[0-9]+|(group|merged|kept)-[0-9]+)\.parquet(\.tmp)?/) != nil
    }

    /// Returns whether a name has a form that the store gives to uploads, and to files that it fetches.
    package static func isUploadFile(_ name: String) -> Bool {
        name.wholeMatch(of: /(upload-[0-9a-z]+(\.part)?|fetched-[0-9a-z]+)(\.fetching(\.json(\.tmp)?)?)?/) != nil
    }

    /// Returns whether a name has the form of files that clients send.
    package static func isReceived(_ name: String) -> Bool { name.hasPrefix("upload-") }

    /// Returns the segment that a note in the folder quarantine is about.
    package static func segment(ofNote name: String) -> String? {
        name.hasSuffix(".json") ? String(name.dropLast(".json".count)) : nil
    }

    package func notePath(ofSegment name: String) -> String { "\(quarantine)/\(name).json" }
}

/// The names in a folder of the store: regular files whose names have a form that the store makes, and foreign ones.
///
/// Foreign ones, such as `lost+found` or a person's own files, are never touched.
package struct FolderContents: Sendable {
    package var own: [String] = []
    package var foreign: [String] = []

    package init(of folder: String, _ isOwn: (String) -> Bool) throws(TripstoreError) {
        for name in try FileSystem.names(in: folder) {
            if isOwn(name), FileSystem.isRegularFile("\(folder)/\(name)") { own.append(name) } else { foreign.append(name) }
        }
    }
}
