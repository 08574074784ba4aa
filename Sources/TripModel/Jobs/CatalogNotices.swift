/// What the processes of one catalog tell each other.
package protocol CatalogNotices: AnyObject, Sendable {
    /// Relays the progress of a job of this process to other processes; returns at once.
    func announce(_ progress: JobProgress)

    /// Subscribes to other processes' notices, on a thread of its own.
    ///
    /// If the observer throws, it gets `.reconnected` again, so that nothing is missed.
    func observe(_ observer: @escaping @Sendable (CatalogNotice) throws(TripstoreError) -> Void) throws(TripstoreError)
}

/// A notice from other processes.
package enum CatalogNotice: Sendable {
    /// A job was added, or its status changed.
    case changed(Int64)
    /// Progress of a job that another process works on.
    case progress(JobProgress)
    /// From now on notices are complete; before, some may have been missed.
    case reconnected
}
