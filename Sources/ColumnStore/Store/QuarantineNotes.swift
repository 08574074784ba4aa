import Foundation
import TripModel

/// The record of missing trips in the folder quarantine itself, for a rebuilt catalog.
///
/// A quarantined file mostly says which jobs its trips belong to. If that differs from the catalog (the file is gone, its
/// footer is damaged, a job of it was deleted since), a note beside it says so: `NAME.json`, the jobs whose trips are missing
/// with it. Notes are derived from the catalog, so they can be written again at any time.
struct QuarantineNotes {
    let folders: StoreLayout

    /// Returns the quarantined segments: their files, or notes if these are gone.
    func segments() throws(TripstoreError) -> [String] {
        guard FileSystem.isDirectory(folders.quarantine) else { return [] }
        return Set(try folders.quarantineFiles().own.map { StoreLayout.segment(ofNote: $0) ?? $0 }).sorted()
    }

    /// Returns the jobs whose trips are missing with a segment, according to its note; nil if there is no note.
    func jobs(ofSegment name: String) -> [SegmentProvenance.Job]? {
        guard let data = FileManager.default.contents(atPath: folders.notePath(ofSegment: name)) else { return nil }
        return try? JSONDecoder().decode([SegmentProvenance.Job].self, from: data)
    }

    /// Updates notes to match the catalog, and deletes what was quarantined of jobs that were all deleted since.
    func update(from catalog: Catalog) throws(TripstoreError) {
        for segment in try catalog.quarantineOrigins() where StoreLayout.isSegmentFile(segment.fileName) {
            let path = "\(folders.quarantine)/\(segment.fileName)"
            let note = folders.notePath(ofSegment: segment.fileName)
            if segment.jobs.isEmpty, segment.hadJobs {
                try FileSystem.remove(path)
                try FileSystem.remove(note)
                continue
            }
            let told = jobs(ofSegment: segment.fileName) ?? SegmentEvidence.provenance(path: path)?.jobs ?? []
            if Set(told.map(Missing.init)) == Set(segment.jobs.map(Missing.init)) { continue }
            try FileSystem.makeDirectory(folders.quarantine)
            var file = try DurableFile(directory: folders.quarantine, name: "\(segment.fileName).json")
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let data: Data
            do { data = try encoder.encode(segment.jobs) } catch {
                throw TripstoreError(.internalFault, "A note could not be written: \(error); please report this.")
            }
            try file.write(Array(data))
            try file.commit()
        }
    }

    /// What two records of a segment must agree on.
    private struct Missing: Hashable {
        var job: Int64
        var trips: Int
        var jobTrips: Int?

        init(_ job: SegmentProvenance.Job) {
            self.job = job.id
            trips = job.trips
            jobTrips = job.jobTrips
        }
    }
}
