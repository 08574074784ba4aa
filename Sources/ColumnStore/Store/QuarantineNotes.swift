import Foundation
import TripModel

/// What the folder quarantine itself says of missing trips, so that a catalog that is made anew knows of them too.
///
/// A file that was set aside mostly tells whose trips it has. Where that is not what the catalog says (the file is gone, its footer is
/// damaged, a job of it was deleted since) a note beside it does: `NAME.json`, the jobs whose trips are missing with it. Notes are
/// derived from the catalog, so they can be written again at any time.
struct QuarantineNotes {
    let folders: Folders

    /// The segments that were set aside: their files, or notes where these are gone.
    func segments() throws(TripstoreError) -> [String] {
        guard FileSystem.isDirectory(folders.quarantine) else { return [] }
        return Set(try folders.quarantineFiles().own.map { Folders.segment(ofNote: $0) ?? $0 }).sorted()
    }

    /// The jobs whose trips are missing with a segment, as its note says; nil where there is no note.
    func jobs(ofSegment name: String) -> [SegmentProvenance.Job]? {
        guard let data = FileManager.default.contents(atPath: folders.notePath(ofSegment: name)) else { return nil }
        return try? JSONDecoder().decode([SegmentProvenance.Job].self, from: data)
    }

    /// Brings notes to what the catalog says, and removes what was set aside of jobs that were all deleted since.
    func update(from catalog: Catalog) throws(TripstoreError) {
        for segment in try catalog.quarantineOrigins() where Folders.isSegmentFile(segment.fileName) {
            let path = "\(folders.quarantine)/\(segment.fileName)"
            let note = folders.notePath(ofSegment: segment.fileName)
            if segment.jobs.isEmpty, segment.hadJobs {
                try FileSystem.remove(path)
                try FileSystem.remove(note)
                continue
            }
            let told = jobs(ofSegment: segment.fileName) ?? SegmentEvidence.origin(path: path)?.jobs ?? []
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

    /// What two accounts of a segment have to agree on.
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
