/// Which of several processes runs a task that only one may run.
package protocol Leadership: AnyObject, Sendable {
    /// Returns whether this process is the leader for a task; it becomes that if no live process is.
    func isLeader(for task: String) throws(TripstoreError) -> Bool
}
