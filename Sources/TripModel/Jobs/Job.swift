/// A job: one ingestion of one file, as a client sees it.
@dynamicMemberLookup
public struct Job: Hashable, Sendable {
    /// The state of a job.
    public enum Status: String, CaseIterable, Sendable {
        case pending, running
        /// Stopped before its end, at its last commit; it resumes on request.
        case interrupted
        case completed, failed
        /// Deleted before it completed.
        case cancelled
        /// Deleted after it completed.
        case deleted

        /// Whether nothing changes any more without a request.
        public var isTerminal: Bool {
            switch self {
            case .pending, .running, .interrupted: false
            case .completed, .failed, .cancelled, .deleted: true
            }
        }

        /// Whether it was deleted, with all its trips.
        package var isRemoved: Bool { self == .cancelled || self == .deleted }
    }

    /// Positive, ascending in order of submission.
    public var id: Int64
    /// The name under which the file was submitted or stored.
    public var filename: String
    public var status: Status
    /// UTC, ISO 8601 with `Z`, to the millisecond.
    public var createdAt: String
    /// UTC, ISO 8601 with `Z`, to the millisecond.
    public var updatedAt: String
    /// Rows and bytes so far; the job has these members, too.
    public var counts: JobCounts
    /// Why a failed job failed, or other information about it.
    public var message: String?
    /// Trips that it stored, once it is complete.
    package var tripCount: Int { counts.acceptedRows }
    /// The process that works on it, if several share a catalog: its host, process ID and a random word.
    public var worker: String?
    /// How its file is read.
    public var reading = JobReading()

    package init(
        id: Int64, filename: String, status: Status, createdAt: String, updatedAt: String, totalRows: Int?, processedRows: Int,
        rejectedRows: Int, totalBytes: Int?, processedBytes: Int, message: String?, worker: String? = nil
    ) {
        self.worker = worker
        self.id = id
        self.filename = filename
        self.status = status
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.message = message
        counts = JobCounts(
            totalRows: totalRows, processedRows: processedRows, rejectedRows: rejectedRows, totalBytes: totalBytes,
            processedBytes: processedBytes)
    }

    /// The counts' members.
    public subscript<Value>(dynamicMember member: WritableKeyPath<JobCounts, Value>) -> Value {
        get { counts[keyPath: member] }
        set { counts[keyPath: member] = newValue }
    }
}

/// One state of a running job, or its last, as progress subscribers get it.
@dynamicMemberLookup
public struct JobProgress: Hashable, Sendable {
    public var jobID: Int64
    public var status: Job.Status
    /// Rows and bytes so far; the progress has these members, too.
    public var counts: JobCounts
    /// Rows per second since the job began to run; 0 before.
    public var rowsPerSecond: Double
    /// Seconds until the end at the current rate; nil if unknown.
    public var etaSeconds: Double?
    public var message: String?
    /// How its file is read, as far as that is known.
    public var reading = JobReading()

    package init(
        jobID: Int64, status: Job.Status, processedRows: Int, totalRows: Int?, rejectedRows: Int, processedBytes: Int,
        totalBytes: Int?, rowsPerSecond: Double, etaSeconds: Double?, message: String?
    ) {
        self.jobID = jobID
        self.status = status
        counts = JobCounts(
            totalRows: totalRows, processedRows: processedRows, rejectedRows: rejectedRows, totalBytes: totalBytes,
            processedBytes: processedBytes)
        self.rowsPerSecond = rowsPerSecond
        self.etaSeconds = etaSeconds
        self.message = message
    }

    /// The counts' members.
    public subscript<Value>(dynamicMember member: WritableKeyPath<JobCounts, Value>) -> Value {
        get { counts[keyPath: member] }
        set { counts[keyPath: member] = newValue }
    }
}

extension JobProgress {
    /// The counts of a job, without a rate.
    package init(_ job: Job) {
        jobID = job.id
        status = job.status
        counts = job.counts
        rowsPerSecond = 0
        etaSeconds = job.status == .completed ? 0 : nil
        message = job.message
        reading = job.reading
    }
}

/// Rejected rows of one job.
public struct RejectsReport: Hashable, Sendable {
    /// The first rows, in the order of the file.
    public var rejects: [RejectedRow]
    /// All rejected rows of the job.
    public var rejectedRows: Int
    /// Count of the rejected rows that are kept: the first ones.
    public var keptRows: Int
    /// The line after which the next page begins; nil if no more rows are kept.
    public var nextAfter: Int?
    /// Rejected rows by reason.
    public var reasons: [String: Int]

    package init(rejects: [RejectedRow], rejectedRows: Int, keptRows: Int, nextAfter: Int? = nil, reasons: [String: Int]) {
        self.rejects = rejects
        self.rejectedRows = rejectedRows
        self.keptRows = keptRows
        self.nextAfter = nextAfter
        self.reasons = reasons
    }
}
