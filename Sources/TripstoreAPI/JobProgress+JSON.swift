import Foundation
public import TripModel

extension JobProgress {
    /// The progress message of the contract; `message`, and what is not known of how the file is read, are omitted.
    public var json: String {
        var writer = JSONWriter()
        writer.object {
            $0.member("job_id", Int(jobID))
            $0.member("status", status.rawValue)
            $0.member("processed_rows", counts.processedRows)
            $0.member("total_rows", counts.totalRows)
            $0.member("rejected_rows", counts.rejectedRows)
            $0.member("processed_bytes", counts.processedBytes)
            $0.member("total_bytes", counts.totalBytes)
            $0.member("rows_per_second", rowsPerSecond)
            $0.member("eta_seconds", etaSeconds)
            if let message {
                $0.member("message", message)
            }
            reading.writeMembers(to: &$0)
        }
        return writer.text
    }

    /// Reads a progress message; nil if it is none, or one of a newer version.
    public init?(json: String) {
        guard let read = try? JSONDecoder().decode(ProgressJSON.self, from: Data(json.utf8)) else { return nil }
        self = read.progress
    }
}

/// The progress message of the contract, as it is parsed.
private struct ProgressJSON: Decodable {
    var progress: JobProgress

    private enum CodingKeys: String, CodingKey {
        case jobID = "job_id"
        case status, message, format, notes, question
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
        progress.reading.format = try values.decodeIfPresent(ReadingOptions.self, forKey: .format)
        progress.reading.notes = try values.decodeIfPresent([JobNote].self, forKey: .notes) ?? []
        progress.reading.question = try values.decodeIfPresent(JobQuestion.self, forKey: .question)
    }
}
