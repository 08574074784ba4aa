import Foundation
package import TripModel

/// Which processes serve, and jobs that none of them can take: those of uploads in a folder that no process has.
extension PostgresCatalog {
    /// Whether a process has sent a heartbeat within a lease.
    var isAlive: String { "p.heartbeat_at >= now() - \(leaseSeconds) * interval '1 second'" }

    package func register(loads: Bool, settings: [String: String]) throws(TripstoreError) -> [String] {
        var settings = settings
        settings["lease_seconds"] = String(leaseSeconds)
        let text = (try? JSONEncoder().encode(settings)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
        _ = try read(
            """
            INSERT INTO processes (name, folder, host, loads, settings, heartbeat_at) VALUES ($1, $2, $3, $4::boolean, $5, now())
            ON CONFLICT (name) DO UPDATE SET heartbeat_at = now()
            """, [processName, folderPlace, hostPlace, loads, text])
        var sentences: Set<String> = []
        for row in try read(
            "SELECT name, settings FROM processes p WHERE \(isAlive) AND name <> $1 ORDER BY name", [processName])
        {
            let others = try? JSONDecoder().decode([String: String].self, from: Data((row.text(1) ?? "").utf8))
            for (name, value) in settings.sorted(by: { $0.key < $1.key }) {
                guard let other = others?[name], other != value else { continue }
                sentences.insert(
                    "\(name) is \(value) here and \(other) in \(row.text(0) ?? ""); give all processes the same, as any of them may answer."
                )
            }
        }
        return sentences.sorted()
    }

    package func hasLoaderHere() throws(TripstoreError) -> Bool {
        try read("SELECT EXISTS (SELECT 1 FROM processes WHERE loads AND folder = $1)", [folderPlace]).first?.text(0) == "t"
    }

    /// Sends this process's heartbeat, and updates the messages of jobs that no process can take.
    func keepProcesses() throws(TripstoreError) {
        _ = try read("UPDATE processes SET heartbeat_at = now() WHERE name = $1", [processName])
        _ = try read("DELETE FROM processes WHERE heartbeat_at < now() - interval '7 days'")
        let isStranded = """
            status = 'pending' AND worker IS NULL AND place IS NOT NULL AND NOT \(Self.isOfCommand) AND NOT EXISTS (
                SELECT 1 FROM processes p WHERE p.loads AND \(isAlive) AND (p.folder = place OR p.host = place))
            """
        let wait = "Waiting for a process that ingests and has the folder of this upload"
        _ = try read(
            """
            UPDATE jobs SET message = '\(wait), none of which is alive (' || place || '): start one with that folder, or delete this '
                || 'job and send the file again; with UPLOADS_URL, all processes reach all uploads.'
            WHERE \(isStranded) AND (message IS NULL OR NOT starts_with(message, '\(wait)'))
            """)
        try transaction { connection throws(TripstoreError) in
            let failed = try connection.execute(
                """
                UPDATE jobs SET status = 'failed', updated_at = \(Self.now), \(Self.unclaimed), \(JobSQL.cleared),
                    message = 'The upload is in a folder that no process has had for a day (' || place || '); bring it back and resume '
                        || 'the job, or delete the job and send the file again.'
                WHERE \(isStranded) AND updated_at::timestamptz < now() - interval '1 day' RETURNING id
                """)
            for row in failed { try clearRejects(of: Int64(row.integer(0)), on: connection) }
        }
    }

    /// Records that this process no longer serves.
    func leaveProcesses() throws(TripstoreError) {
        _ = try read(
            """
            UPDATE processes SET heartbeat_at = least(heartbeat_at, now() - \(leaseSeconds + 1) * interval '1 second') WHERE name = $1
            """, [processName])
    }
}
