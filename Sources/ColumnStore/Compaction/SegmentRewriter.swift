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
    /// - Parameter origin: what is known of its jobs and of what it replaces; the trips of a job that it is to be without are
    ///   left out.
    /// - Returns: nil where no trip is left; then no file is written.
    static func rewrite(
        _ segments: [SegmentReader], origin: SegmentOrigin, directory: String, name: String, on pool: WorkerPool
    ) throws -> SegmentRecord? {
        let pieces = segments.map { Piece(segment: $0, rows: 0..<$0.rowCount) }
        return try rewrite(pieces, origin: origin, directory: directory, name: name, on: pool)
    }

    /// Writes one segment of some of the trips of several.
    static func rewrite(
        _ pieces: [Piece], origin: SegmentOrigin, directory: String, name: String, on pool: WorkerPool
    ) throws -> SegmentRecord? {
        let batches = try pool.map(count: pieces.count) { index in
            batch(of: try pieces[index].segment.readTrips(pieces[index].rows), without: origin.replaces?.withoutJob)
        }
        guard batches.contains(where: { $0.count > 0 }) else { return nil }
        // Batches say the job of each trip, so none is left to be named here.
        let sorted = try RowSorter.sort(batches, job: 0, on: pool)
        return try SegmentWriter.write(sorted, directory: directory, name: name, origin: origin, on: pool)
    }

    private static func batch(of trips: SortedTrips, without job: Int64?) -> TripBatch {
        let jobs = trips.job[0..<trips.count]
        let rows = jobs.indices.filter { jobs[$0] != job }
        let regions = OccurringNames(trips.regions, codes: rows.lazy.map { trips.region[$0] })
        let datasources = OccurringNames(trips.datasources, codes: rows.lazy.map { trips.datasource[$0] })
        var batch = TripBatch()
        batch.regions = regions.names
        batch.datasources = datasources.names
        batch.rows = rows.map { row in
            TripRow(
                originLongitude: trips.originLongitude[row], originLatitude: trips.originLatitude[row],
                destinationLongitude: trips.destinationLongitude[row], destinationLatitude: trips.destinationLatitude[row],
                time: trips.time[row], region: regions.newCodes[Int(trips.region[row])],
                datasource: datasources.newCodes[Int(trips.datasource[row])])
        }
        batch.job = rows.map { jobs[$0] }
        return batch
    }

    /// The names that some rows have: a name goes with its last trip.
    private struct OccurringNames {
        let names: StringDictionary
        /// By code before; of those that do not occur there is none.
        let newCodes: [UInt32]

        init(_ all: [String], codes: some Sequence<UInt32>) {
            var isUsed = [Bool](repeating: false, count: all.count)
            for code in codes { isUsed[Int(code)] = true }
            var newCodes = [UInt32](repeating: 0, count: all.count)
            var kept: [String] = []
            for (code, name) in all.enumerated() where isUsed[code] {
                newCodes[code] = UInt32(kept.count)
                kept.append(name)
            }
            self.newCodes = newCodes
            names = StringDictionary(distinct: kept)
        }
    }
}
