/// Where things are in the data directory.
///
///     catalog.sqlite      jobs, segments, counts
///     lock                held by the process that writes
///     segments/           trips-JOB-LINE.parquet: trips of a job up to a line of its source
///                         group-JOB.parquet: trips of several small jobs, of which JOB is the first
///     rollups/            groups-SEGMENT-TIME.rollup: groups of all segments, counted
///     rejects/            JOB.jsonl: rejected rows of a job
///     quarantine/         damaged segments that were set aside
///     uploads/            sources of jobs that came over HTTP, until they are done
struct Folders: Sendable {
    let root: String

    init(root: String) { self.root = root.count > 1 && root.hasSuffix("/") ? String(root.dropLast()) : root }

    var catalog: String { root + "/catalog.sqlite" }
    var lock: String { root + "/lock" }
    var segments: String { root + "/segments" }
    var rollups: String { root + "/rollups" }
    var rejects: String { root + "/rejects" }
    var quarantine: String { root + "/quarantine" }
    var uploads: String { root + "/uploads" }

    func rejectsPath(job: Int64) -> String { "\(rejects)/\(job).jsonl" }

    func segmentName(job: Int64, endLine: Int) -> String { "\(segmentPrefix(job))\(endLine).parquet" }

    /// Whether a file of the segments folder is a job's, whole or still being written.
    func isSegment(_ name: String, ofJob job: Int64) -> Bool { name.hasPrefix(segmentPrefix(job)) }

    private func segmentPrefix(_ job: Int64) -> String { "trips-\(Self.padded(job))-" }

    /// A group's segments have another prefix than a job's, so that what a failed job leaves behind is never mistaken.
    func groupSegmentName(firstJob: Int64) -> String { "group-\(Self.padded(firstJob)).parquet" }

    private static func padded(_ job: Int64) -> String {
        let digits = String(job)
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    func segmentPath(_ name: String) -> String { "\(segments)/\(name)" }
}
