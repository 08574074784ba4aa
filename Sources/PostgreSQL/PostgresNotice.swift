import Foundation
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
            // The receiver reads it from the catalog.
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
            return (try? JSONDecoder().decode(ProgressJSON.self, from: Data(parts[2].utf8))).map { .progress($0.progress) }
        default: return nil
        }
    }
}

/// The progress message of the contract, as it is parsed.
private struct ProgressJSON: Decodable {
    var progress: JobProgress

    private enum CodingKeys: String, CodingKey {
        case jobID = "job_id"
        case status, message
        case processedRows = "processed_rows"
        case totalRows = "total_rows"
        case rejectedRows = "rejected_rows"
        case processedBytes = "processed_bytes"
        case totalBytes = "total_bytes"
        case rowsPerSecond = "rows_per_second"
        case etaSeconds = "eta_seconds"
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        guard let status = Job.Status(rawValue: try values.decode(String.self, forKey: .status)) else {
            throw DecodingError.dataCorruptedError(forKey: .status, in: values, debugDescription: "unknown")
        }
        progress = JobProgress(
            jobID: try values.decode(Int64.self, forKey: .jobID), status: status,
            processedRows: try values.decode(Int.self, forKey: .processedRows),
            totalRows: try values.decodeIfPresent(Int.self, forKey: .totalRows),
            rejectedRows: try values.decode(Int.self, forKey: .rejectedRows),
            processedBytes: try values.decode(Int.self, forKey: .processedBytes),
            totalBytes: try values.decodeIfPresent(Int.self, forKey: .totalBytes),
            rowsPerSecond: try values.decode(Double.self, forKey: .rowsPerSecond),
            etaSeconds: try values.decodeIfPresent(Double.self, forKey: .etaSeconds),
            message: try values.decodeIfPresent(String.self, forKey: .message))
    }
}
