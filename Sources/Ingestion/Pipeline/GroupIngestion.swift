import TripModel

/// Ingests many small jobs as one: decoded in parallel, sorted into one segment, committed by one transaction.
///
/// The syncs of a commit cost more than decoding a file of a thousand rows, so small jobs that wait together share one: group
/// commit, as in DeWitt et al., "Implementation Techniques for Main Memory Database Systems", SIGMOD 1984. Each job keeps its
/// own counts, rejected rows and result, and can be deleted alone.
///
///     files ── decode, one file each ── collect up to a million rows ── sort, encode, write ── commit
///              pool                     this thread                     pool                   all jobs at once
final class GroupIngestion {
    /// Jobs that ended together.
    struct Wave {
        /// What they store is committed; with the current state of the jobs: completed, or failed if all rows were rejected.
        var completed: [(record: JobRecord, job: Job)] = []
        /// Their files cannot be read as trips.
        var failed: [(record: JobRecord, error: TripstoreError)] = []
        /// They were cancelled during ingestion; none of their trips is committed.
        var cancelled: [JobRecord] = []
        /// They must be ingested one by one: their files expand to more than expected, or a cancelled job had the same bytes.
        var alone: [JobRecord] = []
    }

    private enum Reading: Sendable {
        case decoded(DecodedChunk, Extent)
        case failed(TripstoreError)
        case oversized
    }

    typealias PlacesLookup = @Sendable (String?) throws(TripstoreError) -> PlaceTable?

    /// The extent of a completely read file.
    private struct Extent: Sendable {
        var plainByteCount: Int
        var storedByteCount: Int
        var headerLineCount: Int
        var contentHash: ContentHash
        /// Hash of the file as it is stored.
        var sourceHash: ContentHash
        var file: RecognizedCSV
        var survey: TripSurvey
    }

    /// What a worker needs for one file, kept from file to file.
    private struct Reader: Sendable {
        let buffer = ChunkBuffer(capacity: 2 * Limits.smallFileByteCountMax)  // compressed files expand
        var decoder: CSVDecoder?
    }

    private let engine: any TripEngine
    private let storage: JobStorage
    private var catalog: any JobCatalog & CommitLog { storage.catalog }
    private let pool: WorkerPool
    private let bounds: IngestionBounds
    /// Returns the places that options name.
    private let places: PlacesLookup
    private let readers = ScratchPool { Reader() }
    /// Jobs whose files were not read yet, in order of arrival.
    private(set) var waiting: ArraySlice<JobRecord>

    /// Prepares the ingestion of jobs that are running and have committed nothing.
    init(
        _ records: [JobRecord], engine: any TripEngine, storage: JobStorage, pool: WorkerPool,
        bounds: IngestionBounds, places: @escaping PlacesLookup = { _ in nil }
    ) {
        self.places = places
        waiting = records[...]
        self.engine = engine
        self.storage = storage
        self.pool = pool
        self.bounds = bounds
    }

    /// Ingests as many jobs as make a segment of about a million rows; returns nil once none is waiting.
    ///
    /// Throws if a wave could not be committed: then none of its jobs was, and `waiting` still has them.
    func loadWave() throws -> Wave? {
        if waiting.isEmpty { return nil }
        var rest = waiting
        var wave = Wave()
        var contents = WaveContents()
        while !rest.isEmpty, contents.rowCount < Limits.groupRowCountMax {
            let slice = Array(rest.prefix(Limits.groupSliceFileCount))
            rest = rest.dropFirst(slice.count)
            let readings = try pool.map(count: slice.count) {
                [readers, places, expansion = ExpansionBound(multiple: bounds.expansionMax)] index in
                readers.with { Self.read(slice[index], expansion, places, with: &$0) }
            }
            for (record, reading) in zip(slice, readings) {
                switch reading {
                case .failed(let error): wave.failed.append((record, error))
                case .oversized: wave.alone.append(record)
                case .decoded(let chunk, let extent):
                    if let refusal = try refusal(of: record, extent, contents) {
                        wave.failed.append((record, refusal))
                        continue
                    }
                    let commit = try commit(of: record, chunk, extent, contents)
                    wave.completed.append((record: record, job: contents.add(record, chunk, extent, commit)))
                }
            }
        }
        let cancelled = try self.commit(contents.batches, contents.commits, contents.provenance)
        wave.cancelled = wave.completed.map(\.record).filter { cancelled.contains($0.job.id) }
        wave.completed.removeAll { cancelled.contains($0.job.id) }
        // A file that only duplicates a cancelled job is not a duplicate.
        let stranded = wave.failed.filter { $0.error.job.map(cancelled.contains) ?? false }.map(\.record)
        wave.failed.removeAll { $0.error.job.map(cancelled.contains) ?? false }
        wave.alone += stranded
        waiting = rest
        return wave
    }

    /// Why a file is refused as a duplicate of a completed job or of one in the same wave; nil if it is not.
    private func refusal(
        of record: JobRecord, _ extent: Extent, _ contents: WaveContents
    ) throws(TripstoreError) -> TripstoreError? {
        if record.allowsDuplicate { return nil }
        if let earlier = try catalog.completedJob(ofContent: extent.contentHash) {
            return try storage.refusal(ofTwin: earlier.job, hasSameOptions: earlier.options == record.options)
        }
        return contents.loadedByContent[extent.contentHash].map {
            .duplicate(of: $0.job, hasSameOptions: $0.record.options == record.options)
        }
    }

    /// Writes the rejected rows of a file, durably, and returns what its job commits.
    private func commit(
        of record: JobRecord, _ chunk: DecodedChunk, _ extent: Extent, _ contents: WaveContents
    ) throws(TripstoreError) -> JobCommit {
        var rejects: [String: Int] = [:]
        for (reason, count) in chunk.rejectCounts { rejects[reason.rawValue] = count }
        let file = try RejectsFile(
            path: storage.folders.rejectsPath(job: record.job.id), RejectsBound(ofSource: record.job.totalBytes),
            leaving: bounds.reserve)
        for reject in chunk.rejects { try file.append(reject, line: extent.headerLineCount + reject.line) }
        try file.flush()
        try file.finish(rejects)
        var commit = JobCommit(
            segment: nil,
            counts: JobCounts(
                totalRows: chunk.rowCount, processedRows: chunk.rowCount, rejectedRows: chunk.rejectedCount,
                totalBytes: record.job.totalBytes, processedBytes: extent.storedByteCount),
            checkpoint: JobRecord.Checkpoint(
                byteCount: extent.plainByteCount, lineCount: extent.headerLineCount + chunk.lineCount,
                rejectsByteCount: file.byteCount, contentHash: extent.contentHash),
            rejects: rejects, isLast: true, sourceHash: extent.sourceHash)
        var notes = TripNotes(job: record.job.id, survey: extent.survey, rejects: rejects, rowCount: chunk.rowCount)
        if record.allowsDuplicate {
            if let earlier = try catalog.completedJob(ofContent: extent.contentHash) {
                notes.earlier = (earlier.job, earlier.options == record.options)
            } else if let earlier = contents.loadedByContent[extent.contentHash] {
                notes.earlier = (earlier.job, earlier.record.options == record.options)
            }
        }
        commit.reading = JobReading(extent.file.reading, adding: notes)
        let lines = chunk.rejectLines.mapValues { extent.headerLineCount + $0 }
        if let rejected = AllRejected(rowCount: chunk.rowCount, counts: chunk.rejectCounts, lines: lines) {
            commit.failure = rejected.message(extent.file, mayBeQuoted: record.mayBeQuoted)
        }
        return commit
    }

    /// What the jobs of a wave store and commit together.
    private struct WaveContents {
        var batches: [TripBatch] = []
        var commits: [(job: Int64, commit: JobCommit)] = []
        var provenance = SegmentProvenance(jobs: [])
        var rowCount = 0
        var loadedByContent: [ContentHash: (record: JobRecord, job: Job)] = [:]

        /// Adds a job's file, and returns the job as it is once it is committed.
        mutating func add(_ record: JobRecord, _ chunk: DecodedChunk, _ extent: Extent, _ commit: JobCommit) -> Job {
            var job = record.job
            job.status = commit.failure == nil ? .completed : .failed
            job.message = commit.failure
            job.counts = commit.counts
            commits.append((job: job.id, commit: commit))
            // A file that failed is neither a duplicate of others, nor has it trips.
            if commit.failure == nil {
                if loadedByContent[extent.contentHash] == nil { loadedByContent[extent.contentHash] = (record, job) }
                provenance.jobs.append(
                    record.provenance(
                        jobTrips: chunk.batch.count, sourceHash: extent.sourceHash, contentHash: extent.contentHash))
            }
            rowCount += chunk.rowCount
            if chunk.batch.count > 0 {
                var batch = chunk.batch
                batch.job = Array(repeating: job.id, count: batch.count)
                batches.append(batch)
            }
            return job
        }
    }

    /// Reads and decodes a whole file.
    private static func read(
        _ record: JobRecord, _ expansion: ExpansionBound, _ places: PlacesLookup, with reader: inout Reader
    ) -> Reading {
        do throws(TripstoreError) {
            let bytes = try ByteSource(path: record.sourcePath, expansion)
            // It becomes several jobs.
            if bytes.isArchive { return .oversized }
            let source = try TextSource(bytes, record.options)
            let buffer = reader.buffer
            buffer.count = 0
            guard try buffer.fill(from: source, upTo: buffer.capacity) else { return .oversized }
            let recognized = try Self.recognize(buffer, record, places(record.options.places))
            let layout = recognized.layout
            // Files that wait together mostly have the same layout: the decoder's tables of names and months are reused.
            var decoder = reader.decoder.take() ?? CSVDecoder(layout: layout)
            if decoder.layout != layout { decoder = CSVDecoder(layout: layout) }
            decoder.rejectsByteCountMax = RejectsBound(ofSource: record.job.totalBytes).byteCountMax
            let count = buffer.count - layout.byteCount
            let chunk = buffer.withBytes(from: layout.byteCount, count: count, padded: true) {
                decoder.decode(padded: $0, count: count)
            }
            reader.decoder = decoder
            let hasher = ContentHasher()
            buffer.withBytes(count: buffer.count) { hasher.update($0) }
            let hash = hasher.hash
            try source.requireUnchanged(source.storedHash ?? hash)
            return .decoded(
                chunk,
                Extent(
                    plainByteCount: buffer.count, storedByteCount: source.consumedByteCount,
                    headerLineCount: layout.lineCount, contentHash: hash, sourceHash: source.storedHash ?? hash,
                    file: recognized.noting(chunk.unknownPlaces, quotesFile: record.mayBeQuoted),
                    survey: TripSurvey(chunk.batch.rows.span)))
        } catch {
            return .failed(error)
        }
    }

    /// Returns how a file is read that the buffer has as a whole.
    private static func recognize(
        _ buffer: ChunkBuffer, _ record: JobRecord, _ places: PlaceTable?
    ) throws(TripstoreError) -> RecognizedCSV {
        try buffer.withBytes(count: buffer.count, padded: true) { bytes throws(TripstoreError) in
            var recognition = try CSVRecognition(
                beginning: bytes.extracting(0..<buffer.count), isWholeFile: true, options: record.options,
                places: places, mayBeQuoted: record.mayBeQuoted)
            recognition.surveyTimes(padded: bytes, count: buffer.count, isWholeFile: true)
            return try recognition.recognized()
        }
    }

    /// Commits a wave, and returns the jobs that were omitted since they were cancelled meanwhile.
    private func commit(
        _ batches: [TripBatch], _ commits: [(job: Int64, commit: JobCommit)], _ provenance: SegmentProvenance
    ) throws -> Set<Int64> {
        var (batches, commits, provenance) = (batches, commits, provenance)
        var cancelled: Set<Int64> = []
        while let first = commits.first?.job {
            let part = JobPart(job: first, isGroup: true, attempt: 1, number: 0, endLine: 0, provenance: provenance)
            let segment = batches.isEmpty ? nil : try engine.store(batches, as: part).wait()
            do {
                let gone = try catalog.commit(commits, segment: segment)
                if gone.isEmpty { break }
                cancelled.formUnion(gone)
            } catch {
                try? engine.removeUncommitted(ofJob: first)
                throw error
            }
            try engine.removeUncommitted(ofJob: first)
            commits.removeAll { cancelled.contains($0.job) }
            batches.removeAll { batch in batch.job.first.map(cancelled.contains) ?? false }
            provenance.jobs.removeAll { cancelled.contains($0.id) }
        }
        return cancelled
    }
}
