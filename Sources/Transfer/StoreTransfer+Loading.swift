import Foundation
import TripModel

/// How trips of jobs get into the target: several small jobs at a time, a large one part by part.
extension StoreTransfer {
    /// Maximum of pieces that are read ahead: each may take some ten megabytes.
    private static let pieceCountMax = 4
    /// Batches of a job that are passed on together.
    private static let batchCountMax = 1024

    /// Stores jobs that are complete in the source; false if trips of one have disappeared there, since it was deleted.
    ///
    /// Waits while servers are unavailable, as jobs do.
    func load(_ wave: [JobRecord]) throws(TripstoreError) -> Bool {
        var backoff = Backoff(from: .seconds(1), to: .seconds(Limits.retrySecondsMax))
        while true {
            do {
                return wave.count == 1 ? try loadAlone(wave[0]) : try loadTogether(wave)
            } catch let error as TripstoreError where error.code == .unavailable {
                report(.waits(error.message))
                Thread.sleep(forTimeInterval: backoff.next().inSeconds)
            } catch {
                throw error as? TripstoreError
                    ?? TripstoreError(.internalFault, "Trips could not be copied: \(error); please report this.")
            }
        }
    }

    // MARK: - Several

    private func loadTogether(_ wave: [JobRecord]) throws -> Bool {
        let pieces = try source.pieces(of: Set(wave.map(\.job.id)))
        let read = try source.pool.map(count: pieces.count) { try pieces[$0].read() }
        let batches = read.flatMap(\.self).filter { $0.count > 0 }
        var counts: [Int64: Int] = [:]
        for batch in batches { for job in batch.job { counts[job, default: 0] += 1 } }
        for record in wave {
            guard try isWhole(record, tripCount: counts[record.job.id] ?? 0) else { return false }
        }
        if target.intake.groupsSmallFiles {
            try storeTogether(wave, batches)
        } else {
            var own = Self.divided(batches)
            for record in wave { try store(record, own.removeValue(forKey: record.job.id) ?? []) }
        }
        return true
    }

    /// Stores whole jobs as one segment.
    private func storeTogether(_ wave: [JobRecord], _ batches: [TripBatch]) throws {
        var started: [JobRecord] = []
        for record in wave { if try begin(record, plan: nil) != nil { started.append(record) } }
        guard let first = started.first?.job.id else { return }
        let ids = Set(started.map(\.job.id))
        // If an earlier run has committed the job meanwhile, it is committed whole.
        guard started.count == wave.count else { throw TripstoreError.transferLost(first) }
        let part = JobPart(
            job: first, isGroup: true, attempt: 1, number: 0, endLine: 0,
            provenance: SegmentProvenance(jobs: started.map { $0.transferredProvenance }))
        let segment = batches.isEmpty ? nil : try target.store(batches, as: part).wait()
        let commits = started.map { (job: $0.job.id, commit: $0.lastCommit(attempt: nil, partCount: 1)) }
        guard try targetCatalog.commit(commits, segment: segment).isEmpty else { throw TripstoreError.transferLost(first) }
        claims?.remove(ids)
        for record in started { try finish(record) }
    }

    /// Stores a whole job.
    private func store(_ record: JobRecord, _ batches: [TripBatch]) throws {
        guard let started = try begin(record, plan: nil) else { return }
        // A later run starts over.
        let parts = TransferredParts(of: record, started, plan: ContentHasher().hash, in: target) { _ in }
        defer { parts.drain() }
        for start in stride(from: 0, to: batches.count, by: Self.batchCountMax) {
            try parts.add(Array(batches[start..<min(start + Self.batchCountMax, batches.count)]))
        }
        try parts.finish(record.lastCommit(attempt: started.attempt, partCount: 0))
        claims?.remove([record.job.id])
        try finish(record)
    }

    /// Returns the batches of each job.
    private static func divided(_ batches: [TripBatch]) -> [Int64: [TripBatch]] {
        var divided: [Int64: [TripBatch]] = [:]
        for batch in batches {
            var own: [Int64: TripBatch] = [:]
            for (row, job) in zip(batch.rows, batch.job) {
                own[job, default: batch.emptied].rows.append(row)
            }
            for (job, batch) in own { divided[job, default: []].append(batch) }
        }
        return divided
    }

    // MARK: - One

    private func loadAlone(_ record: JobRecord) throws -> Bool {
        let pieces = try source.pieces(of: [record.job.id])
        let hasher = ContentHasher()
        for piece in pieces { hasher.update(piece.name + "\n") }
        guard let started = try begin(record, plan: hasher.hash) else { return true }
        let parts = TransferredParts(of: record, started, plan: hasher.hash, in: target) { [self] rowCount in
            report(.copied(trips: min(tripCount + rowCount, result.trips), of: result.trips))
        }
        var reading: [Pending<[TripBatch]>] = []
        defer {
            // Nothing is stored once the job was abandoned.
            for piece in reading { _ = try? piece.wait() }
            parts.drain()
        }
        var next = parts.position
        while parts.position < pieces.count {
            while next < pieces.count, reading.count < Self.pieceCountMax {
                let piece = pieces[next]
                reading.append(source.pool.submit { try piece.read() })
                next += 1
            }
            try parts.add(reading.removeFirst().wait())
        }
        guard try isWhole(record, tripCount: parts.rowCount) else { return false }
        try parts.finish(record.lastCommit(attempt: started.attempt, partCount: 0))
        claims?.remove([record.job.id])
        try finish(record, earlierRowCount: started.job.processedRows)
        return true
    }

    // MARK: - Start and end

    /// Starts a job of the target, which is adopted, resumed or restarted; nil if it is complete already.
    ///
    /// - Parameter plan: identifies the pieces that it is read in; it resumes after the last commit if that was made from the
    ///   same ones.
    private func begin(_ record: JobRecord, plan: ContentHash?) throws(TripstoreError) -> JobRecord? {
        let id = record.job.id
        let expected: [Job.Status] = [.pending, .running, .interrupted]
        if let existing = try targetCatalog.job(id) {
            switch existing.job.status {
            case .completed:
                try finish(record, earlierRowCount: record.job.tripCount)
                return nil
            case .pending, .running, .interrupted:
                if existing.checkpoint == JobRecord.Checkpoint() || plan != nil && existing.checkpoint.contentHash == plan {
                    guard try targetCatalog.takeOver(id) != nil else { throw .transferLost(id) }
                } else {
                    _ = try target.deleteTrips(id, status: .failed, from: expected, message: nil, attempt: nil)
                    try reset(id)
                }
            case .failed: try reset(id)
            case .cancelled, .deleted:
                throw TripstoreError(
                    .conflict,
                    "Job \(id) (\(record.job.filename)) was removed in the target; name another target to copy the whole store."
                )
            }
        } else {
            try targetCatalog.adopt(record)
        }
        claims?.add(id)
        let tracksAttempts = target.intake.tracksAttempts
        guard let started = try targetCatalog.start([id], tracksAttempts: tracksAttempts).first else { throw .transferLost(id) }
        return started
    }

    private func reset(_ id: Int64) throws(TripstoreError) {
        guard try targetCatalog.reset(id, from: [.failed], isClaimed: target.storage.isShared) != nil else {
            throw .transferLost(id)
        }
    }

    /// Completes a job whose trips are in the target.
    private func finish(_ record: JobRecord, earlierRowCount: Int = 0) throws(TripstoreError) {
        try settle(record)
        tripCount = min(tripCount + record.job.tripCount, result.trips)
        result.newTrips += record.job.tripCount - earlierRowCount
        result.newJobs += 1
        report(.copied(trips: tripCount, of: result.trips))
    }

    /// Returns whether all trips of a job were read; false if it was deleted meanwhile; throws if the store has lost some.
    private func isWhole(_ record: JobRecord, tripCount: Int) throws(TripstoreError) -> Bool {
        if tripCount == record.job.tripCount { return true }
        let id = record.job.id
        guard try sourceCatalog.job(id)?.job.status == .completed else { return false }
        throw TripstoreError(
            .corrupt,
            "Job \(id) (\(record.job.filename)) has \(tripCount.grouped) trips in the store, \(record.job.tripCount.grouped) by its catalog; "
                + "restore what is missing, or delete that job, and run the same command again.")
    }
}

extension JobRecord {
    /// The job's provenance, as segments of another store record it.
    var transferredProvenance: SegmentProvenance.Job {
        var provenance = provenance()
        provenance.upload = nil
        return provenance
    }

    /// The last commit of a job that copies trips; the rest of its record is set afterwards.
    ///
    /// Without hashes: whether jobs may have the same bytes was decided where they were ingested.
    fileprivate func lastCommit(attempt: Int?, partCount: Int) -> JobCommit {
        JobCommit(
            attempt: attempt, partCount: partCount, counts: job.counts, checkpoint: Checkpoint(), rejects: [:], isLast: true)
    }
}

extension TripBatch {
    /// A batch with the same names and without trips.
    fileprivate var emptied: TripBatch {
        var batch = TripBatch()
        batch.regions = regions
        batch.datasources = datasources
        return batch
    }
}
