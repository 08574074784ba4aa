/// The provenance of a segment's trips, as the footer of its file records it.
///
/// The catalog knows all of it; it is in the files too, so that a lost catalog can be rebuilt from them (docs/FORMAT.md,
/// "Rebuilding the catalog").
package struct SegmentProvenance: Hashable, Sendable {
    /// A job with trips in the segment.
    package struct Job: Hashable, Sendable, Codable {
        package var id: Int64
        package var filename: String
        package var createdAt: String
        /// Name of the file in the folder of uploads; nil if the job read another file.
        package var upload: String?
        /// Its trips in this segment.
        package var trips = 0
        /// All its trips, in this segment and others; nil if the job was still running.
        package var jobTrips: Int?
        /// Identifies its file; nil if the job was still running, or an earlier version made the segment.
        package var source: Source?
        /// What its user said of how its file is read; nil: nothing.
        package var options: ReadingOptions?

        private enum CodingKeys: String, CodingKey {
            case id, filename, upload, trips, source, options
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

        /// Merges this record of a job with another, which may be older and less complete.
        package func merged(with other: Self) -> Self {
            var merged = self
            merged.jobTrips = [jobTrips, other.jobTrips].compactMap(\.self).max()
            merged.source = source ?? other.source
            merged.options = options ?? other.options
            return merged
        }
    }

    /// The file of a job, once it was read to its end.
    package struct Source: Hashable, Sendable, Codable {
        /// Hash of the file as it is stored.
        package var hash: ContentHash
        /// Hash of its uncompressed bytes.
        package var contentHash: ContentHash
        /// Bytes as stored; nil for standard input.
        package var byteCount: Int?

        private enum CodingKeys: String, CodingKey {
            case hash
            case contentHash = "content_hash"
            case byteCount = "bytes"
        }

        package init(hash: ContentHash, contentHash: ContentHash, byteCount: Int?) {
            self.hash = hash
            self.contentHash = contentHash
            self.byteCount = byteCount
        }

        package init?(hash: ContentHash?, contentHash: ContentHash?, byteCount: Int?) {
            guard let hash, let contentHash else { return nil }
            self.init(hash: hash, contentHash: contentHash, byteCount: byteCount)
        }
    }

    /// The segments that it replaces, alone or together with others that have the same list.
    package struct Replacement: Hashable, Sendable, Decodable {
        package var files: [String]
        /// Segments that those had replaced themselves and that still existed, since they could not be deleted.
        package var earlier: [String] = []
        /// Trips of all segments that replace them together; nil if this one does alone.
        package var trips: Int?
        /// The jobs that were deleted with this replacement, whose trips were omitted; not all of them had some in `files`.
        package var withoutJobs: [Int64]

        private enum CodingKeys: String, CodingKey {
            case files, earlier, trips
            case withoutJobs = "without_jobs"
            /// In files of earlier versions.
            case withoutJob = "without_job"
        }

        package init(files: [String], earlier: [String] = [], trips: Int? = nil, withoutJobs: [Int64] = []) {
            self.files = files
            self.earlier = earlier
            self.trips = trips
            self.withoutJobs = withoutJobs
        }

        /// Parses the footer's text.
        package init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            files = try values.decode([String].self, forKey: .files)
            earlier = try values.decodeIfPresent([String].self, forKey: .earlier) ?? []
            trips = try values.decodeIfPresent(Int.self, forKey: .trips)
            let job = try values.decodeIfPresent(Int64.self, forKey: .withoutJob)
            withoutJobs = try values.decodeIfPresent([Int64].self, forKey: .withoutJobs) ?? job.map { [$0] } ?? []
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
    /// Returns the job's provenance, as far as the catalog knows.
    package func provenance() -> SegmentProvenance.Job {
        guard job.status == .completed else { return provenance(jobTrips: nil, sourceHash: nil, contentHash: nil) }
        return provenance(
            jobTrips: job.counts.acceptedRows, sourceHash: sourceHash, contentHash: checkpoint.contentHash)
    }

    /// Returns the job's provenance.
    ///
    /// - Parameters:
    ///   - jobTrips: all trips of the job, once they are known.
    ///   - sourceHash: hash of the file as it is stored, once it was read to its end.
    ///   - contentHash: hash of its uncompressed bytes, then.
    package func provenance(jobTrips: Int?, sourceHash: ContentHash?, contentHash: ContentHash?) -> SegmentProvenance.Job {
        var provenance = SegmentProvenance.Job(
            id: job.id, filename: job.filename, createdAt: job.createdAt,
            upload: ownsSource ? sourcePath.split(separator: "/").last.map(String.init) : nil, jobTrips: jobTrips)
        provenance.source = SegmentProvenance.Source(hash: sourceHash, contentHash: contentHash, byteCount: job.totalBytes)
        if !options.isEmpty { provenance.options = options }
        return provenance
    }
}
