import Bucketing
public import TripModel

extension DryRunReport {
    /// The contract's JSON body: `format`, `columns`, `rows`, `rejects`, `reasons`, `notes`, `question`, and counts.
    public var json: String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("format")
            if let format = reading.format { format.write(to: &writer) } else { ReadingOptions().write(to: &writer) }
            writer.key("columns")
            writer.array(columns) { $0.value($1) }
            writer.member("processed_rows", processedRows)
            writer.member("rejected_rows", rejectedRows)
            writer.key("rows")
            writer.array(rows) { Self.write($1, to: &$0) }
            writer.key("rejects")
            writer.array(rejects) { $1.write(to: &$0) }
            writer.member("reasons", reasons)
            writer.key("notes")
            writer.array(reading.notes) { $1.write(to: &$0) }
            if let question = reading.question {
                writer.key("question")
                question.write(to: &writer)
            }
            if let message { writer.member("message", message) }
        }
        return writer.text
    }

    private static func write(_ row: Row, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("datetime", LocalDateTime.text(microseconds: row.time))
            writer.key("origin")
            writer.array([row.origin.longitude, row.origin.latitude]) { $0.value($1) }
            if let destination = row.destination {
                writer.key("destination")
                writer.array([destination.longitude, destination.latitude]) { $0.value($1) }
            } else {
                writer.member("destination", nil as String?)
            }
            writer.member("region", row.region)
            writer.member("datasource", row.datasource)
        }
    }
}
