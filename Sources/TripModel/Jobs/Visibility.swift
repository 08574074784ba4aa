/// What queries see of an engine whose trips are in other processes, all jobs side by side.
///
/// Such an engine can't replace files together with the catalog. Each run of a job ("attempt") stores numbered parts, and the
/// catalog alone says which of them count: those that were committed, of complete jobs. So a job appears and disappears with
/// one transaction here, whatever is stored there, and a part that is stored twice counts once.
package struct Visibility: Hashable, Sendable {
    /// Parts of a job that do not count: all of one attempt from a certain one on, or all parts of some attempts.
    package struct Parts: Hashable, Sendable {
        package var job: Int64
        package var attempt: Int
        /// The first part of `attempt` that does not count; those after it do not count either.
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

        /// All parts of all attempts of a job up to one; later ones may be running.
        package static func all(of job: Int64, upTo lastAttempt: Int) -> Parts {
            Parts(job: job, attempt: 0, firstUncommitted: 0, lastAttempt: lastAttempt)
        }
    }

    /// The newest job; those added later are not seen.
    package var lastJob: Int64
    /// Jobs that may have trips stored and are not seen, ascending.
    package var hidden: [Int64]
    /// Of jobs that are seen: what interrupted attempts may have stored beyond their commits.
    package var leftovers: [Parts]
    /// Number of the last attempt of any job; attempt numbers ascend.
    package var attempts: Int

    package init(lastJob: Int64, hidden: [Int64], leftovers: [Parts], attempts: Int) {
        self.lastJob = lastJob
        self.hidden = hidden
        self.leftovers = leftovers
        self.attempts = attempts
    }

    /// Whether every stored row is seen, unless an attempt began since.
    package var isAll: Bool { hidden.isEmpty && leftovers.isEmpty }
}

/// What a job should have stored.
package struct JobAccount: Hashable, Sendable {
    package var job: Int64
    package var isCompleted: Bool
    /// Trips that count; none do if the job is not completed.
    package var trips: Int

    package init(job: Int64, isCompleted: Bool, trips: Int) {
        self.job = job
        self.isCompleted = isCompleted
        self.trips = isCompleted ? trips : 0
    }
}

extension TripstoreError {
    /// The error for a catalog by which trips would count that must not.
    package static let unknownAttempts = TripstoreError(
        .conflict,
        "ClickHouse has trips that are newer than the catalog, as after a restore of an older catalog; start "
            + "`tripstore serve` once, which excludes them from answers.")
}
