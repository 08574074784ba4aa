/// Writes the trips of some segments anew as one: all of them (compaction) or those of some jobs (undo).
///
/// Segments never change, so both write a file beside the old ones; the catalog then exchanges them in one transaction.
enum SegmentRewriter {
    /// Some rows of a segment.
    struct Piece: Sendable {
        var segment: SegmentReader
        var rows: Range<Int>
    }

    /// Writes one segment of the trips of several.
    ///
    /// - Parameter without: a job whose trips are left out.
    /// - Returns: nil where no trip is left; then no file is written.
    static func rewrite(
        _ segments: [SegmentReader], without job: Int64? = nil, directory: String, name: String, on pool: WorkerPool
    ) throws -> SegmentRecord? {
        let pieces = segments.map { Piece(segment: $0, rows: 0..<$0.rowCount) }
        return try rewrite(pieces, without: job, directory: directory, name: name, on: pool)
    }

    /// Writes one segment of some of the trips of several.
    static func rewrite(
        _ pieces: [Piece], without job: Int64? = nil, directory: String, name: String, on pool: WorkerPool
    ) throws -> SegmentRecord? {
        let batches = try pool.map(count: pieces.count) { index in
            batch(of: try pieces[index].segment.readTrips(pieces[index].rows), without: job)
        }
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
        (batch.regions, batch.region) = occurring(trips.regions, kept(trips.region))
        (batch.datasources, batch.datasource) = occurring(trips.datasources, kept(trips.datasource))
        batch.originLongitude = kept(trips.originLongitude)
        batch.originLatitude = kept(trips.originLatitude)
        batch.destinationLongitude = kept(trips.destinationLongitude)
        batch.destinationLatitude = kept(trips.destinationLatitude)
        batch.time = kept(trips.time)
        batch.job = kept(jobs)
        return batch
    }

    /// A dictionary of the names that some rows have, and their codes in it: a name goes with its last trip.
    private static func occurring(_ names: [String], _ codes: [UInt32]) -> (names: StringDictionary, codes: [UInt32]) {
        var isUsed = [Bool](repeating: false, count: names.count)
        for code in codes { isUsed[Int(code)] = true }
        var newCodes = [UInt32](repeating: 0, count: names.count)
        var kept: [String] = []
        for (code, name) in names.enumerated() where isUsed[code] {
            newCodes[code] = UInt32(kept.count)
            kept.append(name)
        }
        return (StringDictionary(distinct: kept), codes.map { newCodes[Int($0)] })
    }
}
