import Foundation
package import TripModel

/// Rejected rows, which are kept here for all processes, and how many there are by reason.
extension PostgresCatalog {
    package func rejectCounts(_ id: Int64) throws(TripstoreError) -> [String: Int] {
        var counts: [String: Int] = [:]
        for row in try read("SELECT reason, rows FROM reject_counts WHERE job_id = $1::bigint", [id]) {
            counts[row.text(0) ?? ""] = row.integer(1)
        }
        return counts
    }

    package func rejects(
        _ id: Int64, after line: Int, limit: Int, byteCountMax: Int
    ) throws(TripstoreError) -> RejectsPage {
        let rows = try read(
            """
            SELECT body FROM (
                SELECT line, body::text AS body, sum(octet_length(body::text)) OVER (ORDER BY line) - octet_length(body::text) AS before
                FROM rejects WHERE job_id = $1::bigint AND line > $2::bigint ORDER BY line LIMIT $3::bigint) AS page
            WHERE before < $4::bigint ORDER BY line
            """, [id, line, limit, byteCountMax])
        let kept = try read("SELECT count(*), coalesce(max(line), 0) FROM rejects WHERE job_id = $1::bigint", [id]).first
        let decoder = JSONDecoder()
        var page = RejectsPage(keptRowCount: kept?.integer(0) ?? 0)
        for row in rows {
            guard let row = try? decoder.decode(RejectedRow.self, from: Data((row.text(0) ?? "").utf8)) else {
                throw TripstoreError(
                    .corrupt, "The rejected rows of job \(id) are damaged after line \(page.rows.last?.line ?? line).")
            }
            page.rows.append(row)
        }
        page.hasMore = page.rows.last.map { $0.line < kept?.integer(1) ?? 0 } ?? false
        return page
    }

    package func removeRejects(_ id: Int64) throws(TripstoreError) {
        _ = try read("DELETE FROM rejects WHERE job_id = $1::bigint", [id])
    }

    func clearRejects(of id: Int64, on connection: PostgresConnection) throws(TripstoreError) {
        _ = try connection.execute("DELETE FROM reject_counts WHERE job_id = $1::bigint", [id])
        _ = try connection.execute("DELETE FROM rejects WHERE job_id = $1::bigint", [id])
    }
}
