public import TripModel

extension Job {
    /// The contract's JSON body.
    ///
    /// Events have the same members, written by a trigger of the catalog from the same list, but for `worker`.
    public var json: String {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.text
    }

    func write(to writer: inout JSONWriter) {
        writer.object {
            for column in JobColumn.shown {
                switch shownValue(of: column) {
                case .text(let text): $0.member(column.rawValue, text)
                case .integer(let number): $0.member(column.rawValue, number)
                case .flag(let flag): $0.member(column.rawValue, flag)
                case nil: preconditionFailure("\(column) is not shown")
                }
            }
            if let worker, !status.isTerminal {
                $0.member("worker", worker)
            }
        }
    }
}
