/// Shows the progress of written or copied trips.
final class TripProgress {
    private let activity: Activity
    private let start = ContinuousClock.now
    /// Trips that were there at the first report.
    private var earlierTrips: Int?

    /// - Parameters:
    ///   - text: the current work, shown until the first report.
    ///   - earlierTrips: trips that are there before it begins; nil: those of the first report.
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
        // On a terminal the end is shown, however soon it comes.
        activity.update(Activity.Line(line), isNews: trips == count && Terminal.canMove)
    }

    /// Shows the next step; it stays on the screen.
    func note(_ sentence: String) {
        Output.progress("")
        Output.note(sentence)
        activity.begin(sentence)
    }

    func end() { activity.end() }
}
