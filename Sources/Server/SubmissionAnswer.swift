import HTTPTypes
import HummingbirdCore
import Ingestion
import TripModel

/// The answer to an upload: its job, and of a ZIP archive with several CSV files the jobs of all.
///
/// For one file it is `{"job_id", "message", "filename"}`. For several, these are of the first, and `jobs` lists all; files that did not
/// become jobs are in `skipped`, with the reason.
struct SubmissionAnswer {
    private let submission: ArchiveSubmission

    init(_ submission: ArchiveSubmission) { self.submission = submission }

    /// Returns the answer; throws the first file's error if no file became a job.
    func response() throws -> Response {
        var jobs: [Job] = []
        var skipped: [(name: String, error: TripstoreError)] = []
        for file in submission.files {
            switch file.result {
            case .success(.added(let job)), .success(.resumed(let job)): jobs.append(job)
            case .success(.duplicate(let other)): skipped.append((file.name, .duplicate(of: other)))
            case .failure(let error): skipped.append((file.name, error))
            }
        }
        guard let first = jobs.first else {
            throw skipped.first?.error ?? TripstoreError(.badInput, "The ZIP archive has no CSV file.")
        }
        if jobs.count == 1, skipped.isEmpty, submission.ignored.isEmpty { return Self.response(to: first) }
        var body = JSONWriter()
        body.object { writer in
            Self.write(first, to: &writer)
            writer.key("jobs")
            writer.array(jobs) { writer, job in
                writer.object {
                    $0.key("job_id")
                    $0.value(Int(job.id))
                    $0.key("filename")
                    $0.value(job.filename)
                }
            }
            writer.key("skipped")
            writer.array(skipped) { writer, file in
                writer.object {
                    $0.key("filename")
                    $0.value(file.name)
                    $0.key("detail")
                    $0.value(file.error.message)
                }
            }
            writer.key("ignored")
            writer.array(submission.ignored) { $0.value($1) }
        }
        return .json(body.text, status: .accepted, headers: [.location: "/jobs/\(first.id)"])
    }

    /// Returns the answer for one job.
    static func response(to job: Job) -> Response {
        var body = JSONWriter()
        body.object { write(job, to: &$0) }
        return .json(body.text, status: .accepted, headers: [.location: "/jobs/\(job.id)"])
    }

    private static func write(_ job: Job, to writer: inout JSONWriter) {
        writer.key("job_id")
        writer.value(Int(job.id))
        writer.key("message")
        writer.value("Ingestion scheduled")
        writer.key("filename")
        writer.value(job.filename)
    }
}
