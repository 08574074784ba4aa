import NIOHTTP1

/// A request's fields without the whitespace that may surround their values.
///
///     field-line = field-name ":" OWS field-value OWS
///     OWS        = *( SP / HTAB )
///
/// NIO's parser leaves the whitespace after a value, so that a host or a list would be taken for another.
/// https://www.rfc-editor.org/rfc/rfc9112#section-5
extension HTTPRequestHead {
    /// The same request, with each value trimmed.
    var trimmed: HTTPRequestHead {
        guard headers.contains(where: { Self.isBlank($0.value.utf8.first) || Self.isBlank($0.value.utf8.last) }) else {
            return self
        }
        var head = self
        head.headers = HTTPHeaders(headers.map { ($0.name, Self.trim($0.value)) })
        return head
    }

    private static func trim(_ value: String) -> String {
        let bytes = value.utf8
        guard let first = bytes.firstIndex(where: { !isBlank($0) }), let last = bytes.lastIndex(where: { !isBlank($0) }) else {
            return ""
        }
        return String(value[first...last])
    }

    private static func isBlank(_ byte: UInt8?) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
}
