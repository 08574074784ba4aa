import GRDB

/// A load as the catalog knows it: what clients see, and what is needed to go on after a crash.
struct JobRecord: Sendable {
    var job: Job
    /// Where the CSV is; `-` for standard input.
    var sourcePath: String
    /// Whether the source is an upload that is deleted when it is no longer needed.
    var ownsSource: Bool
    /// Where the upload is fetched from; nil where its bytes came to us.
    var sourceURL: String?
    /// Runs that were begun, where the engine needs to know; else 0.
    var attempt: Int
    /// The point up to which the source's rows are stored and committed.
    var checkpoint = Checkpoint()

    /// A point in a source, at a row boundary.
    struct Checkpoint: Hashable, Sendable {
        /// Uncompressed bytes of the source.
        var byteCount = 0
        /// Physical lines of the source.
        var lineCount = 0
        /// Bytes of the job's rejects file.
        var rejectsByteCount = 0
    }

    init(row: Row) {
        job = Job(
            id: row["id"], filename: row["filename"], status: Job.Status(rawValue: row["status"]) ?? .failed,
            createdAt: row["created_at"], updatedAt: row["updated_at"], totalRows: row["total_rows"],
            processedRows: row["processed_rows"], rejectedRows: row["rejected_rows"], totalBytes: row["total_bytes"],
            processedBytes: row["processed_bytes"], message: row["message"])
        sourcePath = row["source_path"]
        ownsSource = row["owns_source"]
        attempt = row["attempt"]
        sourceURL = row["source_url"]
        checkpoint = Checkpoint(
            byteCount: row["committed_bytes"], lineCount: row["committed_lines"], rejectsByteCount: row["rejects_bytes"])
    }

    /// What of the upload is there before it is whole; nil where it is not fetched.
    var partialFile: PartialFile? { sourceURL == nil ? nil : PartialFile(of: sourcePath) }

    /// The files that the job needs, whole and not.
    var files: [String] { [sourcePath] + (partialFile?.paths ?? []) }

    /// Whether its upload is still to be fetched.
    ///
    /// The file gets its name when it is whole. A load that has committed rows of it has nothing to do with what the URL has now.
    var isToBeFetched: Bool {
        sourceURL != nil && checkpoint == Checkpoint() && FileSystem.byteCount(of: sourcePath) == nil
    }
}
