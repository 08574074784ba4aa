import Foundation
package import TripModel

/// The thread that runs pending jobs, one after the other, and their state for others.
///
/// One job at a time, or one group of small ones: a job uses all cores by itself, and jobs become visible in order of arrival.
package final class IngestionQueue: @unchecked Sendable {
    private let loop = BackgroundLoop("tripstore-ingestion", stackByteCount: 4 << 20)
    private let lock = NSLock()
    private let groupsSmallFiles: Bool
    private var waiting: [(id: Int64, isSmall: Bool)] = []
    private var running: (ids: Set<Int64>, control: IngestionJob.Control)?
    private var isStopping = false
    /// Whether something changed since the last call of `whenIdle`.
    private var hasChanged = true
    private let idleWork: IdleWork
    private let board: ProgressBoard

    /// Makes a queue that runs many small files together, or each alone.
    ///
    /// - Parameters:
    ///   - idleWork: maintenance that yields to jobs, and signals when there is more of it.
    ///   - board: where a job's live state ends with its run.
    package init(groupsSmallFiles: Bool, idleWork: IdleWork, board: ProgressBoard) {
        self.groupsSmallFiles = groupsSmallFiles
        self.idleWork = idleWork
        self.board = board
        idleWork.onChange { [weak self] in self?.signalChange() }
    }

    /// Adds a job that is pending in the catalog; a small one may run together with others.
    ///
    /// If it has just failed or was interrupted, and is resumed, it runs again as soon as its last attempt has ended on the
    /// thread.
    package func add(_ record: JobRecord) {
        let size = record.job.totalBytes ?? .max
        // A job that crashed its process must run alone, and no others with it.
        let isNew = record.checkpoint.byteCount == 0 && record.startCount == 0
        let isSmall = groupsSmallFiles && size <= Limits.smallFileByteCountMax && isNew
        let id = record.job.id
        lock.withLock {
            guard !waiting.contains(where: { $0.id == id }) else { return }
            board.restart(id)
            waiting.append((id, isSmall))
            idleWork.noteWaiting(waiting.count)
        }
        loop.wake()
    }

    /// Lets the thread run `whenIdle` once more.
    private func signalChange() {
        lock.withLock { hasChanged = true }
        loop.wake()
    }

    /// Starts the thread; `run` runs one job, or several small ones, to their end, `whenIdle` runs maintenance.
    package func start(
        _ run: @escaping @Sendable ([Int64], IngestionJob.Control) -> Void, whenIdle: @escaping @Sendable () -> Void
    ) {
        loop.start { [self] in
            guard let (ids, control) = next() else { return .whenWoken }
            if ids.isEmpty { whenIdle() } else { run(ids, control) }
            // Memory of a job is returned to the system: a server is idle for longer than it ingests.
            if !hasWaiting { ProcessMemory.release() }
            lock.withLock {
                if !ids.isEmpty { hasChanged = true }
                running = nil
                board.release(ids, .running)
            }
            return .again
        }
    }

    /// Returns the jobs to run next, none if it is time for `whenIdle`; nil if there is nothing to do.
    private func next() -> ([Int64], IngestionJob.Control)? {
        lock.withLock {
            if isStopping { return nil }
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
            return nil
        }
    }

    /// The running and pending jobs.
    package var ids: [Int64] { lock.withLock { waiting.map(\.id) + Array(running?.ids ?? []) } }

    /// Whether a job is running or pending.
    package var hasJobs: Bool { lock.withLock { !waiting.isEmpty || running != nil } }

    /// Removes a job from the queue, or requests it to stop, without waiting for that.
    ///
    /// If it runs in a group, it is omitted when the group is committed, as the catalog knows that it was cancelled.
    package func drop(_ id: Int64) {
        lock.withLock {
            waiting.removeAll { $0.id == id }
            idleWork.noteWaiting(waiting.count)
            if let running, running.ids == [id] { running.control.request(.cancel) }
        }
    }

    /// Whether jobs wait behind the running one.
    package var hasWaiting: Bool { lock.withLock { !waiting.isEmpty } }

    /// Lets the running job checkpoint, and waits until the thread has ended.
    package func stop() {
        lock.withLock {
            isStopping = true
            idleWork.stop()
            running?.control.request(.checkpoint)
        }
        loop.stop()
    }
}
