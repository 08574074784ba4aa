package import TripModel

/// Tables as a source of trips, read back job by job.
///
/// A page is some parts of jobs on one shard, whose rows never change; a large one is divided by a hash of its rows. So no page
/// depends on what else is stored, on merges or on the order in which a server reads.
extension ClickHouseStore {
    /// What is read and queried after one `select`.
    struct Selection: Sendable {
        var visibility: Visibility
        var parts: [Part]
    }

    /// Rows of one part of a job on one shard.
    struct Part: Sendable {
        var shard: Int
        var job: Int64
        var block: UInt64
        var rowCount: Int
        /// Bytes of its rows on the network.
        var byteCount: Int
        /// Mondays, in days since 1970.
        var weeks: ClosedRange<Int32>
    }

    /// Approximate bytes of a page: some of them are in memory at a time, here and in the server.
    private static let pageByteCountMax = 24 << 20
    /// Parts of a page, each of which is named in its predicate.
    private static let pagePartCountMax = 2000
    /// Bytes of the integers of a row.
    private static let numbersByteCount = 6 * 8 + 2

    package func select(_ wanted: Set<Int64>?) throws(TripstoreError) -> [JobRecord] {
        // In this order: what is complete in the list is so in the second read, which also knows everything that its runs left
        // behind.
        let jobs = try catalog.jobs(limit: Int(Int32.max), status: nil).map(\.job)
        var visibility = try catalog.visibility()
        let deleted = Set(visibility.hidden)
        let chosen = jobs.filter { $0.status == .completed && !deleted.contains($0.id) && wanted?.contains($0.id) ?? true }
        let isChosen = Set(chosen.map(\.id))
        // What others ingest from now on has rows that do not count.
        let later = jobs.filter { !$0.status.isRemoved && !isChosen.contains($0.id) }.map(\.id)
        visibility.hidden = deleted.union(later).sorted()
        visibility.lastJob = jobs.first?.id ?? 0
        let stored = try storedParts(visibility)
        let records = try catalog.jobs(limit: Int(Int32.max), status: nil).filter { $0.job.id <= visibility.lastJob }
        // Jobs that were deleted meanwhile are listed as that, so that they must not count in answers either.
        let gone = isChosen.subtracting(records.lazy.filter { $0.job.status == .completed }.map(\.job.id))
        visibility.hidden = Set(visibility.hidden).union(gone).sorted()
        let parts = stored.filter { !gone.contains($0.job) }
        selection.withLock { [visibility] in $0 = Selection(visibility: visibility, parts: parts) }
        return records.reversed().map { record in
            var record = record
            // It was not complete, or not requested.
            if record.job.status == .completed, !isChosen.contains(record.job.id) { record.job.status = .running }
            return record
        }
    }

    /// Queries each shard for its parts of what counts.
    private func storedParts(_ visibility: Visibility) throws(TripstoreError) -> [Part] {
        let sql =
            "SELECT job_id, block, count(), sum(length(region) + length(datasource)), min(week), max(week) FROM trips "
            + "\(ClickHouseSQL.conditions(TripFilter(), visibility))GROUP BY job_id, block ORDER BY job_id, block FORMAT RowBinary"
        var parts: [Part] = []
        for (shard, replicas) in try schema.shards(of: servers).enumerated() {
            var reader = RowBinaryReader(try askShard(replicas, sql))
            while !reader.isAtEnd {
                let (job, block) = (try reader.integer(Int64.self), try reader.integer(UInt64.self))
                let rowCount = Int(try reader.integer(UInt64.self))
                let byteCount = Int(try reader.integer(UInt64.self)) + rowCount * Self.numbersByteCount
                let (first, last) = (try reader.integer(Int32.self), try reader.integer(Int32.self))
                parts.append(
                    Part(
                        shard: shard, job: job, block: block, rowCount: rowCount, byteCount: byteCount,
                        weeks: first...max(first, last)))
            }
        }
        return parts
    }

    /// Queries any replica of a shard that answers.
    private func askShard(_ shard: ClickHouseServers.Shard, _ sql: String) throws(TripstoreError) -> [UInt8] {
        var failure: TripstoreError?
        for replica in shard.replicas {
            do throws(TripstoreError) { return try client.query(sql, at: replica.address) } catch {
                guard error.code == .unavailable else { throw error }
                failure = failure ?? error
            }
        }
        throw failure ?? TripstoreError(.internalFault, "A shard has no server; please report this.")
    }

    package func pieces(of jobs: Set<Int64>) throws(TripstoreError) -> [TripPiece] {
        let shards = try schema.shards(of: servers)
        guard let selection = selection.withLock({ $0 }) else { return [] }
        var pages: [[Part]] = []
        var byteCount = 0
        for part in selection.parts where jobs.contains(part.job) {
            byteCount += part.byteCount
            if let page = pages.last, page[0].shard == part.shard, page.count < Self.pagePartCountMax,
                byteCount <= Self.pageByteCountMax
            {
                pages[pages.count - 1].append(part)
            } else {
                pages.append([part])
                byteCount = part.byteCount
            }
        }
        return pages.flatMap { page in
            let size = page.reduce(0) { $0 + $1.byteCount }
            // Only a page of one part exceeds the page size.
            let pieceCount = max(1, (size + Self.pageByteCountMax - 1) / Self.pageByteCountMax)
            let names = page.map { "\($0.job):\($0.block):\($0.rowCount)" }.joined(separator: ",")
            return (0..<pieceCount).map { number in
                TripPiece(name: "\(page[0].shard) \(number)/\(pieceCount) \(names)") { [self] in
                    let sql = Self.sql(page, number: number, of: pieceCount, selection.visibility)
                    return try NativeBlockReader.batches(askShard(shards[page[0].shard], sql))
                }
            }
        }
    }

    private static func sql(_ page: [Part], number: Int, of count: Int, _ visibility: Visibility) -> String {
        let weeks = page.map(\.weeks.lowerBound).min()!...page.map(\.weeks.upperBound).max()!
        var conditions = ClickHouseSQL.conditions(TripFilter(), visibility)
        conditions += conditions.isEmpty ? "WHERE " : "AND "
        conditions += "week >= \(weeks.lowerBound) AND week <= \(weeks.upperBound) AND "
        conditions +=
            page.count == 1
            ? "job_id = \(page[0].job) AND block = \(page[0].block)"
            : "(job_id, block) IN (\(page.map { "(\($0.job), \($0.block))" }.joined(separator: ", ")))"
        if count > 1 { conditions += " AND cityHash64(origin_cell, destination_cell, time) % \(count) = \(number)" }
        return "SELECT \(NativeBlockReader.columns.map(\.name).joined(separator: ", ")) FROM trips \(conditions) FORMAT Native"
    }

    package func storedTrips() throws(TripstoreError) -> [Int64: Int] {
        let bytes = try answer { visibility throws(TripstoreError) in
            try ask(
                "SELECT job_id, count() FROM \(servers.queryTable) \(ClickHouseSQL.conditions(TripFilter(), visibility))"
                    + "GROUP BY job_id FORMAT RowBinary")
        }
        var reader = RowBinaryReader(bytes)
        var counts: [Int64: Int] = [:]
        while !reader.isAtEnd { counts[try reader.integer(Int64.self)] = Int(try reader.integer(UInt64.self)) }
        return counts
    }

    /// Returns trips that a shard has lost, or has too many of.
    ///
    /// More may be lost while they are read, which shows job by job.
    package func missingWarning() throws(TripstoreError) -> String? { try audit().warning }
}
