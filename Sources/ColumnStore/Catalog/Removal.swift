package import TripModel

/// A job whose trips must be deleted from the store, and its new status.
package struct Removal: Hashable, Sendable {
    package var id: Int64
    package var status: Job.Status
    /// The statuses of which it must have one.
    package var expected: [Job.Status]
    package var message: String?
    /// The attempt that must be the last one; nil: any.
    package var attempt: Int?

    /// Makes a removal.
    package init(id: Int64, status: Job.Status, expected: [Job.Status], message: String? = nil, attempt: Int? = nil) {
        self.id = id
        self.status = status
        self.expected = expected
        self.message = message
        self.attempt = attempt
    }
}
