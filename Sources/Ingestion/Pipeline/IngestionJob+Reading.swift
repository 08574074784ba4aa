import TripModel

/// What a job says of its file: that it was ingested before, how it is read, what is odd about it, why it fails.
extension IngestionJob {
    /// Refuses, before a row is read, a file with the size and hash of one that was ingested.
    func refuseDuplicate(_ source: JobSource) throws(TripstoreError) {
        // An upload was hashed as it arrived, and compared.
        guard !record.allowsDuplicate, record.sourceHash == nil, let byteCount = source.bytes.storedByteCount,
            try catalog.hasSource(ofByteCount: byteCount)
        else { return }
        let hash = if let hash = source.hash { hash } else { try ContentHash.file(sourcePath) }
        if let other = try catalog.job(ofSource: hash) {
            throw try storage.refusal(ofTwin: other.job, hasSameOptions: other.options == record.options)
        }
    }

    /// What the job shows at its end of how its file is read, notes included.
    func reading(with rejects: [String: Int]) throws(TripstoreError) -> JobReading? {
        var notes = TripNotes(job: job.id, survey: survey, rejects: rejects, rowCount: job.processedRows)
        if record.allowsDuplicate, let hash = checkpoint.contentHash, let earlier = try catalog.completedJob(ofContent: hash) {
            notes.earlier = (earlier.job, earlier.options == record.options)
        }
        return JobReading(reading, adding: notes)
    }

    /// How the file is read, with the places that it lacks so far.
    var reading: JobReading? { recognized?.reading?.noting(unknownPlaces, quotesFile: record.mayBeQuoted) }

    /// Why the job fails at its end although it could be read; nil: it completes.
    var failure: String? {
        guard let recognized,
            let rejected = AllRejected(rowCount: job.processedRows, counts: rejects.counts, lines: rejects.lines)
        else { return nil }
        return rejected.message(recognized, mayBeQuoted: record.mayBeQuoted)
    }

    /// Stops a job that stores a multiple of what it reads.
    func requireBound(on segment: SegmentRecord?, of part: WritingPart) throws(TripstoreError) {
        storedByteCount += segment?.byteCount ?? 0
        let bound = Limits.outputByteCountMin + Limits.outputSourceMultiple * part.job.processedBytes
        guard storedByteCount > bound else { return }
        throw TripstoreError(
            .badInput,
            "The job has stored \(storedByteCount.grouped) bytes for \(part.job.processedBytes.grouped) of its file, more than any trips "
                + "need; check what the file contains.")
    }
}
