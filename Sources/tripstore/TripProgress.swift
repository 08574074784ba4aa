/// How far trips are that are written or copied.
final class TripProgress {
    private let activity: Activity
    private let start = ContinuousClock.now
    /// Trips that were there at the first look.
    private var earlierTrips: Int?

    /// - Parameters:
    ///   - text: what is done, to be shown until the first report.
    ///   - earlierTrips: trips that are there before it begins; nil: those of the first look.
    init(_ text: String, earlierTrips: Int? = nil) {
        activity = Activity(text)
        self.earlierTrips = earlierTrips
    }

    func show(trips: Int, of count: Int) {
        if earlierTrips == nil { earlierTrips = trips }
        let rate = Double(trips - (earlierTrips ?? 0)) / max((ContinuousClock.now - start) / .seconds(1), 0.001)
        let line =
            "\(count == 0 ? 100 : trips * 100 / count) %  \(Readable.count(trips)) of \(Readable.count(count, "trip"))  "
            + "\(Readable.count(Int(rate))) trips/s"
        // On a terminal the end is seen, however soon it comes.
        activity.update(Activity.Line(line), isNews: trips == count && Terminal.canMove)
    }

    /// Says what is done next; it stays on the screen.
    func note(_ sentence: String) {
        Output.progress("")
        Output.note(sentence)
        activity.begin(sentence)
    }

    func end() { activity.end() }
}
