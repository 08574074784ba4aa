import Logging
package import TripModel

/// How a store works without damaged segments.
extension ColumnStore {
    /// Quarantines a damaged segment: its file moves to the folder `quarantine`, and answers omit its trips and report that.
    ///
    /// The file gets its second name first and loses its old one last, so that a crash in between loses nothing.
    ///
    /// - Returns: running jobs that have failed with it.
    @discardableResult
    package func quarantine(_ fileName: String, problem: String) throws(TripstoreError) -> [Job] {
        try idleWork.interrupting { () throws(TripstoreError) in
            try rewriting.withLock { _ throws(TripstoreError) in
                guard let segment = try catalog.allSegments().first(where: { $0.fileName == fileName }) else {
                    throw TripstoreError(.notFound, "The store has no segment \(fileName).")
                }
                try FileSystem.makeDirectory(folders.quarantine)
                let path = folders.segmentPath(fileName)
                if FileSystem.byteCount(of: path) != nil {
                    let aside = "\(folders.quarantine)/\(fileName)"
                    try FileSystem.remove(aside)
                    guard try FileSystem.link(path, as: aside) else {
                        throw FileSystem.error("link into the folder quarantine the file", path)
                    }
                    try FileSystem.syncDirectory(folders.quarantine)
                }
                let rollup = try catalog.rollup()
                let gone = try catalog.quarantine(
                    segment, problem: problem,
                    message: "A segment of this job, \(fileName), was damaged and has been quarantined; resume the job to load "
                        + "its file from the start.")
                forget(gone.files, coveredBy: rollup)
                noteQuarantine()
                return gone.failed.map(\.job)
            }
        }
    }

    /// Updates the notes in the folder quarantine to match the catalog; what cannot be written now is written at the next
    /// start.
    func noteQuarantine() {
        do throws(TripstoreError) { try QuarantineNotes(folders: folders).update(from: catalog) } catch {
            options.logger.warning(
                "The notes in the folder quarantine cannot be written", metadata: ["why": "\(error.message)"])
        }
    }

    /// Returns the warning of answers while trips are missing; nil if none are.
    package func quarantineWarning() throws(TripstoreError) -> String? { try catalog.missingTrips()?.warning }
}

extension Catalog.MissingTrips {
    /// The warning of answers about it.
    var warning: String {
        let trips = jobs.reduce(0) { $0 + $1.trips }
        let segments = segmentCount == 1 ? "a damaged segment" : "\(segmentCount) damaged segments"
        let remedy = jobs.count == 1 ? "that job and load its file" : "those jobs and load their files"
        let known =
            trips == 0
            ? "An unknown number of trips are"
            : (jobs.contains(where: \.isAtLeast) ? "At least " : "")
                + "\(trips.grouped) \(trips == 1 ? "trip is" : "trips are")"
        return
            "\(known) missing: \(segments) with trips of \(Self.list(jobs.map(\.id))) \(segmentCount == 1 ? "was" : "were") "
            + "quarantined; restore a backup that still has them, or delete \(remedy) again."
    }

    /// Lists jobs in a sentence, the first few of many.
    private static func list(_ jobs: [Int64]) -> String {
        if jobs.count == 1 { return "job \(jobs[0])" }
        let shown = jobs.prefix(jobs.count > 5 ? 4 : jobs.count - 1).map(String.init).joined(separator: ", ")
        return "jobs \(shown) and " + (jobs.count > 5 ? "\(jobs.count - 4) others" : "\(jobs[jobs.count - 1])")
    }
}
