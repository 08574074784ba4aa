import Parquet
package import TripModel

/// The contents of a store, from its catalog and its folders: no segment is opened, so it describes a damaged store too.
package struct StoreSummary: Sendable {
    /// One segment that the catalog names.
    package struct Segment: Sendable {
        package var file: String
        /// The jobs whose trips it has.
        package var jobs: [Int64]
        package var rows: Int
        package var bytes: Int
        /// CRC-32 of the whole file when it was written.
        package var checksum: UInt32
        /// Bytes of the file on disk; nil if it is missing.
        package var bytesOnDisk: Int?
        /// Whether its job is complete.
        package var isLive: Bool
    }

    package var dataDirectory: String
    package var segments: [Segment]
    package var jobs: [Job.Status: Int]
    /// Segment files that the catalog does not name: a running job's, or orphaned by a crash.
    package var unnamedFiles: [String]
    /// The warning of answers while trips are missing; nil if none are.
    package var warning: String?

    /// Trips that queries see.
    package var liveRows: Int { segments.filter(\.isLive).reduce(0) { $0 + $1.rows } }
    /// Bytes of the segments that queries see.
    package var liveBytes: Int { segments.filter(\.isLive).reduce(0) { $0 + $1.bytes } }

    /// The summary as JSON.
    package var json: String {
        var writer = JSONWriter()
        writer.object {
            $0.key("data_dir")
            $0.value(dataDirectory)
            $0.key("trips")
            $0.value(liveRows)
            $0.key("bytes")
            $0.value(liveBytes)
            $0.key("segments")
            $0.array(segments) { writer, segment in
                writer.object {
                    $0.key("file")
                    $0.value(segment.file)
                    $0.key("job_ids")
                    $0.array(segment.jobs) { $0.value(Int($1)) }
                    $0.key("rows")
                    $0.value(segment.rows)
                    $0.key("bytes")
                    $0.value(segment.bytes)
                    $0.key("bytes_on_disk")
                    $0.value(segment.bytesOnDisk)
                    $0.key("live")
                    $0.value(segment.isLive)
                }
            }
            $0.key("jobs")
            $0.object {
                for status in Job.Status.allCases {
                    $0.key(status.rawValue)
                    $0.value(jobs[status] ?? 0)
                }
            }
            $0.key("unnamed_files")
            $0.array(unnamedFiles) { $0.value($1) }
            if let warning {
                $0.key("warning")
                $0.value(warning)
            }
        }
        return writer.text
    }
}

extension ColumnStore {
    /// Summarizes the store.
    ///
    /// - Parameter jobCounts: jobs by status, as the process that works on them sees them; nil: as the catalog has them.
    package func summary(_ jobCounts: [Job.Status: Int]? = nil) throws(TripstoreError) -> StoreSummary {
        let all = try catalog.allSegments()
        let jobs = if let jobCounts { jobCounts } else { try catalog.jobCounts() }
        let named = Set(all.map(\.fileName))
        return StoreSummary(
            dataDirectory: folders.root,
            segments: all.map {
                StoreSummary.Segment(
                    file: $0.fileName, jobs: $0.jobIDs, rows: $0.rowCount, bytes: $0.byteCount, checksum: $0.checksum,
                    bytesOnDisk: FileSystem.byteCount(of: folders.segmentPath($0.fileName)), isLive: $0.isLive)
            },
            jobs: jobs,
            unnamedFiles: try folders.segmentFiles().own.filter { !named.contains($0) },
            warning: try quarantineWarning())
    }

    /// Returns the CRC-32 of a whole file.
    static func checksum(of path: String) throws(TripstoreError) -> UInt32 {
        let file = try MappedFile(path: path)
        let checksum = file.withBytes { CRC32.checksum($0) }
        try file.requireIntact()
        return checksum
    }

    /// Reads every byte of the store again and returns what is damaged.
    ///
    /// - Parameter report: called for each file before it is read, with its ordinal and the count of files.
    /// - Returns: problems by file; empty if there are none.
    package func verify(
        _ report: (_ file: String, _ number: Int, _ count: Int) -> Void
    ) throws(TripstoreError) -> [(file: String, problems: [String])] {
        let segments = try summary().segments
        let rollup = try catalog.rollup()
        let rejects = try catalog.jobsWithRejects()
        let fileCount = 1 + segments.count + rejects.count + (rollup == nil ? 0 : 1)
        var damaged: [(file: String, problems: [String])] = []
        report("catalog.sqlite", 1, fileCount)
        var catalogProblems = try catalog.integrityProblems() + catalog.visibilityProblems()
        let known = Set(try catalog.allSegments().map(\.fileName))
        for name in try folders.segmentFiles().own where !known.contains(name) {
            guard let job = try jobUnknown(in: name) else { continue }
            catalogProblems.append("It is older than the store: it does not know job \(job), whose trips are in \(name).")
        }
        if !catalogProblems.isEmpty { damaged.append((file: "catalog.sqlite", problems: catalogProblems)) }
        for (number, segment) in segments.enumerated() {
            report(segment.file, number + 2, fileCount)
            var problems: [String]
            do throws(TripstoreError) {
                let layout = try SegmentLayout(path: folders.segmentPath(segment.file))
                try SegmentColumn.refuseNewerFormat(layout.formatVersion, of: folders.segmentPath(segment.file))
                problems = layout.problems
                if layout.bytes != segment.bytes {
                    problems.append("It has \(layout.bytes.grouped) bytes, the catalog says \(segment.bytes.grouped).")
                }
                if try Self.checksum(of: folders.segmentPath(segment.file)) != segment.checksum {
                    problems.append("Its bytes are not those that were written: the checksum of the whole file differs.")
                }
                if let rows = layout.rows, rows != segment.rows {
                    problems.append("It has \(rows.grouped) rows, the catalog says \(segment.rows.grouped).")
                }
            } catch {
                // A file that we do not know is not damaged, and must not be quarantined.
                if error.code == .conflict { throw error }
                problems = [error.message]
            }
            if !problems.isEmpty { damaged.append((file: segment.file, problems: problems)) }
        }
        var damagedRejects: [(file: String, problems: [String])] = []
        for (number, record) in rejects.enumerated() {
            let name = Self.rejectsName(job: record.job.id)
            report(name, segments.count + number + 2, fileCount)
            if let problem = try problem(ofRejectsOf: record) { damagedRejects.append((file: name, problems: [problem])) }
        }
        if let rollup {
            report(rollup.fileName, fileCount, fileCount)
            let problems = try problems(of: rollup)
            if !problems.isEmpty { damaged.append((file: rollup.fileName, problems: problems)) }
        }
        if damaged.isEmpty { return damagedRejects }
        // A server may have merged files since they were listed: one that the catalog no longer names is not damage.
        let named = Set(try catalog.allSegments().map(\.fileName))
        let rollupName = try catalog.rollup()?.fileName
        return damaged.filter { named.contains($0.file) || [rollupName, "catalog.sqlite"].contains($0.file) } + damagedRejects
    }

    /// Returns what is wrong with the rollup; a server rebuilds it when it starts.
    private func problems(of named: Catalog.Rollup) throws(TripstoreError) -> [String] {
        let (segments, rollup) = try catalog.liveSegmentsAndRollup()
        // Another one replaced it since.
        guard rollup?.id == named.id else { return [] }
        let covered = segments.filter { $0.rollupID == named.id }.reduce(0) { $0 + $1.rowCount }
        do throws(TripstoreError) {
            let rollup = try GroupRollup(path: "\(folders.rollups)/\(named.fileName)", checksum: named.checksum)
            return rollup.tripCount == covered
                ? [] : ["It has \(rollup.tripCount.grouped) trips, the segments that it covers have \(covered.grouped)."]
        } catch {
            return [error.message]
        }
    }
}
