package import TripModel

/// What jobs need of this machine and of others.
extension JobService {
    /// The folder in which files arrive, the catalog where it is another process's, where uploads are kept.
    package var parts: [NeededPart] {
        var parts = [NeededPart("the folder of uploads") { [self] () throws(TripstoreError) in try requireFolder() }]
        if sharing != nil {
            parts.append(
                NeededPart("this machine") { [trouble] () throws(TripstoreError) in
                    guard let error = trouble.error else { return }
                    throw TripstoreError(error.code, "This process takes no jobs: \(error.message)", cause: error.cause)
                })
            parts.append(
                NeededPart("PostgreSQL") { [catalog] () throws(TripstoreError) in _ = try catalog.visibility() })
        }
        if let uploads = settings.uploads {
            parts.append(NeededPart("the store of uploads") { () throws(TripstoreError) in try uploads.check() })
        }
        return parts
    }

    /// What keeps the jobs, for a sentence.
    package var catalogName: String { sharing == nil ? "The catalog of jobs" : "PostgreSQL, which keeps the jobs," }

    /// Throws where files cannot arrive in this process's folder; that its disk is full is said by `readOnlyReason`.
    func requireFolder() throws(TripstoreError) {
        guard FileSystem.isDirectory(folders.uploads) else {
            throw TripstoreError(
                .io,
                "The folder of uploads, \(folders.uploads), is gone; bring back the disk it was on, or start the server again.",
                cause: .machine)
        }
        guard sharing == nil || FileSystem.isWritable(folders.uploads) else {
            throw TripstoreError(
                .io, "The folder of uploads, \(folders.uploads), cannot be written to; make its disk writable.", cause: .machine
            )
        }
    }
}
