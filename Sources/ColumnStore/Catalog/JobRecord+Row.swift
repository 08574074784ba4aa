import GRDB
import TripModel

extension JobRecord {
    /// Reads a row of the table `jobs`.
    init(row: Row) {
        self.init(
            job: Job(
                id: row["id"], filename: row["filename"], status: Job.Status(rawValue: row["status"]) ?? .failed,
                createdAt: row["created_at"], updatedAt: row["updated_at"], totalRows: row["total_rows"],
                processedRows: row["processed_rows"], rejectedRows: row["rejected_rows"], totalBytes: row["total_bytes"],
                processedBytes: row["processed_bytes"], message: row["message"]),
            sourcePath: row["source_path"], ownsSource: row["owns_source"], sourceURL: row["source_url"],
            ownsURL: row["owns_url"], attempt: row["attempt"],
            startCount: row["start_count"],
            sourceHash: (row["source_hash"] as String?).flatMap(ContentHash.init), allowsDuplicate: row["allows_duplicate"],
            checkpoint: Checkpoint(
                byteCount: row["committed_bytes"], lineCount: row["committed_lines"], rejectsByteCount: row["rejects_bytes"],
                contentHash: (row["committed_hash"] as String?).flatMap(ContentHash.init)),
            sealedQuery: row["source_query"])
    }
}
