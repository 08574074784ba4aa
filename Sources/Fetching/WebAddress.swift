package import ColumnStore
import Foundation

/// An HTTP URL, taken apart and put together again, so that the host that is checked is the one that is connected to, whoever
/// reads it.
///
/// https://www.rfc-editor.org/rfc/rfc3986
package struct WebAddress: Hashable, Sendable {
    package let isSecure: Bool
    /// In lower case; an IPv6 address without its brackets.
    package let host: String
    package let port: Int
    /// Path and query, percent-encoded.
    package let target: String

    init(isSecure: Bool, host: String, port: Int? = nil, target: String) {
        self.isSecure = isSecure
        self.host = host
        self.port = port ?? (isSecure ? 443 : 80)
        self.target = target
    }

    /// Reads a URL; throws where it is none of HTTP, or one that different programs may read differently.
    package init(_ text: String) throws(ColumnStoreError) {
        guard let (scheme, rest) = Self.split(text), scheme == "http" || scheme == "https" else {
            throw Self.refusal(of: text, "only http://, https:// and s3:// are fetched")
        }
        guard !text.contains(" ") else { throw Self.refusal(of: text, "it has a blank, which is written %20") }
        isSecure = scheme == "https"
        let authority = rest.prefix { !"/?#".contains($0) }
        guard !authority.contains("@") else {
            throw Self.refusal(of: scheme + "://…", "a name or password in a URL is not sent; leave it out")
        }
        let name: Substring
        var portText: Substring?
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            name = authority[..<end].dropFirst()
            let after = authority[end...].dropFirst()
            guard after.isEmpty || after.hasPrefix(":"), IPAddress(String(name))?.bytes.count == 16 else {
                throw Self.refusal(of: text, "its host is not an address")
            }
            portText = after.isEmpty ? nil : after.dropFirst()
        } else {
            let parts = authority.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            name = parts.first ?? ""
            portText = parts.count > 1 ? parts[1] : nil
            let isPlain = name.utf8.allSatisfy { Self.isLetterOrDigit($0) || "-._".utf8.contains($0) }
            guard isPlain, (1...253).contains(name.utf8.count) else {
                throw Self.refusal(of: text, "its host must be a name of letters, digits, - and . (xn--… for all others)")
            }
        }
        host = name.lowercased()
        guard let portText, !portText.isEmpty else {
            port = isSecure ? 443 : 80
            target = Self.target(rest[authority.endIndex...])
            return
        }
        guard let number = UInt16(portText), number > 0, portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw Self.refusal(of: text, "its port must be a number from 1 to 65535")
        }
        port = Int(number)
        target = Self.target(rest[authority.endIndex...])
    }

    /// The scheme in lower case, and what follows `://`; nil where there is no such thing.
    static func split(_ text: String) -> (scheme: String, rest: Substring)? {
        guard text.utf8.count <= FetchLimits.urlByteCountMax, let marks = text.firstRange(of: "://"),
            text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f })
        else { return nil }
        return (text[..<marks.lowerBound].lowercased(), text[marks.upperBound...])
    }

    static func refusal(of text: String, _ reason: String) -> ColumnStoreError {
        // What comes after the question mark may be a secret.
        let shown = text.prefix { $0 != "?" }.prefix(200)
        return ColumnStoreError(.invalidArgument, "The URL '\(shown)' cannot be fetched: \(reason).")
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }

    /// Path and query of what follows the host, with all that must not stand there percent-encoded.
    private static func target(_ text: Substring) -> String {
        let text = text.prefix { $0 != "#" }
        let rooted = text.hasPrefix("/") ? String(text) : "/" + text
        var target = ""
        for byte in rooted.utf8 {
            if isLetterOrDigit(byte) || "-._~:/?@!$&'()*+,;=%".utf8.contains(byte) {
                target.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                target += Percent.encoded(byte)
            }
        }
        return target
    }

    /// The whole URL.
    package var url: String { origin + target }

    /// The URL for a person, without what may be a secret.
    package var shown: String { origin + target.prefix { $0 != "?" } }

    /// The value of the header field `Host`.
    package var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    private var origin: String { "\(isSecure ? "https" : "http")://\(authority)" }

    /// The last part of the path, or the host where there is none.
    var filename: String {
        let path = Percent.decoded(String(target.prefix { $0 != "?" }))
        return path.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? host
    }

    /// Where a redirect leads; throws where it must not be followed.
    package func redirected(to location: String) throws(ColumnStoreError) -> WebAddress {
        guard let base = URL(string: url), let text = URL(string: location, relativeTo: base)?.absoluteString else {
            throw ColumnStoreError(
                .io, "\(shown) redirects to '\(location.prefix(200))', which is no URL; name the file's own URL.")
        }
        let target = try WebAddress(text)
        guard target.isSecure || !isSecure else {
            throw ColumnStoreError(
                .io,
                "\(shown) redirects to \(target.shown), from https to http, where anybody may read and change it; "
                    + "name the file's own URL.")
        }
        return target
    }
}

/// Percent-encoding, of bytes.
package enum Percent {
    /// A byte as `%XX`.
    static func encoded(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.utf8.count == 1 ? "%0" + digits : "%" + digits
    }

    /// Text with all but what RFC 3986 leaves unreserved encoded, and what else is to be kept.
    package static func encoded(_ text: some StringProtocol, keeping kept: String = "") -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            case _ where kept.utf8.contains(byte): result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += encoded(byte)
            }
        }
        return result
    }

    /// Text with its encoding undone; what is none stays as it is.
    static func decoded(_ text: some StringProtocol) -> String {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let value = UInt8(String(decoding: bytes[index + 1...index + 2], as: UTF8.self), radix: 16)
            {
                result.append(value)
                index += 3
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
