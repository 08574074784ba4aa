/// Fetches files from elsewhere: the store says which and where to, and knows no protocol.
public protocol SourceFetcher: Sendable {
    /// Returns the name of the file at a URL, without a request; throws `.invalidArgument` if such a URL is never fetched.
    func filename(of url: String) throws(TripstoreError) -> String

    /// Divides a URL into the part that may be kept and shown, and the rest, which may be secret; together they are the URL.
    func parts(of url: String) -> (place: String, secret: String)

    /// Fetches the file at a URL completely, or throws one sentence that says why not.
    ///
    /// A task that is cancelled throws `.cancelled` soon, and leaves what the next call resumes from.
    ///
    /// - Parameters:
    ///   - file: the destination of the bytes, in which an earlier call may have left some.
    ///   - report: receives progress, as often as the fetcher likes, from one caller at a time.
    func fetch(
        _ url: String, into file: PartialFile, report: @escaping @Sendable (FetchProgress) -> Void
    ) async throws(TripstoreError)
}

extension SourceFetcher {
    /// Treats the URL as one without a secret.
    public func parts(of url: String) -> (place: String, secret: String) { (url, "") }
}

/// The progress of a fetch.
public struct FetchProgress: Hashable, Sendable {
    /// Bytes of the file that were fetched.
    public var fetchedBytes: Int
    /// Bytes of the whole file; nil if the source doesn't say.
    public var totalBytes: Int?
    /// When and why a failed attempt is retried, such as `in 2 s (attempt 2 of 5): the connection broke off`; nil: none failed.
    public var retry: String?

    /// Makes the progress of a fetch.
    public init(fetchedBytes: Int, totalBytes: Int?, retry: String? = nil) {
        self.fetchedBytes = fetchedBytes
        self.totalBytes = totalBytes
        self.retry = retry
    }

    /// The message for a person.
    package var message: String {
        if let retry { return Self.retryStart + retry }
        let (unit, name) = Self.units.last { (totalBytes ?? fetchedBytes) >= $0.0 } ?? Self.units[0]
        func number(_ byteCount: Int) -> String {
            let tenths = byteCount / (unit / 10)
            return "\(tenths / 10).\(tenths % 10)"
        }
        guard let totalBytes else { return "Fetching: \(number(fetchedBytes)) \(name)" }
        return "Fetching: \(number(fetchedBytes)) of \(number(totalBytes)) \(name)"
    }

    private static let retryStart = "Fetching again "

    /// Returns whether the message of a fetched job reports a fault that will be retried.
    package static func isTrouble(_ message: String) -> Bool {
        message.hasPrefix(retryStart) || message.hasPrefix("Waiting: ")
    }

    private static let units = [(1000, "kB"), (1_000_000, "MB"), (1_000_000_000, "GB")]
}

/// The bytes of an incomplete file, next to its final path: under names that cannot be mistaken for it.
public struct PartialFile: Hashable, Sendable {
    /// Destination of the bytes.
    public let path: String
    /// File in which a fetcher records which of them are there.
    public let notesPath: String
    /// Free space that stays on the disk.
    public var reserve = DiskReserve.standard
    /// Bytes of the largest file that is fetched; nil: as many as there is room for.
    public var byteCountMax: Int?

    /// Names the partial files of a file.
    package init(of path: String) {
        self.path = path + Self.ending
        notesPath = path + Self.notesEnding
    }

    private static let ending = ".fetching"
    private static let notesEnding = ".fetching.json"

    package var paths: [String] { [path, notesPath] }

    /// Returns whether a name in the folder of uploads belongs to an incomplete file.
    package static func isName(_ name: String) -> Bool { name.hasSuffix(ending) || name.hasSuffix(notesEnding) }
}
