/// When an engine's maintenance (merging segments, building rollups) must yield to jobs and deletions, and when there is more
/// of it.
///
/// The engine checks it between steps; the queue of jobs reports what waits. Without a queue, as in a command that only reads,
/// maintenance never yields.
package final class IdleWork: Sendable {
    private struct State {
        var waitingJobCount = 0
        var interruptionCount = 0
        var isStopping = false
        var onChange: (@Sendable () -> Void)?
    }

    private let state = Lock(State())

    package init() {}

    /// Whether maintenance should stop now: a job waits, something urgent is running, or the store is being closed.
    package var shouldYield: Bool {
        state.withLock { $0.isStopping || $0.waitingJobCount > 0 || $0.interruptionCount > 0 }
    }

    /// Whether a job waits behind the running one.
    package var hasWaitingJobs: Bool { state.withLock { $0.waitingJobCount > 0 } }

    /// Reports how many jobs wait.
    package func noteWaiting(_ count: Int) { state.withLock { $0.waitingJobCount = count } }

    /// Ends maintenance for good.
    package func stop() { state.withLock { $0.isStopping = true } }

    /// Sets the function to call when there is something to improve.
    package func onChange(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onChange = body } }

    /// Signals that there is something to improve.
    package func signalChange() { state.withLock { $0.onChange }?() }

    /// Runs what must not wait for maintenance.
    package func interrupting<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        state.withLock { $0.interruptionCount += 1 }
        defer {
            state.withLock { $0.interruptionCount -= 1 }
            signalChange()
        }
        return try body()
    }
}
