import Bucketing
import TripModel

/// What is odd about the trips of a job, as sentences: each says what it is, and what can be done.
struct TripNotes {
    /// Rows rejected for a reason are worth a note from this share on: one in so many.
    private static let rejectShare = 100
    private static let shownWeekCountMax = 3
    private static let shownReasonCountMax = 3

    /// nil: nothing is stored (`DryRun`).
    let job: Int64?
    let survey: TripSurvey
    /// Rejected rows by reason, and all rows.
    let rejects: [String: Int]
    let rowCount: Int
    /// A job with the same bytes that is completed, and whether it reads them in the same way.
    var earlier: (job: Job, hasSameOptions: Bool)?

    /// The notes, in a fixed order.
    var notes: [JobNote] {
        [missingDestination, nullIsland, longTrips ?? farAway, strayWeeks].compactMap(\.self) + rejectedRows
            + [loadedBefore].compactMap(\.self)
    }

    private static func count(_ number: Int, _ noun: String, _ verbs: (one: String, many: String)) -> String {
        "\(number.grouped) \(noun)\(number == 1 ? "" : "s") \(number == 1 ? verbs.one : verbs.many)"
    }

    /// What to do with the file once it is corrected, or with an option.
    private func reload(_ change: String = "") -> String {
        job.map { "delete job \($0)\(change.isEmpty ? "" : ", \(change)") and load the file again" }
            ?? "\(change.isEmpty ? "" : "\(change) and ")load the file"
    }

    /// The remedy of an option, for the command line and for curl.
    private func again(_ option: String, _ value: String, _ purpose: String) -> String {
        let flag = option.map { $0 == "_" ? "-" : String($0) }.joined()
        return "To \(purpose), \(reload()) with --\(flag) \(value) (curl: -F \(option)=\(value))."
    }

    // MARK: Ends

    private var missingDestination: JobNote? {
        if survey.openCount > 0 {
            let count = Self.count(survey.openCount, "trip", ("has", "have"))
            return JobNote(
                kind: "missing_destination", trips: survey.openCount,
                text:
                    "\(count) no destination: \(survey.openCount == 1 ? "it counts" : "they count") for queries about origins, and in no "
                    + "group of trips.")
        }
        let rejected = rejects[RejectReason.destinationMissing.rawValue, default: 0]
        guard rejected > 0 else { return nil }
        return JobNote(
            kind: "missing_destination", trips: rejected,
            text:
                "\(Self.count(rejected, "row", ("has", "have"))) no destination and \(rejected == 1 ? "was" : "were") rejected. "
                + again("missing_destination", "keep", rejected == 1 ? "keep it" : "keep them"))
    }

    private var nullIsland: JobNote? {
        if survey.nullIslandCount > 0 {
            let isOne = survey.nullIslandCount == 1
            return JobNote(
                kind: "null_island", trips: survey.nullIslandCount,
                text:
                    "\(Self.count(survey.nullIslandCount, "trip", ("has", "have"))) an end at 0,0, which programs write for a place that "
                    + "they do not know. " + again("null_island", "reject", isOne ? "leave it out" : "leave them out"))
        }
        let rejected = rejects[RejectReason.nullIsland.rawValue, default: 0]
        guard rejected > 0 else { return nil }
        return JobNote(
            kind: "null_island", trips: rejected,
            text:
                "\(Self.count(rejected, "row", ("has", "have"))) an end at 0,0 and \(rejected == 1 ? "was" : "were") rejected.")
    }

    private var farAway: JobNote? {
        guard let far = survey.farAway else { return nil }
        func degrees(_ center: (longitude: Int, latitude: Int)) -> String {
            "longitude \(center.longitude), latitude \(center.latitude)"
        }
        let why =
            far.isExchanged ? "; longitude and latitude seem to be exchanged in \(far.tripCount == 1 ? "it" : "them")" : ""
        return JobNote(
            kind: "far_away", trips: far.tripCount,
            text:
                "\(Self.count(far.tripCount, "trip", ("has", "have"))) an end far from all others, mostly around \(degrees(far.center)); "
                + "most are around \(degrees(far.usualCenter))\(why). A box in a query leaves such trips out; to correct them, "
                + "\(reload("change the rows")).")
    }

    /// Instead of `farAway`, which then is about every trip.
    private var longTrips: JobNote? {
        survey.longTripCount.map { count in
            JobNote(
                kind: "long_trips", trips: count,
                text:
                    "\(Self.count(count, "trip", ("is", "are"))) longer than 8 degrees, which is most of all; longitude and latitude of one end may be "
                    + "exchanged. If so, \(reload("correct the columns with the option map")).")
        }
    }

    // MARK: Weeks

    private var strayWeeks: JobNote? {
        guard let stray = survey.strayWeeks else { return nil }
        let shown = stray.weeks.prefix(Self.shownWeekCountMax).map { week in
            stray.weeks.count == 1 ? week.week.text : "\(week.week.text) (\(week.trips.grouped))"
        }
        let more = stray.weeks.count - shown.count
        let list = shown.joined(separator: ", ") + (more > 0 ? " and \(more.grouped) more \(more == 1 ? "week" : "weeks")" : "")
        let span = stray.spanCount.grouped
        return JobNote(
            kind: "stray_weeks", trips: stray.tripCount,
            text:
                "\(Self.count(stray.tripCount, "trip", ("is", "are"))) weeks away from all others: \(list). So there are \(span) calendar "
                + "weeks from the first to the last trip instead of \(stray.usualSpanCount.grouped), and averages over them are too small: "
                + "query with weeks=active (--weeks active), or "
                + "\(reload("correct the \(stray.tripCount == 1 ? "row" : "rows")")).")
    }

    // MARK: Rows

    private var rejectedRows: [JobNote] {
        let known = [RejectReason.destinationMissing.rawValue, RejectReason.nullIsland.rawValue]
        let remarkable = rejects.filter { !known.contains($0.key) && $0.value * Self.rejectShare >= rowCount }
        return remarkable.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(Self.shownReasonCountMax).map {
            reason, count in
            let percent = (Double(count) * 1000 / Double(max(1, rowCount))).rounded() / 10
            let share = percent == percent.rounded() ? "\(Int(percent))" : "\(percent)"
            return JobNote(
                kind: "rejected_rows", trips: count,
                text:
                    "\(share) % of the rows (\(count.grouped) of \(rowCount.grouped)) \(count == 1 ? "was" : "were") rejected: \(reason)."
            )
        }
    }

    private var loadedBefore: JobNote? {
        guard let earlier else { return nil }
        let name = "job \(earlier.job.id) (\(earlier.job.filename))"
        return JobNote(
            kind: "loaded_before", trips: earlier.job.tripCount,
            text: earlier.hasSameOptions
                ? "The same bytes were loaded before, as \(name), and count twice while both jobs are there. To count them once, delete one of the "
                    + "two."
                : "The same bytes were loaded before with other reading options, as \(name), and count twice while both jobs are there. To "
                    + "count them once, delete one of the two.")
    }
}

extension JobReading {
    /// What a job shows at its end; nil if that is nothing.
    init?(_ reading: JobReading?, adding notes: TripNotes) {
        let added = notes.notes
        if reading == nil, added.isEmpty { return nil }
        self = reading ?? JobReading()
        self.notes += added
    }
}
