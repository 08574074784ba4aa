import Parquet
import TripModel

/// What a segment file says about itself if no catalog knows it: believed if its bytes are those that were written.
struct SegmentEvidence: Sendable {
    /// What the catalog must record about it; nil if it is damaged.
    private(set) var record: SegmentRecord?
    /// Nil in a file of an earlier version, and if it cannot be read.
    private(set) var provenance: SegmentProvenance?
    /// What is wrong with it, a sentence each.
    private(set) var problems: [String] = []

    /// Reads a file; throws only if it cannot be opened for an external reason, such as too many open files.
    init(path: String) throws(TripstoreError) {
        let reader: SegmentReader
        do throws(TripstoreError) {
            reader = try SegmentReader(path: path)
        } catch {
            guard error.code == .corrupt else { throw error }
            problems = [error.message]
            provenance = Self.provenance(path: path)
            return
        }
        provenance = SegmentProvenance(reader.parquet)
        switch InnerChecksum.isIntact(reader.file, reader.parquet) {
        case true?:
            break
        case false?:
            problems = [InnerChecksum.problem]
            return
        case nil:
            // A file of an earlier version has checksums of its pages and of its index only.
            provenance = nil
            problems = try SegmentLayout(path: path).problems
            if !problems.isEmpty { return }
        }
        var jobs: [Int64: Int] = [:]
        if let provenance {
            for job in provenance.jobs { jobs[job.id] = job.trips }
        } else {
            jobs = try reader.readTrips().job.counts(reader.rowCount)
        }
        record = SegmentWriter.record(
            of: reader.index, jobs, name: path.split(separator: "/").last.map(String.init) ?? path,
            byteCount: reader.file.byteCount, checksum: reader.file.withBytes { CRC32.checksum($0) })
        try reader.file.requireIntact()
    }

    /// Returns the provenance in the footer of a file that may be damaged otherwise.
    static func provenance(path: String) -> SegmentProvenance? {
        guard let file = try? MappedFile(path: path) else { return nil }
        return (try? file.withBytes { bytes throws(ParquetError) in try ParquetFile(parsing: bytes) }).flatMap {
            SegmentProvenance($0)
        }
    }
}
