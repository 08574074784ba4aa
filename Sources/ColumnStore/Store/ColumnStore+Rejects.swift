package import TripModel

/// How damage to what is kept of rejected rows is found and set aside.
///
/// They are for a person to read: no query needs them, so their loss is told and stops nothing.
extension ColumnStore {
    /// What `verify` calls a job's rejects file: its path in the data directory.
    static func rejectsName(job: Int64) -> String { "rejects/\(job).jsonl" }

    /// The job whose rejected rows a file has that `verify` found damaged; nil for any other file.
    package static func job(ofRejects name: String) -> Int64? {
        let parts = name.split(separator: "/")
        guard parts.count == 2, parts[0] == "rejects" else { return nil }
        return Folders(root: "").job(ofRejects: String(parts[1]))
    }

    /// What is wrong with the rejects file of a job; nil where nothing is, or the job was changed meanwhile.
    func problem(ofRejectsOf record: JobRecord) throws(TripstoreError) -> String? {
        let id = record.job.id
        let expected = RejectsFile.Expected(
            byteCount: record.checkpoint.rejectsByteCount, counts: try catalog.rejectCounts(id),
            isWhole: record.job.status == .completed)
        guard let problem = try RejectsFile.problem(path: folders.rejectsPath(job: id), expected) else { return nil }
        // A server may have removed the job, or begun it anew.
        let now = try catalog.job(id)
        guard let now, now.job.status == record.job.status, now.checkpoint == record.checkpoint else { return nil }
        return "\(problem) \(Self.rejectsRemedy(job: id))"
    }

    /// What the loss of a job's rejected rows means, and what can be done.
    static func rejectsRemedy(job id: Int64) -> String {
        "Rejected rows of job \(id) cannot be listed; its trips are answered as before. Put the file back from a backup, or set it aside "
            + "with `tripstore verify --quarantine`; to have the rows again, delete job \(id) and load its file once more."
    }

    /// Sets a damaged rejects file aside, in the folder quarantine; of the job nothing is kept then but how many rows of which reason
    /// were rejected.
    package func quarantineRejects(ofJob id: Int64) throws(TripstoreError) {
        try idleWork.interrupting { () throws(TripstoreError) in
            try Self.setRejectsAside(job: id, in: folders)
            try catalog.forgetKeptRejects(id)
            try FileSystem.remove(folders.rejectsPath(job: id))
        }
    }

    /// Where the rejects file of a job is once it was set aside.
    static func setAsideRejects(job id: Int64, in folders: Folders) -> String { "\(folders.quarantine)/\(id).jsonl" }

    /// Gives a rejects file its name in the folder quarantine, in place of an earlier one; one that is gone has none.
    static func setRejectsAside(job id: Int64, in folders: Folders) throws(TripstoreError) {
        let path = folders.rejectsPath(job: id)
        guard FileSystem.byteCount(of: path) != nil else { return }
        try FileSystem.makeDirectory(folders.quarantine)
        let aside = setAsideRejects(job: id, in: folders)
        try FileSystem.remove(aside)
        guard try FileSystem.link(path, as: aside) else {
            throw FileSystem.error("link to the folder quarantine the file", path)
        }
        try FileSystem.syncDirectory(folders.quarantine)
    }
}
