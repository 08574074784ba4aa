import TripModel

/// A job whose trips must be deleted from the store, and its new status.
struct Removal: Hashable, Sendable {
    var id: Int64
    var status: Job.Status
    /// The statuses of which it must have one.
    var expected: [Job.Status]
    var message: String?
    /// The attempt that must be the last one; nil: any.
    var attempt: Int?
}
