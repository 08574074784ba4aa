import Foundation
package import TripModel

/// An HTTP URL, parsed and recomposed, so that every reader sees the same host as the one that is checked and connected to.
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

    /// Parses a URL; throws if it is not an HTTP URL, or one that programs may parse differently.
    package init(_ text: String) throws(TripstoreError) {
        guard let (scheme, rest) = Self.split(text), scheme == "http" || scheme == "https" else {
            throw Self.refusal(of: text, "only http://, https:// and s3:// are fetched")
        }
        guard !text.contains(" ") else { throw Self.refusal(of: text, "it has a blank, which is written %20") }
        let authority = rest.prefix { !"/?#".contains($0) }
        do throws(Fault) {
            try self.init(isSecure: scheme == "https", authority: authority, target: Self.target(rest[authority.endIndex...]))
        } catch {
            throw Self.refusal(of: text, error.reason)
        }
    }

    /// What is wrong with a URL, as a clause that shows nothing of it.
    private struct Fault: Error {
        var reason: String
    }

    private init(isSecure: Bool, authority: Substring, target: String) throws(Fault) {
        self.isSecure = isSecure
        self.target = target
        guard !authority.contains("@") else {
            throw Fault(reason: "a name or password in a URL is not sent; leave it out")
        }
        let portText: Substring?
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            let name = authority[..<end].dropFirst()
            let after = authority[end...].dropFirst()
            guard after.isEmpty || after.hasPrefix(":"), IPAddress(String(name))?.bytes.count == 16 else {
                throw Fault(reason: "its host is not an address")
            }
            host = name.lowercased()
            portText = after.isEmpty ? nil : after.dropFirst()
        } else {
            let parts = authority.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.hostName(parts.first ?? "") else {
                throw Fault(reason: "its host must be a name of letters, digits, - and .")
            }
            host = name
            portText = parts.count > 1 ? parts[1] : nil
        }
        guard let portText, !portText.isEmpty else {
            port = isSecure ? 443 : 80
            return
        }
        guard let number = UInt16(portText), number > 0, portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw Fault(reason: "its port must be a number from 1 to 65535")
        }
        port = Int(number)
    }

    /// Returns a host's name in DNS form, in lower case; nil if it has none.
    private static func hostName(_ text: Substring) -> String? {
        var name = text.lowercased()
        if !text.utf8.allSatisfy({ $0 < 0x80 }) {
            // Names of other alphabets have another form in DNS: https://www.rfc-editor.org/rfc/rfc5891. Characters that only
            // look like a slash or a dot belong to no alphabet.
            guard text.unicodeScalars.allSatisfy({ $0.isASCII || isOfAlphabet($0) }) else { return nil }
            var components = URLComponents()
            components.host = String(text)
            name = components.encodedHost?.lowercased() ?? ""
        }
        let isPlain = name.utf8.allSatisfy { isLetterOrDigit($0) || "-._".utf8.contains($0) }
        return isPlain && (1...253).contains(name.utf8.count) ? name : nil
    }

    private static func isOfAlphabet(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .lowercaseLetter, .uppercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        case .decimalNumber, .nonspacingMark, .spacingMark: true
        default: false
        }
    }

    /// Returns the scheme in lower case, and the text after `://`; nil if there is none.
    static func split(_ text: String) -> (scheme: String, rest: Substring)? {
        guard text.utf8.count <= FetchLimits.urlByteCountMax, let marks = text.firstRange(of: "://"), isPrintable(text)
        else { return nil }
        return (text[..<marks.lowerBound].lowercased(), text[marks.upperBound...])
    }

    private static func isPrintable(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f }
    }

    static func refusal(of text: String, _ reason: String) -> TripstoreError {
        TripstoreError(.invalidArgument, "The URL '\(ShownURL(text, withPath: true))' cannot be fetched: \(reason).")
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }

    /// Returns path and query from the text after the host, with all invalid characters percent-encoded.
    ///
    /// Encoded characters stay as they are, so that a signature over them stays valid; so does a `%` that begins no encoding,
    /// which browsers send unchanged, too.
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

    /// The URL for a person, without possible secrets.
    package var shown: String { origin + path }

    /// The value of the header field `Host`.
    package var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// Scheme, host and port.
    package var origin: String { "\(isSecure ? "https" : "http")://\(authority)" }

    private var path: Substring { target.prefix { $0 != "?" } }

    /// The query, from the question mark on; nil if there is none.
    var query: String? { target.firstIndex(of: "?").map { String(target[$0...]) } }

    /// The last part of the path, or the host if the path is empty.
    var filename: String {
        let path = Percent.decoded(path)
        return path.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? host
    }

    // MARK: References

    /// Returns the target of a redirect; throws if it must not be followed.
    ///
    /// https://www.rfc-editor.org/rfc/rfc3986#section-5.2; blanks around it are dropped as in browsers.
    package func redirected(to location: String) throws(TripstoreError) -> WebAddress {
        let target: WebAddress
        do throws(Fault) {
            target = try resolved(location.trimmingCharacters(in: .whitespaces))
        } catch {
            // The rest of the target may be a secret of its server.
            throw TripstoreError(
                .io,
                "\(shown) redirects to \(ShownURL(location)), which is not followed: \(error.reason); name the file's own URL.")
        }
        guard target.isSecure || !isSecure else {
            throw TripstoreError(
                .io,
                "\(shown) redirects to \(target.origin), from https to http, where anybody may read and change it; "
                    + "name the file's own URL.")
        }
        return target
    }

    private func resolved(_ text: String) throws(Fault) -> WebAddress {
        guard text.utf8.count <= FetchLimits.urlByteCountMax, Self.isPrintable(text),
            // Its original bytes are unknown.
            !text.unicodeScalars.contains("\u{fffd}")
        else { throw Fault(reason: "it is too long, or has bytes that must be percent-encoded") }
        let reference = Reference(text)
        var isSecure = isSecure
        if let scheme = reference.scheme {
            guard scheme == "http" || scheme == "https" else {
                throw Fault(reason: "only http:// and https:// are")
            }
            guard reference.authority != nil else { throw Fault(reason: "it names no host") }
            isSecure = scheme == "https"
        }
        if let authority = reference.authority {
            let path = Self.withoutDots(reference.path)
            return try WebAddress(isSecure: isSecure, authority: authority, target: Self.target("\(path)\(reference.query)"))
        }
        // Browsers treat a backslash as a slash, so this leads to another host there.
        if text.count > 1, text.prefix(2).allSatisfy({ $0 == "/" || $0 == "\\" }) {
            throw Fault(reason: "it begins with a backslash, which programs read differently")
        }
        let path: String
        var query = reference.query
        if reference.path.isEmpty {
            path = String(self.path)
            if query.isEmpty { query = Substring(self.query ?? "") }
        } else if reference.path.hasPrefix("/") {
            path = Self.withoutDots(reference.path)
        } else {
            let folder = self.path[...(self.path.lastIndex(of: "/") ?? self.path.startIndex)]
            path = Self.withoutDots("\(folder)\(reference.path)")
        }
        return WebAddress(isSecure: isSecure, host: host, port: port, target: Self.target("\(path)\(query)"))
    }

    /// A parsed reference: https://www.rfc-editor.org/rfc/rfc3986#appendix-B.
    private struct Reference {
        /// In lower case; nil if it is relative.
        var scheme: String?
        /// Nil if it begins with a path.
        var authority: Substring?
        var path: Substring
        /// With the question mark; empty if there is none.
        var query: Substring

        init(_ text: String) {
            var rest = text.prefix { $0 != "#" }
            if let colon = rest.firstIndex(where: { ":/?".contains($0) }), rest[colon] == ":",
                let first = rest.utf8.first, (first | 0x20) &- UInt8(ascii: "a") < 26,
                rest[..<colon].utf8.allSatisfy({ isLetterOrDigit($0) || "+-.".utf8.contains($0) })
            {
                scheme = rest[..<colon].lowercased()
                rest = rest[colon...].dropFirst()
            }
            if rest.hasPrefix("//") {
                rest = rest.dropFirst(2)
                let authority = rest.prefix { !"/?".contains($0) }
                self.authority = authority
                rest = rest[authority.endIndex...]
            }
            path = rest.prefix { $0 != "?" }
            query = rest[path.endIndex...]
        }
    }

    /// Returns a path without its `.` and `..`.
    ///
    /// https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4
    private static func withoutDots(_ path: some StringProtocol) -> String {
        var kept: [Substring] = []
        let segments = String(path).split(separator: "/", omittingEmptySubsequences: false)
        for (index, segment) in segments.enumerated() where index > 0 {
            switch segment.lowercased().replacing("%2e", with: ".") {
            case ".": if index == segments.count - 1 { kept.append("") }
            case "..":
                _ = kept.popLast()
                if index == segments.count - 1 { kept.append("") }
            default: kept.append(segment)
            }
        }
        return "/" + kept.joined(separator: "/")
    }
}

/// Percent-encoding, of bytes.
package enum Percent {
    /// Returns a byte as `%XX`.
    static func encoded(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.utf8.count == 1 ? "%0" + digits : "%" + digits
    }

    /// Returns text with all characters encoded except RFC 3986's unreserved ones and some others to keep.
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

    /// Returns decoded text; invalid encodings stay as they are.
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
