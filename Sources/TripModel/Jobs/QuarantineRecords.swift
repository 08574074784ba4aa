/// Which trips of completed jobs are missing, as the segments that had them were set aside; of catalogs that know segments.
package protocol QuarantineRecords: AnyObject, Sendable {
    /// Returns the number of trips of a completed job that were set aside, 0 if it is unknown how many; nil: none.
    func missingTrips(ofJob id: Int64) throws(TripstoreError) -> Int?
}
