import Foundation

/// A background thread for repeated work: it waits for some time or until it is woken, does a turn, and ends when it is stopped.
///
/// A thread and not a task, as a turn may wait for a disk or a server. A turn runs without the loop's lock, so it may take its owner's
/// locks.
package final class BackgroundLoop: @unchecked Sendable {
    /// What follows a turn.
    package enum Next: Sendable {
        /// Another turn at once.
        case again
        /// Another turn when the loop is woken.
        case whenWoken
        /// Another turn after some seconds, or when the loop is woken.
        case after(seconds: Double)
        /// The end of the thread; `start` begins again.
        case end
    }

    private let name: String
    private let stackByteCount: Int?
    private let condition = NSCondition()
    private var hasThread = false
    private var isStopping = false
    private var isWoken = false
    /// Whether `start` was called while the thread ran.
    private var isAsked = false

    /// - Parameters:
    ///   - name: the thread's name, of which Linux shows 15 bytes.
    ///   - stackByteCount: the size of its stack; nil: the default.
    package init(_ name: String, stackByteCount: Int? = nil) {
        self.name = name
        self.stackByteCount = stackByteCount
    }

    /// Starts the thread unless it runs, or the loop was stopped.
    ///
    /// A turn that ends the loop while this is called does not end it: the loop begins anew, with its first wait.
    ///
    /// - Parameter seconds: the wait before the first turn.
    package func start(after seconds: Double = 0, _ turn: @escaping @Sendable () -> Next) {
        condition.withLock {
            isAsked = hasThread
            guard !hasThread, !isStopping else { return }
            hasThread = true
            let thread = Thread { [self] in run(seconds, turn) }
            thread.name = name
            if let stackByteCount { thread.stackSize = stackByteCount }
            thread.start()
        }
    }

    private func run(_ first: Double, _ turn: () -> Next) {
        var next = Next.after(seconds: first)
        while mayGoOn(&next, first) { next = turn() }
    }

    /// Waits as the last turn wants it; false if the thread is to end.
    private func mayGoOn(_ next: inout Next, _ first: Double) -> Bool {
        condition.withLock {
            if case .end = next, isAsked, !isStopping { next = .after(seconds: first) }
            isAsked = false
            switch next {
            case .again: break
            case .whenWoken: while !isStopping, !isWoken { condition.wait() }
            case .after(let seconds):
                let end = Date(timeIntervalSinceNow: seconds)
                while !isStopping, !isWoken, condition.wait(until: end) {}
            case .end: hasThread = false
            }
            isWoken = false
            if isStopping { hasThread = false }
            if !hasThread { condition.broadcast() }
            return hasThread
        }
    }

    /// Ends the loop's wait, now or after the turn that runs.
    package func wake() {
        condition.withLock {
            isWoken = true
            condition.broadcast()
        }
    }

    /// Whether the loop is to end, for turns that take long.
    package var mustStop: Bool { condition.withLock { isStopping } }

    /// Lets the thread end after the turn that runs, and does not wait for it.
    package func requestStop() {
        condition.withLock {
            isStopping = true
            condition.broadcast()
        }
    }

    /// Ends the thread after the turn that runs, and waits until it has; not to be called by a turn.
    package func stop() {
        requestStop()
        condition.withLock { while hasThread { condition.wait() } }
    }
}
