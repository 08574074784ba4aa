/// A URL as it may be shown, in messages, logs and answers, which more people read than may know all that is in it.
///
/// A password may stand before the host, a signature after the question mark, and a token anywhere in the path. Where a URL is
/// malformed, a part of a password may pass for a host or a port; what is not surely the host is left out.
package struct ShownURL: Sendable, CustomStringConvertible {
    /// Scheme and host, with `…` for what is left out.
    package let description: String

    /// Takes what is meant to be a URL.
    ///
    /// - Parameter withPath: whether the path is shown as well, as that of a file which somebody asked for.
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
        // A password with a slash that is not encoded ends the authority too soon.
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

    /// A text with all URLs in it as they may be shown: for words of others, of which nobody knows what they quote.
    package static func redacted(_ text: String) -> String {
        guard text.contains("://") else { return text }
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

    /// The value of a setting as it may be shown where it makes no sense there: what may be a URL or a secret is left out.
    package static func setting(_ value: String) -> String {
        let isShort = value.utf8.count <= 32 && value.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f }
        return isShort && !value.contains(where: { "/@".contains($0) }) ? value : "…"
    }
}
