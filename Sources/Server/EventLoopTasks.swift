import NIOCore

/// Runs the tasks of a connection on its event loop, so that a request costs no hop between threads but that to its query's.
///
/// Reading a request, its route and writing its answer are short and touch the same channel; on threads of their own, each step
/// would wake another thread, which takes as long as a small query. What is long never runs here: queries have threads
/// (`QueryThreads`), files too (`WaitingThreads`), and uploads leave the event loop (`leavingEventLoop`).
final class EventLoopTasks: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// Runs work on Swift's threads although its connection's tasks run on the event loop: for a body of any length, which is read
/// while the one before it is parsed.
func leavingEventLoop<Value: Sendable>(_ work: () async throws -> Value) async rethrows -> Value {
    try await withTaskExecutorPreference(globalConcurrentExecutor, operation: work)
}
