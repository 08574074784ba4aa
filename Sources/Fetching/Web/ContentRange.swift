package import HTTPTransport

/// Which part of a file a response has.
///
/// https://www.rfc-editor.org/rfc/rfc9110#section-14.4
package struct ContentRange: Hashable, Sendable {
    /// Nil if the response has none, since the requested part does not exist.
    package var bytes: Range<Int>?
    /// Nil if it is unknown.
    package var totalByteCount: Int?

    /// Parses the field of a response; nil if there is none, or if it is invalid.
    package init?(_ headers: HTTPHeaders) {
        guard let text = headers.first(name: "Content-Range"), text.hasPrefix("bytes ") else { return nil }
        let parts = text.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        if parts[1] != "*" {
            guard let total = Self.number(parts[1]) else { return nil }
            totalByteCount = total
        }
        if parts[0] == "*" { return }
        let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]), first <= last,
            last < totalByteCount ?? .max
        else { return nil }
        bytes = first..<last + 1
    }

    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.count <= 18, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text)
    }
}
