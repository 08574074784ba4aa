package import TripModel

/// What jobs need from this machine and from others.
extension JobService {
    /// The folder in which files arrive, the catalog if it is another process's, and the store of uploads.
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

    /// What stores the jobs, for a message.
    package var catalogName: String { sharing == nil ? "The catalog of jobs" : "PostgreSQL, which keeps the jobs," }

    /// Throws if files cannot arrive in this process's folder; `readOnlyReason` reports a full disk.
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
