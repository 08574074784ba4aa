/// Statistics of a store's jobs for an operator.
public struct JobStatistics: Hashable, Sendable {
    public var pendingJobs: Int
    public var runningJobs: Int
    /// Since the process started.
    public var rowsIngested: Int
    /// Since the process started.
    public var rowsRejected: Int
    /// Seconds since the oldest pending job was submitted; nil if there is none.
    public var oldestPendingSeconds: Int?
    /// Processes that ingest any process's uploads; nil if no others share the jobs.
    public var workers: Int?
    /// Jobs that other processes took since the process started, for lack of a heartbeat; nil if no others share the jobs.
    public var lostLeases: Int?
}
