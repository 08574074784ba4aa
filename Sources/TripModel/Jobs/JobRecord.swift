/// A job as the catalog records it: what clients see, and what is needed to resume after a crash.
package struct JobRecord: Sendable {
    package var job: Job
    /// Location of the CSV (`SourcePath`).
    package var sourcePath: String
    /// Whether the source is an upload that is deleted when it is no longer needed.
    package var ownsSource: Bool
    /// The URL from which the upload is fetched; nil if its bytes were sent to us.
    package var sourceURL: String?
    /// The part of that URL that may be secret, encrypted (`SourceSeal`); the catalog erases it when the job is over.
    package var sealedQuery: String?
    /// Whether the URL's object is an upload of ours, too.
    package var ownsURL: Bool
    /// Count of attempts that were begun, if the engine needs it; else 0.
    package var attempt: Int
    /// Attempts since the last commit that ended with their process instead of in order.
    package var startCount: Int
    /// Hash of the source as it is stored, compressed or not; nil until known.
    package var sourceHash: ContentHash?
    /// Whether it is ingested even if the same bytes were ingested before.
    package var allowsDuplicate = false
    /// What the user says of how the file is read; a resumed job keeps it.
    package var options = ReadingOptions()
    /// The checkpoint up to which the source's rows are stored and committed.
    package var checkpoint = Checkpoint()
    /// What was counted of the trips up to there for the job's notes, as ingestion writes it.
    package var survey: String?

    /// A checkpoint: a position in a source, at a row boundary.
    package struct Checkpoint: Hashable, Sendable {
        /// Uncompressed bytes of the source.
        package var byteCount = 0
        /// Physical lines of the source.
        package var lineCount = 0
        /// Bytes of the job's rejected rows that are kept.
        package var rejectsByteCount = 0
        /// Hash of the source's first `byteCount` uncompressed bytes, which proves that a source is still the same.
        ///
        /// Nil if nothing is committed, or an earlier version committed it.
        package var contentHash: ContentHash?

        package init(byteCount: Int = 0, lineCount: Int = 0, rejectsByteCount: Int = 0, contentHash: ContentHash? = nil) {
            self.byteCount = byteCount
            self.lineCount = lineCount
            self.rejectsByteCount = rejectsByteCount
            self.contentHash = contentHash
        }
    }

    package init(
        job: Job, sourcePath: String, ownsSource: Bool, sourceURL: String?, ownsURL: Bool, attempt: Int,
        startCount: Int, sourceHash: ContentHash?, allowsDuplicate: Bool, checkpoint: Checkpoint, sealedQuery: String? = nil
    ) {
        self.job = job
        self.sourcePath = sourcePath
        self.ownsSource = ownsSource
        self.sourceURL = sourceURL
        self.sealedQuery = sealedQuery
        self.ownsURL = ownsURL
        self.attempt = attempt
        self.startCount = startCount
        self.sourceHash = sourceHash
        self.allowsDuplicate = allowsDuplicate
        self.checkpoint = checkpoint
    }

    /// The partly fetched upload; nil if it is not fetched.
    package var partialFile: PartialFile? { sourceURL == nil ? nil : PartialFile(of: sourcePath) }

    /// Whether messages may quote the file: true for uploads, false for files that perhaps only this process can read.
    package var mayBeQuoted: Bool { sourceURL == nil || ownsURL }

    /// The files that the job needs, complete or partial.
    package var files: [String] { [sourcePath] + (partialFile?.paths ?? []) }

    /// Whether its source cannot be read again.
    package var isStream: Bool { !ownsSource && SourcePath.isStream(sourcePath) }

    /// Whether its upload must still be fetched.
    ///
    /// The file gets its name when it is complete. Once rows of it are committed, what the URL has now is irrelevant, unless
    /// that is an upload of ours, which never changes.
    package var isToBeFetched: Bool {
        sourceURL != nil && (ownsURL || checkpoint == Checkpoint()) && FileSystem.byteCount(of: sourcePath) == nil
    }
}
