/// Runs of jobs: when each starts, and what it commits.
package protocol CommitLog: AnyObject, Sendable {
    /// Moves pending jobs to running, and returns those that were moved.
    ///
    /// - Parameter tracksAttempts: whether to record what each attempt stores (`Visibility`).
    func start(_ ids: [Int64], tracksAttempts: Bool) throws(TripstoreError) -> [JobRecord]

    /// Records a job's progress since its last commit; the last commit publishes its trips.
    ///
    /// Returns false and changes nothing if the job is no longer running, or another attempt of it is.
    func commit(_ commit: JobCommit, job id: Int64) throws(TripstoreError) -> Bool

    /// Records several jobs that are complete with one commit each, and publishes the segment with their trips.
    ///
    /// Returns the jobs that are no longer running, as they were cancelled; if there are any, nothing was changed.
    func commit(_ commits: [(job: Int64, commit: JobCommit)], segment: SegmentRecord?) throws(TripstoreError) -> [Int64]

    /// Records how an attempt reads the file of a running job, if that is known before a commit; without effect once there is a
    /// later attempt.
    func note(_ reading: JobReading, job id: Int64, attempt: Int) throws(TripstoreError)

    /// Records that an attempt waits for servers that it needs: if its process ends now, its file is not at fault.
    func noteWaiting(_ id: Int64, attempt: Int) throws(TripstoreError)

    /// Requeues a running job at its last commit, as its process ends.
    ///
    /// In a shared catalog others may resume it, unless it is a command's job.
    ///
    /// - Parameter attempt: the attempt that leaves it; without effect once there is a later one.
    func requeue(_ id: Int64, attempt: Int) throws(TripstoreError)

    /// Returns a job's count of rejected rows by reason.
    func rejectCounts(_ id: Int64) throws(TripstoreError) -> [String: Int]
}

/// A job's progress since its last commit.
@dynamicMemberLookup
package struct JobCommit: Sendable {
    /// The new segment; nil if the rows since the last commit were all rejected or there were none.
    package var segment: SegmentRecord?
    /// The attempt that commits; nil if no other attempt can exist at the same time.
    package var attempt: Int?
    /// Count of parts that this attempt has stored and commits with this.
    package var partCount = 0
    /// Rows and bytes since the job began.
    package var counts: JobCounts
    package var checkpoint: JobRecord.Checkpoint
    /// Rows rejected since the last commit, by reason.
    package var rejects: [String: Int]
    /// Those of them that are kept for display, if the catalog keeps them.
    package var rejectedLines: [RejectedRow] = []
    /// Whether this is the whole file: the job is completed and its trips become visible.
    package var isLast: Bool
    /// With the last commit, the hash of the source as it is stored.
    package var sourceHash: ContentHash?
    /// How the file is read; nil: as recorded before.
    package var reading: JobReading?
    /// What was counted of the trips so far, for an attempt that resumes; nil with the last commit.
    package var survey: String?
    /// With the last commit, why the job fails all the same: all its rows were rejected.
    ///
    /// Its counts and rejected rows stay.
    package var failure: String?
    /// With the last commit, the final progress for subscribers.
    package var lastProgress: JobProgress?

    package init(
        segment: SegmentRecord? = nil, attempt: Int? = nil, partCount: Int = 0, counts: JobCounts,
        checkpoint: JobRecord.Checkpoint, rejects: [String: Int], rejectedLines: [RejectedRow] = [], isLast: Bool,
        sourceHash: ContentHash? = nil
    ) {
        self.segment = segment
        self.attempt = attempt
        self.partCount = partCount
        self.counts = counts
        self.checkpoint = checkpoint
        self.rejects = rejects
        self.rejectedLines = rejectedLines
        self.isLast = isLast
        self.sourceHash = sourceHash
    }

    /// The counts' members.
    package subscript<Value>(dynamicMember member: KeyPath<JobCounts, Value>) -> Value { counts[keyPath: member] }
}
