import Synchronization

/// Ends a query before its result is ready: its client disconnected, or its timeout passed.
///
/// The query checks between two pieces of work (128 Ki rows, a part of a merge) whether to continue, so no loop over rows knows
/// of it.
public final class QueryCancellation: Sendable {
    private enum State: Int { case none, leaving, left }

    private struct Callbacks {
        var isCancelled = false
        var onCancel: [@Sendable () -> Void] = []
    }

    private let state = Atomic<Int>(State.none.rawValue)
    private let callbacks = Lock(Callbacks())
    private let timeout: Duration?
    private let deadline: ContinuousClock.Instant?

    /// Starts the timeout of a query; without one the query never times out.
    public init(timeout: Duration? = nil) {
        self.timeout = timeout
        deadline = timeout.map { .now + $0 }
    }

    /// Whether its client seems to be disconnecting: others take precedence.
    package var isLeaving: Bool { state.load(ordering: .relaxed) != State.none.rawValue }

    /// Whether its client has disconnected.
    package var hasLeft: Bool { state.load(ordering: .relaxed) == State.left.rawValue }

    /// Time until the timeout; nil without one.
    package var remaining: Duration? { deadline.map { $0 - .now } }

    /// Lets other queries precede this one, whose client has closed its side of the connection.
    package func noteLeaving() {
        _ = state.compareExchange(expected: State.none.rawValue, desired: State.leaving.rawValue, ordering: .relaxed)
    }

    /// Ends the query, since its client has disconnected.
    public func cancel() {
        state.store(State.left.rawValue, ordering: .relaxed)
        let due = callbacks.withLock { callbacks in
            callbacks.isCancelled = true
            defer { callbacks.onCancel = [] }
            return callbacks.onCancel
        }
        for callback in due { callback() }
    }

    /// Calls `body` once the client has disconnected; at once if it already has.
    ///
    /// `body` is kept until then or until the query releases its cancellation.
    package func onCancel(_ body: @escaping @Sendable () -> Void) {
        let isCancelled = callbacks.withLock { callbacks in
            if !callbacks.isCancelled { callbacks.onCancel.append(body) }
            return callbacks.isCancelled
        }
        if isCancelled { body() }
    }

    /// Throws if the query must end.
    package func check() throws(TripstoreError) {
        if hasLeft { throw Self.clientLeft }
        if let timeout, let deadline, deadline <= .now { throw Self.timedOut(after: timeout) }
    }

    package static let clientLeft = TripstoreError(
        .clientLeft,
        "The query was cancelled because its client closed the connection; keep both sides of it open until the answer arrives."
    )

    private static func timedOut(after timeout: Duration) -> TripstoreError {
        TripstoreError(
            .overloaded,
            "The query was not answered within \(timeout.components.seconds) s (--query-timeout), including its time in the queue; narrow it "
                + "(region, datasource, from, to, a box), or try again when the server is less busy.")
    }
}
