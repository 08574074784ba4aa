/// One of the files that AWS's own tools keep in `~/.aws`: names and values by profile.
///
/// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
package struct AWSProfileFile: Sendable {
    /// Which of the two files: in one sections are named after profiles, in the other they are marked as profiles.
    package enum Kind: Sendable { case credentials, config }

    private var profiles: [String: [String: String]] = [:]

    /// Parses a file; ignores invalid lines.
    package init(_ text: String, kind: Kind) {
        var profile: String?
        for line in text.split(whereSeparator: \.isNewline) {
            // Indented lines belong to a value that is not needed here.
            guard let first = line.first, !first.isWhitespace, first != "#", first != ";" else { continue }
            if first == "[" {
                profile = Self.profile(line.dropFirst().prefix { $0 != "]" }, kind: kind)
            } else if let profile, let equals = line.firstIndex(of: "=") {
                let name = Self.trimmed(line[..<equals]).lowercased()
                profiles[profile, default: [:]][name] = Self.value(line[equals...].dropFirst())
            }
        }
    }

    /// Returns the settings of a profile; nil if there is none with that name.
    package subscript(profile: String) -> [String: String]? { profiles[profile] }

    private static func profile(_ section: Substring, kind: Kind) -> String? {
        let words = section.split(whereSeparator: \.isWhitespace)
        switch kind {
        case .config where words.count == 2 && words[0] == "profile": return String(words[1])
        case .config where words.count == 1 && words[0] == "default": return "default"
        case .credentials where words.count == 1: return String(words[0])
        default: return nil
        }
    }

    /// Returns a value without a comment, which begins with a blank so that values may contain its marks.
    private static func value(_ text: Substring) -> String {
        var end = text.endIndex
        for mark in [" #", " ;", "\t#", "\t;"] {
            if let range = text.firstRange(of: mark), range.lowerBound < end { end = range.lowerBound }
        }
        return trimmed(text[..<end])
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
