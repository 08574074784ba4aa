import TripModel

/// Writes the trips of some segments anew: as one (compaction), without those of some jobs (undo), or divided by place.
///
/// Segments never change, so all write files beside the old ones; the catalog then exchanges them in one transaction.
enum SegmentRewriter {
    /// Rows that are read at a time to be divided.
    private static let spanRowCountMax = 256 << 10

    /// Writes one segment of the trips of several.
    ///
    /// - Parameters:
    ///   - origin: what is known of its jobs and of what it replaces; the trips of jobs that it is to be without are left out.
    ///   - reserve: what is left free on the disk.
    /// - Returns: nil where no trip is left; then no file is written.
    static func rewrite(
        _ segments: [SegmentReader], origin: SegmentOrigin, directory: String, name: String, leaving reserve: DiskReserve,
        on pool: WorkerPool
    ) throws -> SegmentRecord? {
        let gone = Set(origin.replaces?.withoutJobs ?? [])
        let batches = try pool.map(count: segments.count) { index in
            let trips = try segments[index].readTrips()
            let jobs = trips.job[0..<trips.count]
            return batch(of: trips, rows: jobs.indices.filter { !gone.contains(jobs[$0]) })
        }
        return try write(batches, origin: origin, directory: directory, name: name, leaving: reserve, on: pool)
    }

    /// Writes one segment of some batches.
    ///
    /// - Returns: nil where there is no trip; then no file is written.
    static func write(
        _ batches: [TripBatch], origin: SegmentOrigin, directory: String, name: String, leaving reserve: DiskReserve,
        on pool: WorkerPool
    ) throws -> SegmentRecord? {
        guard batches.contains(where: { $0.count > 0 }) else { return nil }
        // Batches say the job of each trip, so none is left to be named here.
        let sorted = try RowSorter.sort(batches, job: 0, on: pool)
        return try SegmentWriter.write(
            sorted, directory: directory, name: name, origin: origin, leaving: reserve, on: pool)
    }

    /// Reads the trips of a segment that belong to a pass, for each of its new segments in batches.
    static func divide(_ segment: SegmentReader, _ pass: PartitionPlan.Pass) throws -> [[TripBatch]] {
        try divide(segment, segment.rows(of: pass), borders: pass.borders)
    }

    /// Reads those of some rows of a segment whose Morton keys lie between some borders, for each two neighbours in batches.
    static func divide(
        _ segment: SegmentReader, _ ranges: [Range<Int>], borders: [UInt64]
    ) throws -> [[TripBatch]] {
        var batches = [[TripBatch]](repeating: [], count: borders.count - 1)
        for ranges in spans(of: ranges) {
            let start = ranges[0].lowerBound
            let trips = try segment.readTrips(start..<ranges[ranges.count - 1].upperBound)
            var rows = [[Int]](repeating: [], count: borders.count - 1)
            for range in ranges {
                for row in range.lowerBound - start..<range.upperBound - start {
                    guard let place = place(of: trips.key[row], in: borders) else { continue }
                    rows[place].append(row)
                }
            }
            for (place, rows) in rows.enumerated() where !rows.isEmpty { batches[place].append(batch(of: trips, rows: rows)) }
        }
        return batches
    }

    /// Ranges that are read together: those that lie in the same pages or side by side.
    private static func spans(of ranges: [Range<Int>]) -> [[Range<Int>]] {
        var spans: [[Range<Int>]] = []
        for range in ranges {
            for start in stride(from: range.lowerBound, to: range.upperBound, by: spanRowCountMax) {
                let part = start..<min(start + spanRowCountMax, range.upperBound)
                if let span = spans.last, part.lowerBound - span[span.count - 1].upperBound < Limits.pageRowCountMax,
                    part.upperBound - span[0].lowerBound <= spanRowCountMax
                {
                    spans[spans.count - 1].append(part)
                } else {
                    spans.append([part])
                }
            }
        }
        return spans
    }

    /// Between which of some ascending borders a key is; nil before the first and behind the last.
    private static func place(of key: UInt64, in borders: [UInt64]) -> Int? {
        guard key >= borders[0], let end = borders.firstIndex(where: { key < $0 }) else { return nil }
        return end - 1
    }

    /// Some rows as a batch that says their jobs.
    static func batch(of trips: SortedTrips, rows: [Int]) -> TripBatch {
        let jobs = trips.job[0..<trips.count]
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
