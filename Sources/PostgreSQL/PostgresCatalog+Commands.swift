package import TripModel

/// Jobs of commands, which ingest files of one machine and end when their user ends them.
///
/// A process that serves leaves its jobs to others, which resume them by themselves. They leave a command's job alone: it is
/// interrupted, and resumes when a user on its machine requests it, by the same command or by its ID.
extension PostgresCatalog {
    /// Whether others leave a job alone whose process is gone: it is a command's, or its file is on one machine only.
    static let isOfCommand = "(worker_is_command OR NOT owns_source)"

    /// Whether a job reads what cannot be read again.
    static let isOfStream = "(NOT owns_source AND source_path LIKE '\(SourcePath.streamPattern)')"

    /// The status of a job that its process releases; one of a stream fails at once, or in the next maintenance.
    static let statusOfReleased =
        "CASE WHEN \(isOfCommand) AND NOT \(isOfStream) THEN 'interrupted' ELSE 'pending' END"

    /// Whether the process that works on a job has sent no heartbeat for a lease.
    var isSilent: String { "heartbeat_at < now() - \(leaseSeconds) * interval '1 second'" }

    /// Whether a job is a command's without a heartbeat for a lease, during all of which it could have sent one.
    var isCommandSilent: String {
        """
        (status IN ('pending', 'running') AND \(Self.isOfCommand) AND \(isSilent)
            AND pg_postmaster_start_time() < now() - \(leaseSeconds) * interval '1 second')
        """
    }

    /// Whether a job is a command's without heartbeats, or was on this machine and has no connection any more, such as after a
    /// kill.
    ///
    /// Not while the server is young, as all have lost their connections, nor behind a proxy that names connections
    /// differently.
    private var isCommandGone: String {
        let hasConnection = "EXISTS (SELECT 1 FROM pg_stat_activity WHERE application_name ="
        return """
            (\(isCommandSilent) OR status IN ('pending', 'running') AND \(Self.isOfCommand)
                AND starts_with(worker, '\(Self.quoted(host.prefix(24))):') AND NOT \(hasConnection) worker)
                AND \(hasConnection) '\(Self.quoted(processName[...]))')
                AND pg_postmaster_start_time() < now() - \(leaseSeconds) * interval '1 second')
            """
    }

    private static func quoted(_ text: Substring) -> String { String(text.replacing("'", with: "''")) }

    /// Interrupts jobs of commands that are gone, selected by a predicate: they resume on request, except streams, which fail.
    func interruptJobs(where isGone: String) throws(TripstoreError) {
        try transaction { connection throws(TripstoreError) in
            let streams = try connection.execute(
                """
                UPDATE jobs SET status = 'failed', updated_at = \(Self.now), \(Self.unclaimed), \(JobSQL.cleared),
                    message = 'Interrupted while reading ' || CASE source_path WHEN '\(SourcePath.standardInput)'
                        THEN '\(SourcePath.name(ofStream: SourcePath.standardInput))'
                        ELSE '\(SourcePath.name(ofStream: SourcePath.streamPattern))' END || ', \(SourcePath.remedy)'
                WHERE \(Self.isOfStream) AND status IN ('pending', 'running') AND (worker IS NULL OR \(isGone)) RETURNING id
                """)
            for row in streams { try clearRejects(of: Int64(row.integer(0)), on: connection) }
            _ = try connection.execute(
                """
                UPDATE jobs SET status = 'interrupted', updated_at = \(Self.now), message = NULL, \(Self.unclaimed)
                WHERE NOT \(Self.isOfStream) AND \(isGone)
                """)
        }
    }

    /// Only jobs of commands are ever interrupted: other processes resume what a serving process gives back.
    package func interruptUnfinishedJobs() throws(TripstoreError) { try interruptJobs(where: isCommandGone) }

    package func interruptedJobs() throws(TripstoreError) -> [JobRecord] {
        if !isReadOnly { try interruptUnfinishedJobs() }
        return try read(
            """
            SELECT \(shownColumns) FROM jobs WHERE \(shownStatus) = 'interrupted' AND (place IS NULL OR place = ANY ($1::text[]))
            ORDER BY id DESC
            """, [places]
        ).map(record)
    }

    package func goOn(
        _ id: Int64, with path: String?, isClaimed: Bool, isAsked: Bool
    ) throws(TripstoreError) -> JobRecord? {
        var parameters: [(any PostgresValue)?] = [id]
        if isClaimed { parameters += [processName, hostPlace] }
        if let path { parameters.append(path) }
        return try read(
            """
            UPDATE jobs SET status = 'pending', message = NULL, updated_at = \(Self.now)\(claimed(isClaimed))
                \(path == nil ? "" : ", source_path = $\(parameters.count)")\(isAsked ? ", start_count = 0" : "")
            WHERE id = $1::bigint AND status = 'interrupted' RETURNING *
            """, parameters
        ).first.map(record)
    }

    // MARK: - For readers

    /// The status that this process shows, as the first of all columns.
    ///
    /// A process that only reads shows a job as interrupted if the next writer will make it so.
    var shownStatus: String {
        isReadOnly ? "CASE WHEN \(isCommandGone) THEN 'interrupted' ELSE status END" : "status"
    }
    var shownColumns: String { "\(shownStatus) AS status, jobs.*" }
}
