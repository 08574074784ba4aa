/// A change of a job's status, with the job as it was at that moment.
package struct JobEvent: Hashable, Sendable {
    /// Ascending; unique in the catalog.
    package var id: Int64
    package var job: Int64
    package var status: String
    /// UTC, ISO 8601 with `Z`.
    package var time: String
    /// The job as JSON, as the API shows it.
    package var body: String

    package init(id: Int64, job: Int64, status: String, time: String, body: String) {
        self.id = id
        self.job = job
        self.status = status
        self.time = time
        self.body = body
    }
}
