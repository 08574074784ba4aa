public import TripModel

extension JobProgress {
    /// The progress message of the contract; `message` is omitted if there is none.
    public var json: String {
        var writer = JSONWriter()
        writer.object {
            $0.member("job_id", Int(jobID))
            $0.member("status", status.rawValue)
            $0.member("processed_rows", processedRows)
            $0.member("total_rows", totalRows)
            $0.member("rejected_rows", rejectedRows)
            $0.member("processed_bytes", processedBytes)
            $0.member("total_bytes", totalBytes)
            $0.member("rows_per_second", rowsPerSecond)
            $0.member("eta_seconds", etaSeconds)
            if let message {
                $0.member("message", message)
            }
        }
        return writer.text
    }
}
