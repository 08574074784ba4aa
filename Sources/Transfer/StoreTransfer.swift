import Foundation
package import TripModel

/// The result of a transfer.
package struct TransferReport: Sendable {
    /// Jobs of the source.
    package var jobs = 0
    /// Trips of its completed jobs, all of which are in the target.
    package var trips = 0
    /// Jobs whose trips this run has copied.
    package var newJobs = 0
    /// Trips that this run has copied.
    package var newTrips = 0
    /// Jobs that were not complete, and have status failed in the target.
    package var unfinishedJobs = 0
    /// Queries whose answers were compared.
    package var queries = 0
}

/// Progress of a transfer.
package enum TransferProgress: Sendable {
    /// Trips in the target, and all of them.
    case copied(trips: Int, of: Int)
    /// What it waits for.
    case waits(String)
    /// Answers of both sides are being compared.
    case compares
}

/// Copies all jobs of a store with their trips to another one, of any engine and catalog.
///
///     source ── select: jobs of one moment ── pieces of trips ─┐
///     target ── adopt a job, start it ── store parts ── commit ┴─ settle: copy the job's record ── compare answers
///
/// A job is stored as from a file, as an attempt with parts and a last commit, so that in the target too it is whole or absent
/// whatever fails. A later run skips what is there and resumes after the last commit. So the transfer of a store in use may be
/// repeated, and the copy follows it: that is a backup of a cluster.
package final class StoreTransfer {
    /// What to do with jobs that are not complete.
    package enum Unfinished: Sendable {
        /// Refuse them, before anything is done.
        case refused
        /// Record them as failed in the target, until a later run finds them complete.
        case failed
    }

    /// Maximum of repeated selections of jobs after some were deleted meanwhile.
    private static let turnCountMax = 5
    private static let task = "transfer"
    private static let unfinishedMessage = "It was not complete when the store was copied; load its file again."

    let source: any TripEngine
    let target: any TripEngine
    private let unfinished: Unfinished
    let report: (TransferProgress) -> Void
    let claims: ClaimKeeper?
    var result = TransferReport()
    /// Trips in the target so far.
    var tripCount = 0
    var targetCatalog: any StoreCatalog { target.storage.catalog }
    var sourceCatalog: any StoreCatalog { source.storage.catalog }

    /// Prepares a transfer.
    ///
    /// - Parameters:
    ///   - source: a store that is open for reading.
    ///   - target: a store that is open for writing and otherwise idle.
    package init(
        from source: any TripEngine, to target: any TripEngine, unfinished: Unfinished,
        _ report: @escaping (TransferProgress) -> Void
    ) {
        self.source = source
        self.target = target
        self.unfinished = unfinished
        self.report = report
        claims = target.storage.shared.map { ClaimKeeper($0) }
    }

    /// Makes this process the only one that copies to the target; after a killed one, once its lease has expired.
    private func takeLead() throws(TripstoreError) {
        guard let shared = target.storage.shared else { return }
        let end = ContinuousClock.now + .seconds(shared.leaseSeconds + 2)
        // A lease ends without a notice.
        var backoff = Backoff(from: .milliseconds(200), to: .seconds(1))
        var isTold = false
        while try !shared.isLeader(for: Self.task) {
            guard ContinuousClock.now < end else {
                throw TripstoreError(.busy, "Another process is copying to the same catalog; wait until it ends.")
            }
            if !isTold { report(.waits("another process copied to the same catalog a moment ago")) }
            isTold = true
            Thread.sleep(forTimeInterval: backoff.next().inSeconds)
        }
    }

    /// Runs to the end: the target has all jobs that were complete when it began and not deleted since, and both stores give
    /// equal answers.
    package func run() throws(TripstoreError) -> TransferReport {
        try takeLead()
        claims?.start()
        defer { claims?.stop() }
        var (known, wanted): (Set<Int64>?, Set<Int64>?)
        for _ in 0..<Self.turnCountMax {
            let all = try source.select(wanted)
            let jobs = all.filter { known?.contains($0.job.id) ?? true }
            let complete = Set(jobs.filter { $0.job.status == .completed }.map(\.job.id))
            let chosen = wanted?.intersection(complete) ?? complete
            if known == nil { try check(jobs) }
            (known, wanted) = (Set(jobs.map(\.job.id)), chosen)
            guard try bring(jobs, chosen) else { continue }
            target.publish()
            report(.compares)
            var comparison = AnswerComparison(source, target)
            let trips = jobs.filter { chosen.contains($0.job.id) }.map { ($0.job.id, $0.job.tripCount) }
            if let difference = try comparison.difference(Dictionary(uniqueKeysWithValues: trips)) {
                if try hasChanged(chosen) { continue }
                throw TripstoreError(
                    .corrupt,
                    "The copy differs from its source: \(difference). Check which of the two is intact (`tripstore verify`); run the "
                        + "same command again, or start over with another folder or an empty target.")
            }
            try removeDeleted(chosen)
            try bringProfiles()
            target.jobsEnded()
            result.queries = comparison.queryCount
            return result
        }
        throw TripstoreError(
            .conflict, "Jobs of the source kept being deleted while it was copied; run the same command again to continue.")
    }

    /// Copies saved reading options with their places, in place of those that have their names in the target.
    private func bringProfiles() throws(TripstoreError) {
        for profile in try sourceCatalog.profiles() where try targetCatalog.profile(profile.name)?.options != profile.options {
            if let id = profile.options.places, let parts = try sourceCatalog.places(id) {
                try targetCatalog.savePlaces(id, parts)
            }
            _ = try targetCatalog.saveProfile(profile.name, profile.options)
        }
    }

    /// Returns whether trips of the selected jobs have disappeared since.
    private func hasChanged(_ chosen: Set<Int64>) throws(TripstoreError) -> Bool {
        let complete = try sourceCatalog.jobs(limit: Int(Int32.max), status: .completed).map(\.job.id)
        return !chosen.isSubset(of: complete)
    }

    /// Deletes from the copy what was deleted in the source since the selection: the rest is what was compared.
    private func removeDeleted(_ chosen: Set<Int64>) throws(TripstoreError) {
        for record in try sourceCatalog.jobs(limit: Int(Int32.max), status: .deleted) where chosen.contains(record.job.id) {
            try bringWithoutTrips(record, targetCatalog.job(record.job.id))
            result.trips -= record.job.tripCount
        }
    }

    // MARK: - Checks

    /// Refuses what cannot be copied, or not to this target.
    private func check(_ jobs: [JobRecord]) throws(TripstoreError) {
        for store in [source, target] where !store.intake.tracksAttempts {
            guard try store.storage.catalog.visibility().attempts > 0 else { continue }
            throw TripstoreError(
                .conflict,
                "The jobs of \(store.storage.folders.root) have their trips in ClickHouse, so it is not a store of one machine; name another "
                    + "folder.")
        }
        if let warning = try source.missingWarning() {
            throw TripstoreError(
                .conflict, "The store is not complete, so it is not copied; what was copied before remains: \(warning)")
        }
        if let warning = try target.missingWarning() {
            throw TripstoreError(
                .conflict, "The target is not complete; name an empty one, or repair it first: \(warning)")
        }
        let open = jobs.filter { !$0.job.status.isTerminal }
        if unfinished == .refused, let first = open.first {
            let (others, them) =
                switch open.count {
                case 1: (" is", "it")
                case 2: (" and another are", "them")
                default: (" and \(open.count - 1) others are", "them")
                }
            throw TripstoreError(
                .conflict,
                open.contains { $0.sourcePath == JobRecord.transferSource }
                    ? "A copy to this store was not completed; run that `tripstore migrate` or `tripstore restore` again first."
                    : "Job \(first.job.id) (\(first.job.filename))\(others) not complete; complete \(them) with `tripstore resume` or "
                        + "`tripstore serve`, or delete \(them) with `tripstore jobs NUMBER --remove`, and run the same command again."
            )
        }
        result.unfinishedJobs = open.count
        let byNumber = Dictionary(uniqueKeysWithValues: jobs.map { ($0.job.id, $0) })
        for other in try targetCatalog.jobs(limit: Int(Int32.max), status: nil) {
            if let own = byNumber[other.job.id] {
                if own.isSame(as: other) { continue }
            } else if other.job.message == Self.unfinishedMessage, try targetCatalog.forget(job: other.job.id) {
                // The source removed it since: its file turned out to be a duplicate.
                continue
            }
            throw TripstoreError(
                .conflict,
                "The target has job \(other.job.id) (\(other.job.filename)), which the source does not have, so it is neither empty nor an earlier "
                    + "copy of this store. Name another target.")
        }
        try targetCatalog.reserveJobIDs(upTo: sourceCatalog.lastJobID())
    }

    // MARK: - Jobs

    /// Copies what the target does not have; false if a job was deleted in the source meanwhile.
    private func bring(_ jobs: [JobRecord], _ chosen: Set<Int64>) throws(TripstoreError) -> Bool {
        let loaded = Dictionary(
            uniqueKeysWithValues: try targetCatalog.jobs(limit: Int(Int32.max), status: nil).map { ($0.job.id, $0) })
        result.jobs = jobs.count
        result.trips = jobs.reduce(0) { $0 + (chosen.contains($1.job.id) ? $1.job.tripCount : 0) }
        tripCount = jobs.reduce(0) { sum, record in
            chosen.contains(record.job.id) && loaded[record.job.id]?.job.status == .completed ? sum + record.job.tripCount : sum
        }
        report(.copied(trips: tripCount, of: result.trips))
        var wave: [JobRecord] = []
        var rowCount = 0
        var isWhole = true
        func flush() throws(TripstoreError) {
            if !wave.isEmpty, try !load(wave) { isWhole = false }
            (wave, rowCount) = ([], 0)
        }
        for record in jobs {
            let other = loaded[record.job.id]
            guard chosen.contains(record.job.id) else {
                try bringWithoutTrips(record, other)
                continue
            }
            if other?.job.status == .completed {
                if other?.job != record.job { try settle(record) }
                continue
            }
            if rowCount + record.job.tripCount > partRowCount || wave.count == Self.waveJobCountMax { try flush() }
            wave.append(record)
            rowCount += record.job.tripCount
        }
        try flush()
        return isWhole
    }

    /// Maximum of jobs that are read together: predicates name each.
    private static let waveJobCountMax = 1000
    /// Rows that are stored and committed together.
    var partRowCount: Int { target.intake.partRowCount }

    /// Copies the record of a job without trips; deletes the trips of one that was deleted in the source.
    private func bringWithoutTrips(_ record: JobRecord, _ other: JobRecord?) throws(TripstoreError) {
        var record = record
        let id = record.job.id
        // One that became complete since the start is left to the next run.
        if !record.job.status.isTerminal || record.job.status == .completed {
            record = record.failed(Self.unfinishedMessage)
        }
        guard let other else {
            try targetCatalog.adopt(record)
            return try settle(record)
        }
        if other.job == record.job { return }
        switch other.job.status {
        case .completed:
            guard record.job.status == .deleted else { throw .transferLost(id) }
            guard try target.deleteTrips(id, status: .deleted, from: [.completed], message: nil, attempt: nil) else {
                throw .transferLost(id)
            }
        case .pending, .running, .interrupted:
            _ = try target.deleteTrips(id, status: .failed, from: [other.job.status], message: nil, attempt: nil)
        case .failed, .cancelled, .deleted: break
        }
        try settle(record)
    }

    /// Copies everything that the source records about a job.
    func settle(_ record: JobRecord) throws(TripstoreError) {
        let id = record.job.id
        let (counts, lines) = try rejects(of: record)
        let folders = target.storage.folders
        if target.storage.rejectStore == nil {
            try RejectsFile.replace(folders.rejectsPath(job: id), with: lines, rejectedRows: record.job.rejectedRows, counts)
        }
        try targetCatalog.settle(record.transferred, rejects: counts, lines: lines)
    }

    /// Returns the rejected rows of a job of the source by reason, and those that are kept.
    private func rejects(
        of record: JobRecord
    ) throws(TripstoreError) -> (counts: [String: Int], lines: [RejectedRow]) {
        let counts = record.job.rejectedRows == 0 ? [:] : try sourceCatalog.rejectCounts(record.job.id)
        guard record.job.rejectedRows > 0, !record.job.status.isRemoved else { return (counts, []) }
        var lines: [RejectedRow] = []
        while true {
            let page = try source.storage.rejects(record.job.id, after: lines.last?.line ?? 0, limit: 1000)
            lines += page.rows
            if !page.hasMore { return (counts, lines) }
        }
    }
}

extension JobRecord {
    /// Returns whether this is the same job in another catalog.
    fileprivate func isSame(as other: JobRecord) -> Bool {
        job.filename == other.job.filename && job.createdAt == other.job.createdAt
    }

    /// Returns the job as a failed one with nothing in the store.
    fileprivate func failed(_ message: String) -> JobRecord {
        var record = self
        record.job.status = .failed
        record.job.message = message
        record.job.totalRows = nil
        (record.job.processedRows, record.job.rejectedRows, record.job.processedBytes) = (0, 0, 0)
        record.checkpoint = Checkpoint()
        return record
    }
}

extension StoreTransfer {
    /// Refuses two folders of which one is the other or is in it.
    package static func requireApart(_ source: String, _ target: String) throws(TripstoreError) {
        let (own, other) = (try FileSystem.destination(source), try FileSystem.destination(target))
        guard own == other || FileSystem.isInside(own, other) || FileSystem.isInside(other, own) else { return }
        throw TripstoreError(.invalidArgument, "\(target) and \(source) must be separate folders; name another.")
    }
}
