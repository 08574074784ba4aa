import ColumnStore
import Testing
import TripModel

/// Which segments form the store: every state that a crash, a failing disk or a running job can leave, as a row.
@Suite(.timeLimit(.minutes(10)))
struct RebuildPlanTests {
    /// A segment by what matters of it: `"1:10/30"` are 10 trips of job 1, which has 30 in all.
    static func file(
        _ name: String, _ jobs: String..., replaces files: [String]? = nil, earlier: [String] = [], trips: Int? = nil,
        without deleted: Int64...
    ) -> RebuildPlan.File {
        let provenances = jobs.map { text in
            let parts = text.split { $0 == ":" || $0 == "/" }
            var provenance = SegmentProvenance.Job(
                id: Int64(parts[0])!, filename: "\(parts[0]).csv", createdAt: "2026-01-01T00:00:00.000Z",
                jobTrips: parts.count > 2 ? Int(parts[2]) : nil)
            provenance.trips = Int(parts[1])!
            return provenance
        }
        let replacement = files.map {
            SegmentProvenance.Replacement(files: $0, earlier: earlier, trips: trips, withoutJobs: deleted)
        }
        return RebuildPlan.File(
            name: name, jobs: Dictionary(uniqueKeysWithValues: provenances.map { ($0.id, $0.trips) }),
            provenance: SegmentProvenance(jobs: provenances, replaces: replacement))
    }

    static func old(_ name: String, _ jobs: [Int64: Int]) -> RebuildPlan.File {
        RebuildPlan.File(name: name, jobs: jobs, provenance: nil)
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var files: [RebuildPlan.File]
        var damaged: [RebuildPlan.Damaged] = []
        /// Names of the segments that are the store.
        var store: [String]
        var leftOut: [Int64] = []
        /// Trips that are missing, by job.
        var missing: [Int64: Int] = [:]
        /// Damaged segments that need a placeholder job.
        var unknown: [String] = []
        /// The store with incomplete jobs included; nil: the same.
        var incomplete: [String]?
    }

    /// A segment that was quarantined; without jobs: it is gone, or tells nothing.
    static func quarantined(_ name: String, _ jobs: String..., note: [String]?) -> RebuildPlan.Damaged {
        func provenance(_ jobs: [String]) -> SegmentProvenance {
            SegmentProvenance(jobs: jobs.flatMap { file(name, $0).provenance!.jobs })
        }
        return RebuildPlan.Damaged(
            name: name, provenance: jobs.isEmpty ? nil : provenance(jobs), note: note.map { provenance($0).jobs },
            wasQuarantined: true)
    }

    static let merged = file("m", "1:10/10", "2:20/20", replaces: ["a", "b"])
    static let divided = [
        file("d1", "1:6/10", "2:4/20", replaces: ["a", "b"], trips: 30),
        file("d2", "1:4/10", "2:16/20", replaces: ["a", "b"], trips: 30),
    ]
    static let pair = [file("a", "1:10/10"), file("b", "2:20/20")]
    /// Job 1 alone in `a`, and with job 2 in `b`.
    static let shared = [file("a", "1:10"), file("b", "1:5/15", "2:20/20")]
    static let kept = file("k", "2:20/20", replaces: ["b"], without: 1)

    /// Jobs 1 and 2 with job 3 in `a`, and alone in `b` and `c`.
    static let together = [file("a", "1:5/15", "2:6/16", "3:7/7"), file("b", "1:10/15"), file("c", "2:10/16")]
    static let keptOfBoth = file("k", "3:7/7", replaces: ["a"], without: 1, 2)

    static let rows: [Row] = [
        Row(testDescription: "nothing", files: [], store: []),
        Row(testDescription: "whole jobs", files: pair, store: ["a", "b"]),
        Row(testDescription: "a job in two segments", files: [file("a", "1:10"), file("b", "1:5/15")], store: ["a", "b"]),
        Row(
            testDescription: "a load under way", files: pair + [file("c", "3:7"), file("d", "3:7")], store: ["a", "b"],
            leftOut: [3], incomplete: ["a", "b", "c", "d"]),
        Row(testDescription: "a merge, done", files: [merged], store: ["m"]),
        Row(testDescription: "a merge, files not removed", files: pair + [merged], store: ["m"]),
        Row(testDescription: "a merge, one file not removed", files: [pair[1], merged], store: ["m"]),
        Row(testDescription: "a division, done", files: divided, store: ["d1", "d2"]),
        Row(testDescription: "a division, files not removed", files: pair + divided, store: ["d1", "d2"]),
        Row(testDescription: "a division, one file not removed", files: [pair[0]] + divided, store: ["d1", "d2"]),
        Row(testDescription: "a division, half written", files: pair + [divided[0]], store: ["a", "b"]),
        Row(
            testDescription: "a division of which a part is damaged", files: [divided[0]],
            damaged: [RebuildPlan.Damaged(name: "d2", provenance: nil)], store: ["d1"], missing: [1: 4, 2: 16]),
        Row(
            testDescription: "a merge of a merge whose files could not be removed",
            files: pair + [file("m2", "1:10/10", "2:20/20", "3:1/1", replaces: ["m", "c"], earlier: ["a", "b"])],
            store: ["m2"]),
        Row(testDescription: "a deletion, done", files: [kept], store: ["k"]),
        Row(testDescription: "a deletion, not committed", files: shared + [kept], store: ["a", "b"]),
        Row(testDescription: "a deletion, its own segment removed", files: [shared[1], kept], store: ["k"]),
        Row(testDescription: "a deletion, the shared segment removed", files: [shared[0], kept], store: ["k"]),
        Row(
            testDescription: "a deletion of two jobs together, not committed", files: together + [keptOfBoth],
            store: ["a", "b", "c"]),
        Row(
            testDescription: "a deletion of two jobs together, the shared segment removed",
            files: [together[1], together[2], keptOfBoth], store: ["k"]),
        Row(
            testDescription: "a deletion of two jobs together, a segment of one of them removed",
            files: [together[0], together[1], keptOfBoth], store: ["k"]),
        Row(
            testDescription: "a deletion of a job alone in its segments, one of them removed",
            files: [file("a", "1:10/30"), file("b", "1:10/30"), file("c", "2:1/1")], store: ["c"], leftOut: [1],
            incomplete: ["a", "b", "c"]),
        Row(
            testDescription: "a damaged segment of a job whose others are whole",
            files: [file("a", "1:10/30"), file("c", "2:1/1")], damaged: [RebuildPlan.Damaged(name: "x", provenance: nil)],
            store: ["a", "c"], missing: [1: 20]),
        Row(
            testDescription: "a damaged segment that has other jobs",
            files: [file("a", "1:10/30"), file("c", "2:1/1")],
            damaged: [RebuildPlan.Damaged(name: "trips-000007-9.parquet", provenance: nil)], store: ["c"], leftOut: [1],
            missing: [7: 0], incomplete: ["a", "c"]),
        Row(
            testDescription: "a damaged segment of several jobs that tells nothing", files: [file("c", "2:1/1")],
            damaged: [RebuildPlan.Damaged(name: "merged-7.parquet", provenance: nil)], store: ["c"],
            unknown: ["merged-7.parquet"]),
        Row(
            testDescription: "a damaged segment that tells nothing and was replaced", files: [merged],
            damaged: [RebuildPlan.Damaged(name: "a", provenance: nil)], store: ["m"]),
        Row(
            testDescription: "a damaged segment that still tells of its job",
            files: [file("c", "2:1/1")],
            damaged: [RebuildPlan.Damaged(name: "a", provenance: file("a", "1:10/10").provenance)], store: ["c"],
            missing: [1: 10]),
        Row(
            testDescription: "a segment that was quarantined before", files: [file("c", "2:1/1")],
            damaged: [quarantined("a", "1:10/10", note: nil)], store: ["c"], missing: [1: 10]),
        Row(
            testDescription: "a segment that was quarantined, and its job deleted", files: [file("c", "2:1/1")],
            damaged: [quarantined("a", "1:10/10", note: [])], store: ["c"]),
        Row(
            testDescription: "a segment that was quarantined, and one of its jobs deleted", files: [file("c", "2:1/1")],
            damaged: [quarantined("a", "1:10/10", "3:5/5", note: ["3:5/5"])], store: ["c"], missing: [3: 5]),
        Row(
            testDescription: "a segment that is gone, with a note, of a job that has others",
            files: [file("c", "2:1/1", "3:7")],
            damaged: [quarantined("a", note: ["3:5/12"])], store: ["c"], missing: [3: 5]),
        Row(
            testDescription: "a segment of a load under way that was quarantined", files: [],
            damaged: [quarantined("a", "1:10", note: nil)], store: []),
        Row(
            testDescription: "a job that stands for a segment of which nobody knows", files: [],
            damaged: [quarantined("merged-7.parquet", note: ["9:0/0"])], store: [], missing: [9: 0]),
        Row(
            testDescription: "segments of an earlier version", files: [old("a", [1: 10]), old("b", [1: 5, 2: 9])],
            store: ["a", "b"]),
        Row(
            testDescription: "a merge of segments of an earlier version, not removed",
            files: [old("a", [1: 10]), old("b", [2: 20]), merged], store: ["m"]),
        Row(
            testDescription: "a load begun by an earlier version", files: [old("a", [1: 10]), file("b", "1:5/15")],
            store: ["a", "b"]),
    ]

    @Test("The store is what it was", arguments: rows)
    func plan(row: Row) throws {
        let plan = try RebuildPlan(row.files.shuffled(), damaged: row.damaged)
        #expect(plan.segments.map(\.name) == row.store)
        #expect(plan.leftOut.map(\.id) == row.leftOut)
        let missing = plan.jobs.filter(\.isIncomplete)
        #expect(Dictionary(uniqueKeysWithValues: missing.map { ($0.id, $0.jobTrips - $0.trips) }) == row.missing)
        #expect(missing.allSatisfy { $0.damaged != nil })
        #expect(plan.unknown == row.unknown)
        // Every file is in the store, or said to be elsewhere.
        let named = plan.segments.map(\.name) + plan.superseded + plan.quarantined
        #expect(named.sorted() == row.files.map(\.name).sorted())
        let all = try RebuildPlan(row.files, damaged: row.damaged, takesIncomplete: true)
        #expect(all.segments.map(\.name) == row.incomplete ?? row.store && all.leftOut.isEmpty)
    }

    @Test("Files that have more trips of a job than it had are refused, by name")
    func contradiction() {
        let error = #expect(throws: TripstoreError.self) {
            try RebuildPlan([Self.file("a", "1:10/10"), Self.file("copy of a", "1:10/10")], damaged: [])
        }
        #expect(error?.code == .conflict && error?.message.contains("a, copy of a") == true)
    }
}
