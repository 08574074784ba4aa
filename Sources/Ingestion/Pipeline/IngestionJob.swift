import Foundation
import TripModel

/// Runs one job: reads a CSV, decodes it in parallel, and commits it part by part.
///
///     read ─── cut at row ends ─── decode ──────── collect ─── sort, encode, write ── commit
///     this thread                  pool, by chunk  in order    the engine, by part    in order
///
/// Memory is bounded by chunks in flight and by two parts, one being filled and one being stored, whatever the size of the
/// input. Each commit records the checkpoint up to which rows are stored; an interrupted job resumes from there, so nothing is
/// lost or doubled. Trips become visible with the last commit.
///
/// A full part is closed only when more trips arrive, and a checkpoint leaves the last chunk with trips to be read again. So
/// the last part of a job is known to be that when it is stored, and records the job's count of trips.
package final class IngestionJob {
    /// How a run ended without an error.
    enum Outcome { case completed, checkpointed }

    private struct DecodingChunk {
        var decoded: Pending<SurveyedChunk>
        var buffer: ChunkBuffer
        /// Bytes of the source up to the end of the chunk, plain and as stored.
        var endByte: Int
        var storedByteCount: Int
        /// Hash of the plain bytes.
        var contentHash: ContentHash
    }

    /// The state of a job at a checkpoint.
    private struct Standing {
        var job: Job
        var checkpoint: JobRecord.Checkpoint
        var survey: TripSurvey
        var rejectsSincePart: [String: Int]
    }

    struct WritingPart {
        var number: Int
        var record: Pending<SegmentRecord?>?
        /// The job's counts at the part's last row.
        var job: Job
        var checkpoint: JobRecord.Checkpoint
        var survey: TripSurvey
        var rejects: [String: Int]
        var rejectedLines: [RejectedRow]
    }

    private let engine: any TripEngine
    let storage: JobStorage
    var catalog: any JobCatalog & CommitLog { storage.catalog }
    private let pool: WorkerPool
    private let control: Control
    private let bounds: IngestionBounds
    private let places: PlaceTable?
    private let report: (JobProgress) -> Void
    private let chunkByteCount: Int
    private let partRowCount: Int
    let sourcePath: String
    let record: JobRecord

    /// The current state of the job.
    private(set) var job: Job
    var checkpoint: JobRecord.Checkpoint
    private var meter: ProgressMeter
    private let rejectsLog: any RejectsLog
    private var rejectsSincePart: [String: Int] = [:]
    /// Of this attempt; one that resumes has a trip in its store already.
    var rejects: (counts: [RejectReason: Int], lines: [RejectReason: Int]) = ([:], [:])
    private var batches: [TripBatch] = []
    private var batchRowCount = 0
    /// The state before the last of `batches`.
    private var beforeLastBatch: Standing?
    private var decoding: [DecodingChunk] = []
    private var writing: [WritingPart] = []
    private var partCount = 0
    /// Bytes of segments of this attempt.
    var storedByteCount = 0
    private var idleBuffers: [ChunkBuffer] = []
    /// Of all trips up to the checkpoint.
    var survey: TripSurvey
    /// How the file is read; nil for our own form.
    var recognized: RecognizedCSV?
    /// Ids and names of no place since the attempt began.
    var unknownPlaces = UnknownPlaces()
    /// Hashes the source's plain bytes as they are read.
    private let hasher = ContentHasher()
    /// Hash of the whole source as it is stored, once it is read to its end.
    private var sourceHash: ContentHash?

    /// Prepares an attempt.
    ///
    /// - Parameters:
    ///   - chunkRowCount: approximate rows of a decoded batch; nil: the engine's own size.
    ///   - partRowCount: rows at which a part is closed.
    ///   - bounds: resource limits.
    ///   - places: the places that the job's options name.
    ///   - report: receives progress, at most ten times per second.
    init(
        _ record: JobRecord, engine: any TripEngine, storage: JobStorage, pool: WorkerPool,
        chunkRowCount: Int?, partRowCount: Int, bounds: IngestionBounds, places: PlaceTable? = nil,
        control: Control, report: @escaping (JobProgress) -> Void
    ) throws(TripstoreError) {
        self.storage = storage
        self.pool = pool
        self.partRowCount = partRowCount
        self.engine = engine
        self.control = control
        self.bounds = bounds
        self.places = places
        self.report = report
        // A row of full precision has about 128 bytes.
        chunkByteCount = chunkRowCount.map { min(max($0 * 128, 64 << 10), 64 << 20) } ?? Limits.chunkByteCount
        sourcePath = record.sourcePath
        self.record = record
        job = record.job
        job.status = .running
        checkpoint = record.checkpoint
        survey = record.survey.flatMap { TripSurvey(json: $0) } ?? TripSurvey()
        meter = ProgressMeter(processedRows: job.processedRows, processedBytes: job.processedBytes)
        let bound = RejectsBound(
            ofSource: job.totalBytes, byteCount: record.checkpoint.rejectsByteCount, rowCount: job.rejectedRows)
        rejectsLog =
            storage.rejectStore != nil
            ? CatalogRejects(bound)
            : try RejectsFile(path: storage.folders.rejectsPath(job: job.id), bound, leaving: bounds.reserve)
    }

    /// Opens archives.
    var openArchive: JobSource.ArchiveOpener?

    /// Runs to the end, or to a checkpoint if one is requested.
    func run() throws -> Outcome {
        let isResuming = checkpoint.byteCount > 0
        // Opened once: a file that replaces it meanwhile is another.
        let opened = try JobSource(record, bounds, openArchive: openArchive)
        let source = opened.bytes
        if !isResuming { try refuseDuplicate(opened) }
        let recognized = try source.recognize(options: record.options, places: places, mayBeQuoted: record.mayBeQuoted)
        var tail = takeBuffer()
        var hasEnded = try tail.fill(from: source, upTo: tail.capacity)
        // If the file changed, that is the error, whatever its form is now.
        let committedEnd = isResuming ? try skipCommitted(tail, source) : 0
        let file = try recognized.get()
        self.recognized = file
        job.reading = file.reading ?? JobReading()
        var tailStart = isResuming ? committedEnd : file.layout.byteCount
        if isResuming {
            // What follows in the buffer may be the file's last bytes, or all of it lies behind.
            if committedEnd == tail.count { hasEnded = false }
        } else {
            countHeader(file.layout, tail)
        }
        let decoders = ScratchPool { CSVDecoder(layout: file.layout) }
        var readByteCount = checkpoint.byteCount

        while !(hasEnded && tailStart == tail.count) {
            switch control.stopRequest {
            case .none: break
            case .cancel: throw TripstoreError(.cancelled, "Cancelled on request.")
            case .checkpoint: return try finish(isLast: false)
            }
            // The next chunk begins with the rest of the last one.
            let buffer = takeBuffer()
            buffer.takeTail(of: tail, from: tailStart)
            idleBuffers.append(tail)
            let whole = try fill(buffer, from: source, file.layout, &hasEnded)
            if buffer.count == 0 { break }
            guard whole > 0 else {
                throw TripstoreError(.internalFault, "No row ends in \(buffer.count) bytes of \(sourcePath).")
            }
            // The tail is copied out before the chunk is passed on, so that a chunk's buffer has one user.
            tail = takeBuffer()
            tail.takeTail(of: buffer, from: whole)
            tailStart = 0
            readByteCount += whole
            buffer.withBytes(count: whole) { hasher.update($0) }
            if !buffer.endsLine(at: whole) {
                // The chunk ends inside a line that is longer than any row may be: the rest of the line is skipped with it.
                readByteCount += try skipLine(&tail, from: source, hasEnded: &hasEnded)
            }
            decode(buffer, whole, decoders, endByte: readByteCount, storedByteCount: source.consumedByteCount)
            while decoding.count > Limits.chunksInFlightPerThread * pool.threadCount { try collectOldest() }
        }
        while !decoding.isEmpty { try collectOldest() }
        // A file that ends with its header has no chunk that records this.
        job.processedBytes = source.consumedByteCount
        sourceHash = source.storedHash ?? checkpoint.contentHash
        try source.requireUnchanged(sourceHash)
        return try finish(isLast: true)
    }

    /// Takes the header, the first bytes of a buffer, into the checkpoint.
    private func countHeader(_ layout: CSVLayout, _ buffer: ChunkBuffer) {
        buffer.withBytes(count: layout.byteCount) { hasher.update($0) }
        checkpoint.byteCount = layout.byteCount
        checkpoint.lineCount = layout.lineCount
        checkpoint.contentHash = hasher.hash
    }

    /// Fills a buffer until it has a whole record; returns the bytes of its whole records, 0 if there is none.
    private func fill(
        _ buffer: ChunkBuffer, from source: SampledSource, _ layout: CSVLayout, _ hasEnded: inout Bool
    ) throws(TripstoreError) -> Int {
        var whole = 0
        for limit in [chunkByteCount, buffer.capacity] where whole == 0 {
            if !hasEnded && buffer.count < limit { hasEnded = try buffer.fill(from: source, upTo: limit) }
            whole = buffer.withBytes(count: buffer.count) {
                CSVChunker.wholeRecordsByteCount(of: $0, layout: layout, isFinal: hasEnded)
            }
        }
        return whole
    }

    /// Skips what an interrupted attempt has committed, after proving that the source is still the same.
    ///
    /// The buffer has the first of these bytes. Returns where in the buffer they end. The proof is the hash of all committed
    /// bytes, so that the stored trips equal the file as it is now, from its first row to its last: a job may resume if its
    /// file only grew or changed behind the checkpoint.
    private func skipCommitted(_ buffer: ChunkBuffer, _ source: SampledSource) throws(TripstoreError) -> Int {
        let end = min(checkpoint.byteCount, buffer.count)
        buffer.withBytes(count: end) { hasher.update($0) }
        try source.skip(checkpoint.byteCount - end, hashing: hasher)
        guard let hash = checkpoint.contentHash, hash == hasher.hash else {
            throw TripstoreError(
                .conflict,
                "\(job.filename) changed since \(job.processedRows == 1 ? "1 of its rows was" : "\(job.processedRows.grouped) of its rows were") "
                    + "loaded; none of them is in the store. Resume "
                    + "job \(job.id) to load it from the start, or delete the job.")
        }
        return end
    }

    /// Drops bytes up to and including the next newline, and returns their count.
    private func skipLine(_ tail: inout ChunkBuffer, from source: SampledSource, hasEnded: inout Bool) throws -> Int {
        var skipped = 0
        while true {
            if tail.count == 0 && !hasEnded { hasEnded = try tail.fill(from: source, upTo: chunkByteCount) }
            if tail.count == 0 { return skipped }
            let count = tail.withBytes(count: tail.count) { CSVChunker.lineRemainderByteCount(of: $0) }
            let endsLine = tail.endsLine(at: count)
            tail.withBytes(count: count) { hasher.update($0) }
            let rest = takeBuffer()
            rest.takeTail(of: tail, from: count)
            idleBuffers.append(tail)
            tail = rest
            skipped += count
            if endsLine { return skipped }
        }
    }

    // MARK: - Decoding

    private func takeBuffer() -> ChunkBuffer {
        // Room for one chunk and for the longest record, so that a record that fits into neither chunk is seen whole.
        let buffer = idleBuffers.popLast() ?? ChunkBuffer(capacity: chunkByteCount + 2 * Limits.recordByteCountMax)
        buffer.count = 0
        return buffer
    }

    private func decode(
        _ buffer: ChunkBuffer, _ byteCount: Int, _ decoders: ScratchPool<CSVDecoder>, endByte: Int, storedByteCount: Int
    ) {
        let decoded = pool.submit { [room = rejectsLog.room] in
            decoders.with { decoder in
                decoder.rejectsByteCountMax = room
                return SurveyedChunk(buffer, byteCount, &decoder)
            }
        }
        decoding.append(
            DecodingChunk(
                decoded: decoded, buffer: buffer, endByte: endByte, storedByteCount: storedByteCount, contentHash: hasher.hash))
    }

    /// Collects the rows of the oldest chunk in flight.
    private func collectOldest() throws {
        let chunk = decoding.removeFirst()
        let surveyed = try chunk.decoded.wait()
        let decoded = surveyed.decoded
        idleBuffers.append(chunk.buffer)
        if decoded.batch.count > 0 {
            if batchRowCount >= partRowCount || batches.count >= Limits.segmentBatchCountMax {
                // One part is stored while the next one is filled: two being stored would take the memory of a third.
                while !writing.isEmpty { try commitOldest(isLast: false) }
                sealPart(isLast: false)
            }
            beforeLastBatch = Standing(
                job: job, checkpoint: checkpoint, survey: survey, rejectsSincePart: rejectsSincePart)
            survey.add(surveyed.survey)
        }
        for reject in decoded.rejects { try rejectsLog.append(reject, line: checkpoint.lineCount + reject.line) }
        for (reason, count) in decoded.rejectCounts {
            rejectsSincePart[reason.rawValue, default: 0] += count
            rejects.counts[reason, default: 0] += count
        }
        rejects.lines.merge(decoded.rejectLines.mapValues { checkpoint.lineCount + $0 }) { first, _ in first }
        if let line = rejects.lines[.timeOtherOrder], let recognized {
            throw recognized.mixedOrders(line: line, mayBeQuoted: record.mayBeQuoted)
        }
        unknownPlaces.add(decoded.unknownPlaces)
        checkpoint.byteCount = chunk.endByte
        checkpoint.contentHash = chunk.contentHash
        checkpoint.lineCount += decoded.lineCount
        checkpoint.rejectsByteCount = rejectsLog.byteCount
        job.processedRows += decoded.rowCount
        job.rejectedRows += decoded.rejectedCount
        job.processedBytes = chunk.storedByteCount
        if decoded.batch.count > 0 {
            batches.append(decoded.batch)
            batchRowCount += decoded.batch.count
        }
        if meter.isDue() { report(meter.progress(of: job)) }
    }

    /// Leaves the last chunk with trips to the attempt that resumes from here.
    private func putBackLastBatch() {
        guard let standing = beforeLastBatch, let batch = batches.popLast() else { return }
        batchRowCount -= batch.count
        job = standing.job
        checkpoint = standing.checkpoint
        survey = standing.survey
        rejectsSincePart = standing.rejectsSincePart
    }

    // MARK: - Parts

    /// Passes the rows collected so far to the engine.
    ///
    /// - Parameter isLast: whether they are the last of the job.
    private func sealPart(isLast: Bool) {
        let provenance = self.record.provenance(
            jobTrips: isLast ? job.counts.acceptedRows : nil, sourceHash: isLast ? sourceHash : nil,
            contentHash: isLast ? checkpoint.contentHash : nil)
        let part = JobPart(
            job: job.id, isGroup: false, attempt: record.attempt, number: partCount, endLine: checkpoint.lineCount,
            provenance: SegmentProvenance(jobs: [provenance]))
        let record = batches.isEmpty ? nil : engine.store(batches, as: part)
        writing.append(
            WritingPart(
                number: partCount, record: record, job: job, checkpoint: checkpoint, survey: survey, rejects: rejectsSincePart,
                rejectedLines: rejectsLog.takeLines(upTo: checkpoint.rejectsByteCount)))
        partCount += 1
        batches = []
        batchRowCount = 0
        rejectsSincePart = [:]
    }

    private func commitOldest(isLast: Bool) throws {
        let part = writing.removeFirst()
        let segment = try part.record?.wait() ?? nil
        try requireBound(on: segment, of: part)
        try rejectsLog.flush()
        var allRejects = part.rejects
        if isLast, part.job.rejectedRows > 0 {
            allRejects = try catalog.rejectCounts(job.id).merging(part.rejects, uniquingKeysWith: +)
            try rejectsLog.finish(allRejects)
        }
        var commit = JobCommit(
            segment: segment, attempt: record.attempt, partCount: part.number + 1, counts: part.job.counts,
            checkpoint: part.checkpoint, rejects: part.rejects, rejectedLines: part.rejectedLines, isLast: isLast)
        commit.reading = isLast ? try reading(with: allRejects) : reading
        if isLast {
            commit.failure = failure
            job = part.job
            job.status = commit.failure == nil ? .completed : .failed
            job.message = commit.failure
            job.totalRows = job.processedRows
            commit.sourceHash = sourceHash
            commit.lastProgress = meter.progress(of: job)
        }
        if !isLast { commit.survey = part.survey.json }
        guard try catalog.commit(commit, job: job.id) else {
            throw TripstoreError(.cancelled, "Cancelled on request.")
        }
    }

    /// Commits the rows read so far.
    private func finish(isLast: Bool) throws -> Outcome {
        while !decoding.isEmpty { try collectOldest() }
        if !isLast { putBackLastBatch() }
        if isLast || batchRowCount > 0 { sealPart(isLast: isLast) }
        while !writing.isEmpty {
            if control.stopRequest == .cancel { throw TripstoreError(.cancelled, "Cancelled on request.") }
            try commitOldest(isLast: isLast && writing.count == 1)
        }
        return isLast ? .completed : .checkpointed
    }

    /// Returns the current progress, for the terminal event.
    func progress(of job: Job) -> JobProgress { meter.progress(of: job) }

    /// Waits for work in flight, so that nothing is stored after the job was rolled back.
    func drain() {
        for chunk in decoding { _ = try? chunk.decoded.wait() }
        for part in writing { _ = try? part.record?.wait() }
    }
}
