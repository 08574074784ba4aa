/// Which processes serve the jobs of one catalog.
package protocol ProcessRegistry: AnyObject, Sendable {
    /// The name of this process's machine.
    var hostName: String { get }

    /// Records that this process serves; returns how it differs from other running processes, a sentence each.
    ///
    /// - Parameters:
    ///   - loads: whether it works on jobs.
    ///   - settings: names and values that should be equal in all processes.
    func register(loads: Bool, settings: [String: String]) throws(TripstoreError) -> [String]

    /// Returns whether an ingesting process had the folder of this one's uploads within the last days.
    func hasLoaderHere() throws(TripstoreError) -> Bool

    /// Runs maintenance: ends silent commands' jobs, and drops events that nobody consumes.
    func runMaintenance() throws(TripstoreError)
}
