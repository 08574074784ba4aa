import CPostgreSQL
package import TripModel

/// Where the catalog of several processes is, as `CATALOG_URL` says.
///
///     postgresql://user:password@host:5432/database?lease_seconds=15
///
/// All of it but `lease_seconds` is libpq's own URI, with all of its parameters:
/// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
package struct PostgresURL: Hashable, Sendable {
    /// What libpq is given.
    package var connectionString: String
    /// Seconds of silence after which a worker loses its jobs to another.
    package var leaseSeconds = 15
    /// Seconds that an answer is awaited: who keeps a lease and hears nothing for several of them has lost it.
    package var answerSeconds: Int { 4 * leaseSeconds }

    /// Whether a text is meant to be one.
    package static func isOne(_ text: String) -> Bool { text.hasPrefix("postgresql:") || text.hasPrefix("postgres:") }

    /// Reads a URL; `.invalidArgument` with a sentence that never shows the password.
    package init(_ text: String) throws(ColumnStoreError) {
        func wrong(_ what: String) -> ColumnStoreError {
            ColumnStoreError(
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
            throw ColumnStoreError(
                .invalidArgument,
                "CATALOG_URL needs PostgreSQL's client library, libpq, which is not installed here; install it (Debian: libpq5)."
            )
        }
        // libpq's own sentence may show what stands where it expected a port: part of a password with a special character.
        guard Self.isURI(connectionString) else {
            throw wrong("is no URI of PostgreSQL's (special characters of a password are percent-encoded)")
        }
    }

    /// Whether libpq can make sense of a URI; of ports it would find out when it connects.
    private static func isURI(_ text: String) -> Bool {
        guard let options = libpq_conninfo_parse(text, nil) else { return false }
        defer { libpq_conninfo_free(options) }
        var option = options
        while let keyword = option.pointee.keyword {
            if String(cString: keyword) == "port", let value = option.pointee.val {
                let ports = String(cString: value).split(separator: ",")
                guard ports.allSatisfy({ Int($0).map { 1...65535 ~= $0 } ?? false }) else { return false }
            }
            // What follows an @ within a password would pass for the host, and be shown as such.
            if String(cString: keyword) == "host", let value = option.pointee.val {
                let hosts = String(cString: value).split(separator: ",")
                guard hosts.allSatisfy({ $0.hasPrefix("/") || !$0.contains(where: { "@/ ".contains($0) }) }) else {
                    return false
                }
            }
            // So would the rest of a password with a slash for the database.
            if String(cString: keyword) == "dbname", let value = option.pointee.val {
                guard !String(cString: value).contains("@") else { return false }
            }
            option += 1
        }
        return true
    }
}
