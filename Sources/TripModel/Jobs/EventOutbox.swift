/// Changes of jobs on their way to other systems, written in the transaction that makes the change.
package protocol EventOutbox: AnyObject, Sendable {
    /// Sets whether events are recorded.
    func setEventsEnabled(_ isEnabled: Bool) throws(TripstoreError)

    /// Returns the oldest recorded events, in order.
    func events(limit: Int) throws(TripstoreError) -> [JobEvent]

    func forgetEvent(_ id: Int64) throws(TripstoreError)
}
