/// Free space that writers leave on the disk of a store.
///
/// On a completely full disk neither the end of a job can be recorded nor a deletion, which would free space. So uploads,
/// fetches, jobs, compaction and rollups stop earlier; only the catalog and deletions may use the rest.
public struct DiskReserve: Hashable, Sendable {
    /// Bytes that stay free; nil: as `Limits` define for the size of the disk.
    private let byteCount: Int?

    /// Makes a reserve with a size.
    public init(byteCount: Int) { self.byteCount = byteCount }

    private init() { byteCount = nil }

    /// The default reserve.
    public static let standard = DiskReserve()
    /// No reserve: for writes that free space, and for files on other disks.
    package static let none = DiskReserve(byteCount: 0)

    /// Refuses to write to a folder whose disk has no more free than the reserve, or would not after some further bytes.
    ///
    /// Checked for each megabyte that is written, not for each write: concurrent writers may fall below the reserve by that.
    package func require(in folder: String, for coming: Int = 0) throws(TripstoreError) {
        if byteCount == 0, coming == 0 { return }
        // A disk of unknown state refuses by itself, and says why.
        guard let disk = try? FileSystem.space(folder) else { return }
        let kept = byteCount ?? min(Limits.diskReserveByteCountMax, disk.total / Limits.diskReserveDivisor)
        guard disk.free - coming < kept else { return }
        let needed = coming > 0 ? "\(coming.grouped) more bytes are expected, " : ""
        throw TripstoreError(
            .diskFull,
            "The disk is full: \(needed)\(disk.free.grouped) bytes are free on the disk of the data directory, and \(kept.grouped) of them are kept "
                + "for the catalog and for deletions; free some space, delete jobs, or set DISK_RESERVE.",
            cause: disk.free < kept ? .machine : nil)
    }
}
