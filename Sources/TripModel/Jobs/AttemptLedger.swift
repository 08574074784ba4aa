package import Foundation

/// Which rows count in an engine of other processes: attempts, and what each has committed (`Visibility`).
package protocol AttemptLedger: AnyObject, Sendable {
    /// Returns which jobs a query issued now may see, for engines outside this process.
    func visibility() throws(TripstoreError) -> Visibility

    /// Records with an attempt the sessions of another engine in which it will store.
    ///
    /// Returns false and changes nothing if it is no longer the current attempt.
    func noteSessions(_ sessions: String, job id: Int64, attempt: Int) throws(TripstoreError) -> Bool

    /// Returns the sessions in which some attempts stored, or may still store; an attempt that stored its job's last part has
    /// none.
    func sessions(of parts: [Visibility.Parts]) throws(TripstoreError) -> Set<String>

    /// Returns parts that may be stored and do not count, of jobs that ended before a time.
    ///
    /// - Parameter includesUnknown: whether to include jobs of which the engine has rows that a newer catalog may count
    ///   (`hide`).
    func leftovers(endedBefore date: Date, includesUnknown: Bool) throws(TripstoreError) -> [Visibility.Parts]

    /// Records that nothing of some parts is stored any more.
    func forget(_ parts: [Visibility.Parts]) throws(TripstoreError)

    /// Excludes rows of attempts, or rows beyond their committed parts, until they are deleted: the engine has rows that it
    /// should not have.
    ///
    /// - Parameter areUnknown: whether they are newer than anything the catalog knows, so that the catalog was restored from an
    ///   older copy; `leftovers` returns them only on request.
    func hide(_ attempts: [Visibility.Parts], areUnknown: Bool) throws(TripstoreError)

    /// Makes new attempts get higher numbers than this one.
    func reserveAttemptNumbers(upTo attempt: Int) throws(TripstoreError)

    /// Makes `check` test, now and whenever the catalog may have become an older one, whether an engine knows more than the
    /// catalog does.
    ///
    /// Attempts that it returns do not count from then on (`hide`). While it throws, every method throws the same.
    func requireNewer(_ check: @escaping CatalogCheck) throws(TripstoreError)

    /// Returns what each job should have stored, by ID.
    func accounts() throws(TripstoreError) -> [JobAccount]

    /// Returns the count of trips of complete jobs.
    func completedTrips() throws(TripstoreError) -> Int
}

extension AttemptLedger {
    /// Returns what may be stored and will never be seen, of jobs that ended before a time.
    package func leftovers(endedBefore date: Date) throws(TripstoreError) -> [Visibility.Parts] {
        try leftovers(endedBefore: date, includesUnknown: false)
    }
}

/// Returns attempts that are newer than anything a catalog knows; throws if it does not know jobs either.
///
/// - Parameter visibility: reads what the catalog knows; called after the engine was queried, so that what began meanwhile is
///   known.
package typealias CatalogCheck =
    @Sendable (_ visibility: () throws(TripstoreError) -> Visibility) throws(TripstoreError) -> [Visibility.Parts]
