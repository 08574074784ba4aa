package import TripModel

/// Jobs of commands, which load the files of one machine and end with their user's patience.
///
/// Others go on by themselves with what a process leaves that serves, and leave alone what a command does: such a job is interrupted, and
/// goes on when somebody on its machine asks, by the same command once more or by its number.
extension PostgresCatalog {
    /// Whether others leave a job alone whose process is gone: it is a command's, or its file is on one machine only.
    static let isOfCommand = "(worker_is_command OR NOT owns_source)"

    /// Whether a job reads what cannot be read again.
    static let isOfStream = "(NOT owns_source AND source_path LIKE '\(SourcePath.streamPattern)')"

    /// What becomes of a job whose process lets it go; one of a stream fails at once, or as soon as somebody keeps house.
    static let statusOfReleased =
        "CASE WHEN \(isOfCommand) AND NOT \(isOfStream) THEN 'interrupted' ELSE 'pending' END"

    /// Whether nothing was heard of the process that works on a job for a lease.
    var isSilent: String { "heartbeat_at < now() - \(leaseSeconds) * interval '1 second'" }

    /// Whether a job is a command's of which nothing was heard for a lease, in all of which it could have said something.
    var isCommandSilent: String {
        """
        (status IN ('pending', 'running') AND \(Self.isOfCommand) AND \(isSilent)
            AND pg_postmaster_start_time() < now() - \(leaseSeconds) * interval '1 second')
        """
    }

    /// Whether a job is a command's that is silent, or that was on this machine and has no connection any more, as after a kill.
    ///
    /// Not while the server is young, as all have lost theirs, nor behind something that names connections otherwise.
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

    /// Ends jobs of commands that are gone, by a condition that says which: they go on when asked, but for streams.
    func interruptJobs(where isGone: String) throws(ColumnStoreError) {
        try transaction { connection throws(ColumnStoreError) in
            let streams = try connection.execute(
                """
                UPDATE jobs SET status = 'failed', updated_at = \(Self.now), \(Self.unclaimed), \(Self.cleared),
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

    /// Only jobs of commands are ever interrupted: others go on with what a process that serves gives back.
    package func interruptUnfinishedJobs() throws(ColumnStoreError) { try interruptJobs(where: isCommandGone) }

    package func interruptedJobs() throws(ColumnStoreError) -> [JobRecord] {
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
    ) throws(ColumnStoreError) -> JobRecord? {
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

    // MARK: - For who only reads

    /// The status that this process shows, of all columns the first: one that only reads shows as interrupted what the next that writes
    /// makes so.
    var shownStatus: String {
        isReadOnly ? "CASE WHEN \(isCommandGone) THEN 'interrupted' ELSE status END" : "status"
    }
    var shownColumns: String { "\(shownStatus) AS status, jobs.*" }
}
