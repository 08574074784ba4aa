import Foundation
import TripModel

/// Which of several processes does what one alone should: the one whose name is in a row of the catalog, and who says again and again that
/// it is there.
///
/// A process that is suspended says nothing, and so loses its tasks to others after a lease, though its connections stay. When it goes on
/// it may be in the middle of a task that another one has taken meanwhile: what it still does must be right for two, or be looked up anew.
final class PostgresLeadership: @unchecked Sendable {
    private let pool: PostgresPool
    private let name: String
    private let leaseSeconds: Int
    private let condition = NSCondition()
    private var tasks: Set<String> = []
    private var isStopping = false
    private var hasThread = false

    init(_ pool: PostgresPool, name: String, leaseSeconds: Int) {
        self.pool = pool
        self.name = name
        self.leaseSeconds = leaseSeconds
    }

    /// Whether a task is this process's now; takes it where nobody has it, or who has it was not heard of for a lease.
    func leads(_ task: String) throws(ColumnStoreError) -> Bool {
        let isOurs = try pool.with { connection throws(ColumnStoreError) in
            try connection.execute(
                """
                INSERT INTO leaders (task, process, heartbeat_at) VALUES ($1, $2, clock_timestamp())
                ON CONFLICT (task) DO UPDATE SET process = excluded.process, heartbeat_at = excluded.heartbeat_at
                    WHERE leaders.process = excluded.process
                        OR leaders.heartbeat_at < clock_timestamp() - \(leaseSeconds) * interval '1 second'
                """, [task, name]
            ).changedCount == 1
        }
        condition.withLock {
            if isOurs { tasks.insert(task) } else { tasks.remove(task) }
            if isOurs, !hasThread, !isStopping { startThread() }
        }
        return isOurs
    }

    /// Gives all tasks back.
    func close() {
        let led = condition.withLock {
            isStopping = true
            condition.broadcast()
            while hasThread { condition.wait() }
            defer { tasks = [] }
            return tasks
        }
        guard !led.isEmpty else { return }
        // What cannot be given back is taken after a lease.
        _ = try? pool.with { connection throws(ColumnStoreError) in
            try connection.execute("DELETE FROM leaders WHERE process = $1", [name])
        }
    }

    /// The lock is held.
    private func startThread() {
        hasThread = true
        let thread = Thread { self.keep() }
        thread.name = "tripstore-leader"
        thread.start()
    }

    private func keep() {
        while let tasks = next() {
            let kept = try? pool.with { connection throws(ColumnStoreError) in
                try connection.execute(
                    """
                    UPDATE leaders SET heartbeat_at = clock_timestamp() WHERE process = $1 AND task = ANY ($2::text[]) RETURNING task
                    """, [name, tasks.sorted()]
                ).compactMap { $0.text(0) }
            }
            guard let kept else { continue }
            condition.withLock { self.tasks.subtract(tasks.subtracting(kept)) }
        }
        condition.withLock {
            hasThread = false
            condition.broadcast()
        }
    }

    /// The tasks of which is to be said that they are this process's; nil where the thread is to end.
    private func next() -> Set<String>? {
        condition.withLock {
            if !isStopping { _ = condition.wait(until: Date(timeIntervalSinceNow: Double(leaseSeconds) / 3)) }
            return isStopping || tasks.isEmpty ? nil : tasks
        }
    }
}
