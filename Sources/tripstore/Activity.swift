import Foundation
import Synchronization

/// Shows slow work to its user: on a terminal one progress line, otherwise a plain line every few seconds.
///
/// A thread of its own updates the line while nothing new is reported, so that the program is never silent for more than two
/// seconds.
final class Activity: Sendable {
    /// What is shown: whole if a line may be long, or fitted to a terminal's width.
    struct Line: Sendable {
        var plainText: String
        var fitted: @Sendable (_ columns: Int) -> String

        init(_ text: String) { self.init(text) { _ in text } }

        init(_ plainText: String, fitted: @escaping @Sendable (Int) -> String) {
            self.plainText = plainText
            self.fitted = fitted
        }
    }

    private struct State {
        var line: Line?
        /// When something new was reported.
        var updated = ContinuousClock.now
        /// When a line was last shown; nil: never.
        var shown: ContinuousClock.Instant?
        var isEnded = false
    }

    private let state: Mutex<State>
    private let isQuiet: Bool
    private let isOnTerminal = Terminal.canMove
    private let hasPlainLines: Bool
    private let keepsAlive: Bool
    private let wakeUp = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    /// The longest silence.
    private static let silenceMax = Duration.seconds(2)
    /// The longest pause between lines that repeat known progress, when not on a terminal.
    private static let pauseMax = Duration.seconds(60)
    /// Minimum time between two updates of the progress line.
    private static let moveInterval = Duration.milliseconds(100)
    private static let tick = DispatchTimeInterval.milliseconds(250)

    /// Begins to watch; shows nothing yet.
    ///
    /// - Parameters:
    ///   - text: the current work, shown if it takes long; nil: nothing before the first report.
    ///   - isQuiet: whether to show nothing at all.
    ///   - hasPlainLines: whether to show lines if standard error is not a terminal.
    ///   - keepsAlive: whether to show lines while nothing new is reported.
    init(_ text: String?, isQuiet: Bool = false, hasPlainLines: Bool = true, keepsAlive: Bool = true) {
        // When not on a terminal the first line waits as well: short work needs none.
        state = Mutex(State(line: text.map { Line($0) }, shown: Terminal.canMove ? nil : .now))
        self.isQuiet = isQuiet
        self.hasPlainLines = hasPlainLines
        self.keepsAlive = keepsAlive && !isQuiet && (isOnTerminal || hasPlainLines)
        if !self.keepsAlive { return }
        Thread.detachNewThread { [self] in keepAlive() }
    }

    /// Runs work that may take long.
    static func run<Value>(
        _ text: String, isQuiet: Bool = false, hasPlainLines: Bool = true, _ body: (Activity) throws -> Value
    ) rethrows -> Value {
        let activity = Activity(text, isQuiet: isQuiet, hasPlainLines: hasPlainLines)
        defer { activity.end() }
        return try body(activity)
    }

    /// Reports something new.
    ///
    /// - Parameter isNews: whether to show it at once, since a person should not miss it.
    func update(_ line: Line, isNews: Bool = false) {
        if isQuiet { return }
        state.withLock { state in
            let now = ContinuousClock.now
            state.line = line
            state.updated = now
            let interval = isOnTerminal ? Self.moveInterval : Self.silenceMax
            if isNews || state.shown.map({ now - $0 >= interval }) ?? true { show(&state, now) }
        }
    }

    func update(_ text: String) { update(Line(text)) }

    /// Sets the next step, shown if it takes long; nil: a step that needs no line.
    func begin(_ text: String?) {
        state.withLock { state in
            state.line = text.map { Line($0) }
            state.updated = .now
            state.shown = isOnTerminal ? nil : state.updated
        }
    }

    /// Stops, and removes the progress line.
    func end() {
        let isFirst = state.withLock { state in
            defer { state.isEnded = true }
            return !state.isEnded
        }
        guard isFirst else { return }
        if keepsAlive {
            wakeUp.signal()
            ended.wait()
        }
        if isOnTerminal, !isQuiet { Output.progress("") }
    }

    private func keepAlive() {
        while wakeUp.wait(timeout: .now() + Self.tick) == .timedOut {
            state.withLock { state in
                let now = ContinuousClock.now
                // A log needs no line every two seconds without news.
                let pause = isOnTerminal ? Self.silenceMax : min(max(Self.silenceMax, (now - state.updated) / 2), Self.pauseMax)
                guard !state.isEnded, now - (state.shown ?? state.updated) >= pause else { return }
                show(&state, now)
            }
        }
        ended.signal()
    }

    private func show(_ state: inout State, _ now: ContinuousClock.Instant) {
        guard let line = state.line else { return }
        state.shown = now
        let idle = now - state.updated
        // The time since the last news shows that the program has not stopped.
        let suffix = idle >= Self.silenceMax ? "  (\(Readable.seconds(idle / .seconds(1))))" : ""
        if isOnTerminal {
            Output.progress(line.fitted(Terminal.columns(.error) - 1 - suffix.count) + suffix)
        } else if hasPlainLines {
            Output.note(line.plainText + suffix)
        }
    }
}
