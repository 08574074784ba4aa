package import TripModel

/// Changes of jobs that wait to be sent to other systems; a trigger writes them (`PostgresSchema`).
extension PostgresCatalog {
    /// Other processes may need events that this one doesn't, so nothing is disabled.
    package func setEventsEnabled(_ isEnabled: Bool) throws(TripstoreError) {
        if isEnabled { _ = try read("UPDATE job_event_wish SET is_wished = true WHERE NOT is_wished") }
    }

    package func events(limit: Int) throws(TripstoreError) -> [JobEvent] {
        try read("SELECT id, job_id, status, at, body FROM job_events ORDER BY id LIMIT $1::bigint", [limit]).map { row in
            JobEvent(
                id: Int64(row.integer(0)), job: Int64(row.integer(1)), status: row.text(2) ?? "", time: row.text(3) ?? "",
                body: row.text(4) ?? "")
        }
    }

    package func forgetEvent(_ id: Int64) throws(TripstoreError) {
        _ = try read("DELETE FROM job_events WHERE id = $1::bigint", [id])
    }
}
