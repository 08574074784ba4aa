import TripModel

/// A job whose trips are to be removed from the store, and what is to be said of it.
struct Removal: Hashable, Sendable {
    var id: Int64
    var status: Job.Status
    /// The statuses in one of which it has to be.
    var expected: [Job.Status]
    var message: String?
    /// The run of it that has to be the last one; nil: any.
    var attempt: Int?
}
