import ClickHouse
import TripModel

/// What `verify` and `repair` report of the trips in ClickHouse, compared with the catalog.
struct AuditReport {
    let audit: StoreAudit
    let width: Int?

    func write(_ format: ReportFormat) throws {
        try Output.result(format == .json ? json : text)
    }

    /// A table of the jobs that differ, and a conclusion.
    private var text: String {
        var text = ""
        if !audit.differing.isEmpty {
            var table = TextTable([
                ("job", .right), ("missing", .right), ("too many", .right), ("not counted", .right), ("note", .left),
            ])
            for job in audit.differing {
                table.add([
                    String(job), Readable.count(audit.missing[job] ?? 0), Readable.count(audit.extra[job] ?? 0),
                    Readable.count((audit.uncounted[job] ?? 0) + (audit.unknownJobs[job] ?? 0)),
                    audit.unknownJobs[job] == nil ? "" : "not in the catalog",
                ])
            }
            text += table.text(width: width)
        }
        guard let warning = audit.warning else {
            let jobs = Readable.count(audit.jobCount, "completed job")
            return text + "ClickHouse has every trip of the \(jobs) once.\n"
        }
        return text + warning + "\n"
    }

    private var json: String {
        var writer = JSONWriter()
        writer.object {
            $0.key("jobs")
            $0.value(audit.jobCount)
            $0.key("missing")
            $0.value(audit.missingCount)
            $0.key("extra")
            $0.value(audit.extraCount)
            $0.key("to_be_removed")
            $0.value(audit.uncountedCount)
            $0.key("differing")
            $0.array(audit.differing) { writer, job in
                writer.object {
                    $0.key("job")
                    $0.value(Int(job))
                    $0.key("missing")
                    $0.value(audit.missing[job] ?? 0)
                    $0.key("extra")
                    $0.value(audit.extra[job] ?? 0)
                    $0.key("to_be_removed")
                    $0.value((audit.uncounted[job] ?? 0) + (audit.unknownJobs[job] ?? 0))
                    $0.key("is_known")
                    $0.value(audit.unknownJobs[job] == nil)
                }
            }
            if let warning = audit.warning {
                $0.key("warning")
                $0.value(warning)
            }
        }
        return writer.text + "\n"
    }
}

extension StoreAudit {
    /// Jobs that differ from the catalog, or have rows that wait for the purge.
    var differing: [Int64] {
        Set(missing.keys).union(extra.keys).union(uncounted.keys).union(unknownJobs.keys).sorted()
    }
}
