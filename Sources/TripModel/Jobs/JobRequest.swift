/// A request for an ingestion.
package struct JobRequest: Sendable {
    package var filename: String
    package var sourcePath: String
    package var ownsSource: Bool
    package var totalBytes: Int?
    /// The URL to fetch the source from.
    package var sourceURL: String?
    /// The part of that URL that may be secret, encrypted.
    package var sealedQuery: String?
    /// Whether the URL's object is ours, to be deleted when the job is done.
    package var ownsURL = false
    /// Whether this process works on it from the start; for shared catalogs.
    package var isClaimed = false
    /// Hash of the source as it is stored; nil if not computed yet.
    package var sourceHash: ContentHash?
    /// Whether it is ingested even if the same bytes were ingested before.
    package var allowsDuplicate = false
    /// How the file is read, as far as its user says.
    package var options = ReadingOptions()

    package init(filename: String, sourcePath: String, ownsSource: Bool, totalBytes: Int? = nil, sourceURL: String? = nil) {
        self.filename = filename
        self.sourcePath = sourcePath
        self.ownsSource = ownsSource
        self.totalBytes = totalBytes
        self.sourceURL = sourceURL
    }
}
