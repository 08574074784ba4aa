package import TripModel

/// Segments as a source of trips, read back job by job.
extension ColumnStore {
    /// Segments of the last selection.
    struct Selection: Sendable {
        var segments: [(segment: Catalog.Segment, reader: SegmentReader)] = []
    }

    /// Rows that are read at a time: whole pages.
    private static let pieceRowCount = 16 * Limits.pageRowCountMax
    /// Rows of a batch: some of each stretch go to each shard.
    private static let batchRowCount = 8 << 10
    private static let lookCountMax = 5

    package func select(_ wanted: Set<Int64>?) throws(TripstoreError) -> [JobRecord] {
        for _ in 0..<Self.lookCountMax {
            let jobs = try catalog.jobs(limit: Int(Int32.max), status: nil)
            // Another process may have the store open, whose commits are not announced.
            state.withLock { $0.version = nil }
            publish()
            _ = try snapshot()
            let readers = state.withLock { $0.readers }
            let segments = try catalog.allSegments().filter(\.isLive)
            let isOfOneMoment =
                try catalog.jobs(limit: Int(Int32.max), status: nil).map(\.job) == jobs.map(\.job)
                && Set(segments.map(\.id)) == Set(readers.keys)
            guard isOfOneMoment else { continue }
            selection.withLock { $0 = Selection(segments: segments.map { (segment: $0, reader: readers[$0.id]!) }) }
            return jobs.reversed()
        }
        throw TripstoreError(
            .conflict, "The store \(folders.root) keeps changing; run the same command again when its jobs are done.")
    }

    package func pieces(of jobs: Set<Int64>) throws(TripstoreError) -> [TripPiece] {
        let segments = selection.withLock { $0.segments }.filter { !jobs.isDisjoint(with: $0.segment.jobIDs) }
        return segments.flatMap { segment, reader in
            let isShared = !jobs.isSuperset(of: segment.jobIDs)
            return stride(from: 0, to: reader.rowCount, by: Self.pieceRowCount).map { start in
                let rows = start..<min(start + Self.pieceRowCount, reader.rowCount)
                return TripPiece(
                    name: "\(segment.fileName) \(segment.checksum) \(rows.lowerBound)"
                ) {
                    let trips = try reader.readTrips(rows)
                    let own = trips.job[0..<trips.count]
                    let chosen = isShared ? own.indices.filter { jobs.contains(own[$0]) } : Array(own.indices)
                    return stride(from: 0, to: chosen.count, by: Self.batchRowCount).map { first in
                        SegmentRewriter.batch(
                            of: trips, rows: Array(chosen[first..<min(first + Self.batchRowCount, chosen.count)]))
                    }
                }
            }
        }
    }

    package func storedTrips() throws(TripstoreError) -> [Int64: Int] { try catalog.liveTrips() }

    package func missingWarning() throws(TripstoreError) -> String? { try catalog.missingTrips()?.warning }
}
