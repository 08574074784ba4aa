import TripModel

/// Reads a file as a job would, to its end, and stores nothing.
///
/// As a job does, it surveys the times of the first 64 MiB. If these leave a question, or later times contradict them, it surveys all times of
/// a file that can be read again, and begins anew. Memory for some chunks and the sample.
struct DryRun {
    private static let rowCountMax = 10
    private static let rejectCountMax = 100

    /// A path of a file or a stream (`SourcePath`).
    let path: String
    let options: ReadingOptions
    /// The places that the options name.
    let places: PlaceTable?
    let bounds: IngestionBounds
    /// Threads that decode; if it is one, the caller's, which also reads.
    let threadCount: Int
    /// Asked now and then; throws `.cancelled` once it is true.
    let isCancelled: () -> Bool

    /// Returns what a job would make of the file; a question about its form is part of that.
    ///
    /// Throws `badInput` for a file that is none of trips, whatever is answered.
    func report() throws(TripstoreError) -> DryRunReport {
        var report = DryRunReport()
        let source = try open()
        let beginning: CSVRecognition
        do throws(TripstoreError) {
            beginning = try source.beginning(options: options, places: places)
        } catch { return try asked(error, report) }
        report.columns = beginning.names
        let file: RecognizedCSV
        do throws(TripstoreError) {
            var recognition = beginning
            try source.survey(&recognition)
            file = try source.recognized(recognition)
        } catch {
            // The rest of the file may prove what its beginning does not.
            if let whole = try wholeReport(beginning, report) { return whole }
            return try asked(error, report)
        }
        var decoded = report
        try decode(source, file, &decoded)
        // Times that the beginning did not foresee are a question, or prove that it was misread.
        let isSurprised = [RejectReason.timeHasZone, .timeOrderUnknown, .timeOtherOrder].contains {
            decoded.reasons[$0.rawValue] != nil
        }
        if isSurprised, let whole = try wholeReport(beginning, report) { return whole }
        return decoded
    }

    /// Returns the same by a survey of all times of the file; nil for a file that needs none, or cannot be read again.
    private func wholeReport(
        _ beginning: CSVRecognition, _ report: DryRunReport
    ) throws(TripstoreError) -> DryRunReport? {
        guard beginning.needsSurvey, !SourcePath.isStream(path) else { return nil }
        var (recognition, report) = (beginning, report)
        let source: SampledSource
        let file: RecognizedCSV
        do throws(TripstoreError) {
            try surveyAll(&recognition)
            source = try open()
            file = try source.recognized(recognition)
        } catch { return try asked(error, report) }
        try decode(source, file, &report)
        return report
    }

    private func open() throws(TripstoreError) -> SampledSource {
        let source = try ByteSource(path: path, ExpansionBound(multiple: bounds.expansionMax))
        guard !source.isArchive else {
            throw TripstoreError(
                .badInput, "A dry run reads one file, not an archive of several; unpack it and give a file of it.")
        }
        return SampledSource(try TextSource(source, options))
    }

    /// Returns a report with the question; throws an error that no answer avoids.
    private func asked(_ error: TripstoreError, _ report: DryRunReport) throws(TripstoreError) -> DryRunReport {
        guard let question = error.question else { throw error }
        var report = report
        report.message = error.message
        report.reading.question = JobQuestion(question, quotesFile: true)
        return report
    }

    private func surveyAll(_ recognition: inout CSVRecognition) throws(TripstoreError) {
        var reader = try ChunkReader(open(), layout: recognition.recordLayout)
        while let (buffer, count) = try reader.next() {
            try requireAwaited()
            buffer.withBytes(count: count, padded: true) { recognition.surveyMoreTimes(padded: $0, count: count) }
            reader.reuse(buffer)
        }
    }

    /// What the chunks of a file had.
    private struct Tally {
        var survey = TripSurvey()
        var counts: [RejectReason: Int] = [:]
        /// The first line of each reason.
        var lines: [RejectReason: Int] = [:]
        var lineCount: Int

        mutating func add(_ surveyed: SurveyedChunk, to report: inout DryRunReport) {
            let chunk = surveyed.decoded
            survey.add(surveyed.survey)
            for row in chunk.batch.rows.prefix(DryRun.rowCountMax - report.rows.count) {
                report.rows.append(DryRunReport.Row(row, of: chunk.batch))
            }
            for reject in chunk.rejects.prefix(DryRun.rejectCountMax - report.rejects.count) {
                report.rejects.append(RejectedRow(line: lineCount + reject.line, reason: reject.reason, text: reject.text))
            }
            for (reason, count) in chunk.rejectCounts { counts[reason, default: 0] += count }
            lines.merge(chunk.rejectLines.mapValues { lineCount + $0 }) { first, _ in first }
            report.processedRows += chunk.rowCount
            report.rejectedRows += chunk.rejectedCount
            lineCount += chunk.lineCount
        }
    }

    private func decode(
        _ source: SampledSource, _ file: RecognizedCSV, _ report: inout DryRunReport
    ) throws(TripstoreError) {
        var reader = try ChunkReader(source, layout: file.layout)
        var tally = Tally(lineCount: file.layout.lineCount)
        // A thread of its own decompresses.
        let threadCount = source.isReadAhead ? threadCount - 1 : threadCount
        let pool = threadCount > 1 ? WorkerPool(threadCount: threadCount) : nil
        defer { pool?.shutDown() }
        let decoders = ScratchPool { CSVDecoder(layout: file.layout) }
        var decoding: ArraySlice<(chunk: Pending<SurveyedChunk>, buffer: ChunkBuffer)> = []
        var hasEnded = false
        while !hasEnded || !decoding.isEmpty {
            if let (buffer, count) = hasEnded ? nil : try reader.next() {
                try requireAwaited()
                let keepsRejects = report.rejects.count < Self.rejectCountMax
                let decode = { @Sendable in
                    decoders.with { decoder in
                        decoder.rejectsByteCountMax = keepsRejects ? Limits.rejectsByteCountMax : 0
                        return SurveyedChunk(buffer, count, &decoder)
                    }
                }
                decoding.append((pool?.submit(decode) ?? Pending(decode()), buffer))
                if let pool, decoding.count <= Limits.chunksInFlightPerThread * pool.threadCount { continue }
            } else {
                hasEnded = true
            }
            guard let oldest = decoding.popFirst() else { break }
            tally.add(try Self.value(of: oldest.chunk), to: &report)
            reader.reuse(oldest.buffer)
        }
        for (reason, count) in tally.counts { report.reasons[reason.rawValue] = count }
        let notes = TripNotes(job: nil, survey: tally.survey, rejects: report.reasons, rowCount: report.processedRows)
        report.reading = JobReading(file.reading, adding: notes) ?? JobReading()
        if let line = tally.lines[.timeOtherOrder] {
            report.message = file.mixedOrders(line: line, mayBeQuoted: true).message
            return
        }
        report.message = AllRejected(rowCount: report.processedRows, counts: tally.counts, lines: tally.lines)?.message(
            file, mayBeQuoted: true)
    }

    private static func value(of chunk: Pending<SurveyedChunk>) throws(TripstoreError) -> SurveyedChunk {
        do { return try chunk.wait() } catch { throw TripstoreError(.internalFault, "\(error)") }
    }

    private func requireAwaited() throws(TripstoreError) {
        if isCancelled() { throw TripstoreError(.cancelled, "Cancelled on request.") }
    }
}
