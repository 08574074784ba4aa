/// Many small loads as one: decoded in parallel, sorted into one segment, committed by one transaction.
///
/// The syncs of a commit cost more than decoding a file of a thousand rows, so that small jobs which wait together share one:
/// group commit, as in DeWitt et al., "Implementation Techniques for Main Memory Database Systems", SIGMOD 1984. Each job
/// keeps its own counts, rejected rows and verdict, and can be taken out alone.
///
///     files ── decode, a file each ── collect up to a million rows ── sort, encode, write ── commit
///              pool                   this thread                     pool                   all jobs at once
final class GroupLoad {
    /// Jobs that ended together.
    struct Wave {
        /// Their trips are committed.
        var completed: [JobRecord] = []
        /// Their files cannot be read as trips.
        var failed: [(record: JobRecord, error: ColumnStoreError)] = []
        /// Their files are larger inside than they looked; they have to be loaded one by one.
        var oversized: [JobRecord] = []
    }

    private enum Reading: Sendable {
        case decoded(DecodedChunk, plainByteCount: Int, storedByteCount: Int, headerLineCount: Int)
        case failed(ColumnStoreError)
        case oversized
    }

    /// What a worker needs for one file, kept from file to file.
    private struct Reader: Sendable {
        let buffer = ChunkBuffer(capacity: 2 * Limits.smallFileByteCountMax)  // compressed files are larger inside
        var decoder: CSVDecoder?
    }

    private let engine: any TripEngine
    private let catalog: any JobCatalog
    private let pool: WorkerPool
    private let folders: Folders
    private let readers = ScratchPool { Reader() }
    /// Jobs whose files were not read yet, in the order in which they came.
    private(set) var waiting: ArraySlice<JobRecord>

    /// Prepares a load of jobs that are running and have committed nothing.
    init(_ records: [JobRecord], engine: any TripEngine, catalog: any JobCatalog, pool: WorkerPool, folders: Folders) {
        waiting = records[...]
        self.engine = engine
        self.catalog = catalog
        self.pool = pool
        self.folders = folders
    }

    /// Loads as many jobs as make a segment of about a million rows; nil once none is waiting.
    ///
    /// Throws where a wave could not be committed: none of its jobs was then, and `waiting` still has them.
    func loadWave() throws -> Wave? {
        if waiting.isEmpty { return nil }
        var rest = waiting
        var wave = Wave()
        var batches: [TripBatch] = []
        var commits: [(job: Int64, commit: JobCommit)] = []
        var origin = SegmentOrigin(jobs: [])
        var rowCount = 0
        while !rest.isEmpty, rowCount < Limits.groupRowCountMax {
            let slice = Array(rest.prefix(Limits.groupSliceFileCount))
            rest = rest.dropFirst(slice.count)
            let readings = try pool.map(count: slice.count) { [readers] index in
                readers.with { Self.read(slice[index].sourcePath, with: &$0) }
            }
            for (record, reading) in zip(slice, readings) {
                switch reading {
                case .failed(let error): wave.failed.append((record, error))
                case .oversized: wave.oversized.append(record)
                case .decoded(var chunk, let plainByteCount, let storedByteCount, let headerLineCount):
                    var rejects: [String: Int] = [:]
                    let file = try RejectsFile(path: folders.rejectsPath(job: record.job.id), committedByteCount: 0)
                    for reject in chunk.rejects {
                        try file.append(reject, line: headerLineCount + reject.line)
                        rejects[reject.reason, default: 0] += 1
                    }
                    try file.flush()
                    commits.append(
                        (
                            job: record.job.id,
                            commit: JobCommit(
                                segment: nil, processedRows: chunk.rowCount, rejectedRows: chunk.rejects.count,
                                processedBytes: storedByteCount,
                                checkpoint: JobRecord.Checkpoint(
                                    byteCount: plainByteCount, lineCount: headerLineCount + chunk.lineCount,
                                    rejectsByteCount: file.byteCount),
                                rejects: rejects, isLast: true)
                        ))
                    wave.completed.append(record)
                    origin.jobs.append(record.origin(jobTrips: chunk.batch.count))
                    rowCount += chunk.batch.count
                    if chunk.batch.count > 0 {
                        chunk.batch.job = Array(repeating: record.job.id, count: chunk.batch.count)
                        batches.append(chunk.batch)
                    }
                }
            }
        }
        if let first = commits.first { try commit(batches, commits, origin, first.job) }
        waiting = rest
        return wave
    }

    /// Reads and decodes a whole file.
    private static func read(_ path: String, with reader: inout Reader) -> Reading {
        do throws(ColumnStoreError) {
            let source = try ByteSource(path: path)
            let buffer = reader.buffer
            buffer.count = 0
            guard try buffer.fill(from: source, upTo: buffer.capacity) else { return .oversized }
            let header = try buffer.withBytes(count: buffer.count) { bytes throws(ColumnStoreError) in
                try CSVHeader(parsing: bytes, isWholeFile: true)
            }
            // Files that wait together mostly have the same header: the decoder's tables of names and months are kept.
            var decoder = reader.decoder.take() ?? CSVDecoder(header: header)
            if decoder.header != header { decoder = CSVDecoder(header: header) }
            let count = buffer.count - header.byteCount
            let chunk = buffer.withBytes(from: header.byteCount, count: count, padded: true) {
                decoder.decode(padded: $0, count: count)
            }
            reader.decoder = decoder
            return .decoded(
                chunk, plainByteCount: buffer.count, storedByteCount: source.consumedByteCount,
                headerLineCount: header.lineCount)
        } catch {
            return .failed(error)
        }
    }

    private func commit(
        _ batches: [TripBatch], _ commits: [(job: Int64, commit: JobCommit)], _ origin: SegmentOrigin, _ firstJob: Int64
    ) throws {
        let part = LoadPart(job: firstJob, isGroup: true, attempt: 1, number: 0, endLine: 0, origin: origin)
        let segment = batches.isEmpty ? nil : try engine.store(batches, as: part).wait()
        do {
            try catalog.commit(commits, segment: segment)
        } catch {
            try? engine.removeUncommitted(ofJob: firstJob)
            throw error
        }
    }
}
