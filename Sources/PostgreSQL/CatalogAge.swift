import Foundation
import TripModel

/// Whether the catalog that answers may be an older one than the catalog that answered before, as after a failover to a standby that
/// lagged behind or a restore while processes run.
///
/// By an older catalog trips of jobs that it does not know would count, and its next jobs would have the numbers of others. So whenever
/// another server answers, the server was started again, the tables were made anew or the number of attempts went back, the engine is
/// asked whether it knows more than the catalog does. Until it has said no, nothing is read or written.
final class CatalogAge: Sendable {
    private struct State {
        var check: CatalogCheck?
        /// The identity of the connection on which the last check passed.
        var checked: String?
        /// What the last check threw, and until when that holds without another one.
        var refusal: (error: ColumnStoreError, end: ContinuousClock.Instant)?
    }

    /// How long a refusal holds before the engine is asked again.
    private static let refusalDuration = Duration.seconds(2)

    private let state = Lock(State())
    private let newest = Lock(0)

    /// The highest number of an attempt that was ever read.
    var newestAttempt: Int { newest.withLock { $0 } }

    func note(_ attempt: Int) { newest.withLock { $0 = max($0, attempt) } }

    /// Has a check be made from now on.
    func use(_ check: @escaping CatalogCheck) { state.withLock { $0 = State(check: check) } }

    /// Has the next use of the catalog check it again.
    func doubt() { state.withLock { $0.checked = nil } }

    /// Throws where attempts went back, so that nothing is written into tables that were replaced by older ones under a connection.
    func require(_ attempts: Int) throws(ColumnStoreError) {
        if attempts >= newestAttempt { return }
        doubt()
        throw ColumnStoreError(
            .unavailable,
            "PostgreSQL, which keeps the jobs, has an older catalog than a moment ago; it is looked at now, try again.")
    }

    /// Throws where the catalog behind a connection is older than what it is of, or nobody can tell.
    ///
    /// Others wait for a check that is under way, as they could not go on before it has passed.
    ///
    /// - Parameter look: makes the check, and returns what counts after it.
    func check(
        _ connection: PostgresConnection,
        _ look: (PostgresConnection, CatalogCheck) throws(ColumnStoreError) -> Visibility
    ) throws(ColumnStoreError) {
        try state.withLock { state throws(ColumnStoreError) in
            guard let check = state.check, state.checked != connection.identity else { return }
            if let refusal = state.refusal, refusal.end > .now { throw refusal.error }
            do throws(ColumnStoreError) {
                let attempt = try look(connection, check).attempts
                newest.withLock { $0 = attempt }
                (state.checked, state.refusal) = (connection.identity, nil)
            } catch {
                // Connections that passed before are to the same catalog, as far as anybody knows.
                (state.checked, state.refusal) = (nil, (error: error, end: .now + Self.refusalDuration))
                throw error
            }
        }
    }
}
