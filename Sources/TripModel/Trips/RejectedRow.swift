/// A row that was rejected during ingestion: its line, the reason, and its text.
public struct RejectedRow: Hashable, Sendable, Decodable {
    /// The 1-based physical line at which the row starts in the file.
    public var line: Int
    /// Why it was rejected: one of a small fixed set of phrases, so that rejects can be counted by reason.
    public var reason: String
    /// The original text, without its line end; bytes that are not UTF-8 are replaced by U+FFFD.
    public var text: String

    /// Makes a rejected row.
    public init(line: Int, reason: String, text: String) {
        self.line = line
        self.reason = reason
        self.text = text
    }
}
