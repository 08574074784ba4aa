import TripModel

/// The open source of a job, and the hash of its bytes if that is known already.
struct JobSource {
    /// Copies out the first file of an archive, and returns its path and hash.
    typealias ArchiveOpener = (ByteSource) throws(TripstoreError) -> (path: String, hash: ContentHash)

    let bytes: SampledSource
    /// nil: not known.
    let hash: ContentHash?

    /// Opens a source; of an archive, its first file.
    ///
    /// - Parameter openArchive: nil: archives are not read.
    init(_ record: JobRecord, _ bounds: IngestionBounds, openArchive: ArchiveOpener?) throws(TripstoreError) {
        let expansion = ExpansionBound(multiple: bounds.expansionMax)
        var source = try ByteSource(path: record.sourcePath, expansion)
        var hash = record.sourceHash
        if source.isArchive, let openArchive {
            let copy = try openArchive(source)
            // The copy is only this job's, and ends with it.
            defer { try? FileSystem.remove(copy.path) }
            source = try ByteSource(path: copy.path, expansion)
            hash = copy.hash
        }
        self.hash = hash
        bytes = SampledSource(try TextSource(source, record.options))
    }
}
