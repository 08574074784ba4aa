import TripModel

/// Where pending jobs of this process wait: for their files to be fetched, or for ingestion.
final class JobQueues: Sendable {
    let ingestion: IngestionQueue
    let fetches: FetchQueue
    private let context: JobContext

    init(_ context: JobContext) {
        self.context = context
        ingestion = IngestionQueue(
            groupsSmallFiles: context.intake.groupsSmallFiles, idleWork: context.engine.idleWork, board: context.board)
        fetches = FetchQueue(context.board)
    }

    /// The jobs that this process works on.
    var ids: [Int64] { ingestion.ids + fetches.ids }

    /// Adds a pending job: to be fetched, or ingested.
    func add(_ record: JobRecord) throws(TripstoreError) {
        var record = record
        let hasBegun = record.checkpoint != JobRecord.Checkpoint()
        if context.isShared, record.sourceURL != nil, !record.ownsURL, hasBegun,
            FileSystem.byteCount(of: record.sourcePath) == nil
        {
            // Another process fetched the file and ingested a part of it. What the URL has now may be another file.
            guard let anew = try context.catalog.reset(record.job.id, from: [.pending]) else { return }
            record = anew
        }
        if record.isToBeFetched { return fetches.add(record) }
        // A crash may have come between the final rename of a fetched file and the record of its size; a foreign file may
        // have changed since its job was created.
        if record.checkpoint == JobRecord.Checkpoint(), let byteCount = FileSystem.byteCount(of: record.sourcePath),
            record.job.totalBytes != byteCount, let sized = try context.catalog.setTotalBytes(record.job.id, byteCount)
        {
            return ingestion.add(sized)
        }
        ingestion.add(record)
    }

    /// Stops working on a job, whatever its state is.
    func drop(_ id: Int64) {
        ingestion.drop(id)
        fetches.drop(id)
    }

    /// Stops the fetches and, at a checkpoint, the running job, and waits until they have stopped.
    func stop() {
        fetches.stop()
        ingestion.stop()
    }
}
