/// Where the trips of a segment come from, as the footer of its file says.
///
/// The catalog knows all of it; it is in the files too, so that a catalog that is lost can be made anew from them
/// (docs/FORMAT.md, "The catalog made anew").
package struct SegmentOrigin: Hashable, Sendable {
    /// A job with trips in the segment.
    package struct Job: Hashable, Sendable, Codable {
        package var id: Int64
        package var filename: String
        package var createdAt: String
        /// Name of the file in the folder of uploads; nil where the job read another file.
        package var upload: String?
        /// Its trips in this segment.
        package var trips = 0
        /// All its trips, in this segment and others; nil where the load was still under way.
        package var jobTrips: Int?

        private enum CodingKeys: String, CodingKey {
            case id, filename, upload, trips
            case createdAt = "created_at"
            case jobTrips = "job_trips"
        }

        package init(id: Int64, filename: String, createdAt: String, upload: String? = nil, jobTrips: Int? = nil) {
            self.id = id
            self.filename = filename
            self.createdAt = createdAt
            self.upload = upload
            self.jobTrips = jobTrips
        }
    }

    /// The segments whose place it takes, alone or with others that say the same.
    package struct Replacement: Hashable, Sendable, Codable {
        package var files: [String]
        /// What those had replaced themselves and was still there, since it could not be removed.
        package var earlier: [String] = []
        /// Trips of all segments that take their place together; nil where this one does alone.
        package var trips: Int?
        /// The job whose trips were left out.
        package var withoutJob: Int64?

        private enum CodingKeys: String, CodingKey {
            case files, earlier, trips
            case withoutJob = "without_job"
        }

        package init(files: [String], earlier: [String] = [], trips: Int? = nil, withoutJob: Int64? = nil) {
            self.files = files
            self.earlier = earlier
            self.trips = trips
            self.withoutJob = withoutJob
        }
    }

    /// Ascending.
    package var jobs: [Job]
    package var replaces: Replacement?

    package init(jobs: [Job], replaces: Replacement? = nil) {
        self.jobs = jobs
        self.replaces = replaces
    }
}

extension JobRecord {
    /// What a segment of the job says of it.
    ///
    /// - Parameter jobTrips: all trips of the job, once they are known.
    func origin(jobTrips: Int?) -> SegmentOrigin.Job {
        SegmentOrigin.Job(
            id: job.id, filename: job.filename, createdAt: job.createdAt,
            upload: ownsSource ? sourcePath.split(separator: "/").last.map(String.init) : nil, jobTrips: jobTrips)
    }
}
