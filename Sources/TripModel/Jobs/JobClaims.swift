/// Which of several processes works on a job.
///
/// A job is claimed by the process that works on it. A process that is silent for `leaseSeconds` has lost its jobs to others.
package protocol JobClaims: AnyObject, Sendable {
    var leaseSeconds: Int { get }

    /// Claims the oldest unclaimed job with work whose source this process can reach; nil if there is none.
    ///
    /// - Parameters:
    ///   - own: jobs that this process has already.
    ///   - busyHosts: hosts from which it fetches as many files as it does at a time (`FetchQueue.host`).
    func claim(except own: [Int64], busyHosts: [String]) throws(TripstoreError) -> JobRecord?

    /// Renews this process's claims on jobs; returns those that it has lost.
    func keepClaims(_ ids: [Int64]) throws(TripstoreError) -> [Int64]

    /// Requeues one job at its last commit for any process, with a sentence that says why.
    ///
    /// Returns false if it is no longer this process's.
    func giveBack(_ id: Int64, message: String) throws(TripstoreError) -> Bool

    /// Releases all jobs of this process: those that others can resume wait for them, a command's jobs are interrupted.
    func releaseClaims() throws(TripstoreError)
}

extension JobClaims {
    /// Claims the oldest job with work that no process works on, from whatever host.
    package func claim(except own: [Int64]) throws(TripstoreError) -> JobRecord? { try claim(except: own, busyHosts: []) }
}
