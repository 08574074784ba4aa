public import TripModel

extension Job {
    /// The contract's JSON body.
    ///
    /// Events have the same members, written by a trigger of the catalog from the same list, but for `worker` and how the file
    /// is read (`JobReading`).
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
            reading.writeMembers(to: &$0)
        }
    }
}

extension JobReading {
    /// Writes what is known of how a file is read, and nothing of what is not.
    func writeMembers(to writer: inout JSONWriter) {
        if let format {
            writer.key("format")
            format.write(to: &writer)
        }
        if !notes.isEmpty {
            writer.key("notes")
            writer.array(notes) { $1.write(to: &$0) }
        }
        if let question {
            writer.key("question")
            question.write(to: &writer)
        }
    }
}
