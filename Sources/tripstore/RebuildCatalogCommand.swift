import ArgumentParser
import ColumnStore
import TripModel

/// `tripstore rebuild-catalog`: rebuilds the catalog from the segments.
struct RebuildCatalogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild-catalog",
        abstract: "Makes a new catalog from the segment files if it was lost.",
        discussion: """
            For a store whose catalog.sqlite is gone or damaged. Each segment records which jobs its trips belong to, so queries give \
            the same results as before. Damaged segments go to the folder quarantine; until their jobs are deleted, query results \
            say how many trips are missing with them and with those that were quarantined before. Jobs that were under way are left \
            out, to be ingested again; waiting uploads become failed jobs, to be resumed. Jobs that failed, were deleted or have no \
            trips (all rows rejected) are forgotten. A backup of the catalog knows all of that: if there is a recent one, restore it.

            Refused if the catalog is usable, and while a server uses the store. Exit codes: 0 the new catalog is complete; 1 there \
            is no new catalog, or segments are damaged or trips missing.

            Examples:
              tripstore rebuild-catalog
              tripstore rebuild-catalog --data-dir /srv/trips --force
            """)

    @Flag(help: "Make a new catalog even if the old one is usable; the old one is kept as catalog-old-1.sqlite.")
    var force = false

    @Flag(help: "Include jobs with missing trips and jobs that may have been under way.")
    var incomplete = false

    @OptionGroup var store: StoreOptions

    func run() throws {
        let report = try Activity.run("Reading the segments of \(Readable.text(store.directory)) …") { activity in
            try ColumnStore.rebuildCatalog(
                in: store.directory, replacesUsable: force, takesIncomplete: incomplete
            ) { file, number, count in activity.update("\(number) of \(count)  \(file)") }
        }
        try Output.result(Self.text(report))
        if !report.damaged.isEmpty || !report.damagedRejects.isEmpty || report.warning != nil { throw ExitCode.failure }
    }

    private static func text(_ report: RebuildReport) -> String {
        let plan = report.plan
        var lines = [
            "\(trips(report.rowCount)) of \(Readable.count(plan.jobs.count, "job")) in \(Readable.count(plan.segments.count, "segment")) are in the new catalog."
        ]
        if let old = report.oldCatalog { lines.append("The old catalog is kept as \(Readable.text(old)).") }
        for file in report.damaged {
            lines.append(
                "\(file.file) is damaged and was moved to quarantine: \(Readable.text(file.problems.joined(separator: " ")))")
        }
        for job in report.damagedRejects {
            lines.append(
                "rejects/\(job).jsonl is damaged and was moved to quarantine: how many rows of job \(job) were rejected is unknown now; its "
                    + "trips are not affected.")
        }
        for job in plan.jobs where job.isIncomplete {
            let missing =
                job.trips < job.jobTrips
                ? trips(job.jobTrips - job.trips) : "an unknown number of trips of \(job.damaged ?? "")"
            lines.append("\(name(job.id, job.provenance)) lacks \(missing); query results will say so until it is deleted.")
        }
        for job in plan.jobs where plan.underWay.contains(job.id) {
            lines.append(
                "\(name(job.id, job.provenance)) was under way, and its \(trips(job.trips)) count as all of it; delete it before you ingest its "
                    + "file again, or they count twice.")
        }
        for standIn in report.standIns {
            lines.append(
                "\(standIn.file) does not say which jobs it belongs to. Job \(standIn.job) stands for its trips: query results will say "
                    + "that they are missing until it is deleted.")
        }
        for job in plan.leftOut {
            let why =
                job.jobTrips.map { "only \(Readable.count(job.trips)) of its \(trips($0)) are there" }
                ?? "it was still under way, judging by its \(trips(job.trips))"
            lines.append(
                "\(name(job.id, job.provenance)) is left out: \(why); ingest its file again, or include what there is with --incomplete."
            )
        }
        if !plan.quarantined.isEmpty {
            lines.append("Moved to quarantine with them: \(plan.quarantined.joined(separator: ", ")).")
        }
        if !plan.superseded.isEmpty {
            lines.append(
                "Not needed, because their trips are in other segments or deleted: \(plan.superseded.joined(separator: ", ")).")
        }
        if !report.earlierVersion.isEmpty {
            lines.append(
                "Written by an earlier version and included as they are: \(report.earlierVersion.joined(separator: ", "));"
                    + " check that query results are what they were.")
        }
        for upload in report.uploads {
            lines.append("\(Readable.text(upload)) is an upload that waits as a failed job; list it with: tripstore jobs")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func trips(_ count: Int) -> String { "\(Readable.count(count)) \(count == 1 ? "trip" : "trips")" }

    private static func name(_ id: Int64, _ provenance: SegmentProvenance.Job?) -> String {
        "Job \(id)" + (provenance.map { " (\(Readable.text($0.filename)))" } ?? "")
    }
}
