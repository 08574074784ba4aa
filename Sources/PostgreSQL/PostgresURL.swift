import CPostgreSQL
package import TripModel

/// The location of the catalog of several processes, from `CATALOG_URL`.
///
///     postgresql://user:password@host:5432/database?lease_seconds=15
///
/// Everything except `lease_seconds` is libpq's own URI, with all of its parameters:
/// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
package struct PostgresURL: Hashable, Sendable {
    /// The URI for libpq.
    package var connectionString: String
    /// Seconds without a heartbeat after which a worker loses its jobs to another.
    package var leaseSeconds = 15
    /// Timeout of an answer in seconds: a process that gets none for several leases has lost its own.
    package var answerSeconds: Int { 4 * leaseSeconds }

    /// Returns whether a text is meant to be such a URL.
    package static func isOne(_ text: String) -> Bool { text.hasPrefix("postgresql:") || text.hasPrefix("postgres:") }

    /// Parses a URL; throws `.invalidArgument` with a sentence that never shows the password.
    package init(_ text: String) throws(TripstoreError) {
        func wrong(_ what: String) -> TripstoreError {
            TripstoreError(
                .invalidArgument, "CATALOG_URL \(what); it looks like postgresql://user:password@host:5432/database.")
        }
        guard text.hasPrefix("postgresql://") || text.hasPrefix("postgres://") else {
            throw wrong("does not begin with postgresql://")
        }
        let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var kept: [Substring] = []
        for pair in parts.count > 1 ? parts[1].split(separator: "&") : [] {
            guard pair.hasPrefix("lease_seconds=") else {
                kept.append(pair)
                continue
            }
            guard let seconds = Int(pair.dropFirst("lease_seconds=".count)), 2...3600 ~= seconds else {
                throw wrong("has a lease_seconds that is not a number from 2 to 3600")
            }
            leaseSeconds = seconds
        }
        connectionString = parts[0] + (kept.isEmpty ? "" : "?" + kept.joined(separator: "&"))
        guard libpq_load() != 0 else {
            throw TripstoreError(
                .invalidArgument,
                "CATALOG_URL needs PostgreSQL's client library, libpq, which is not installed here; install it (Debian: libpq5)."
            )
        }
        // libpq's own sentence may show what is in the place of a port: part of a password with a special character.
        guard Self.isURI(connectionString) else {
            throw wrong("is not a PostgreSQL URI (special characters of a password are percent-encoded)")
        }
    }

    /// Returns whether libpq can parse a URI; it would check ports only when it connects.
    private static func isURI(_ text: String) -> Bool {
        guard let options = libpq_conninfo_parse(text, nil) else { return false }
        defer { libpq_conninfo_free(options) }
        var option = options
        while let keyword = option.pointee.keyword {
            if String(cString: keyword) == "port", let value = option.pointee.val {
                let ports = String(cString: value).split(separator: ",")
                guard ports.allSatisfy({ Int($0).map { 1...65535 ~= $0 } ?? false }) else { return false }
            }
            // Text after an @ within a password would be taken for the host, and shown as such.
            if String(cString: keyword) == "host", let value = option.pointee.val {
                let hosts = String(cString: value).split(separator: ",")
                guard hosts.allSatisfy({ $0.hasPrefix("/") || !$0.contains(where: { "@/ ".contains($0) }) }) else {
                    return false
                }
            }
            // The rest of a password with a slash would be taken for the database, and shown.
            if String(cString: keyword) == "dbname", let value = option.pointee.val {
                guard !String(cString: value).contains("@") else { return false }
            }
            option += 1
        }
        return true
    }
}
