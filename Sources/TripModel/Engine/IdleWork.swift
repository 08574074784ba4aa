/// When an engine's idle work (merging segments, counting groups) has to make room for jobs and deletions, and when there is more of it.
///
/// The engine looks at it between steps; the queue of jobs says what waits. Without a queue, as in a command that only reads, idle work
/// never yields.
package final class IdleWork: Sendable {
    private struct State {
        var waitingJobCount = 0
        var interruptionCount = 0
        var isStopping = false
        var onChange: (@Sendable () -> Void)?
    }

    private let state = Lock(State())

    package init() {}

    /// Whether idle work should stop now: a job waits, something that must not wait is being done, or the store is being closed.
    package var shouldYield: Bool {
        state.withLock { $0.isStopping || $0.waitingJobCount > 0 || $0.interruptionCount > 0 }
    }

    /// Whether a job waits behind the running one.
    package var hasWaitingJobs: Bool { state.withLock { $0.waitingJobCount > 0 } }

    /// Says how many jobs wait.
    package func noteWaiting(_ count: Int) { state.withLock { $0.waitingJobCount = count } }

    /// Ends idle work for good.
    package func stop() { state.withLock { $0.isStopping = true } }

    /// Sets what is called when there is something to improve.
    package func onChange(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onChange = body } }

    /// Says that there is something to improve.
    package func signalChange() { state.withLock { $0.onChange }?() }

    /// Does what must not wait for idle work.
    package func interrupting<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        state.withLock { $0.interruptionCount += 1 }
        defer {
            state.withLock { $0.interruptionCount -= 1 }
            signalChange()
        }
        return try body()
    }
}
