public import TripModel

/// The result of submitting a file.
public enum Submission: Sendable {
    /// It is a new job.
    case added(Job)
    /// A job for it was interrupted and resumes.
    case resumed(Job)
    /// A job has its bytes already: it is complete, or another process has begun it.
    case duplicate(of: Job)

    /// The job that has the file.
    public var job: Job {
        switch self {
        case .added(let job), .resumed(let job), .duplicate(let job): job
        }
    }
}

/// The result of submitting one of several files.
public struct FileSubmission: Sendable {
    /// The file, or the archive and the file in it.
    public var name: String
    public var result: Result<Submission, TripstoreError>

    /// Makes a result.
    public init(name: String, result: Result<Submission, TripstoreError>) {
        self.name = name
        self.result = result
    }
}

/// The result of submitting the files of a ZIP archive.
public struct ArchiveSubmission: Sendable {
    /// The CSV files, in the order of the archive.
    public var files: [FileSubmission]
    /// The names of others, which are left out.
    public var ignored: [String]
}
