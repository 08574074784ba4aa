import Synchronization

/// How a store goes on without segments that are damaged.
extension ColumnStore {
    /// Sets a damaged segment aside: its file goes to the folder `quarantine`, answers go on without its trips and say so.
    ///
    /// The file gets its second name first and loses its old one last, so that a crash in between loses nothing.
    package func quarantine(_ fileName: String, problem: String) throws(ColumnStoreError) {
        try ingestion.interrupting { () throws(ColumnStoreError) in
            try rewriting.withLock { _ throws(ColumnStoreError) in
                guard let segment = try catalog.allSegments().first(where: { $0.fileName == fileName }) else {
                    throw ColumnStoreError(.notFound, "The store has no segment \(fileName).")
                }
                try FileSystem.makeDirectory(folders.quarantine)
                let path = folders.segmentPath(fileName)
                if FileSystem.byteCount(of: path) != nil {
                    let aside = "\(folders.quarantine)/\(fileName)"
                    try FileSystem.remove(aside)
                    guard try FileSystem.link(path, as: aside) else {
                        throw FileSystem.error("link to the folder quarantine the file", path)
                    }
                    try FileSystem.syncDirectory(folders.quarantine)
                }
                try catalog.quarantine(segment, problem: problem)
                try forget([fileName])
            }
        }
    }

    /// What answers say while segments are set aside; nil where none is.
    func quarantineWarning() throws(ColumnStoreError) -> String? {
        let aside = try catalog.quarantined().filter(\.isLive)
        guard !aside.isEmpty else { return nil }
        let trips = aside.reduce(0) { $0 + $1.rowCount }
        return
            "\(trips) trips are missing: \(aside.count == 1 ? "a damaged segment was" : "\(aside.count) damaged segments were")"
            + " set aside; restore a backup that still has them."
    }
}
