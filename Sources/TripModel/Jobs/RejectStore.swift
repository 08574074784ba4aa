/// Rejected rows that the catalog itself keeps, for all processes; a catalog of one process has them in files (`RejectsFile`).
///
/// They come with commits (`JobCommit.rejectedLines`).
package protocol RejectStore: AnyObject, Sendable {
    /// Returns rejected rows of a job after a line of its file, up to a count of rows and an approximate count of bytes.
    func rejects(_ id: Int64, after line: Int, limit: Int, byteCountMax: Int) throws(TripstoreError) -> RejectsPage

    /// Deletes a job's rejected rows.
    func removeRejects(_ id: Int64) throws(TripstoreError)
}
