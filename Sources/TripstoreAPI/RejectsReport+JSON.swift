public import TripModel

extension RejectsReport {
    /// The contract's JSON body.
    public var json: String {
        var writer = JSONWriter(capacity: 64 + 256 * rejects.count)
        writer.object {
            $0.key("rejects")
            $0.array(rejects) { writer, reject in reject.write(to: &writer) }
            $0.member("rejected_rows", rejectedRows)
            $0.member("kept_rows", keptRows)
            $0.member("next_after", nextAfter)
            $0.member("reasons", reasons)
        }
        return writer.text
    }
}
