/// Which of several processes does what one process alone should do.
package protocol Leadership: AnyObject, Sendable {
    /// Whether a task is this process's now; it is from then on if no live process has it.
    func isLeader(for task: String) throws(TripstoreError) -> Bool
}
