import Foundation
package import TripModel

/// What the servers store compared with what the catalog says, job by job.
package struct StoreAudit: Sendable {
    /// Trips of completed jobs that are not stored, by job.
    package var missing: [Int64: Int] = [:]
    /// Trips that answers count although the job does not have them, by job.
    package var extra: [Int64: Int] = [:]
    /// Rows that do not count, of attempts that the catalog knows, by job; a purge deletes them.
    package var uncounted: [Int64: Int] = [:]
    /// Rows of jobs that the catalog does not know, by job.
    package var unknownJobs: [Int64: Int] = [:]
    /// Attempts whose rows were purged and are back, such as after a restore of a server.
    var returned: [Visibility.Parts] = []
    /// The highest job ID that is stored.
    var lastJob: Int64 = 0
    var lastAttempt = 0
    /// Count of completed jobs.
    package var jobCount = 0

    package var missingCount: Int { missing.values.reduce(0, +) }
    package var extraCount: Int { extra.values.reduce(0, +) }
    package var uncountedCount: Int { uncounted.values.reduce(0, +) + unknownJobs.values.reduce(0, +) }

    /// What is wrong, for answers to report; nil if nothing is.
    ///
    /// Rows that wait for the purge are not a fault.
    package var warning: String? {
        var sentences: [String] = []
        if missingCount > 0 {
            let trips = missingCount == 1 ? "1 trip is" : "\(missingCount.grouped) trips are"
            sentences.append(
                "\(trips) missing: ClickHouse has fewer than completed jobs stored (\(Self.list(missing))); restore the shard that "
                    + "lost them, or delete those jobs and load their files again.")
        }
        if extraCount > 0 {
            let trips = extraCount == 1 ? "1 trip is" : "\(extraCount.grouped) trips are"
            sentences.append(
                "\(trips) too many: ClickHouse has more than completed jobs stored (\(Self.list(extra))), as after a restore of a shard; "
                    + "run `tripstore repair`, and if they are still there, delete those jobs and load their files again.")
        }
        return sentences.isEmpty ? nil : sentences.joined(separator: " ")
    }

    /// Lists some jobs with their counts of trips, the largest first.
    private static func list(_ counts: [Int64: Int]) -> String {
        let all = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let named = all.prefix(3).map { "job \($0.key): \($0.value.grouped)" }
        return named.joined(separator: ", ") + (all.count > 3 ? " and \(all.count - 3) more" : "")
    }
}

extension ClickHouseStore {
    /// One attempt of a job as it is stored.
    private struct StoredAttempt {
        var job: Int64
        var attempt: Int
        var rows: Int
        var counted: Int
    }

    /// Compares everything that is stored with the catalog: one scan of two columns on every server.
    ///
    /// What changes meanwhile is excluded: only jobs that were the same before and after the scan are compared.
    package func audit() throws(TripstoreError) -> StoreAudit {
        // In this order: a job that completes between the two differs from what it was before.
        let before = try catalog.accounts()
        let visibility = try catalog.visibility()
        let stored = try storedAttempts(visibility)
        let after = Dictionary(uniqueKeysWithValues: try catalog.accounts().map { ($0.job, $0) })
        var byJob: [Int64: [StoredAttempt]] = [:]
        for attempt in stored { byJob[attempt.job, default: []].append(attempt) }
        var audit = StoreAudit()
        audit.lastJob = stored.map(\.job).max() ?? 0
        audit.lastAttempt = stored.map(\.attempt).max() ?? 0
        for (job, attempts) in byJob where after[job] == nil {
            audit.unknownJobs[job] = attempts.map(\.rows).reduce(0, +)
            let counted = attempts.map(\.counted).reduce(0, +)
            if counted > 0 { audit.extra[job] = counted }
        }
        for account in before where after[account.job] == account {
            // If one began meanwhile, the scan could not know yet that it does not count.
            let attempts = (byJob[account.job] ?? []).filter { $0.attempt <= visibility.attempts }
            audit.compare(account, rows: attempts.map(\.rows).reduce(0, +), counted: attempts.map(\.counted).reduce(0, +))
            if audit.extra[account.job] != nil {
                audit.returned += attempts.map {
                    Visibility.Parts(job: $0.job, attempt: $0.attempt, firstUncommitted: 0)
                }
            }
        }
        audit.jobCount = before.filter(\.isCompleted).count
        return audit
    }

    private func storedAttempts(_ visibility: Visibility) throws(TripstoreError) -> [StoredAttempt] {
        var reader = RowBinaryReader(try ask(sql.attempts(visibility)))
        var stored: [StoredAttempt] = []
        while !reader.isAtEnd {
            stored.append(
                StoredAttempt(
                    job: try reader.integer(), attempt: Int(try reader.integer(UInt64.self)),
                    rows: Int(try reader.integer(UInt64.self)), counted: Int(try reader.integer(UInt64.self))))
        }
        return stored
    }
}

extension StoreAudit {
    /// Adds what is stored of a job that the catalog knows.
    fileprivate mutating func compare(_ account: JobAccount, rows: Int, counted: Int) {
        if counted < account.trips { missing[account.job] = account.trips - counted }
        if counted > account.trips { extra[account.job] = counted - account.trips }
        if rows > counted { uncounted[account.job] = rows - counted }
    }
}
