/// What went wrong in the store, for a person and for a program.
///
/// `message` is one sentence that says what is wrong and what to do; the server shows it as `detail`, the command line on
/// standard error. `code` is for programs: the server alone turns it into a status, the command line into an exit code.
public struct TripstoreError: Error, Sendable, CustomStringConvertible {
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

extension TripstoreError {
    /// Whether the disk, or who is in charge of it, refused to be written or read.
    package var isOfDisk: Bool { code == .diskFull || code == .io }
}
