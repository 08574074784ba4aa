/// A URL in the form in which messages, logs and answers may show it, which more people read than may know its secrets.
///
/// A password may precede the host, a signature may follow the question mark, and a token may be anywhere in the path. If a URL
/// is malformed, a part of a password may look like a host or a port; everything that is not surely the host is omitted.
package struct ShownURL: Sendable, CustomStringConvertible {
    /// Scheme and host, with `…` for omitted parts.
    package let description: String

    /// Takes a text that is meant to be a URL.
    ///
    /// - Parameter withPath: whether to show the path as well, such as that of a requested file.
    package init(_ text: String, withPath: Bool = false) {
        description = Self.shown(text[...], withPath: withPath)
    }

    private static func shown(_ text: Substring, withPath: Bool) -> String {
        guard let marks = text.firstRange(of: "://") else {
            return withPath && !text.contains("@") ? String(text.prefix { !"?#".contains($0) }.prefix(200)) : "…"
        }
        let scheme = text[..<marks.lowerBound]
        guard isName(scheme, besides: "+-.") else { return "…" }
        let rest = text[marks.upperBound...]
        let authority = rest.prefix { !"/?#\\".contains($0) }
        // A password with an unencoded slash ends the authority too soon.
        guard !rest[authority.endIndex...].contains("@") else { return "\(scheme)://…" }
        let isAuthorityWhole = !authority.contains("@")
        let place = isAuthorityWhole ? authority : authority[authority.lastIndex(of: "@")!...].dropFirst()
        let end = place.hasPrefix("[") ? place.firstIndex(of: "]").map(place.index(after:)) : place.firstIndex(of: ":")
        let host = place[..<(end ?? place.endIndex)]
        guard isName(host, besides: "-._[]:,") else { return "\(scheme)://…" }
        let port = place[host.endIndex...]
        guard withPath, isAuthorityWhole, isName(port.dropFirst(), besides: "") || port.isEmpty else {
            return rest.endIndex == host.endIndex && isAuthorityWhole ? "\(scheme)://\(host)" : "\(scheme)://\(host)/…"
        }
        return "\(scheme)://\(place)\(rest[authority.endIndex...].prefix { !"?#".contains($0) }.prefix(200))"
    }

    private static func isName(_ text: some StringProtocol, besides others: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 255
            && text.unicodeScalars.allSatisfy {
                $0.properties.isAlphabetic || isDigit($0) || others.unicodeScalars.contains($0)
            }
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

    // MARK: Other texts

    /// Returns whether a text may have a URL in it; by bytes, since every value of every log line is examined.
    package static func isQuoted(in text: String) -> Bool {
        var matched = 0
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: ":"): matched = 1
            case UInt8(ascii: "/") where matched == 2: return true
            case UInt8(ascii: "/") where matched == 1: matched = 2
            default: matched = 0
            }
        }
        return false
    }

    /// Returns a text with all URLs in it redacted: for messages of others, which may quote anything.
    package static func redacted(_ text: String) -> String {
        guard isQuoted(in: text) else { return text }
        var result = ""
        var rest = text[...]
        while let marks = rest.firstRange(of: "://") {
            let before = rest[..<marks.lowerBound]
            let scheme = before.reversed().prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
            let start = before.index(before.endIndex, offsetBy: -scheme.count)
            let end = rest[marks.upperBound...].firstIndex { $0.isWhitespace || "'\"<>`".contains($0) } ?? rest.endIndex
            let url = rest[start..<end]
            result += rest[..<start]
            let isHarmless = !url.contains("@") && !url.contains("?")
            result += isHarmless ? String(url) : shown(url, withPath: true)
            rest = rest[end...]
        }
        return result + rest
    }

    /// Returns the value of an invalid setting in a form that may be shown: anything that may be a URL or a secret is omitted.
    package static func setting(_ value: String) -> String {
        let isShort = value.utf8.count <= 32 && value.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f }
        return isShort && !value.contains(where: { "/@".contains($0) }) ? value : "…"
    }
}
