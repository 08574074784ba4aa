public import TripModel

extension Job {
    /// The contract's JSON body.
    public var json: String {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.text
    }

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.member("id", Int(id))
            $0.member("filename", filename)
            $0.member("status", status.rawValue)
            $0.member("created_at", createdAt)
            $0.member("updated_at", updatedAt)
            $0.member("total_rows", counts.totalRows)
            $0.member("processed_rows", counts.processedRows)
            $0.member("rejected_rows", counts.rejectedRows)
            $0.member("total_bytes", counts.totalBytes)
            $0.member("processed_bytes", counts.processedBytes)
            $0.member("message", message)
            if let worker, !status.isTerminal {
                $0.member("worker", worker)
            }
        }
    }
}
