import GRDB
package import TripModel

/// Rejected rows by reason; the rows themselves are in files, one a job (`RejectsFile`).
extension Catalog {
    /// Returns a job's count of rejected rows by reason.
    package func rejectCounts(_ id: Int64) throws(TripstoreError) -> [String: Int] {
        try read { database in
            var counts: [String: Int] = [:]
            let rows = try Row.fetchAll(
                database, sql: "SELECT reason, rows FROM reject_counts WHERE job_id = ?", arguments: [id])
            for row in rows { counts[row["reason"]] = row["rows"] }
            return counts
        }
    }
}
