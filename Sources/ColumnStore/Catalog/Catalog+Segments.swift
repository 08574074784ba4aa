import Bucketing
import GRDB
package import TripModel

/// Which segments there are, whose trips they have, and what they are replaced with.
extension Catalog {
    /// Replaces segments by others with the same trips, or with the remaining ones; one transaction.
    ///
    /// - Parameters:
    ///   - jobs: jobs to delete in the same transaction, if each is in its expected state and has no segments but the old ones.
    /// - Returns: false, without any change, if one of the old segments is gone, the jobs have others, or one is not in its
    ///   expected state.
    package func replace(
        _ old: [Int64], with new: [SegmentRecord], without jobs: [Removal] = []
    ) throws(TripstoreError) -> Bool {
        try write { database in
            let now = Catalog.now()
            for id in old {
                let exists = try Bool.fetchOne(database, sql: "SELECT 1 FROM segments WHERE id = ?", arguments: [id])
                guard exists == true else { return false }
            }
            if !jobs.isEmpty {
                var all: Set<Int64> = []
                for job in jobs {
                    guard try Catalog.isOne(job.id, of: job.expected, attempt: job.attempt, in: database) else { return false }
                    all.formUnion(
                        try Int64.fetchSet(
                            database, sql: "SELECT segment_id FROM segment_jobs WHERE job_id = ?", arguments: [job.id]))
                }
                guard all == Set(old) else { return false }
                for job in jobs {
                    _ = try Catalog.setStatus(
                        job.id, to: job.status, from: job.expected, message: job.message, attempt: job.attempt, at: now,
                        in: database)
                }
            }
            let list = old.map(String.init).joined(separator: ", ")
            let rollups = try Int64?.fetchSet(
                database, sql: "SELECT DISTINCT rollup_id FROM segments WHERE id IN (\(list))")
            for id in old { try database.execute(sql: "DELETE FROM segments WHERE id = ?", arguments: [id]) }
            let inserted = try new.map { try Catalog.insert($0, isLive: true, at: now, in: database) }
            if jobs.isEmpty, rollups.count == 1, let rollup = rollups.first {
                // The same trips in other files: a rollup that covered the old ones covers the new ones.
                for id in inserted {
                    try database.execute(sql: "UPDATE segments SET rollup_id = ? WHERE id = ?", arguments: [rollup, id])
                }
            } else if rollups.contains(where: { $0 != nil }) {
                try database.execute(sql: "DELETE FROM rollups")
            }
            return true
        }
    }

    /// Returns all segments, including those of unfinished jobs, oldest first.
    package func allSegments() throws(TripstoreError) -> [Segment] { try read { try Self.segments(where: "TRUE", in: $0) } }

    /// Returns the segments with trips of a job, oldest first.
    func segments(ofJob id: Int64) throws(TripstoreError) -> [Segment] {
        try read { try Self.segments(where: "s.id IN (SELECT segment_id FROM segment_jobs WHERE job_id = \(id))", in: $0) }
    }

    /// Returns the provenance for segments that replace others.
    func provenances(ofSegments ids: [Int64]) throws(TripstoreError) -> [SegmentProvenance.Job] {
        let list = ids.map(String.init).joined(separator: ", ")
        return try read { database in
            let rows = try Row.fetchAll(
                database,
                sql:
                    "SELECT * FROM jobs WHERE id IN (SELECT job_id FROM segment_jobs WHERE segment_id IN (\(list))) ORDER BY id"
            )
            return rows.map { JobRecord(row: $0).provenance() }
        }
    }

    static func segments(where condition: String, in database: Database) throws -> [Segment] {
        let sql = """
            SELECT s.id, s.file_name, s.row_count, s.byte_count, s.crc32, s.is_live, j.job_id, s.rollup_id
            FROM segments s JOIN segment_jobs j ON j.segment_id = s.id WHERE \(condition) ORDER BY s.id, j.job_id
            """
        var segments: [Segment] = []
        let rows = try Row.fetchCursor(database, sql: sql)
        while let row = try rows.next() {
            let id: Int64 = row[0]
            if segments.last?.id == id {
                segments[segments.count - 1].jobIDs.append(row[6])
            } else {
                segments.append(
                    Segment(
                        id: id, jobIDs: [row[6]], isLive: row[5], fileName: row[1], rowCount: row[2], byteCount: row[3],
                        checksum: row[4], rollupID: row[7]))
            }
        }
        return segments
    }

    static func insert(
        _ segment: SegmentRecord, isLive: Bool, at now: String, in database: Database
    ) throws -> Int64 {
        try database.execute(
            sql: """
                INSERT INTO segments (file_name, row_count, byte_count, crc32, first_at, last_at, created_at, is_live)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                segment.fileName, segment.rowCount, segment.byteCount, segment.checksum, text(segment.firstAt),
                text(segment.lastAt), now, isLive,
            ])
        let segmentID = database.lastInsertedRowID
        for (job, trips) in segment.jobs {
            try database.cachedStatement(sql: "INSERT INTO segment_jobs (segment_id, job_id, trips) VALUES (?, ?, ?)")
                .execute(arguments: [segmentID, job, trips])
        }
        let statement = try database.cachedStatement(
            sql: """
                INSERT INTO segment_counts (segment_id, region, datasource, trips, first_at, last_at)
                VALUES (?, ?, ?, ?, ?, ?)
                """)
        for count in segment.counts {
            try statement.execute(arguments: [
                segmentID, count.region, count.datasource, count.trips, text(count.firstAt), text(count.lastAt),
            ])
        }
        return segmentID
    }

    static func text(_ microseconds: Int64) -> String {
        LocalDateTime.text(microseconds: microseconds, separator: " ")
    }
}
