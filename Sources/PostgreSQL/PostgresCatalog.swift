import Foundation
package import TripModel

/// The catalog of several processes, in PostgreSQL: which jobs exist, how far each is, and which process works on it.
///
/// Every method is one transaction. A job is *claimed* by the process that works on it, which renews the claim by heartbeats.
/// If these stop for a lease, it has lost its jobs, and others resume them from their last commits. What a process writes while
/// unaware of its loss has no effect: each attempt, a run of a job, has a number (`attempt`), and only the last one counts, as
/// in M. Kleppmann, "How to do distributed locking" (fencing tokens).
package final class PostgresCatalog: SharedJobCatalog {
    /// The unique name of this process.
    package let processName: String
    package let leaseSeconds: Int
    let pool: PostgresPool
    let url: PostgresURL
    /// The folder of uploads of this process.
    let uploads: String
    let host: String
    /// Identifies the folder of uploads; nil: only its path on this host does.
    let folderID: String?
    let isReadOnly: Bool
    let age = CatalogAge()
    private let leadership: PostgresLeadership
    private let state = Lock(State())

    private struct State {
        var name: String?
        var listener: PostgresListener?
        var announcer: PostgresAnnouncer?
    }

    /// Opens a catalog; for writing creates and migrates its tables.
    ///
    /// - Parameters:
    ///   - uploads: the folder of this process with the files of jobs.
    ///   - folderID: identifies that folder on any host.
    package init(
        _ url: PostgresURL, uploads: String, folderID: String? = nil, access: StoreAccess
    ) throws(TripstoreError) {
        self.url = url
        self.folderID = folderID
        self.uploads = uploads
        isReadOnly = access == .readOnly
        host = ProcessInfo.processInfo.hostName
        leaseSeconds = url.leaseSeconds
        processName = "\(host.prefix(24)):\(getpid()):\(String(UInt32.random(in: .min ... .max), radix: 36))"
        pool = PostgresPool(url, name: processName)
        leadership = PostgresLeadership(pool, name: processName, leaseSeconds: leaseSeconds)
        try pool.with { connection throws(TripstoreError) in
            switch access {
            case .readWrite: try PostgresSchema.migrate(connection)
            case .readOnly: try PostgresSchema.check(connection)
            }
        }
    }

    package func close() {
        let (listener, announcer) = state.withLock { ($0.listener.take(), $0.announcer.take()) }
        listener?.stop()
        announcer?.stop()
        leadership.close()
        pool.close()
    }

    /// The current time in UTC, as jobs show times.
    static let now = #"to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"#

    package func name() throws(TripstoreError) -> String {
        if let name = state.withLock({ $0.name }) { return name }
        let name = try read("SELECT name FROM catalog_name").first?.text(0) ?? ""
        state.withLock { $0.name = name }
        return name
    }

    /// Runs one statement, which is a transaction by itself.
    func read(_ sql: String, _ parameters: [(any PostgresValue)?] = []) throws(TripstoreError) -> PostgresRows {
        try with { connection throws(TripstoreError) in try connection.execute(sql, parameters) }
    }

    /// Calls `body` with a connection to a catalog that is not older than before.
    func with<Value>(_ body: (PostgresConnection) throws(TripstoreError) -> Value) throws(TripstoreError) -> Value {
        try pool.with { connection throws(TripstoreError) in
            try age.check(connection) { connection, check throws(TripstoreError) in
                try requireNewer(on: connection, check)
            }
            return try body(connection)
        }
    }

    func transaction<Value>(
        _ body: (PostgresConnection) throws(TripstoreError) -> Value
    ) throws(TripstoreError) -> Value {
        try with { connection throws(TripstoreError) in try connection.transaction(body) }
    }

    // MARK: - Jobs

    package func addJobs(_ requests: [JobRequest]) throws(TripstoreError) -> [JobRecord] {
        try transaction { connection throws(TripstoreError) in
            // Jobs become visible in the order of their IDs, which queries rely on (`Visibility.lastJob`).
            _ = try connection.execute(
                "SELECT pg_advisory_xact_lock(hashtext('tripstore.jobs'), 'jobs'::regclass::oid::integer)")
            let attempts = try connection.execute("SELECT attempts FROM catalog_name").first?.integer(0) ?? 0
            try age.require(attempts)
            var records: [JobRecord] = []
            for request in requests {
                if let hash = request.sourceHash, !request.allowsDuplicate, let other = try job(ofSource: hash, on: connection)
                {
                    throw TripstoreError.duplicate(of: other.job)
                }
                let source = request.ownsSource ? Self.lastComponent(request.sourcePath) : request.sourcePath
                let rows = try connection.execute(
                    """
                    INSERT INTO jobs (filename, source_path, owns_source, source_url, owns_url, place, status, created_at, updated_at,
                        total_bytes, worker, heartbeat_at, worker_is_command, source_hash, allows_duplicate, source_query)
                    SELECT $1, $2, $3::boolean, $4, $5::boolean, $6, 'pending', time, time, $7::bigint, $8,
                        CASE WHEN $8::text IS NULL THEN NULL ELSE now() END, $8::text IS NOT NULL, $9, $10::boolean, $11
                    FROM (SELECT \(Self.now) AS time) AS clock RETURNING *
                    """,
                    [
                        request.filename, source, request.ownsSource, request.sourceURL, request.ownsURL, place(of: request),
                        request.totalBytes, request.isClaimed ? processName : nil, request.sourceHash?.text,
                        request.allowsDuplicate, request.sealedQuery,
                    ])
                records += rows.map(record)
            }
            return records
        }
    }

    /// Returns the locality of a source: which processes can reach it; nil: all.
    private func place(of request: JobRequest) -> String? {
        if request.sourceURL != nil { return nil }
        if SourcePath.isStream(request.sourcePath) { return "process \(processName)" }
        return request.ownsSource ? folderPlace : hostPlace
    }

    package func setSource(
        _ id: Int64, from url: String, to place: String, sealedQuery: String?
    ) throws(TripstoreError) {
        _ = try read(
            "UPDATE jobs SET source_url = $2, source_query = $3 WHERE id = $1::bigint AND source_url = $4",
            [id, place, sealedQuery, url])
    }

    package func forget(job id: Int64) throws(TripstoreError) -> Bool {
        try read(
            """
            DELETE FROM jobs WHERE id = $1::bigint AND status = 'failed' AND id NOT IN (SELECT job_id FROM load_attempts)
            """, [id]
        ).changedCount == 1
    }

    package func missingTrips(ofJob id: Int64) throws(TripstoreError) -> Int? { nil }

    /// The password with which processes open the catalog: they share it, and neither a copy of the catalog nor its log has it.
    ///
    /// If they need none, anybody who can read the catalog can decrypt its sealed values.
    package func sealingPassword() throws(TripstoreError) -> SealingPassword? {
        let password = try with { connection throws(TripstoreError) in connection.password }
        return SealingPassword(text: password, catalog: try name())
    }

    var folderPlace: String { folderID.map { "folder \($0)" } ?? hostFolderPlace }
    /// Its name in earlier versions, with a host that a container's next start no longer has.
    private var hostFolderPlace: String { "folder \(host):\(uploads)" }
    /// Localities of jobs whose files this process can reach.
    var places: [String] { [folderPlace, hostFolderPlace, hostPlace] }
    var hostPlace: String { "host \(host)" }

    package func job(_ id: Int64) throws(TripstoreError) -> JobRecord? {
        try read("SELECT \(shownColumns) FROM jobs WHERE id = $1::bigint", [id]).first.map(record)
    }

    package func jobs(limit: Int, status: Job.Status?) throws(TripstoreError) -> [JobRecord] {
        try read(
            """
            SELECT \(shownColumns) FROM jobs WHERE $1::text IS NULL OR \(shownStatus) = $1 ORDER BY id DESC LIMIT $2::bigint
            """, [status?.rawValue, limit]
        ).map(record)
    }

    package func unfinishedJobs() throws(TripstoreError) -> [JobRecord] {
        try read("SELECT * FROM jobs WHERE status IN ('pending', 'running', 'interrupted') ORDER BY id").map(record)
    }

    package func hasSource(ofByteCount byteCount: Int) throws(TripstoreError) -> Bool {
        try read(
            """
            SELECT EXISTS (SELECT 1 FROM jobs WHERE total_bytes = $1::bigint AND source_hash IS NOT NULL
                AND status IN (\(Self.statusesOfSources)))
            """, [byteCount]
        ).first?.text(0) == "t"
    }

    package func job(ofSource hash: ContentHash) throws(TripstoreError) -> JobRecord? {
        try with { connection throws(TripstoreError) in try job(ofSource: hash, on: connection) }
    }

    package func completedJob(ofContent hash: ContentHash) throws(TripstoreError) -> JobRecord? {
        try read(
            "SELECT * FROM jobs WHERE committed_hash = $1 AND status = 'completed' ORDER BY id LIMIT 1", [hash.text]
        ).first.map(record)
    }

    private func job(
        ofSource hash: ContentHash, on connection: PostgresConnection
    ) throws(TripstoreError) -> JobRecord? {
        try connection.execute(
            """
            SELECT * FROM jobs WHERE source_hash = $1 AND status IN (\(Self.statusesOfSources))
            ORDER BY status <> 'completed', id LIMIT 1
            """,
            [hash.text]
        ).first.map(record)
    }

    /// Jobs whose sources are in the store, or will be once they are complete.
    private static let statusesOfSources = "'pending', 'running', 'interrupted', 'completed'"

    package func jobCounts() throws(TripstoreError) -> [Job.Status: Int] {
        var counts: [Job.Status: Int] = [:]
        for row in try read("SELECT \(shownStatus), count(*) FROM jobs GROUP BY 1") {
            if let status = Job.Status(rawValue: row.text(0) ?? "") { counts[status] = row.integer(1) }
        }
        return counts
    }

    package func setStatus(
        _ id: Int64, to status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int?
    ) throws(TripstoreError) -> Bool {
        let list = expected.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        // A job that did not complete shows no rows, as none of them is in the store.
        let isUndone = status == .failed || status == .cancelled
        let cleared = isUndone ? ", \(Self.cleared)" : ""
        return try transaction { connection throws(TripstoreError) in
            // Nobody works on a job that has ended, nor on one that waits again.
            let isChanged =
                try connection.execute(
                    """
                    UPDATE jobs SET status = $2, message = $3, updated_at = \(Self.now), \(Self.unclaimed)\(cleared)
                    WHERE id = $1::bigint AND status IN (\(list)) AND ($4::bigint IS NULL OR attempt = $4::bigint)
                    """, [id, status.rawValue, message, attempt]
                ).changedCount == 1
            if isChanged, isUndone { try clearRejects(of: id, on: connection) }
            return isChanged
        }
    }

    /// Records that nothing of a job is in the store.
    static let cleared = """
        total_rows = NULL, processed_rows = 0, rejected_rows = 0, processed_bytes = 0, committed_bytes = 0, committed_lines = 0,
        rejects_bytes = 0, committed_hash = NULL, start_count = 0
        """
    /// Records that no process works on a job.
    static let unclaimed = "worker = NULL, heartbeat_at = NULL, worker_is_command = false"

    func clearRejects(of id: Int64, on connection: PostgresConnection) throws(TripstoreError) {
        _ = try connection.execute("DELETE FROM reject_counts WHERE job_id = $1::bigint", [id])
        _ = try connection.execute("DELETE FROM rejects WHERE job_id = $1::bigint", [id])
    }

    package func reset(
        _ id: Int64, from expected: [Job.Status], isClaimed: Bool
    ) throws(TripstoreError) -> JobRecord? {
        let list = expected.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        return try transaction { connection throws(TripstoreError) in
            let rows = try connection.execute(
                """
                UPDATE jobs SET status = 'pending', message = NULL, updated_at = \(Self.now), \(Self.cleared)\(claimed(isClaimed))
                WHERE id = $1::bigint AND status IN (\(list)) RETURNING *
                """, [id] + (isClaimed ? [processName, hostPlace] : []))
            guard let row = rows.first else { return nil }
            try clearRejects(of: id, on: connection)
            _ = try connection.execute(
                "UPDATE load_attempts SET committed_parts = 0, is_settled = false WHERE job_id = $1::bigint", [id])
            return record(row)
        }
    }

    /// Records that this command works on a job, and has its file: $2 is its name, $3 its locality.
    func claimed(_ isClaimed: Bool) -> String {
        isClaimed
            ? """
            , worker = $2, heartbeat_at = now(), worker_is_command = true,
                place = CASE WHEN owns_source THEN place ELSE $3 END
            """ : ""
    }

    package func setTotalBytes(_ id: Int64, _ byteCount: Int) throws(TripstoreError) -> JobRecord? {
        try read(
            "UPDATE jobs SET total_bytes = $2::bigint, updated_at = \(Self.now) WHERE id = $1::bigint AND status = 'pending' RETURNING *",
            [id, byteCount]
        ).first.map(record)
    }

    package func rejectCounts(_ id: Int64) throws(TripstoreError) -> [String: Int] {
        var counts: [String: Int] = [:]
        for row in try read("SELECT reason, rows FROM reject_counts WHERE job_id = $1::bigint", [id]) {
            counts[row.text(0) ?? ""] = row.integer(1)
        }
        return counts
    }

    package var keepsRejects: Bool { true }

    package func rejects(
        _ id: Int64, after line: Int, limit: Int, byteCountMax: Int
    ) throws(TripstoreError) -> RejectsPage {
        let rows = try read(
            """
            SELECT body FROM (
                SELECT line, body::text AS body, sum(octet_length(body::text)) OVER (ORDER BY line) - octet_length(body::text) AS before
                FROM rejects WHERE job_id = $1::bigint AND line > $2::bigint ORDER BY line LIMIT $3::bigint) AS page
            WHERE before < $4::bigint ORDER BY line
            """, [id, line, limit, byteCountMax])
        let kept = try read("SELECT count(*), coalesce(max(line), 0) FROM rejects WHERE job_id = $1::bigint", [id]).first
        let decoder = JSONDecoder()
        var page = RejectsPage(keptRowCount: kept?.integer(0) ?? 0)
        for row in rows {
            guard let row = try? decoder.decode(RejectedRow.self, from: Data((row.text(0) ?? "").utf8)) else {
                throw TripstoreError(
                    .corrupt, "The rejected rows of job \(id) are damaged after line \(page.rows.last?.line ?? line).")
            }
            page.rows.append(row)
        }
        page.hasMore = page.rows.last.map { $0.line < kept?.integer(1) ?? 0 } ?? false
        return page
    }

    package func removeRejects(_ id: Int64) throws(TripstoreError) {
        _ = try read("DELETE FROM rejects WHERE job_id = $1::bigint", [id])
    }

    package func pendingJobs(upTo limit: Int) throws(TripstoreError) -> Int {
        try read("SELECT count(*) FROM (SELECT 1 FROM jobs WHERE status = 'pending' LIMIT $1::bigint) AS waiting", [limit])
            .first?.integer(0) ?? 0
    }

    // MARK: - Attempts

    package func start(_ ids: [Int64], tracksAttempts: Bool) throws(TripstoreError) -> [JobRecord] {
        try transaction { connection throws(TripstoreError) in
            var records: [JobRecord] = []
            for id in ids {
                // Other processes that begin an attempt wait here, so that each has a number of its own.
                let last = try connection.execute("SELECT attempts FROM catalog_name FOR UPDATE").first?.integer(0) ?? 0
                try age.require(last)
                let rows = try connection.execute(
                    """
                    UPDATE jobs SET status = 'running', message = NULL, updated_at = \(Self.now), attempt = $3::bigint, heartbeat_at = now(),
                        -- one that is counted and runs already only tries again to reach the servers that it needs
                        start_count = start_count + CASE WHEN status = 'pending' OR start_count = 0 THEN 1 ELSE 0 END
                    WHERE id = $1::bigint AND status IN ('pending', 'running') AND worker = $2 RETURNING *
                    """, [id, processName, last + 1])
                guard let row = rows.first else { continue }
                let record = record(row)
                _ = try connection.execute("UPDATE catalog_name SET attempts = $1::bigint", [last + 1])
                _ = try connection.execute(
                    "INSERT INTO load_attempts (job_id, attempt) VALUES ($1::bigint, $2::bigint)", [id, record.attempt])
                records.append(record)
            }
            return records
        }
    }

    package func commit(_ commit: JobCommit, job id: Int64) throws(TripstoreError) -> Bool {
        let channel = "tripstore_" + (try name())
        return try transaction { connection throws(TripstoreError) in
            let isRunning = try record(commit, job: id, on: connection)
            // The end is published in the transaction of the end: nobody receives what did not happen, or misses what did.
            if isRunning, commit.isLast {
                let notice = commit.lastProgress.map { PostgresNotice.progress($0) } ?? .changed(id)
                _ = try connection.execute("SELECT pg_notify($1, $2)", [channel, notice.payload(from: processName)])
            }
            return isRunning
        }
    }

    package func commit(
        _ commits: [(job: Int64, commit: JobCommit)], segment: SegmentRecord?
    ) throws(TripstoreError) -> [Int64] {
        try transaction { connection throws(TripstoreError) in
            let running = try connection.execute(
                "SELECT id FROM jobs WHERE id = ANY ($1::bigint[]) AND status = 'running' FOR UPDATE", [commits.map(\.job)]
            ).map { Int64($0.integer(0)) }
            let gone = commits.map(\.job).filter { !running.contains($0) }
            guard gone.isEmpty else { return gone }
            for (job, commit) in commits { _ = try record(commit, job: job, on: connection) }
            return []
        }
    }

    /// Refuses to complete a job whose uncompressed bytes are those of a completed one, unless it may be a duplicate.
    private func refuseDuplicate(
        of hash: ContentHash, job id: Int64, on connection: PostgresConnection
    ) throws(TripstoreError) {
        // Two processes that complete the same bytes at the same time take turns, so that the second sees the first.
        _ = try connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [hash.text])
        let other = try connection.execute(
            """
            SELECT * FROM jobs WHERE committed_hash = $1 AND status = 'completed' AND id <> $2::bigint
                AND NOT (SELECT allows_duplicate FROM jobs WHERE id = $2::bigint)
            ORDER BY id LIMIT 1
            """, [hash.text, id]
        ).first.map(record)
        if let other { throw TripstoreError.duplicate(of: other.job) }
    }

    private func record(
        _ commit: JobCommit, job id: Int64, on connection: PostgresConnection
    ) throws(TripstoreError) -> Bool {
        if commit.isLast, let hash = commit.checkpoint.contentHash { try refuseDuplicate(of: hash, job: id, on: connection) }
        let isRunning =
            try connection.execute(
                """
                UPDATE jobs SET processed_rows = $2::bigint, rejected_rows = $3::bigint, processed_bytes = $4::bigint,
                    committed_bytes = $5::bigint, committed_lines = $6::bigint, rejects_bytes = $7::bigint,
                    committed_hash = $10, source_hash = coalesce($11, source_hash),
                    total_rows = CASE WHEN $8::boolean THEN $2::bigint ELSE total_rows END,
                    status = CASE WHEN $8::boolean THEN 'completed' ELSE status END,
                    worker = CASE WHEN $8::boolean THEN NULL ELSE worker END,
                    worker_is_command = worker_is_command AND NOT $8::boolean, updated_at = \(Self.now),
                    start_count = 0
                WHERE id = $1::bigint AND status = 'running' AND attempt = $9::bigint
                """,
                [
                    id, commit.processedRows, commit.rejectedRows, commit.processedBytes, commit.checkpoint.byteCount,
                    commit.checkpoint.lineCount, commit.checkpoint.rejectsByteCount, commit.isLast, commit.attempt ?? 0,
                    commit.checkpoint.contentHash?.text, commit.sourceHash?.text,
                ]
            ).changedCount == 1
        guard isRunning else { return false }
        _ = try connection.execute(
            """
            UPDATE load_attempts SET committed_parts = $3::bigint, sessions = CASE WHEN $4::boolean THEN NULL ELSE sessions END
            WHERE job_id = $1::bigint AND attempt = $2::bigint
            """, [id, commit.attempt ?? 0, commit.partCount, commit.isLast])
        for (reason, rows) in commit.rejects {
            _ = try connection.execute(
                """
                INSERT INTO reject_counts (job_id, reason, rows) VALUES ($1::bigint, $2, $3::bigint)
                ON CONFLICT (job_id, reason) DO UPDATE SET rows = reject_counts.rows + excluded.rows
                """, [id, reason, rows])
        }
        if !commit.rejectedLines.isEmpty {
            // Our JSON keeps every character; PostgreSQL's text does not allow U+0000.
            _ = try connection.execute(
                """
                INSERT INTO rejects (job_id, line, body)
                SELECT $1::bigint, line, body::json FROM unnest($2::bigint[], $3::text[]) AS rows (line, body)
                """, [id, commit.rejectedLines.map { Int64($0.line) }, commit.rejectedLines.map(\.json)])
        }
        return true
    }

    package func noteWaiting(_ id: Int64, attempt: Int) throws(TripstoreError) {
        _ = try read(
            "UPDATE jobs SET start_count = 0 WHERE id = $1::bigint AND status = 'running' AND attempt = $2::bigint",
            [id, attempt])
    }

    package func requeue(_ id: Int64, attempt: Int) throws(TripstoreError) {
        _ = try read(
            """
            UPDATE jobs SET status = \(Self.statusOfReleased), message = NULL, updated_at = \(Self.now), start_count = 0,
                \(Self.unclaimed)
            WHERE id = $1::bigint AND status = 'running' AND attempt = $2::bigint
            """, [id, attempt])
    }

    // MARK: - Claims

    package func claim(except own: [Int64], busyHosts: [String]) throws(TripstoreError) -> JobRecord? {
        try read(
            """
            UPDATE jobs SET worker = $1, heartbeat_at = now(), worker_is_command = false, status = 'pending', updated_at = \(Self.now)
            WHERE id = (
                SELECT id FROM jobs
                WHERE status IN ('pending', 'running') AND (worker IS NULL OR \(isSilent) AND NOT \(Self.isOfCommand))
                    AND (place IS NULL OR place = ANY ($2::text[])) AND NOT id = ANY ($3::bigint[])
                    AND (source_url IS NULL OR owns_url
                        OR NOT lower(split_part(split_part(source_url, '/', 3), ':', 1)) = ANY ($4::text[]))
                ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING *
            """, [processName, places, own, busyHosts]
        ).first.map(record)
    }

    package func keepClaims(_ ids: [Int64]) throws(TripstoreError) -> [Int64] {
        if ids.isEmpty { return [] }
        let kept = try read(
            "UPDATE jobs SET heartbeat_at = now() WHERE id = ANY ($1::bigint[]) AND worker = $2 RETURNING id",
            [ids, processName]
        ).map { Int64($0.integer(0)) }
        return ids.filter { !kept.contains($0) }
    }

    package func queueStatistics() throws(TripstoreError) -> QueueStatistics {
        let row = try read(
            """
            SELECT (SELECT extract(epoch FROM now() - min(created_at::timestamptz))::bigint FROM jobs WHERE status = 'pending'),
                (SELECT count(*) FROM processes p WHERE p.loads AND \(isAlive))
            """
        ).first
        return QueueStatistics(oldestPendingSeconds: row?.text(0).flatMap { Int($0) }, workers: row?.integer(1))
    }

    package func releaseClaims() throws(TripstoreError) {
        _ = try read(
            """
            UPDATE jobs SET status = \(Self.statusOfReleased), updated_at = \(Self.now), \(Self.unclaimed)
            WHERE worker = $1 AND status IN ('pending', 'running')
            """, [processName])
        try interruptJobs(where: isCommandSilent)
        try leaveProcesses()
    }

    package var hostName: String { host }

    package func giveBack(_ id: Int64, message: String) throws(TripstoreError) -> Bool {
        try read(
            """
            UPDATE jobs SET status = 'pending', message = $3, updated_at = \(Self.now), start_count = 0, \(Self.unclaimed)
            WHERE id = $1::bigint AND worker = $2 AND status IN ('pending', 'running')
            """, [id, processName, message]
        ).changedCount == 1
    }

    package func runMaintenance() throws(TripstoreError) {
        try interruptJobs(where: isCommandSilent)
        try keepProcesses()
        // Drop events that nobody consumed for four days; delivery gives up after three.
        _ = try read(
            #"DELETE FROM job_events WHERE at < to_char((now() - interval '4 days') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"#
        )
    }

    package func isLeader(for task: String) throws(TripstoreError) -> Bool { try leadership.isLeader(for: task) }

    // MARK: - Notices

    package func observe(
        _ observer: @escaping @Sendable (CatalogNotice) throws(TripstoreError) -> Void
    ) throws(TripstoreError) {
        let channel = "tripstore_" + (try name())
        let listener = PostgresListener(url, channel: channel, processName: processName, observer) {
            [weak self] () throws(TripstoreError) in _ = try self?.visibility()
        }
        let announcer = PostgresAnnouncer(pool, channel: channel, processName: processName)
        state.withLock {
            $0.listener = listener
            $0.announcer = announcer
        }
    }

    package func announce(_ progress: JobProgress) { state.withLock { $0.announcer }?.announce(progress) }

    // MARK: - Internals

    private static func lastComponent(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

    func record(_ row: PostgresRows.Row) -> JobRecord {
        let ownsSource = row.flag("owns_source")
        let source = row.text("source_path") ?? ""
        return JobRecord(
            job: Job(
                id: Int64(row.integer("id")), filename: row.text("filename") ?? "",
                status: Job.Status(rawValue: row.text("status") ?? "") ?? .failed, createdAt: row.text("created_at") ?? "",
                updatedAt: row.text("updated_at") ?? "", totalRows: row.text("total_rows").flatMap { Int($0) },
                processedRows: row.integer("processed_rows"), rejectedRows: row.integer("rejected_rows"),
                totalBytes: row.text("total_bytes").flatMap { Int($0) }, processedBytes: row.integer("processed_bytes"),
                message: row.text("message"), worker: row.text("worker")),
            sourcePath: ownsSource ? "\(uploads)/\(source)" : source, ownsSource: ownsSource, sourceURL: row.text("source_url"),
            ownsURL: row.flag("owns_url"), attempt: row.integer("attempt"), startCount: row.integer("start_count"),
            sourceHash: row.text("source_hash").flatMap { ContentHash($0) }, allowsDuplicate: row.flag("allows_duplicate"),
            checkpoint: JobRecord.Checkpoint(
                byteCount: row.integer("committed_bytes"), lineCount: row.integer("committed_lines"),
                rejectsByteCount: row.integer("rejects_bytes"),
                contentHash: row.text("committed_hash").flatMap { ContentHash($0) }),
            sealedQuery: row.text("source_query"))
    }
}
