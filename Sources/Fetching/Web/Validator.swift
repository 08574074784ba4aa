import Foundation
package import HTTPTransport

/// Proves that a file is byte for byte the same as before: RFC 9110's strong validators.
///
/// https://www.rfc-editor.org/rfc/rfc9110#section-8.8
package struct Validator: Hashable, Sendable, Codable {
    /// An entity tag with its quotes, or an HTTP date.
    package let text: String

    /// Takes the validator of a response; nil if it has no strong one.
    package init?(_ headers: HTTPHeaders) {
        if let tag = headers.first(name: "ETag"), tag.hasPrefix("\"") {
            text = tag
        } else if let changed = headers.first(name: "Last-Modified"), let changedAt = Self.date(changed),
            // A file that changed within the second of the response may do so again.
            let sentAt = headers.first(name: "Date").flatMap(Self.date), sentAt.timeIntervalSince(changedAt) >= 1
        {
            text = changed
        } else {
            return nil
        }
    }

    /// Returns whether a response is of the same file.
    package func matches(_ headers: HTTPHeaders) -> Bool {
        headers.first(name: text.hasPrefix("\"") ? "ETag" : "Last-Modified") == text
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    private static func date(_ text: String) -> Date? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let parts = text.split(whereSeparator: { " :".contains($0) })
        guard parts.count == 8, parts[7] == "GMT", let day = Int(parts[1]), let month = months.firstIndex(of: String(parts[2])),
            let year = Int(parts[3]), let hour = Int(parts[4]), let minute = Int(parts[5]), let second = Int(parts[6])
        else { return nil }
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        return calendar.date(
            from: DateComponents(year: year, month: month + 1, day: day, hour: hour, minute: minute, second: second))
    }
}
