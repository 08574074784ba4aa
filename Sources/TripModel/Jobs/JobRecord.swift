/// A load as the catalog knows it: what clients see, and what is needed to go on after a crash.
package struct JobRecord: Sendable {
    package var job: Job
    /// Where the CSV is (`SourcePath`).
    package var sourcePath: String
    /// Whether the source is an upload that is deleted when it is no longer needed.
    package var ownsSource: Bool
    /// Where the upload is fetched from; nil where its bytes came to us.
    package var sourceURL: String?
    /// What of that URL may be a secret, encrypted (`SourceSeal`); the catalog forgets it when the job is over.
    package var sealedQuery: String?
    /// Whether what the URL names is an upload of ours, too.
    package var ownsURL: Bool
    /// Runs that were begun, where the engine needs to know; else 0.
    package var attempt: Int
    /// Runs that began since anything of it was committed, none of which ended as a run does, so that they ended with their process.
    package var startCount: Int
    /// Hash of the source as it is stored, compressed or not; nil until known.
    package var sourceHash: ContentHash?
    /// Whether it is loaded even if the same bytes were loaded before.
    package var allowsDuplicate = false
    /// The point up to which the source's rows are stored and committed.
    package var checkpoint = Checkpoint()

    /// A point in a source, at a row boundary.
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

    /// What of the upload is there before it is whole; nil where it is not fetched.
    package var partialFile: PartialFile? { sourceURL == nil ? nil : PartialFile(of: sourcePath) }

    /// Whether messages may quote the file: what somebody sent us themselves, and not what only this process may be able to read.
    package var mayBeQuoted: Bool { sourceURL == nil || ownsURL }

    /// The files that the job needs, whole and not.
    package var files: [String] { [sourcePath] + (partialFile?.paths ?? []) }

    /// Whether what it reads cannot be read again.
    package var isStream: Bool { !ownsSource && SourcePath.isStream(sourcePath) }

    /// Whether its upload is still to be fetched.
    ///
    /// The file gets its name when it is whole. A load that has committed rows of it has nothing to do with what the URL has now,
    /// unless that is an upload of ours, which never changes.
    package var isToBeFetched: Bool {
        sourceURL != nil && (ownsURL || checkpoint == Checkpoint()) && FileSystem.byteCount(of: sourcePath) == nil
    }
}
