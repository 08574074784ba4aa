import ColumnStore

/// Which of several processes does what one alone should: the one that holds an advisory lock of the server's.
///
/// The lock goes with the connection, so a process that dies leaves its tasks to others at once.
final class PostgresLeadership: Sendable {
    private let url: PostgresURL
    private let name: String
    private let state = Lock(State())

    private struct State {
        var connection: PostgresConnection?
        var tasks: Set<String> = []
    }

    init(_ url: PostgresURL, name: String) {
        self.url = url
        self.name = name
    }

    /// Whether a task is this process's now; takes it where nobody has it.
    func leads(_ task: String) throws(ColumnStoreError) -> Bool {
        try state.withLock { state throws(ColumnStoreError) in
            if state.connection?.isBroken ?? true {
                state.tasks = []
                state.connection = nil
                state.connection = try PostgresConnection(url, name: name)
            }
            guard !state.tasks.contains(task), let connection = state.connection else { return true }
            let isTaken =
                try connection.execute(
                    "SELECT pg_try_advisory_lock(hashtext('tripstore.' || $1), 'jobs'::regclass::oid::integer)", [task]
                ).first?.text(0) == "t"
            if isTaken { state.tasks.insert(task) }
            return isTaken
        }
    }

    func close() {
        state.withLock { state in
            state.connection = nil
            state.tasks = []
        }
    }
}
