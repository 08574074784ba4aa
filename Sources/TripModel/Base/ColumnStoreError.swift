/// What went wrong in the store, for a person and for a program.
///
/// `message` is one sentence that says what is wrong and what to do; the server shows it as `detail`, the command line on
/// standard error. `code` is for programs: the server alone turns it into a status, the command line into an exit code.
public struct ColumnStoreError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure that callers tell apart.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case invalidArgument, notFound, conflict, badInput, corrupt, busy, queueFull, overloaded, unavailable, io, diskFull,
                cancelled
            case clientLeft, internalFault
        }
        private let kind: Kind

        /// A parameter is malformed, unknown or out of range.
        public static let invalidArgument = Code(kind: .invalidArgument)
        /// The job, the segment or matching trips do not exist.
        public static let notFound = Code(kind: .notFound)
        /// The request contradicts the state of its target.
        public static let conflict = Code(kind: .conflict)
        /// The input file as a whole cannot be read as trips.
        public static let badInput = Code(kind: .badInput)
        /// Stored bytes are not what was written.
        public static let corrupt = Code(kind: .corrupt)
        /// Another process holds the store.
        public static let busy = Code(kind: .busy)
        /// As many jobs wait as the operator lets wait; later there is room.
        public static let queueFull = Code(kind: .queueFull)
        /// A server that holds trips or jobs does not answer; later it may.
        public static let unavailable = Code(kind: .unavailable)
        /// Too much is asked at a time, or of one query; later it may go.
        public static let overloaded = Code(kind: .overloaded)
        /// The operating system refused a read or a write.
        public static let io = Code(kind: .io)
        /// The disk has no room, or no more than its reserve.
        public static let diskFull = Code(kind: .diskFull)
        /// The work was cancelled on request.
        public static let cancelled = Code(kind: .cancelled)
        /// The client of a query did not wait for its answer.
        public static let clientLeft = Code(kind: .clientLeft)
        /// A fault of ours.
        public static let internalFault = Code(kind: .internalFault)

        public var description: String { kind.rawValue }
    }

    /// What differs from process to process of those that share their work.
    package enum Cause: Sendable {
        /// This machine's disk, folder or clock.
        case machine
        /// What this process's credentials allow.
        case rights
    }

    /// The kind of failure.
    public var code: Code
    /// One sentence: what is wrong and what to do.
    public var message: String
    /// The job that stands in the way, if one does.
    public var job: Int64?
    /// What a job that failed so says of it, which has to stay true: the job that stood in the way may be deleted any time.
    package var lastingMessage: String?
    /// Whose it is, where others may do what failed here.
    package var cause: Cause?
    /// Whether that job has all trips of the same bytes, so that nothing is missing without these.
    public var isDuplicate = false

    /// Makes an error of a kind with its sentence.
    public init(_ code: Code, _ message: String, job: Int64? = nil) {
        self.code = code
        self.message = message
        self.job = job
    }

    package init(_ code: Code, _ message: String, cause: Cause?) {
        self.init(code, message)
        self.cause = cause
    }

    public var description: String { message }
}

extension ColumnStoreError {
    /// Whether the disk, or who is in charge of it, refused to be written or read.
    package var isOfDisk: Bool { code == .diskFull || code == .io }

    /// The error for a file whose bytes are those of another job.
    ///
    /// - Parameter missing: how many of its trips were set aside, 0 if nobody can tell; nil: none were.
    package static func refusal(ofTwin job: Job, missing: Int?) -> ColumnStoreError {
        missing.map { isIncomplete(job, missing: $0) } ?? duplicate(of: job)
    }

    /// The error for a file whose bytes are those of a job some of whose trips were set aside as damaged.
    private static func isIncomplete(_ job: Job, missing: Int) -> ColumnStoreError {
        let trips = missing == 0 ? "trips" : missing == 1 ? "1 trip" : "\(missing.grouped) trips"
        var error = ColumnStoreError(
            .conflict,
            "The same bytes were loaded as job \(job.id) (\(job.filename)), of which \(trips) \(missing == 1 ? "is" : "are") missing, "
                + "as damage was set aside; delete job \(job.id), then load the file again.", job: job.id)
        error.lastingMessage =
            "Not loaded: the same bytes had been loaded as job \(job.id) (\(job.filename)), of which \(trips) \(missing == 1 ? "was" : "were") "
            + "missing, as damage was set aside; delete job \(job.id) where it is still there, then resume this one."
        return error
    }

    /// The error for a file whose bytes are those of another job.
    package static func duplicate(of job: Job) -> ColumnStoreError {
        let state =
            switch job.status {
            case .completed: "were loaded before"
            case .interrupted: "belong to a load that was interrupted and can go on"
            default: "are being loaded already"
            }
        var error = ColumnStoreError(
            .conflict,
            "The same bytes \(state), as job \(job.id) (\(job.filename)); to load them again, allow it with duplicate=allow or "
                + "--allow-duplicate.", job: job.id)
        let earlier =
            switch job.status {
            case .completed: "had been loaded before"
            case .interrupted: "belonged to a load that had been interrupted and could go on"
            default: "were being loaded already"
            }
        error.lastingMessage =
            "Not loaded: the same bytes \(earlier), as job \(job.id) (\(job.filename)). Where that job was deleted since, or has failed, "
            + "resume this one; to have the trips twice, load the file with duplicate=allow or --allow-duplicate."
        error.isDuplicate = true
        return error
    }
}
