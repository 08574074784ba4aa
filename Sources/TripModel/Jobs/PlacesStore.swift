/// Places of files that jobs and profiles name (`ReadingOptions.places`), in the catalog: any process that runs a job, now or after a restart,
/// has those that its user gave, whatever became of their file.
package protocol PlacesStore: AnyObject, Sendable {
    /// Keeps places, in parts of text, unless they are kept already; they stay for a day at least.
    func savePlaces(_ id: String, _ parts: [String]) throws(TripstoreError)

    /// Returns the parts; nil if there are none.
    func places(_ id: String) throws(TripstoreError) -> [String]?

    /// Deletes places that no profile and no job names which may still run, if they are old enough.
    ///
    /// Returns how many.
    func sweepPlaces(olderThan seconds: Int) throws(TripstoreError) -> Int
}
