import GRDB

extension Catalog {
    /// The schema's history: append only, so that every store ever created can be opened.
    ///
    /// Times in `*_at` columns of segments and counts are local wall-clock times as `YYYY-MM-DD HH:MM:SS`, which sort as text
    /// and are readable in the `sqlite3` shell; times of jobs are UTC, ISO 8601.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("v1: jobs, segments, counts") { database in
            try database.execute(
                sql: """
                    CREATE TABLE jobs (
                        id              INTEGER PRIMARY KEY AUTOINCREMENT,
                        filename        TEXT NOT NULL,
                        source_path     TEXT NOT NULL,
                        -- 1 where the source is an upload that we delete when it is no longer needed
                        owns_source     INTEGER NOT NULL,
                        status          TEXT NOT NULL
                            CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
                        created_at      TEXT NOT NULL,
                        updated_at      TEXT NOT NULL,
                        total_rows      INTEGER,
                        processed_rows  INTEGER NOT NULL DEFAULT 0,
                        rejected_rows   INTEGER NOT NULL DEFAULT 0,
                        total_bytes     INTEGER,
                        processed_bytes INTEGER NOT NULL DEFAULT 0,
                        -- where an interrupted load goes on: uncompressed bytes and lines of the source whose rows are in
                        -- committed segments, and bytes of the rejects file that belong to them
                        committed_bytes INTEGER NOT NULL DEFAULT 0,
                        committed_lines INTEGER NOT NULL DEFAULT 0,
                        rejects_bytes   INTEGER NOT NULL DEFAULT 0,
                        message         TEXT
                    );
                    CREATE INDEX jobs_by_status ON jobs (status, id);

                    CREATE TABLE segments (
                        id         INTEGER PRIMARY KEY AUTOINCREMENT,
                        file_name  TEXT NOT NULL UNIQUE,
                        row_count  INTEGER NOT NULL,
                        byte_count INTEGER NOT NULL,
                        -- CRC-32 of the whole file: what no checksum inside it covers is checked by this one
                        crc32      INTEGER NOT NULL,
                        first_at   TEXT NOT NULL,
                        last_at    TEXT NOT NULL,
                        created_at TEXT NOT NULL,
                        -- 1 if queries see it: all its trips are of completed jobs
                        is_live    INTEGER NOT NULL
                    );

                    -- Whose trips are in a segment: one job's as it is loaded, several jobs' after compaction.
                    CREATE TABLE segment_jobs (
                        segment_id INTEGER NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
                        job_id     INTEGER NOT NULL REFERENCES jobs (id),
                        trips      INTEGER NOT NULL,
                        PRIMARY KEY (segment_id, job_id)
                    ) WITHOUT ROWID;
                    CREATE INDEX segment_jobs_by_job ON segment_jobs (job_id);

                    CREATE TABLE segment_counts (
                        segment_id INTEGER NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
                        region     TEXT NOT NULL,
                        datasource TEXT NOT NULL,
                        trips      INTEGER NOT NULL,
                        first_at   TEXT NOT NULL,
                        last_at    TEXT NOT NULL,
                        PRIMARY KEY (segment_id, region, datasource)
                    ) WITHOUT ROWID;

                    CREATE TABLE reject_counts (
                        job_id INTEGER NOT NULL REFERENCES jobs (id),
                        reason TEXT NOT NULL,
                        rows   INTEGER NOT NULL,
                        PRIMARY KEY (job_id, reason)
                    ) WITHOUT ROWID;

                    -- The counts of the trips that queries see.
                    CREATE VIEW live_counts AS
                        SELECT c.region, c.datasource, c.trips, c.first_at, c.last_at, c.segment_id
                        FROM segment_counts c JOIN segments s ON s.id = c.segment_id WHERE s.is_live;
                    """)
        }
        migrator.registerMigration("v2: rollups") { database in
            try database.execute(
                sql: """
                    -- Groups of segments, counted; at most one row.
                    CREATE TABLE rollups (
                        id         INTEGER PRIMARY KEY AUTOINCREMENT,
                        file_name  TEXT NOT NULL UNIQUE,
                        byte_count INTEGER NOT NULL,
                        -- CRC-32 of the whole file
                        crc32      INTEGER NOT NULL,
                        created_at TEXT NOT NULL
                    );
                    -- The rollup that covers a segment.
                    ALTER TABLE segments ADD COLUMN rollup_id INTEGER REFERENCES rollups (id) ON DELETE SET NULL;
                    """)
        }
        migrator.registerMigration("v3: quarantine") { database in
            try database.execute(
                sql: """
                    -- Damaged segments that were set aside: their trips are missing from every answer.
                    CREATE TABLE quarantine (
                        id         INTEGER PRIMARY KEY AUTOINCREMENT,
                        -- of the file in the folder quarantine/
                        file_name  TEXT NOT NULL UNIQUE,
                        row_count  INTEGER NOT NULL,
                        is_live    INTEGER NOT NULL,
                        problem    TEXT NOT NULL,
                        created_at TEXT NOT NULL
                    );
                    """)
        }
        migrator.registerMigration("v4: jobs of the quarantine") { database in
            try database.execute(
                sql: """
                    -- Whose trips a segment had that was set aside: they are missing for as long as the job is in the store.
                    CREATE TABLE quarantine_jobs (
                        quarantine_id INTEGER NOT NULL REFERENCES quarantine (id) ON DELETE CASCADE,
                        job_id        INTEGER NOT NULL REFERENCES jobs (id),
                        trips         INTEGER NOT NULL,
                        PRIMARY KEY (quarantine_id, job_id)
                    ) WITHOUT ROWID;

                    -- Of what was set aside before, only what completed jobs lack is known: it is put to the first segment.
                    INSERT INTO quarantine_jobs (quarantine_id, job_id, trips)
                        SELECT (SELECT min(id) FROM quarantine), j.id,
                            j.processed_rows - j.rejected_rows - coalesce(s.trips, 0) AS missing
                        FROM jobs j
                        LEFT JOIN (SELECT job_id, sum(trips) AS trips FROM segment_jobs GROUP BY job_id) s ON s.job_id = j.id
                        WHERE j.status = 'completed' AND missing > 0 AND EXISTS (SELECT 1 FROM quarantine);
                    """)
        }
        migrator.registerMigration("v5: sources by URL") { database in
            try database.execute(
                sql: """
                    -- Where the source is fetched from, to source_path; NULL where its bytes came to us.
                    ALTER TABLE jobs ADD COLUMN source_url TEXT;
                    """)
        }
        migrator.registerMigration("v6: attempts of loads") { database in
            try database.execute(
                sql: """
                    ALTER TABLE jobs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;
                    -- What runs of jobs have stored in an engine of other processes: of each the first parts are committed,
                    -- and what else may be there does not count. A row stays until the rest is known to be gone.
                    CREATE TABLE load_attempts (
                        job_id          INTEGER NOT NULL REFERENCES jobs (id),
                        attempt         INTEGER NOT NULL,
                        committed_parts INTEGER NOT NULL DEFAULT 0,
                        PRIMARY KEY (job_id, attempt)
                    ) WITHOUT ROWID;
                    -- One row. Trips in other processes are numbered by jobs of this catalog, and say so by this name.
                    -- attempts: runs of jobs that ever began to store there.
                    CREATE TABLE catalog_name (name TEXT NOT NULL, attempts INTEGER NOT NULL);
                    INSERT INTO catalog_name VALUES (lower(hex(randomblob(16))), 0);
                    """)
        }
        migrator.registerMigration("v7: events of jobs") { try Catalog.createEvents(in: $0) }
        migrator.registerMigration("v8: uploads elsewhere") { database in
            try database.execute(
                sql: """
                    -- 1 where what source_url names is ours, to be removed when the job is done
                    ALTER TABLE jobs ADD COLUMN owns_url INTEGER NOT NULL DEFAULT 0;
                    """)
        }
        migrator.registerMigration("v9: statuses and hashes of sources") { database in
            // SQLite cannot change a CHECK, so the table is recreated; IDs are not reused.
            let lastJob = try Int64.fetchOne(database, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'jobs'")
            try database.execute(
                sql: """
                    CREATE TABLE new_jobs (
                        id              INTEGER PRIMARY KEY AUTOINCREMENT,
                        filename        TEXT NOT NULL,
                        source_path     TEXT NOT NULL,
                        owns_source     INTEGER NOT NULL,
                        status          TEXT NOT NULL CHECK (status IN
                            ('pending', 'running', 'interrupted', 'completed', 'failed', 'cancelled', 'deleted')),
                        created_at      TEXT NOT NULL,
                        updated_at      TEXT NOT NULL,
                        total_rows      INTEGER,
                        processed_rows  INTEGER NOT NULL DEFAULT 0,
                        rejected_rows   INTEGER NOT NULL DEFAULT 0,
                        total_bytes     INTEGER,
                        processed_bytes INTEGER NOT NULL DEFAULT 0,
                        committed_bytes INTEGER NOT NULL DEFAULT 0,
                        committed_lines INTEGER NOT NULL DEFAULT 0,
                        rejects_bytes   INTEGER NOT NULL DEFAULT 0,
                        message         TEXT,
                        source_url      TEXT,
                        attempt         INTEGER NOT NULL DEFAULT 0,
                        owns_url        INTEGER NOT NULL DEFAULT 0,
                        -- XXH3-128 of the source as it is stored; NULL until known
                        source_hash     TEXT,
                        -- XXH3-128 of the source's first committed_bytes, uncompressed; of a completed job all of them
                        committed_hash  TEXT,
                        -- 1 if it is loaded even if the same bytes were loaded before
                        allows_duplicate INTEGER NOT NULL DEFAULT 0
                    );
                    INSERT INTO new_jobs SELECT id, filename, source_path, owns_source, status, created_at, updated_at, total_rows,
                        processed_rows, rejected_rows, total_bytes, processed_bytes, committed_bytes, committed_lines,
                        rejects_bytes, message, source_url, attempt, owns_url, NULL, NULL, 0 FROM jobs;
                    DROP TABLE jobs;
                    ALTER TABLE new_jobs RENAME TO jobs;
                    CREATE INDEX jobs_by_status ON jobs (status, id);
                    CREATE INDEX jobs_by_source ON jobs (source_hash) WHERE source_hash IS NOT NULL;
                    CREATE INDEX jobs_by_content ON jobs (committed_hash) WHERE committed_hash IS NOT NULL;
                    CREATE INDEX jobs_by_size ON jobs (total_bytes) WHERE source_hash IS NOT NULL;

                    -- A job that was cancelled with all its rows known had completed; rows of others are not in the store.
                    UPDATE jobs SET status = 'deleted' WHERE status = 'cancelled' AND total_rows IS NOT NULL;
                    UPDATE jobs SET processed_rows = 0, rejected_rows = 0, processed_bytes = 0
                        WHERE status IN ('failed', 'cancelled');
                    """)
            if let lastJob { try Catalog.setLast(lastJob, of: "jobs", in: database) }
            try Catalog.createEventTriggers(in: database)
        }
        migrator.registerMigration("v12: sealed queries of sources") { database in
            try database.execute(
                sql: """
                    -- What of source_url may be a secret, encrypted (SourceSeal), until the job is over: a failed one may be resumed.
                    ALTER TABLE jobs ADD COLUMN source_query TEXT;
                    CREATE TRIGGER forget_source_query AFTER UPDATE OF status ON jobs
                        WHEN NEW.source_query IS NOT NULL AND NEW.status NOT IN ('pending', 'running', 'interrupted', 'failed')
                    BEGIN
                        UPDATE jobs SET source_query = NULL WHERE id = NEW.id;
                    END;
                    -- Earlier versions kept it as it was. Of jobs that are not over it is sealed when the store is opened.
                    UPDATE jobs SET source_url = substr(source_url, 1, instr(source_url, '?') - 1)
                        WHERE status NOT IN ('pending', 'running', 'interrupted', 'failed')
                            AND source_url LIKE 'http%' AND instr(source_url, '?') > 0;
                    """)
        }
        migrator.registerMigration("v13: runs that end with their process") { database in
            try database.execute(
                sql: """
                    -- runs that began since anything of the job was committed, none of which ended as a run does
                    ALTER TABLE jobs ADD COLUMN start_count INTEGER NOT NULL DEFAULT 0;
                    """)
        }
        migrator.registerMigration("v14: sessions of runs") { database in
            try database.execute(
                sql: """
                    -- sessions of another engine in which the run may still store, separated by blanks
                    ALTER TABLE load_attempts ADD COLUMN sessions TEXT;
                    """)
        }
        migrator.registerMigration("v15: attempts that are settled or unknown") { database in
            try database.execute(
                sql: """
                    -- 1 once nothing is stored of an attempt of a completed job but its committed parts
                    ALTER TABLE load_attempts ADD COLUMN is_settled INTEGER NOT NULL DEFAULT 0;
                    -- 1 if the engine had rows of it before this catalog knew of it: a newer catalog may count them, so they are kept
                    ALTER TABLE load_attempts ADD COLUMN is_unknown INTEGER NOT NULL DEFAULT 0;
                    """)
        }
        migrator.registerMigration("v16: reading options") { database in
            try database.execute(
                sql: """
                    -- how the file is read: what its user says, as a JSON object; NULL if nothing
                    ALTER TABLE jobs ADD COLUMN options TEXT;
                    -- the same as understood, with all columns; what is odd, as a list; what its user must say first
                    ALTER TABLE jobs ADD COLUMN format TEXT;
                    ALTER TABLE jobs ADD COLUMN notes TEXT;
                    ALTER TABLE jobs ADD COLUMN question TEXT;
                    -- what was counted of a running job's trips up to its checkpoint, for its notes
                    ALTER TABLE jobs ADD COLUMN survey TEXT;
                    -- Options that are saved under a name.
                    CREATE TABLE profiles (
                        name       TEXT PRIMARY KEY,
                        options    TEXT NOT NULL,
                        updated_at TEXT NOT NULL
                    ) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("v17: places") { database in
            try database.execute(
                sql: """
                    -- Files of stations or zones that options name by their hash, as text in parts of a megabyte.
                    CREATE TABLE places (
                        id      TEXT NOT NULL,
                        part    INTEGER NOT NULL,
                        text    TEXT NOT NULL,
                        used_at TEXT NOT NULL,
                        PRIMARY KEY (id, part)
                    );
                    """)
        }
        return migrator
    }
}
