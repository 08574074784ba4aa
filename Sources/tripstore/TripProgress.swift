
/// How far trips are that are written or copied: one moving line on a terminal, a plain line every few seconds elsewhere.
final class TripProgress {
    private let isTerminal = Terminal.isThere
    private let start = ContinuousClock.now
    /// Trips that were there at the first look.
    private var earlierTrips: Int?
    private var lastPlainLine = ContinuousClock.now
    private var hasOpenLine = false
    private static let plainInterval = Duration.seconds(2)

    /// - Parameter earlierTrips: trips that are there before it begins; nil: those of the first look.
    init(earlierTrips: Int? = nil) { self.earlierTrips = earlierTrips }

    func show(trips: Int, of count: Int) {
        if earlierTrips == nil { earlierTrips = trips }
        let rate = Double(trips - (earlierTrips ?? 0)) / max((ContinuousClock.now - start) / .seconds(1), 0.001)
        let line =
            "\(count == 0 ? 100 : trips * 100 / count) %  \(Readable.count(trips)) of \(Readable.count(count, "trip"))  "
            + "\(Readable.count(Int(rate))) trips/s"
        if isTerminal {
            Output.progress(line)
            hasOpenLine = true
        } else if ContinuousClock.now - lastPlainLine >= Self.plainInterval {
            lastPlainLine = .now
            Output.note(line)
        }
    }

    /// Says something else than how far they are.
    func note(_ sentence: String) {
        end()
        Output.note(sentence)
    }

    func end() {
        if hasOpenLine { Output.progress("") }
        hasOpenLine = false
    }
}
