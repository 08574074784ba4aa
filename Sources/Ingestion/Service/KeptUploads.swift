/// Which failed jobs still have files in the folder of uploads, oldest first: they are kept for a resume, but not for ever.
package struct KeptUploads {
    private struct Entry {
        var id: Int64
        var byteCount: Int
        /// When the job failed, in seconds since 1970.
        var since: Double
    }

    private var entries: [Entry] = []

    /// Makes an empty set.
    package init() {}

    /// Records that a job failed and has files with a size in bytes.
    package mutating func add(_ id: Int64, byteCount: Int, since: Double) {
        entries.removeAll { $0.id == id }
        let place = entries.lastIndex { $0.since <= since }.map { $0 + 1 } ?? 0
        entries.insert(Entry(id: id, byteCount: byteCount, since: since), at: place)
    }

    /// Records that a job is pending again or was deleted.
    package mutating func remove(_ id: Int64) { entries.removeAll { $0.id == id } }

    /// Removes and returns jobs whose files are no longer kept: expired ones, then the oldest until the others fit.
    ///
    /// The newest stays whatever its size, as otherwise a file that is larger than the quota could never be resumed.
    package mutating func takeOverdue(at now: Double, secondsMax: Int, byteCountMax: Int) -> [(id: Int64, isOld: Bool)] {
        var taken: [(id: Int64, isOld: Bool)] = []
        var total = entries.reduce(0) { $0 + $1.byteCount }
        while let first = entries.first {
            let isOld = now - first.since >= Double(secondsMax)
            guard isOld || (total > byteCountMax && entries.count > 1) else { break }
            taken.append((first.id, isOld))
            total -= first.byteCount
            entries.removeFirst()
        }
        return taken
    }
}
