/// An engine whose trips can be read back, job by job, for a transfer to another store and an export as CSV.
package protocol TripSource {
    /// Selects the jobs of one moment, whose trips are then read and queried.
    ///
    /// Trips of a completed job may still disappear later, if another process deletes it: then fewer are read than the job has.
    ///
    /// - Parameter wanted: jobs whose trips count, of those that are completed; nil: all.
    /// - Returns: all jobs, ascending by ID.
    func select(_ wanted: Set<Int64>?) throws(TripstoreError) -> [JobRecord]

    /// Returns the trips of some of the completed jobs of the last `select`, in pieces.
    ///
    /// The pieces are the same for the same jobs as long as they are stored in the same way.
    func pieces(of jobs: Set<Int64>) throws(TripstoreError) -> [TripPiece]

    /// Returns the trips of each job that queries see now, as they are stored.
    func storedTrips() throws(TripstoreError) -> [Int64: Int]

    /// Returns why ingested trips are missing; nil if none are.
    func missingWarning() throws(TripstoreError) -> String?
}

/// Some trips of a store that are read at once.
package struct TripPiece: Sendable {
    /// Identifies the piece, so that another process can recognize the same pieces.
    package let name: String
    /// Reads them; batches have the job of each trip.
    package let read: @Sendable () throws -> [TripBatch]

    /// Makes a piece.
    package init(name: String, read: @escaping @Sendable () throws -> [TripBatch]) {
        self.name = name
        self.read = read
    }
}
