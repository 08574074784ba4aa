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
