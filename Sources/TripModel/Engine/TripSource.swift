/// An engine whose trips can be read back, job by job: what a transfer to another store and an export as CSV need.
package protocol TripSource {
    /// Looks at the jobs of one moment, of which trips are read and queries are answered from then on.
    ///
    /// Trips of a completed job may go later all the same, if another process deletes it: fewer are read then than the job has.
    ///
    /// - Parameter wanted: jobs whose trips count, of those that are completed; nil: all.
    /// - Returns: all jobs, ascending by number.
    func select(_ wanted: Set<Int64>?) throws(ColumnStoreError) -> [JobRecord]

    /// The trips of some of the completed jobs of the last `select`, in pieces: the same for the same jobs, as long as nothing of how they
    /// are stored changes.
    func pieces(of jobs: Set<Int64>) throws(ColumnStoreError) -> [TripPiece]

    /// Trips of each job that queries see now, as they are stored.
    func storedTrips() throws(ColumnStoreError) -> [Int64: Int]

    /// Why trips that were loaded are not there; nil where all are.
    func missingWarning() throws(ColumnStoreError) -> String?
}

/// Some trips of a store that are read at once.
package struct TripPiece: Sendable {
    /// What it is, so that the same pieces are known again by another process.
    package let name: String
    /// Reads them; batches say the job of each trip.
    package let read: @Sendable () throws -> [TripBatch]

    /// Makes a piece.
    package init(name: String, read: @escaping @Sendable () throws -> [TripBatch]) {
        self.name = name
        self.read = read
    }
}
