/// Which trips of completed jobs are missing, as their segments were quarantined; of catalogs that know segments.
package protocol QuarantineRecords: AnyObject, Sendable {
    /// Returns the quarantined trips of a completed job, 0 if their count is unknown; nil: none.
    func missingTrips(ofJob id: Int64) throws(TripstoreError) -> Int?
}
