import Foundation
import TripModel

/// The thread that runs pending jobs, one after the other, and their state for others.
///
/// One job at a time, or one group of small ones: a job uses all cores by itself, and jobs become visible in order of arrival.
final class IngestionQueue: @unchecked Sendable {
    private let condition = NSCondition()
    private let groupsSmallFiles: Bool
    private var waiting: [(id: Int64, isSmall: Bool)] = []
    private var running: (ids: Set<Int64>, control: IngestionJob.Control)?
    private var isStopping = false
    /// Whether something changed since the last call of `whenIdle`.
    private var hasChanged = true
    private var hasThread = false
    private let idleWork: IdleWork
    private let board: ProgressBoard

    /// Makes a queue that runs many small files together, or each alone.
    ///
    /// - Parameters:
    ///   - idleWork: what yields to jobs, and says when there is more of it.
    ///   - board: is told when no run shows a job any more.
    init(groupsSmallFiles: Bool, idleWork: IdleWork, board: ProgressBoard) {
        self.groupsSmallFiles = groupsSmallFiles
        self.idleWork = idleWork
        self.board = board
        idleWork.onChange { [weak self] in self?.signalChange() }
    }

    /// Adds a job that is pending in the catalog; a small one may run together with others.
    ///
    /// If it has just failed or was interrupted, and is resumed, it runs again as soon as its last attempt has ended on the
    /// thread.
    func add(_ record: JobRecord) {
        let size = record.job.totalBytes ?? .max
        // A job that crashed its process must run alone, and no others with it.
        let isNew = record.checkpoint.byteCount == 0 && record.startCount == 0
        let isSmall = groupsSmallFiles && size <= Limits.smallFileByteCountMax && isNew
        let id = record.job.id
        condition.withLock {
            guard !waiting.contains(where: { $0.id == id }) else { return }
            board.restart(id)
            waiting.append((id, isSmall))
            idleWork.noteWaiting(waiting.count)
            condition.broadcast()
        }
    }

    /// Lets the thread run `whenIdle` once more.
    private func signalChange() {
        condition.withLock {
            hasChanged = true
            condition.broadcast()
        }
    }

    /// Starts the thread; `run` runs one job, or several small ones, to their end, `whenIdle` runs maintenance.
    func start(
        _ run: @escaping @Sendable ([Int64], IngestionJob.Control) -> Void, whenIdle: @escaping @Sendable () -> Void
    ) {
        let isFirst = condition.withLock {
            defer { hasThread = true }
            return !hasThread
        }
        guard isFirst else { return }
        let thread = Thread {
            while let (ids, control) = self.next() {
                if ids.isEmpty { whenIdle() } else { run(ids, control) }
                // Memory of a job is returned to the system: a server is idle for longer than it ingests.
                if !self.hasWaiting { ProcessMemory.release() }
                self.condition.withLock {
                    if !ids.isEmpty { self.hasChanged = true }
                    self.running = nil
                    self.board.release(ids, .running)
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

    /// Returns the jobs to run next; none if it is time for `whenIdle`.
    private func next() -> ([Int64], IngestionJob.Control)? {
        condition.lock()
        defer { condition.unlock() }
        while !isStopping {
            if !waiting.isEmpty {
                let smallCount = waiting.prefix(Limits.groupJobCountMax).prefix { $0.isSmall }.count
                let ids = waiting.prefix(max(1, smallCount)).map(\.id)
                waiting.removeFirst(ids.count)
                idleWork.noteWaiting(waiting.count)
                let control = IngestionJob.Control()
                running = (Set(ids), control)
                return (ids, control)
            }
            if hasChanged {
                hasChanged = false
                return ([], IngestionJob.Control())
            }
            condition.wait()
        }
        return nil
    }

    /// The running and pending jobs.
    var ids: [Int64] { condition.withLock { waiting.map(\.id) + Array(running?.ids ?? []) } }

    /// Whether a job is running or pending.
    var hasJobs: Bool { condition.withLock { !waiting.isEmpty || running != nil } }

    /// Removes a job from the queue, or requests it to stop, without waiting for that.
    ///
    /// If it runs in a group, it is omitted when the group is committed, as the catalog knows that it was cancelled.
    func drop(_ id: Int64) {
        condition.withLock {
            waiting.removeAll { $0.id == id }
            idleWork.noteWaiting(waiting.count)
            if let running, running.ids == [id] { running.control.request(.cancel) }
        }
    }

    /// Whether jobs wait behind the running one.
    var hasWaiting: Bool { condition.withLock { !waiting.isEmpty } }

    /// Lets the running job checkpoint, and waits until the thread has ended.
    func stop() {
        condition.lock()
        defer { condition.unlock() }
        isStopping = true
        idleWork.stop()
        running?.control.request(.checkpoint)
        condition.broadcast()
        while hasThread { condition.wait() }
    }
}
