extension RejectedRow {
    /// The row as JSON, as the contract shows it and as it is stored.
    package var json: String {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.text
    }

    package func write(to writer: inout JSONWriter) {
        writer.object {
            $0.member("line", line)
            $0.member("reason", reason)
            $0.member("text", text)
        }
    }
}
