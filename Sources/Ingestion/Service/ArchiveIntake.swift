import Foundation
import TripModel

/// Makes a job of each CSV file in a ZIP archive: as if the files had been sent, or named, one by one.
///
/// Each file is copied out as an upload of its own (`ArchiveFile`), so a job of it is resumed, deleted, shared and counted like any other,
/// and the archive is not needed any more. All are copied before the first job exists.
final class ArchiveIntake: Sendable {
    private let context: JobContext
    private let submitter: JobSubmitter
    /// Jobs of the other files of an archive that a job of this process was found to read.
    private let siblings = Lock<[Int64: [Int64]]>([:])

    init(_ context: JobContext, _ submitter: JobSubmitter) {
        self.context = context
        self.submitter = submitter
    }

    /// A file that was copied out and has no job yet.
    private struct Copy {
        var path: String
        var hold: FileHold?
        var name: String
        var hash: ContentHash
    }

    /// What becomes of each file of an archive.
    private enum Plan {
        case done(Submission)
        case add(copy: Int)
        case duplicate(ofCopy: Int)
        case refuse(TripstoreError)
    }

    // MARK: - Archives that are submitted

    /// Creates jobs for the files of an archive, which is not needed any more afterwards.
    ///
    /// - Parameters:
    ///   - name: the archive's, which begins the names of its jobs.
    ///   - resumes: whether an interrupted job of a file's bytes resumes instead of being a conflict.
    ///   - isAwaited: as for an upload.
    /// - Throws: if no file can be read, or jobs cannot be made.
    func submit(
        _ path: String, named name: String, allowsDuplicate: Bool, options: ReadingOptions, resumes: Bool,
        isAwaited: () -> Bool
    ) throws(TripstoreError) -> ArchiveSubmission {
        let archive = try ArchiveFile(path)
        var copies: [Copy] = []
        do throws(TripstoreError) {
            let plans = try plan(archive, name, allowsDuplicate, options, resumes: resumes, &copies)
            if let error = Self.commonRefusal(plans) { throw error }
            let jobs = try submit(copies, allowsDuplicate, options, isAwaited)
            let files = zip(archive.entries, plans).map { entry, plan -> FileSubmission in
                let result: Result<Submission, TripstoreError> =
                    switch plan {
                    case .done(let submission): .success(submission)
                    case .add(let index): .success(.added(jobs[index]))
                    case .duplicate(let index): .success(.duplicate(of: jobs[index]))
                    case .refuse(let error): .failure(error)
                    }
                return FileSubmission(name: Self.name(of: entry, in: name), result: result)
            }
            return ArchiveSubmission(files: files, ignored: archive.others)
        } catch {
            for copy in copies { try? FileSystem.remove(copy.path) }
            throw error
        }
    }

    private static func name(of entry: ArchiveDirectory.Entry, in archive: String) -> String {
        ArchiveName.shortened("\(archive)/\(entry.name)")
    }

    /// The first file's error if no file can be read.
    private static func commonRefusal(_ plans: [Plan]) -> TripstoreError? {
        let errors = plans.compactMap { plan -> TripstoreError? in if case .refuse(let error) = plan { error } else { nil } }
        return errors.count == plans.count ? errors.first { $0.code == .badInput } : nil
    }

    private func plan(
        _ archive: ArchiveFile, _ name: String, _ allowsDuplicate: Bool, _ options: ReadingOptions, resumes: Bool,
        _ copies: inout [Copy]
    ) throws(TripstoreError) -> [Plan] {
        let resumable = resumes ? try context.catalog.interruptedJobs() : []
        var plans: [Plan] = []
        for entry in archive.entries {
            do throws(TripstoreError) {
                let hash = try archive.hash(of: entry)
                if allowsDuplicate {
                    let record = resumable.first { $0.sourceHash == hash && $0.allowsDuplicate && $0.options == options }
                    if let record, let submission = try submitter.submission(goingOnWith: record) {
                        plans.append(.done(submission))
                        continue
                    }
                } else if let other = try context.catalog.job(ofSource: hash) {
                    plans.append(.done(try submission(hash, as: other, options, resumes: resumes)))
                    continue
                } else if let index = copies.firstIndex(where: { $0.hash == hash }) {
                    plans.append(.duplicate(ofCopy: index))
                    continue
                }
                copies.append(try copy(entry, of: archive, Self.name(of: entry, in: name), hash))
                plans.append(.add(copy: copies.count - 1))
            } catch {
                // What keeps one file from being copied out keeps all: the disk.
                guard error.code == .badInput || error.code == .conflict else { throw error }
                plans.append(.refuse(error))
            }
        }
        return plans
    }

    private func submission(
        _ hash: ContentHash, as other: JobRecord, _ options: ReadingOptions, resumes: Bool
    ) throws(TripstoreError) -> Submission {
        let hasSameOptions = other.options == options
        if resumes, other.job.status == .interrupted, hasSameOptions,
            let submission = try submitter.submission(goingOnWith: other)
        {
            return submission
        }
        let refusal = try context.storage.refusal(ofTwin: other.job, hasSameOptions: hasSameOptions)
        guard refusal.isDuplicate else { throw refusal }
        return .duplicate(of: other.job)
    }

    private func copy(
        _ entry: ArchiveDirectory.Entry, of archive: ArchiveFile, _ name: String, _ hash: ContentHash
    ) throws(TripstoreError) -> Copy {
        let folder = context.folders.uploads
        let path = context.folders.newUploadPath()
        try archive.copy(entry, to: path, in: folder, leaving: context.settings.bounds.reserve)
        return Copy(path: path, hold: FileHold(path), name: name, hash: hash)
    }

    private func submit(
        _ copies: [Copy], _ allowsDuplicate: Bool, _ options: ReadingOptions, of archive: JobRecord? = nil,
        _ isAwaited: () -> Bool
    ) throws(TripstoreError) -> [Job] {
        let files = copies.map { JobSubmitter.UploadedFile(path: $0.path, name: $0.name, hash: $0.hash) }
        let jobs = try submitter.submitUploads(
            files, of: archive, allowsDuplicate: allowsDuplicate, options: options, isAwaited: isAwaited)
        withExtendedLifetime(copies) {}
        return jobs
    }

    // MARK: - Archives that jobs are found to read

    /// Copies out the first file of an archive for a job that reads the archive, and makes jobs of the other files.
    ///
    /// Nobody knew before the job's source was open: it is a stream, or was fetched.
    ///
    /// - Parameter source: the archive, of which the first bytes were read.
    /// - Returns: the path of the first file, which the caller removes, and its hash.
    func open(
        _ source: ByteSource, of record: JobRecord
    ) throws(TripstoreError) -> (path: String, hash: ContentHash) {
        var path = record.sourcePath
        let isStream = SourcePath.isStream(path)
        if isStream {
            path = context.folders.newUploadPath()
            try ArchiveFile.keep(source, as: path, in: context.folders.uploads, context.settings.bounds)
        }
        let hold = isStream ? FileHold(path) : nil
        defer {
            withExtendedLifetime(hold) {}
            if isStream { try? FileSystem.remove(path) }
        }
        do throws(TripstoreError) {
            return try open(ArchiveFile(path), of: record)
        } catch {
            guard error.code == .badInput, !record.mayBeQuoted else { throw error }
            // The names of its files are content.
            throw TripstoreError(
                .badInput, "The ZIP archive has no CSV file that can be read; check it where it is, and load what has trips.")
        }
    }

    private func open(
        _ archive: ArchiveFile, of record: JobRecord
    ) throws(TripstoreError) -> (path: String, hash: ContentHash) {
        // A job of one of the other files whose copy is gone, and whose archive was fetched again.
        let own = archive.entries.first { record.job.filename.hasSuffix("/\($0.name)") }
        let entry = own ?? archive.entries[0]
        let copy = try copy(entry, of: archive, record.job.filename, archive.hash(of: entry))
        do throws(TripstoreError) {
            // A job that resumes made the others when it started.
            if own == nil, archive.entries.count > 1, record.checkpoint == JobRecord.Checkpoint() {
                let jobs = try submitOthers(archive, than: entry, copy.hash, record)
                // A server's clients list them.
                if !jobs.isEmpty, !context.settings.isServing { siblings.withLock { $0[record.job.id] = jobs } }
            }
            return (copy.path, copy.hash)
        } catch {
            try? FileSystem.remove(copy.path)
            throw error
        }
    }

    /// Takes the jobs of the other files of an archive that a job of this process read.
    func takeSiblings(of id: Int64) -> [Int64] { siblings.withLock { $0.removeValue(forKey: id) ?? [] } }

    private func submitOthers(
        _ archive: ArchiveFile, than first: ArchiveDirectory.Entry, _ firstHash: ContentHash, _ record: JobRecord
    ) throws(TripstoreError) -> [Int64] {
        var copies: [Copy] = []
        do throws(TripstoreError) {
            for entry in archive.entries where entry != first {
                let hash = try archive.hash(of: entry)
                // The job may have been here before, and ended with its process; what cannot be read is no job of its own here.
                if !record.allowsDuplicate {
                    if hash == firstHash { continue }
                    if try context.catalog.job(ofSource: hash) != nil { continue }
                }
                copies.append(try copy(entry, of: archive, Self.name(of: entry, in: record.job.filename), hash))
            }
            if copies.isEmpty { return [] }
            return try submit(copies, record.allowsDuplicate, record.options, of: record) { true }.map(\.id)
        } catch {
            for copy in copies { try? FileSystem.remove(copy.path) }
            throw error
        }
    }
}
