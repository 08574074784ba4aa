/// Writes the trips of some segments anew as one: all of them (compaction) or those of some jobs (undo).
///
/// Segments never change, so both write a file beside the old ones; the catalog then exchanges them in one transaction.
enum SegmentRewriter {
    /// Writes one segment of the trips of several.
    ///
    /// - Parameter without: a job whose trips are left out.
    /// - Returns: nil where no trip is left; then no file is written.
    static func rewrite(
        _ segments: [SegmentReader], without job: Int64? = nil, directory: String, name: String, on pool: WorkerPool
    ) throws -> SegmentRecord? {
        let batches = try pool.map(count: segments.count) { batch(of: try segments[$0].readTrips(), without: job) }
        guard batches.contains(where: { $0.count > 0 }) else { return nil }
        // Batches say the job of each trip, so none is left to be named here.
        let sorted = try RowSorter.sort(batches, job: 0, on: pool)
        return try SegmentWriter.write(sorted, directory: directory, name: name, on: pool)
    }

    private static func batch(of trips: SortedTrips, without job: Int64?) -> TripBatch {
        let jobs = trips.job[0..<trips.count]
        let rows = job.map { left in jobs.indices.filter { jobs[$0] != left } }
        func kept<Value>(_ column: [Value]) -> [Value] { rows.map { $0.map { column[$0] } } ?? column }
        var batch = TripBatch()
        batch.regions = StringDictionary(distinct: trips.regions)
        batch.datasources = StringDictionary(distinct: trips.datasources)
        batch.region = kept(trips.region)
        batch.datasource = kept(trips.datasource)
        batch.originLongitude = kept(trips.originLongitude)
        batch.originLatitude = kept(trips.originLatitude)
        batch.destinationLongitude = kept(trips.destinationLongitude)
        batch.destinationLatitude = kept(trips.destinationLatitude)
        batch.time = kept(trips.time)
        batch.job = kept(jobs)
        return batch
    }
}
