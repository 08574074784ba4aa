import Foundation
import TripModel

/// Whether the catalog that answers may be older than the catalog that answered before.
///
/// This happens after a failover to a standby that lagged or a restore while processes run. With an older catalog, trips of
/// jobs that it does not know would count, and new jobs would reuse IDs. So if another server answers, the server was
/// restarted, the tables were created again or the attempt counter went back, the engine is asked whether it knows more than
/// the catalog does. Until it has denied that, nothing is read or written.
final class CatalogAge: Sendable {
    private struct State {
        var check: CatalogCheck?
        /// The identity of the connection on which the last check passed.
        var checked: String?
        /// The error of the last check, and until when it is reused without another check.
        var refusal: (error: TripstoreError, end: ContinuousClock.Instant)?
    }

    /// How long an error is reused before the engine is asked again.
    private static let refusalDuration = Duration.seconds(2)

    private let state = Lock(State())
    private let newest = Lock(0)

    /// The highest attempt number that was ever read.
    var newestAttempt: Int { newest.withLock { $0 } }

    func note(_ attempt: Int) { newest.withLock { $0 = max($0, attempt) } }

    /// Sets the check to make from now on.
    func use(_ check: @escaping CatalogCheck) { state.withLock { $0 = State(check: check) } }

    /// Makes the next use of the catalog check it again.
    func doubt() { state.withLock { $0.checked = nil } }

    /// Throws if the attempt counter went back, so that nothing is written into tables that were replaced by older ones under a
    /// connection.
    func require(_ attempts: Int) throws(TripstoreError) {
        if attempts >= newestAttempt { return }
        doubt()
        throw TripstoreError(
            .unavailable,
            "PostgreSQL, which keeps the jobs, has an older catalog than a moment ago, which is being examined; try again.")
    }

    /// Throws if the catalog behind a connection is older than it was, or if that cannot be determined.
    ///
    /// Other callers wait for a running check, as they could not continue before it has passed.
    ///
    /// - Parameter look: makes the check, and returns what counts after it.
    func check(
        _ connection: PostgresConnection,
        _ look: (PostgresConnection, CatalogCheck) throws(TripstoreError) -> Visibility
    ) throws(TripstoreError) {
        try state.withLock { state throws(TripstoreError) in
            guard let check = state.check, state.checked != connection.identity else { return }
            if let refusal = state.refusal, refusal.end > .now { throw refusal.error }
            do throws(TripstoreError) {
                let attempt = try look(connection, check).attempts
                newest.withLock { $0 = attempt }
                (state.checked, state.refusal) = (connection.identity, nil)
            } catch {
                // As far as is known, connections that passed before are to the same catalog.
                (state.checked, state.refusal) = (nil, (error: error, end: .now + Self.refusalDuration))
                throw error
            }
        }
    }
}
