/// What went wrong in the store, for a person and for a program.
///
/// `message` is one sentence that says what is wrong and what to do; the server shows it as `detail`, the command line on
/// standard error. `code` is for programs: only the server maps it to a status, only the command line to an exit code.
public struct TripstoreError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure that callers distinguish.
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
        /// Another process has locked the store.
        public static let busy = Code(kind: .busy)
        /// As many jobs wait as the operator allows; later there is room.
        public static let queueFull = Code(kind: .queueFull)
        /// A server for trips or jobs does not answer; later it may.
        public static let unavailable = Code(kind: .unavailable)
        /// Too many requests at a time, or a query too large; later it may succeed.
        public static let overloaded = Code(kind: .overloaded)
        /// The operating system refused a read or a write.
        public static let io = Code(kind: .io)
        /// The disk has no free space beyond its reserve.
        public static let diskFull = Code(kind: .diskFull)
        /// The work was cancelled on request.
        public static let cancelled = Code(kind: .cancelled)
        /// The client of a query did not wait for its answer.
        public static let clientLeft = Code(kind: .clientLeft)
        /// A fault in this program.
        public static let internalFault = Code(kind: .internalFault)

        public var description: String { kind.rawValue }
    }

    /// What differs between processes that share their work.
    package enum Cause: Sendable {
        /// This machine's disk, folder or clock.
        case machine
        /// The permissions of this process's credentials.
        case rights
    }

    /// The kind of failure.
    public var code: Code
    /// One sentence: what is wrong and what to do.
    public var message: String
    /// The conflicting job, if there is one.
    public var job: Int64?
    /// The message of a job that failed so, which must stay true: the conflicting job may be deleted any time.
    package var lastingMessage: String?
    /// The cause, if other processes may succeed where this one failed.
    package var cause: Cause?
    /// Whether that job has all trips of the same bytes, so that nothing is missing without these.
    public var isDuplicate = false
    /// What the file's user must say before it can be read; nil for all other errors.
    public var question: FormatQuestion?

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
    /// Whether the disk, or its file system, refused a read or a write.
    package var isOfDisk: Bool { code == .diskFull || code == .io }
}
