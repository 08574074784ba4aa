import Foundation

/// A name of the option `time_zone`: `UTC`, `as-written`, or a zone of the system's time zone database.
package enum TimeZoneName {
    /// What may be given, within a sentence.
    package static let examples = "the name of a time zone such as Europe/Oslo, UTC or as-written"

    /// Whether a text is spelled like a name, which also keeps it from leaving the database's folder.
    static func isValid(_ text: String) -> Bool {
        let isSpelled = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "/"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"):
                true
            default: false
            }
        }
        return isSpelled && !text.isEmpty && !text.hasPrefix("/") && text.utf8.count <= 100
    }

    /// Whether this machine's database has the zone; if there is no database, every valid name counts as known.
    package static func isKnown(_ text: String) -> Bool {
        if text == "UTC" || text == "as-written" { return true }
        guard isValid(text) else { return false }
        return !FileManager.default.fileExists(atPath: database) || rules(of: text) != nil
    }

    /// Returns the file of a zone in this machine's database, in TZif; nil if there is none.
    package static func rules(of text: String) -> [UInt8]? {
        guard isValid(text), let size = FileSystem.byteCount(of: "\(database)/\(text)"), size < 1 << 20,
            let data = FileManager.default.contents(atPath: "\(database)/\(text)")
        else { return nil }
        // https://www.rfc-editor.org/rfc/rfc9636#section-3.1
        return data.starts(with: "TZif".utf8) ? Array(data) : nil
    }

    private static var database: String { ProcessInfo.processInfo.environment["TZDIR"] ?? "/usr/share/zoneinfo" }
}
