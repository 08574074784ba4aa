import HTTPTypes
import TripModel

/// A request's target: the path with its query, and the host if the target names one.
///
///     /jobs?limit=1                           as clients of a server send it
///     http://127.0.0.1:8000/jobs?limit=1      as clients of a proxy send it
///
/// https://www.rfc-editor.org/rfc/rfc9112#section-3.2
struct RequestTarget {
    /// Path and query.
    let path: String
    /// The host of an absolute target, which replaces the `Host` field.
    let authority: String?

    init(_ text: String) throws(RequestRefusal) {
        guard text.utf8.count <= ServerLimits.targetByteCountMax else {
            throw RequestRefusal(
                .uriTooLong, "The request's target is too long; the limit is \(ServerLimits.targetByteCountMax.grouped) bytes.")
        }
        guard !text.utf8.contains(UInt8(ascii: "#")) else {
            throw RequestRefusal(.badRequest, "The request's target has a fragment; leave out # and what is behind it.")
        }
        if text.utf8.first == UInt8(ascii: "/") {
            path = text
            authority = nil
        } else {
            (authority, path) = try Self.parts(ofAbsolute: text)
        }
        let query = path.utf8.firstIndex(of: UInt8(ascii: "?")) ?? path.endIndex
        guard !Self.hasEmptyPart(path[..<query]) else {
            throw RequestRefusal(
                .notFound, "There is nothing at this path: it has an empty part, '//'; write one slash.",
                closesConnection: false)
        }
    }

    private static func parts(ofAbsolute text: String) throws(RequestRefusal) -> (authority: String, path: String) {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")), text[colon...].hasPrefix("://"),
            ["http", "https"].contains(text[..<colon].lowercased())
        else {
            throw RequestRefusal(.badRequest, "The request's target must be a path such as /jobs, or an http:// URL.")
        }
        let rest = text[colon...].dropFirst(3)
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = String(rest[..<end])
        guard HostName(authority) != nil else {
            throw RequestRefusal(.badRequest, "The host of the request's target, '\(authority)', is not HOST or HOST:PORT.")
        }
        let path = String(rest[end...])
        return (authority, path.hasPrefix("/") ? path : "/" + path)
    }

    /// Routes would not distinguish `//metrics` from `/metrics`, while rules of a proxy do.
    private static func hasEmptyPart(_ path: Substring) -> Bool {
        var previous: UInt8 = 0
        for byte in path.utf8 {
            if byte == UInt8(ascii: "/"), previous == byte { return true }
            previous = byte
        }
        return false
    }
}
