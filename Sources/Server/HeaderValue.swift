/// A header field's value with parameters, such as `form-data; name="file"; filename="trips.csv"`.
///
///     value     = first *( OWS ";" OWS parameter )
///     parameter = name "=" ( token / quoted-string )
///
/// https://www.rfc-editor.org/rfc/rfc9110#section-5.6.6, and RFC 8187 for `name*=UTF-8''percent%20encoded`.
struct HeaderValue {
    /// The part before the first parameter, in lower case.
    let first: String
    /// Values by lower-case name, unquoted; the first of a repeated one.
    private let parameters: [String: String]

    /// Parses a value; it ends at what is malformed.
    init(_ text: some StringProtocol) {
        var cursor = Cursor(rest: text.utf8[...].map { $0 }[...])
        first = cursor.token(until: UInt8(ascii: ";"))?.lowercased() ?? ""
        var parameters: [String: String] = [:]
        while cursor.skip(UInt8(ascii: ";")) {
            guard let name = cursor.token(until: UInt8(ascii: "="), UInt8(ascii: ";")) else { break }
            guard cursor.skip(UInt8(ascii: "=")) else { continue }
            guard let value = cursor.quotedString() ?? cursor.token(until: UInt8(ascii: ";")) else { break }
            if parameters[name.lowercased()] == nil { parameters[name.lowercased()] = value }
        }
        self.parameters = parameters
    }

    /// Returns a parameter; its extended form `name*` in UTF-8 takes precedence.
    func parameter(_ name: String) -> String? {
        if let extended = parameters[name + "*"], let text = Self.decodeExtended(extended) { return text }
        return parameters[name]
    }

    private static func decodeExtended(_ text: String) -> String? {
        let parts = text.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].lowercased() == "utf-8" else { return nil }
        return RequestParameters.decode(parts[2].utf8, plusIsBlank: false)
    }
}

/// Reads forward through the bytes of a header value.
private struct Cursor {
    var rest: ArraySlice<UInt8>

    /// Skips blanks and then one byte, if it is the expected one.
    mutating func skip(_ byte: UInt8) -> Bool {
        skipBlanks()
        guard rest.first == byte else { return false }
        rest.removeFirst()
        return true
    }

    /// Returns the text up to one of the ends, without blanks around it; nil if there is none.
    mutating func token(until ends: UInt8...) -> String? {
        skipBlanks()
        let end = rest.firstIndex { ends.contains($0) } ?? rest.endIndex
        var token = rest[..<end]
        rest = rest[end...]
        while token.last == UInt8(ascii: " ") || token.last == UInt8(ascii: "\t") { token.removeLast() }
        return token.isEmpty ? nil : String(decoding: token, as: UTF8.self)
    }

    /// Returns the text between quotes; a backslash escapes only a quote or a backslash, as some clients send bare paths.
    mutating func quotedString() -> String? {
        guard skip(UInt8(ascii: "\"")) else { return nil }
        var bytes: [UInt8] = []
        while let byte = rest.popFirst(), byte != UInt8(ascii: "\"") {
            if byte == UInt8(ascii: "\\"), let next = rest.first, next == UInt8(ascii: "\"") || next == UInt8(ascii: "\\") {
                rest.removeFirst()
                bytes.append(next)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func skipBlanks() {
        while rest.first == UInt8(ascii: " ") || rest.first == UInt8(ascii: "\t") { rest.removeFirst() }
    }
}
