import TripModel

/// Rewrites the trips of some segments: as one (compaction), without those of some jobs (deletion), or reclustered.
///
/// Segments never change, so each operation writes new files beside the old ones; the catalog then swaps them in one
/// transaction.
enum SegmentRewriter {
    /// Rows that are read at a time when reclustering.
    private static let spanRowCountMax = 256 << 10

    /// Writes the trips of several segments as one segment.
    ///
    /// - Parameters:
    ///   - provenance: the provenance of its trips and the segments that it replaces; trips of jobs that it excludes are omitted.
    ///   - reserve: bytes that stay free on the disk.
    /// - Returns: nil if no trips are left; then no file is written.
    static func rewrite(
        _ segments: [SegmentReader], provenance: SegmentProvenance, directory: String, name: String,
        leaving reserve: DiskReserve,
        on pool: WorkerPool
    ) throws -> SegmentRecord? {
        let gone = Set(provenance.replaces?.withoutJobs ?? [])
        let batches = try pool.map(count: segments.count) { index in
            let trips = try segments[index].readTrips()
            let jobs = trips.job[0..<trips.count]
            return batch(of: trips, rows: jobs.indices.filter { !gone.contains(jobs[$0]) })
        }
        return try write(batches, provenance: provenance, directory: directory, name: name, leaving: reserve, on: pool)
    }

    /// Writes one segment from some batches.
    ///
    /// - Returns: nil if there are no trips; then no file is written.
    static func write(
        _ batches: [TripBatch], provenance: SegmentProvenance, directory: String, name: String, leaving reserve: DiskReserve,
        on pool: WorkerPool
    ) throws -> SegmentRecord? {
        guard batches.contains(where: { $0.count > 0 }) else { return nil }
        // Batches have the job of each trip, so no default is needed here.
        let sorted = try RowSorter.sort(batches, job: 0, on: pool)
        return try SegmentWriter.write(
            sorted, directory: directory, name: name, provenance: provenance, leaving: reserve, on: pool)
    }

    /// Reads the trips of a segment that belong to a pass, in batches for each of its new segments.
    static func divide(_ segment: SegmentReader, _ pass: ReclusteringPlan.Pass) throws -> [[TripBatch]] {
        try divide(segment, segment.rows(of: pass), borders: pass.borders)
    }

    /// Reads those of some rows of a segment whose Morton keys lie between some borders, in batches for each pair of
    /// neighbours.
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
                    guard let part = part(of: trips.key[row], in: borders) else { continue }
                    rows[part].append(row)
                }
            }
            for (part, rows) in rows.enumerated() where !rows.isEmpty { batches[part].append(batch(of: trips, rows: rows)) }
        }
        return batches
    }

    /// Returns ranges that are read together: those in the same pages or adjacent ones.
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

    /// Returns the index of the interval between ascending borders that has a key; nil before the first and behind the last.
    private static func part(of key: UInt64, in borders: [UInt64]) -> Int? {
        guard key >= borders[0], let end = borders.firstIndex(where: { key < $0 }) else { return nil }
        return end - 1
    }

    /// Returns some rows as a batch with their jobs.
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

    /// The names that some rows have: a name is dropped with its last trip.
    private struct OccurringNames {
        let names: StringDictionary
        /// By old code; names that do not occur have none.
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
