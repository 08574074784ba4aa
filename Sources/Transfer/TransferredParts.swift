import TripModel

/// The parts of one job on their way into the target: one is stored while the next one is read.
///
/// Each is committed with the count of pieces up to its last row; a later run resumes after them if the job is read in the same
/// pieces.
final class TransferredParts {
    private struct StoringPart {
        var record: Pending<SegmentRecord?>?
        var commit: JobCommit
    }

    private let record: JobRecord
    private let attempt: Int
    private let plan: ContentHash
    private let target: any TripEngine
    private let report: (_ rowCount: Int) -> Void
    private var storing: StoringPart?
    private var batches: [TripBatch] = []
    private var batchRowCount = 0
    private var partCount = 0
    /// Count of pieces that were added.
    private(set) var position: Int
    /// Their rows.
    private(set) var rowCount: Int

    /// - Parameters:
    ///   - record: the job in the source.
    ///   - started: its attempt in the target.
    ///   - plan: identifies the pieces that it is read in.
    ///   - report: receives the count of committed rows.
    init(
        of record: JobRecord, _ started: JobRecord, plan: ContentHash, in target: any TripEngine,
        _ report: @escaping (_ rowCount: Int) -> Void
    ) {
        self.record = record
        self.plan = plan
        self.target = target
        self.report = report
        attempt = started.attempt
        position = started.checkpoint.byteCount
        rowCount = started.job.processedRows
    }

    /// Adds the trips of the next piece.
    func add(_ read: [TripBatch]) throws {
        let count = read.reduce(0) { $0 + $1.count }
        let isFull =
            batchRowCount + count > target.intake.partRowCount
            || batches.count + read.count > Limits.segmentBatchCountMax
        if batchRowCount > 0, isFull {
            var commit = JobCommit(
                attempt: attempt, counts: JobCounts(processedRows: rowCount),
                checkpoint: JobRecord.Checkpoint(byteCount: position, lineCount: rowCount, contentHash: plan), rejects: [:],
                isLast: false)
            commit.partCount = partCount + 1
            try seal(commit)
        }
        for batch in read where batch.count > 0 {
            var batch = batch
            // All are of one job.
            batch.job = []
            batches.append(batch)
        }
        batchRowCount += count
        rowCount += count
        position += 1
    }

    /// Stores the rest and commits it as the last part.
    func finish(_ last: JobCommit) throws {
        var last = last
        last.partCount = partCount + 1
        try seal(last)
        try commitOldest()
    }

    /// Waits for the part being stored, so that nothing is stored later.
    func drain() { _ = try? storing?.record?.wait() }

    private func seal(_ commit: JobCommit) throws {
        try commitOldest()
        let part = JobPart(
            job: record.job.id, isGroup: false, attempt: attempt, number: partCount, endLine: rowCount,
            provenance: SegmentProvenance(jobs: [record.transferredProvenance]))
        storing = StoringPart(record: batches.isEmpty ? nil : target.store(batches, as: part), commit: commit)
        partCount += 1
        (batches, batchRowCount) = ([], 0)
    }

    private func commitOldest() throws {
        guard let part = storing else { return }
        var commit = part.commit
        commit.segment = try part.record?.wait() ?? nil
        storing = nil
        let id = record.job.id
        guard try target.storage.catalog.commit(commit, job: id) else { throw TripstoreError.transferLost(id) }
        if !commit.isLast { report(commit.processedRows) }
    }
}
