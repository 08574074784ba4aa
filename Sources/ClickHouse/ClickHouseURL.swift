import Foundation
package import TripModel

/// The location of a ClickHouse, from `DATABASE_URL`.
///
///     clickhouse://user:password@host:8123,host2:8123/database?cluster=NAME&rows_per_insert=1048576&purge_after_seconds=600
///
/// `clickhouses://` is HTTPS, with `sslrootcert=FILE` if a certificate is from a private authority, as in libpq's URLs. The
/// addresses are those of the HTTP interface. With a cluster each shard has one: either all are named, or one is, and the
/// others are the hosts in the cluster's definition, with the same port.
package struct ClickHouseURL: Hashable, Sendable {
    /// One server's HTTP interface.
    package struct Address: Hashable, Sendable, CustomStringConvertible {
        package var host: String
        package var port: Int

        package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    package var addresses: [Address]
    package var user: String?
    package var password: String?
    package var database: String
    /// Name of a cluster in the servers' own settings; nil: one server has all trips.
    package var cluster: String?
    /// Whether to use HTTPS: the server's certificate must be for its host, and from a trusted authority.
    package var isSecure: Bool
    /// A file (PEM) with the trusted authorities; nil: the system's, or those of `SSL_CERT_FILE`.
    package var rootCertificates: String?
    /// Rows that a shard gets between two commits of a job: fewer need less memory here, more make fewer parts to merge there.
    package var rowsPerInsert = 1 << 20
    /// Concurrent INSERTs of a job to one shard: a server uses one core for each.
    package var insertsAtOnce = 2
    /// Seconds after which rows that do not count are purged; rows in transit when a job was killed may arrive until then.
    package var purgeAfterSeconds = 600

    /// Returns whether a text is meant to be such a URL.
    package static func isOne(_ text: String) -> Bool {
        text.hasPrefix("clickhouse:") || text.hasPrefix("clickhouses:")
    }

    /// Parses a URL; throws `.invalidArgument` with a sentence that never shows the password.
    package init(_ text: String) throws(TripstoreError) {
        guard let schemeEnd = text.range(of: "://") else { throw Self.wrong("has no ://") }
        switch text[..<schemeEnd.lowerBound] {
        case "clickhouse": isSecure = false
        case "clickhouses": isSecure = true
        default: throw Self.wrong("(\(ShownURL(text))) has an unknown scheme")
        }
        var rest = text[schemeEnd.upperBound...]
        // What follows may then be a part of the password, so it must not be shown as anything else.
        guard !(rest.drop { !"/?#".contains($0) }.contains("@")) else {
            throw Self.wrong("has a user or a password with special characters, which must be percent-encoded")
        }
        var query: Substring = ""
        if let mark = rest.firstIndex(of: "?") {
            query = rest[rest.index(after: mark)...]
            rest = rest[..<mark]
        }
        var path: Substring = ""
        if let slash = rest.firstIndex(of: "/") {
            path = rest[rest.index(after: slash)...]
            rest = rest[..<slash]
        }
        if let at = rest.lastIndex(of: "@") {
            let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard let user = parts[0].removingPercentEncoding, !user.isEmpty else { throw Self.wrong("has a malformed user") }
            self.user = user
            if parts.count == 2 {
                guard let password = parts[1].removingPercentEncoding else { throw Self.wrong("has a malformed password") }
                self.password = password
            }
            rest = rest[rest.index(after: at)...]
        }
        let defaultPort = isSecure ? 8443 : 8123
        addresses = []
        for part in rest.split(separator: ",", omittingEmptySubsequences: false) {
            guard let address = Self.address(part, defaultPort) else { throw Self.wrong("has a malformed address") }
            addresses.append(address)
        }
        guard Set(addresses).count == addresses.count else { throw Self.wrong("names an address twice") }
        guard let database = path.removingPercentEncoding, !path.contains("/") else {
            throw Self.wrong("has a malformed database")
        }
        self.database = database.isEmpty ? "default" : database
        for pair in query.split(separator: "&") { try take(parameter: pair) }
        guard addresses.count == 1 || cluster != nil else {
            throw Self.wrong("names several servers and no cluster")
        }
    }

    /// Takes a parameter of the query string.
    private mutating func take(parameter pair: Substring) throws(TripstoreError) {
        let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2, let value = parts[1].removingPercentEncoding else {
            throw Self.wrong("has the parameter '\(ShownURL.setting(parts.first ?? ""))' without a value")
        }
        func number(_ range: ClosedRange<Int>) throws(TripstoreError) -> Int {
            if let number = Int(value), range.contains(number) { return number }
            throw Self.wrong(
                "has a parameter '\(parts[0])' that is not a number from \(range.lowerBound) to \(range.upperBound)")
        }
        switch parts[0] {
        case "cluster": cluster = value
        case "rows_per_insert": rowsPerInsert = try number(1000...4_194_304)
        case "inserts_at_once": insertsAtOnce = try number(1...16)
        case "purge_after_seconds": purgeAfterSeconds = try number(0...86_400)
        case "sslrootcert":
            guard isSecure else { throw Self.wrong("has the parameter 'sslrootcert', which is for clickhouses://") }
            rootCertificates = value
        default: throw Self.wrong("has the unknown parameter '\(ShownURL.setting(parts[0]))'")
        }
    }

    private static func wrong(_ what: String) -> TripstoreError {
        TripstoreError(
            .invalidArgument,
            "DATABASE_URL \(what); it looks like clickhouse://user:password@host:8123/database?cluster=NAME.")
    }

    private static func address(_ text: Substring, _ defaultPort: Int) -> Address? {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let host = String(text[text.index(after: text.startIndex)..<end])
            let rest = text[text.index(after: end)...]
            if rest.isEmpty { return Address(host: host, port: defaultPort) }
            guard rest.hasPrefix(":"), let port = port(rest.dropFirst()) else { return nil }
            return Address(host: host, port: port)
        }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let host = parts.first, !host.isEmpty else { return nil }
        guard parts.count == 2 else { return Address(host: String(host), port: defaultPort) }
        guard let port = port(parts[1]) else { return nil }
        return Address(host: String(host), port: port)
    }

    private static func port(_ text: Substring) -> Int? {
        guard let port = Int(text), 1...65535 ~= port else { return nil }
        return port
    }
}
