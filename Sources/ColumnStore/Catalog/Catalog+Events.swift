import GRDB
package import TripModel

/// Changes of jobs for other systems: an outbox in the catalog.
///
/// A trigger writes them in the same transaction that changes the job, so none is lost and none is false, whatever code made
/// the change and whatever fails afterwards.
extension Catalog {
    /// Sets whether events are recorded; if not, recorded ones are dropped.
    package func setEventsEnabled(_ isEnabled: Bool) throws(TripstoreError) {
        try write { database in
            // Nothing is written if the setting is unchanged, such as on a full disk.
            try database.execute(
                sql: "UPDATE job_event_wish SET is_wished = ?1 WHERE is_wished <> ?1", arguments: [isEnabled])
            if !isEnabled { try database.execute(sql: "DELETE FROM job_events") }
        }
    }

    /// Returns the oldest recorded events, in order.
    package func events(limit: Int) throws(TripstoreError) -> [JobEvent] {
        try read { database in
            try Row.fetchAll(
                database, sql: "SELECT id, job_id, status, at, body FROM job_events ORDER BY id LIMIT ?", arguments: [limit]
            ).map { JobEvent(id: $0[0], job: $0[1], status: $0[2], time: $0[3], body: $0[4]) }
        }
    }

    package func forgetEvent(_ id: Int64) throws(TripstoreError) {
        try write { try $0.execute(sql: "DELETE FROM job_events WHERE id = ?", arguments: [id]) }
    }

    static func createEvents(in database: Database) throws {
        try database.execute(
            sql: """
                -- Changes of jobs that EVENTS_URL was not told of yet.
                CREATE TABLE job_events (
                    id     INTEGER PRIMARY KEY AUTOINCREMENT,
                    job_id INTEGER NOT NULL,
                    status TEXT NOT NULL,
                    at     TEXT NOT NULL,
                    body   TEXT NOT NULL
                );
                -- One row: whether a server was last started with EVENTS_URL.
                CREATE TABLE job_event_wish (is_wished INTEGER NOT NULL);
                INSERT INTO job_event_wish VALUES (0);
                """)
        try createEventTriggers(in: database)
    }

    /// Creates the triggers that write events; they are dropped with the table of jobs whenever that is recreated.
    static func createEventTriggers(in database: Database) throws {
        let insertion = """
            INSERT INTO job_events (job_id, status, at, body)
                VALUES (NEW.id, NEW.status, NEW.updated_at, json_object(\(JobSQL.eventMembers)));
            """
        try database.execute(
            sql: """
                CREATE TRIGGER job_events_of_new AFTER INSERT ON jobs
                WHEN (SELECT is_wished FROM job_event_wish)
                BEGIN \(insertion) END;
                CREATE TRIGGER job_events_of_changed AFTER UPDATE OF status ON jobs
                WHEN OLD.status <> NEW.status AND (SELECT is_wished FROM job_event_wish)
                BEGIN \(insertion) END;
                """)
    }
}
