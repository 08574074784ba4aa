import GRDB
package import TripModel

/// Changes of jobs on their way to other systems: an outbox in the catalog.
///
/// A trigger writes them in the very transaction that changes the job, so none is lost and none is told of what did not happen,
/// whatever code made the change and whatever dies afterwards.
extension Catalog {
    /// Says whether changes are to be kept for somebody; those that nobody wants any more are dropped.
    package func setEventsEnabled(_ isEnabled: Bool) throws(TripstoreError) {
        try write { database in
            // Nothing is written where that is so already, as on a disk that is full.
            try database.execute(
                sql: "UPDATE job_event_wish SET is_wished = ?1 WHERE is_wished <> ?1", arguments: [isEnabled])
            if !isEnabled { try database.execute(sql: "DELETE FROM job_events") }
        }
    }

    /// The oldest changes that were not forgotten yet, in their order.
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

    /// Makes the triggers that write events; they go with the table of jobs whenever that is made anew.
    static func createEventTriggers(in database: Database) throws {
        let body = """
            json_object('id', NEW.id, 'filename', NEW.filename, 'status', NEW.status, 'created_at', NEW.created_at,
                'updated_at', NEW.updated_at, 'total_rows', NEW.total_rows, 'processed_rows', NEW.processed_rows,
                'rejected_rows', NEW.rejected_rows, 'total_bytes', NEW.total_bytes, 'processed_bytes', NEW.processed_bytes,
                'message', NEW.message)
            """
        let insertion = """
            INSERT INTO job_events (job_id, status, at, body) VALUES (NEW.id, NEW.status, NEW.updated_at, \(body));
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
