
extension Job {
    /// The contract's JSON body.
    public var json: String {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.text
    }

    package func write(to writer: inout JSONWriter) {
        writer.object {
            $0.key("id")
            $0.value(Int(id))
            $0.key("filename")
            $0.value(filename)
            $0.key("status")
            $0.value(status.rawValue)
            $0.key("created_at")
            $0.value(createdAt)
            $0.key("updated_at")
            $0.value(updatedAt)
            $0.key("total_rows")
            $0.value(totalRows)
            $0.key("processed_rows")
            $0.value(processedRows)
            $0.key("rejected_rows")
            $0.value(rejectedRows)
            $0.key("total_bytes")
            $0.value(totalBytes)
            $0.key("processed_bytes")
            $0.value(processedBytes)
            $0.key("message")
            $0.value(message)
            if let worker, !status.isTerminal {
                $0.key("worker")
                $0.value(worker)
            }
        }
    }
}

extension JobProgress {
    /// The progress message of the contract; `message` is present where there is one.
    public var json: String {
        var writer = JSONWriter()
        writer.object {
            $0.key("job_id")
            $0.value(Int(jobID))
            $0.key("status")
            $0.value(status.rawValue)
            $0.key("processed_rows")
            $0.value(processedRows)
            $0.key("total_rows")
            $0.value(totalRows)
            $0.key("rejected_rows")
            $0.value(rejectedRows)
            $0.key("processed_bytes")
            $0.value(processedBytes)
            $0.key("total_bytes")
            $0.value(totalBytes)
            $0.key("rows_per_second")
            $0.value(rowsPerSecond)
            $0.key("eta_seconds")
            $0.value(etaSeconds)
            if let message {
                $0.key("message")
                $0.value(message)
            }
        }
        return writer.text
    }
}

extension RejectedRow {
    /// The row as the contract shows it and as it is kept.
    package var json: String {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.text
    }

    package func write(to writer: inout JSONWriter) {
        writer.object {
            $0.key("line")
            $0.value(line)
            $0.key("reason")
            $0.value(reason)
            $0.key("text")
            $0.value(text)
        }
    }
}

extension RejectsReport {
    /// The contract's JSON body.
    public var json: String {
        var writer = JSONWriter(capacity: 64 + 256 * rejects.count)
        writer.object {
            $0.key("rejects")
            $0.array(rejects) { writer, reject in reject.write(to: &writer) }
            $0.key("rejected_rows")
            $0.value(rejectedRows)
            $0.key("kept_rows")
            $0.value(keptRows)
            $0.key("next_after")
            $0.value(nextAfter)
            $0.member("reasons", reasons)
        }
        return writer.text
    }
}
