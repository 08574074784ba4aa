/// What questions see of an engine whose trips lie in other processes, all jobs side by side.
///
/// Such an engine can't exchange files together with the catalog. Each run of a job ("attempt") stores numbered parts, and the
/// catalog alone says which of them count: those that were committed, of jobs that are complete. So a job appears and goes
/// with one transaction here, whatever is stored there, and a part that is stored twice counts once.
package struct Visibility: Hashable, Sendable {
    /// Parts of a job that do not count: of one attempt all from a certain one on, or all parts of some attempts.
    package struct Parts: Hashable, Sendable {
        package var job: Int64
        package var attempt: Int
        /// The first part of `attempt` that does not count, and none after it does.
        package var firstUncommitted: Int
        /// The last attempt of which nothing counts.
        package var lastAttempt: Int

        package init(job: Int64, attempt: Int, firstUncommitted: Int) {
            self.init(job: job, attempt: attempt, firstUncommitted: firstUncommitted, lastAttempt: attempt)
        }

        private init(job: Int64, attempt: Int, firstUncommitted: Int, lastAttempt: Int) {
            self.job = job
            self.attempt = attempt
            self.firstUncommitted = firstUncommitted
            self.lastAttempt = lastAttempt
        }

        /// All parts of all attempts of a job up to one; later ones may be under way.
        package static func all(of job: Int64, upTo lastAttempt: Int) -> Parts {
            Parts(job: job, attempt: 0, firstUncommitted: 0, lastAttempt: lastAttempt)
        }
    }

    /// The newest job; those that came after this look are not seen.
    package var lastJob: Int64
    /// Jobs that may have trips stored and are not seen, ascending.
    package var hidden: [Int64]
    /// Of jobs that are seen: what runs that were interrupted may have stored besides.
    package var leftovers: [Parts]
    /// Number of the last attempt of any job: each has a higher one than all before it.
    package var attempts: Int

    package init(lastJob: Int64, hidden: [Int64], leftovers: [Parts], attempts: Int) {
        self.lastJob = lastJob
        self.hidden = hidden
        self.leftovers = leftovers
        self.attempts = attempts
    }

    /// Whether all that is stored is seen, unless a run began since.
    package var isAll: Bool { hidden.isEmpty && leftovers.isEmpty }
}

/// What a job should have stored.
package struct JobAccount: Hashable, Sendable {
    package var job: Int64
    package var isCompleted: Bool
    /// Trips that count; of a job that is not completed none do.
    package var trips: Int

    package init(job: Int64, isCompleted: Bool, trips: Int) {
        self.job = job
        self.isCompleted = isCompleted
        self.trips = isCompleted ? trips : 0
    }
}

extension TripstoreError {
    /// Why a catalog is not read by which trips would count that do not.
    package static let unknownAttempts = TripstoreError(
        .conflict,
        "ClickHouse has trips that came later than all that the catalog knows of, as after a restore of an older catalog; start "
            + "`tripstore serve` once, which leaves them out of answers.")
}
