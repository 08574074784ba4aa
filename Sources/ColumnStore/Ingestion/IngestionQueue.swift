import Foundation

/// The thread that runs pending jobs, one after the other, and what others may know of it.
///
/// One job at a time: a load uses all cores by itself, and jobs become visible in the order in which they came.
final class IngestionQueue: @unchecked Sendable {
    private let condition = NSCondition()
    private var waiting: [Int64] = []
    private var running: (id: Int64, control: IngestionJob.Control)?
    private var live: Job?
    private var isStopping = false
    private var hasThread = false

    /// Adds a job.
    func add(_ id: Int64) {
        condition.withLock {
            waiting.append(id)
            condition.broadcast()
        }
    }

    /// Starts the thread; `run` runs one job to its end.
    func start(_ run: @escaping @Sendable (Int64, IngestionJob.Control) -> Void) {
        let isFirst = condition.withLock {
            defer { hasThread = true }
            return !hasThread
        }
        guard isFirst else { return }
        let thread = Thread {
            while let (id, control) = self.next() {
                run(id, control)
                // What a load took goes back to the system: a server is idle for longer than it loads.
                if !self.hasWaiting { ProcessMemory.release() }
                self.condition.withLock {
                    self.running = nil
                    self.live = nil
                    self.condition.broadcast()
                }
            }
            self.condition.withLock {
                self.hasThread = false
                self.condition.broadcast()
            }
        }
        thread.name = "tripstore-ingestion"
        thread.stackSize = 4 << 20
        thread.start()
    }

    private func next() -> (Int64, IngestionJob.Control)? {
        condition.lock()
        defer { condition.unlock() }
        while !isStopping {
            if !waiting.isEmpty {
                let id = waiting.removeFirst()
                let control = IngestionJob.Control()
                running = (id, control)
                return (id, control)
            }
            condition.wait()
        }
        return nil
    }

    /// Whether jobs wait behind the running one.
    var hasWaiting: Bool { condition.withLock { !waiting.isEmpty } }

    /// Remembers how far the running job is.
    func update(_ job: Job) { condition.withLock { live = job } }

    /// The running job as it stands, where it is this one.
    func live(_ id: Int64) -> Job? { condition.withLock { live?.id == id ? live : nil } }

    /// Blocks until a job has ended, or for a short while.
    func waitForChange() {
        condition.withLock { _ = condition.wait(until: Date(timeIntervalSinceNow: 0.05)) }
    }

    /// Asks a running job to stop and waits until it has; returns whether it was running.
    func cancel(_ id: Int64) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        guard let running, running.id == id else { return false }
        running.control.ask(.cancel)
        while self.running?.id == id { condition.wait() }
        return true
    }

    /// Lets the running job checkpoint, and waits until the thread has ended.
    func stop() {
        condition.lock()
        defer { condition.unlock() }
        isStopping = true
        running?.control.ask(.checkpoint)
        condition.broadcast()
        while hasThread { condition.wait() }
    }
}
