import TripModel

/// Leader election by lease: which of several processes runs a task that only one may run.
///
/// The leader is the process whose name is in a row of the catalog and that renews it by heartbeats. A suspended process sends
/// none, and so loses its tasks to others after a lease, though its connections stay. When it continues, it may be in the
/// middle of a task that another one has taken meanwhile: its remaining steps must be safe for two processes at once, or be
/// checked again.
final class PostgresLeadership: Sendable {
    private let pool: PostgresPool
    private let name: String
    private let leaseSeconds: Int
    private let loop = BackgroundLoop("tripstore-leader")
    private let tasks = Lock(Set<String>())

    init(_ pool: PostgresPool, name: String, leaseSeconds: Int) {
        self.pool = pool
        self.name = name
        self.leaseSeconds = leaseSeconds
    }

    /// Returns whether this process is the leader of a task; becomes it if there is none, or if the leader's lease has expired.
    func isLeader(for task: String) throws(TripstoreError) -> Bool {
        let isOurs = try pool.with { connection throws(TripstoreError) in
            try connection.execute(
                """
                INSERT INTO leaders (task, process, heartbeat_at) VALUES ($1, $2, clock_timestamp())
                ON CONFLICT (task) DO UPDATE SET process = excluded.process, heartbeat_at = excluded.heartbeat_at
                    WHERE leaders.process = excluded.process
                        OR leaders.heartbeat_at < clock_timestamp() - \(leaseSeconds) * interval '1 second'
                """, [task, name]
            ).changedCount == 1
        }
        tasks.withLock { tasks in
            if isOurs { tasks.insert(task) } else { tasks.remove(task) }
        }
        let interval = Double(leaseSeconds) / 3
        if isOurs { loop.start(after: interval) { [self] in keep() ? .after(seconds: interval) : .end } }
        return isOurs
    }

    /// Gives all tasks up.
    func close() {
        loop.stop()
        let led = tasks.withLock { tasks in
            defer { tasks = [] }
            return tasks
        }
        guard !led.isEmpty else { return }
        // Tasks that cannot be given up now are taken after a lease.
        _ = try? pool.with { connection throws(TripstoreError) in
            try connection.execute("DELETE FROM leaders WHERE process = $1", [name])
        }
    }

    /// Renews the tasks; returns false if there are none.
    private func keep() -> Bool {
        let led = tasks.withLock { $0 }
        if led.isEmpty { return false }
        let kept = try? pool.with { connection throws(TripstoreError) in
            try connection.execute(
                """
                UPDATE leaders SET heartbeat_at = clock_timestamp() WHERE process = $1 AND task = ANY ($2::text[]) RETURNING task
                """, [name, led.sorted()]
            ).compactMap { $0.text(0) }
        }
        if let kept { tasks.withLock { $0.subtract(led.subtracting(kept)) } }
        return true
    }
}
