/// SQL of jobs that is the same in SQLite and in PostgreSQL.
package enum JobSQL {
    /// The assignments that say that nothing of a job is in the store.
    package static let cleared = """
        total_rows = NULL, processed_rows = 0, rejected_rows = 0, processed_bytes = 0, committed_bytes = 0, committed_lines = 0,
        rejects_bytes = 0, committed_hash = NULL, survey = NULL, start_count = 0
        """

    /// The assignments that say that a job's file was not read yet; after a failure they stay, as they may explain it.
    package static let unread = "format = NULL, notes = NULL, question = NULL"

    /// Whether no job that may still run, and no profile, names the places of a row of `places`.
    package static let isPlacesUnused = """
        NOT EXISTS (SELECT 1 FROM jobs WHERE status IN (\(list(of: [.pending, .running, .interrupted, .failed])))
            AND options LIKE '%"places":"' || places.id || '"%')
        AND NOT EXISTS (SELECT 1 FROM profiles WHERE options LIKE '%"places":"' || places.id || '"%')
        """

    /// The statuses of jobs whose sources are in the store, or will be once they are completed.
    package static let statusesOfSources = list(of: [.pending, .running, .interrupted, .completed])

    /// Returns statuses as a list for `IN`.
    package static func list(of statuses: [Job.Status]) -> String {
        statuses.map { "'\($0.rawValue)'" }.joined(separator: ", ")
    }

    /// The names and values of the body of an event, as arguments of `json_object` in a trigger on the table of jobs.
    ///
    /// `Job.json` of the API writes the same members.
    package static let eventMembers = JobColumn.shown.map { "'\($0.rawValue)', NEW.\($0.rawValue)" }.joined(separator: ", ")
}
