/// The columns of the table of jobs that both catalogs have, once for all statements that read or write whole jobs.
///
/// Existing stores have these names on disk. A catalog may have more columns, as which process works on a job.
package enum JobColumn: String, CaseIterable, Sendable {
    case id, filename, status
    case createdAt = "created_at"
    case updatedAt = "updated_at"
    case totalRows = "total_rows"
    case processedRows = "processed_rows"
    case rejectedRows = "rejected_rows"
    case totalBytes = "total_bytes"
    case processedBytes = "processed_bytes"
    case message
    case sourcePath = "source_path"
    case ownsSource = "owns_source"
    case sourceURL = "source_url"
    case sealedQuery = "source_query"
    case ownsURL = "owns_url"
    case attempt
    case startCount = "start_count"
    case sourceHash = "source_hash"
    case allowsDuplicate = "allows_duplicate"
    case committedBytes = "committed_bytes"
    case committedLines = "committed_lines"
    case rejectsBytes = "rejects_bytes"
    case committedHash = "committed_hash"
    case options, format, notes, question, survey

    /// What the API and events show of a job, in this order and by these names.
    ///
    /// Triggers of existing stores write them (`JobSQL.eventMembers`): a change needs a migration of both catalogs that creates
    /// the triggers again.
    package static let shown: [JobColumn] = [
        .id, .filename, .status, .createdAt, .updatedAt, .totalRows, .processedRows, .rejectedRows, .totalBytes,
        .processedBytes, .message,
    ]

    /// What one catalog takes over from another (`TransferCatalog.settle`); the others are a catalog's own.
    package static let transferred = allCases.filter {
        ![.id, .attempt, .startCount, .sealedQuery, .ownsURL, .survey].contains($0)
    }
}

/// The value of a column of a job.
package enum JobValue: Hashable, Sendable {
    case text(String?)
    case integer(Int?)
    case flag(Bool)
}

/// A row of the table of jobs, whichever database it comes from.
package protocol JobRow {
    func text(_ column: JobColumn) -> String?
    func integer(_ column: JobColumn) -> Int?
    func flag(_ column: JobColumn) -> Bool
}

extension Job {
    /// Returns what is shown of the job in a column (`JobColumn.shown`); nil for a column that is not shown.
    package func shownValue(of column: JobColumn) -> JobValue? {
        switch column {
        case .id: .integer(Int(id))
        case .filename: .text(filename)
        case .status: .text(status.rawValue)
        case .createdAt: .text(createdAt)
        case .updatedAt: .text(updatedAt)
        case .totalRows: .integer(counts.totalRows)
        case .processedRows: .integer(counts.processedRows)
        case .rejectedRows: .integer(counts.rejectedRows)
        case .totalBytes: .integer(counts.totalBytes)
        case .processedBytes: .integer(counts.processedBytes)
        case .message: .text(message)
        default: nil
        }
    }
}

extension JobRecord {
    /// Reads a row that has all columns.
    package init(_ row: some JobRow) {
        self.init(
            job: Job(
                id: Int64(row.integer(.id) ?? 0), filename: row.text(.filename) ?? "",
                status: Job.Status(rawValue: row.text(.status) ?? "") ?? .failed, createdAt: row.text(.createdAt) ?? "",
                updatedAt: row.text(.updatedAt) ?? "", totalRows: row.integer(.totalRows),
                processedRows: row.integer(.processedRows) ?? 0, rejectedRows: row.integer(.rejectedRows) ?? 0,
                totalBytes: row.integer(.totalBytes), processedBytes: row.integer(.processedBytes) ?? 0,
                message: row.text(.message)),
            sourcePath: row.text(.sourcePath) ?? "", ownsSource: row.flag(.ownsSource), sourceURL: row.text(.sourceURL),
            ownsURL: row.flag(.ownsURL), attempt: row.integer(.attempt) ?? 0, startCount: row.integer(.startCount) ?? 0,
            sourceHash: row.text(.sourceHash).flatMap { ContentHash($0) }, allowsDuplicate: row.flag(.allowsDuplicate),
            checkpoint: Checkpoint(
                byteCount: row.integer(.committedBytes) ?? 0, lineCount: row.integer(.committedLines) ?? 0,
                rejectsByteCount: row.integer(.rejectsBytes) ?? 0,
                contentHash: row.text(.committedHash).flatMap { ContentHash($0) }),
            sealedQuery: row.text(.sealedQuery))
        options = row.text(.options).flatMap { ReadingOptions(json: $0) } ?? ReadingOptions()
        survey = row.text(.survey)
        job.reading = JobReading(format: row.text(.format), notes: row.text(.notes), question: row.text(.question))
    }

    /// Returns what a column has of the job.
    package func value(of column: JobColumn) -> JobValue {
        switch column {
        case .sourcePath: .text(sourcePath)
        case .ownsSource: .flag(ownsSource)
        case .sourceURL: .text(sourceURL)
        case .sealedQuery: .text(sealedQuery)
        case .ownsURL: .flag(ownsURL)
        case .attempt: .integer(attempt)
        case .startCount: .integer(startCount)
        case .sourceHash: .text(sourceHash?.text)
        case .allowsDuplicate: .flag(allowsDuplicate)
        case .committedBytes: .integer(checkpoint.byteCount)
        case .committedLines: .integer(checkpoint.lineCount)
        case .rejectsBytes: .integer(checkpoint.rejectsByteCount)
        case .committedHash: .text(checkpoint.contentHash?.text)
        case .options: .text(options.stored)
        case .format: .text(job.reading.format?.json)
        case .notes: .text(job.reading.notesJSON)
        case .question: .text(job.reading.questionJSON)
        case .survey: .text(survey)
        case .id, .filename, .status, .createdAt, .updatedAt, .totalRows, .processedRows, .rejectedRows, .totalBytes,
            .processedBytes, .message:
            job.shownValue(of: column) ?? .text(nil)
        }
    }
}

extension JobRequest {
    /// The columns of a new job that are not the same for all of them.
    package var values: [(column: JobColumn, value: JobValue)] {
        [
            (.filename, .text(filename)), (.sourcePath, .text(sourcePath)), (.ownsSource, .flag(ownsSource)),
            (.totalBytes, .integer(totalBytes)), (.sourceURL, .text(sourceURL)), (.ownsURL, .flag(ownsURL)),
            (.sourceHash, .text(sourceHash?.text)), (.allowsDuplicate, .flag(allowsDuplicate)),
            (.sealedQuery, .text(sealedQuery)), (.options, .text(options.stored)),
        ]
    }
}

extension JobCommit {
    /// The columns that this commit replaces.
    package var values: [(column: JobColumn, value: JobValue)] {
        (reading?.values ?? []) + [
            (.processedRows, .integer(counts.processedRows)), (.rejectedRows, .integer(counts.rejectedRows)),
            (.processedBytes, .integer(counts.processedBytes)), (.committedBytes, .integer(checkpoint.byteCount)),
            (.committedLines, .integer(checkpoint.lineCount)), (.rejectsBytes, .integer(checkpoint.rejectsByteCount)),
            (.committedHash, .text(checkpoint.contentHash?.text)), (.survey, .text(survey)),
        ]
    }
}

extension JobReading {
    /// The columns that have it.
    package var values: [(column: JobColumn, value: JobValue)] {
        [(.format, .text(format?.json)), (.notes, .text(notesJSON)), (.question, .text(questionJSON))]
    }
}
