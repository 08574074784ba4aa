package import TripModel
import TripstoreAPI

/// The messages between processes, sent by NOTIFY: `SENDER changed JOB` (from a trigger) or `SENDER progress JSON`.
package enum PostgresNotice: Hashable, Sendable {
    case changed(Int64)
    case progress(JobProgress)

    /// Maximum bytes of a payload in PostgreSQL, with some to spare.
    ///
    /// https://www.postgresql.org/docs/current/sql-notify.html
    private static let payloadByteCountMax = 7900

    /// Returns the payload.
    package func payload(from sender: String) -> String {
        switch self {
        case .changed(let id): return "\(sender) changed \(id)"
        case .progress(var progress):
            let payload = "\(sender) progress \(progress.json)"
            if payload.utf8.count <= Self.payloadByteCountMax { return payload }
            // The receiver reads them from the catalog.
            progress.reading = JobReading()
            let shorter = "\(sender) progress \(progress.json)"
            if shorter.utf8.count <= Self.payloadByteCountMax { return shorter }
            progress.message = nil
            return "\(sender) progress \(progress.json)"
        }
    }

    /// Parses a payload of another process; nil for our own, and for messages of a newer version.
    package static func reading(_ payload: String, by receiver: String) -> PostgresNotice? {
        let parts = payload.split(separator: " ", maxSplits: 2)
        guard parts.count == 3, parts[0] != receiver else { return nil }
        switch parts[1] {
        case "changed": return Int64(parts[2]).map { .changed($0) }
        case "progress":
            return JobProgress(json: String(parts[2])).map { .progress($0) }
        default: return nil
        }
    }
}
