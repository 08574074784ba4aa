import Foundation
import HTTPTransport

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Detects whether this machine's clock is why a signed request is refused: a response's date gives the time.
///
/// Servers have different error codes for that, and a response to HEAD has none.
/// https://www.rfc-editor.org/rfc/rfc9110#field.date
enum ClockSkew {
    /// A smaller difference is no reason to refuse: S3 tolerates a quarter of an hour.
    private static let secondsMin = 300.0

    /// Returns a clause that says how wrong the clock is; nil if it is right, or if that is unknown.
    static func clause(_ headers: HTTPHeaders, at now: Date = .now) -> String? {
        guard let time = headers.first(name: "Date").flatMap(seconds) else { return nil }
        let seconds = now.timeIntervalSince1970 - Double(time)
        guard abs(seconds) >= secondsMin else { return nil }
        let minutes = Int((abs(seconds) / 60).rounded())
        return "this machine's clock is wrong by \(minutes) minutes (\(seconds > 0 ? "ahead" : "behind"))"
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// Returns the seconds since 1970 of a date such as `Tue, 01 Dec 2026 11:43:25 GMT`.
    private static func seconds(_ text: String) -> Int? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let day = Int32(words[1]), let year = Int32(words[3]),
            let month = months.firstIndex(of: String(words[2]))
        else { return nil }
        let clock = words[4].split(separator: ":").compactMap { Int32($0) }
        guard clock.count == 3 else { return nil }
        var parts = tm()
        (parts.tm_mday, parts.tm_mon, parts.tm_year) = (day, Int32(month), year - 1900)
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (clock[0], clock[1], clock[2])
        return timegm(&parts)
    }
}
