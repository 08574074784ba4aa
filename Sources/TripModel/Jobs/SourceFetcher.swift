/// Brings files from elsewhere: the store says what and where to, and knows no protocol.
public protocol SourceFetcher: Sendable {
    /// Returns the name of the file at a URL, having looked at the URL only; throws `.invalidArgument` where such a URL is never
    /// fetched.
    func filename(of url: String) throws(TripstoreError) -> String

    /// Divides a URL into what may be kept and shown, and the rest, which may be a secret; together they are the URL.
    func parts(of url: String) -> (place: String, secret: String)

    /// Fetches the file at a URL, whole, or throws one sentence that says why not.
    ///
    /// A task that is cancelled throws `.cancelled` soon, and leaves what the next call goes on from.
    ///
    /// - Parameters:
    ///   - file: where the bytes go, and where an earlier call may have left some.
    ///   - report: told of progress, as often as the fetcher likes, by one caller at a time.
    func fetch(
        _ url: String, into file: PartialFile, report: @escaping @Sendable (FetchProgress) -> Void
    ) async throws(TripstoreError)
}

extension SourceFetcher {
    /// Takes the URL for one without a secret.
    public func parts(of url: String) -> (place: String, secret: String) { (url, "") }
}

/// How far a fetch is.
public struct FetchProgress: Hashable, Sendable {
    /// Bytes of the file that are here.
    public var fetchedBytes: Int
    /// Bytes of the whole file; nil where the source doesn't say.
    public var totalBytes: Int?
    /// When and why an attempt that failed is made again, such as `in 2 s (attempt 2 of 5): the connection broke off`; nil: none failed.
    public var retry: String?

    /// Makes a moment of a fetch.
    public init(fetchedBytes: Int, totalBytes: Int?, retry: String? = nil) {
        self.fetchedBytes = fetchedBytes
        self.totalBytes = totalBytes
        self.retry = retry
    }

    /// What a person is told.
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

    /// Whether a message of a job that is fetched says that something went wrong, and will be tried again.
    package static func isTrouble(_ message: String) -> Bool {
        message.hasPrefix(retryStart) || message.hasPrefix("Waiting: ")
    }

    private static let units = [(1000, "kB"), (1_000_000, "MB"), (1_000_000_000, "GB")]
}

/// The bytes of a file that is not whole yet, beside the place where it will be: under names that nobody takes for it.
public struct PartialFile: Hashable, Sendable {
    /// Where the bytes go.
    public let path: String
    /// Where a fetcher notes what of them is there.
    public let notesPath: String
    /// Free space that is left on the disk.
    public var reserve = DiskReserve.standard
    /// Bytes of the largest file that is fetched; nil: as many as there is room for.
    public var byteCountMax: Int?

    /// Names what is there of a file before it is whole.
    package init(of path: String) {
        self.path = path + Self.ending
        notesPath = path + Self.notesEnding
    }

    private static let ending = ".fetching"
    private static let notesEnding = ".fetching.json"

    package var paths: [String] { [path, notesPath] }

    /// Whether a name in the folder of uploads is one of a file that is not whole.
    package static func isName(_ name: String) -> Bool { name.hasSuffix(ending) || name.hasSuffix(notesEnding) }
}
