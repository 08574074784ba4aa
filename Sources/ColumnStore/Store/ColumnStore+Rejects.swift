package import TripModel

/// How damage to the stored rejected rows is found and quarantined.
///
/// They are for a person to read: no query needs them, so their loss is reported and stops nothing.
extension ColumnStore {
    /// Returns `verify`'s name of a job's file of rejected rows: its path in the data directory.
    static func rejectsName(job: Int64) -> String { "rejects/\(job).jsonl" }

    /// Returns the job of a damaged file of rejected rows that `verify` found; nil for any other file.
    package static func job(ofRejects name: String) -> Int64? {
        let parts = name.split(separator: "/")
        guard parts.count == 2, parts[0] == "rejects" else { return nil }
        return StoreLayout(root: "").job(ofRejects: String(parts[1]))
    }

    /// Returns what is wrong with a job's file of rejected rows; nil if nothing is, or the job was changed meanwhile.
    func problem(ofRejectsOf record: JobRecord) throws(TripstoreError) -> String? {
        let id = record.job.id
        let expected = RejectsFile.Expected(
            byteCount: record.checkpoint.rejectsByteCount, counts: try catalog.rejectCounts(id),
            isWhole: record.job.status == .completed)
        guard let problem = try RejectsFile.problem(path: folders.rejectsPath(job: id), expected) else { return nil }
        // A server may have deleted the job, or restarted it.
        let now = try catalog.job(id)
        guard let now, now.job.status == record.job.status, now.checkpoint == record.checkpoint else { return nil }
        return "\(problem) \(Self.rejectsRemedy(job: id))"
    }

    /// Returns what the loss of a job's rejected rows means, and what to do.
    static func rejectsRemedy(job id: Int64) -> String {
        "Rejected rows of job \(id) cannot be listed; its trips are not affected. Restore the file from a backup, or quarantine it "
            + "with `tripstore verify --quarantine`; to get the rows back, delete job \(id) and load its file again."
    }

    /// Quarantines a damaged file of rejected rows; afterwards only the job's counts of rejected rows by reason are stored.
    package func quarantineRejects(ofJob id: Int64) throws(TripstoreError) {
        try idleWork.interrupting { () throws(TripstoreError) in
            try Self.setRejectsAside(job: id, in: folders)
            try catalog.forgetKeptRejects(id)
            try FileSystem.remove(folders.rejectsPath(job: id))
        }
    }

    /// Returns the path of a job's quarantined file of rejected rows.
    static func quarantinedRejects(job id: Int64, in folders: StoreLayout) -> String { "\(folders.quarantine)/\(id).jsonl" }

    /// Moves a file of rejected rows to the folder quarantine, replacing an earlier one; does nothing if it is gone.
    static func setRejectsAside(job id: Int64, in folders: StoreLayout) throws(TripstoreError) {
        let path = folders.rejectsPath(job: id)
        guard FileSystem.byteCount(of: path) != nil else { return }
        try FileSystem.makeDirectory(folders.quarantine)
        let aside = quarantinedRejects(job: id, in: folders)
        try FileSystem.remove(aside)
        guard try FileSystem.link(path, as: aside) else {
            throw FileSystem.error("link into the folder quarantine the file", path)
        }
        try FileSystem.syncDirectory(folders.quarantine)
    }
}
