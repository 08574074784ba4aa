/// Where things are in the data directory.
///
///     catalog.sqlite      jobs, segments, counts
///     lock                held by the process that writes
///     source.key          opens the queries of URLs in the catalog (`SourceSeal`); for its owner alone, and in no backup
///     segments/           trips-JOB-LINE.parquet: trips of a job up to a line of its source
///                         group-JOB.parquet: trips of several small jobs, of which JOB is the first
///     rollups/            groups-SEGMENT-TIME.rollup: groups of all segments, counted
///     rejects/            JOB.jsonl: rejected rows of a job
///     quarantine/         damaged segments that were set aside
///     uploads/            sources of jobs that came over HTTP or were fetched, until they are done
///                         NAME.fetching, NAME.fetching.json: what of a source is there, and notes of it
struct Folders: Sendable {
    let root: String

    init(root: String) { self.root = root.count > 1 && root.hasSuffix("/") ? String(root.dropLast()) : root }

    var catalog: String { root + "/catalog.sqlite" }
    var sourceKey: String { root + "/source.key" }
    var lock: String { root + "/lock" }
    var segments: String { root + "/segments" }
    var rollups: String { root + "/rollups" }
    var rejects: String { root + "/rejects" }
    var quarantine: String { root + "/quarantine" }
    var uploads: String { root + "/uploads" }

    func rejectsPath(job: Int64) -> String { "\(rejects)/\(job).jsonl" }

    /// The job whose rejected rows a file of the folder of rejects has; nil for a file that no job makes.
    func job(ofRejects name: String) -> Int64? {
        guard let id = Self.number(in: name), name == "\(id).jsonl" else { return nil }
        return id
    }

    func segmentName(job: Int64, endLine: Int) -> String { "\(segmentPrefix(job))\(endLine).parquet" }

    /// Whether a load of a job, alone or as the first of several, made a file of the segments folder, whole or still being written.
    func isSegment(_ name: String, ofJob job: Int64) -> Bool {
        name.hasPrefix(segmentPrefix(job)) || name.hasPrefix(groupSegmentName(firstJob: job))
    }

    private func segmentPrefix(_ job: Int64) -> String { "trips-\(Self.padded(job))-" }

    /// A group's segments have another prefix than a job's, so that what a failed job leaves behind is never mistaken.
    func groupSegmentName(firstJob: Int64) -> String { "group-\(Self.padded(firstJob)).parquet" }

    /// The one job of a segment that a load made, by its name; nil where it was made otherwise.
    static func job(ofSegment name: String) -> Int64? {
        name.hasPrefix("trips-") ? number(in: name) : nil
    }

    /// The first number in a name; nil where there is none.
    static func number(in name: String) -> Int64? {
        Int64(name.drop { !$0.isASCII || !$0.isNumber }.prefix { $0.isASCII && $0.isNumber })
    }

    private static func padded(_ job: Int64) -> String {
        let digits = String(job)
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    func segmentPath(_ name: String) -> String { "\(segments)/\(name)" }
}
