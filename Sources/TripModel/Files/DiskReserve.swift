/// Free space that writers leave on the disk of a store.
///
/// A disk that is full to the last byte takes no note of how a job ended, and no deletion either, which would make room. So
/// uploads, fetches, loads, compaction and rollups stop before; the catalog and deletions alone may use what is left.
public struct DiskReserve: Hashable, Sendable {
    /// Bytes that are left free; nil: as `Limits` say for the size of the disk.
    private let byteCount: Int?

    /// Makes a reserve of a size.
    public init(byteCount: Int) { self.byteCount = byteCount }

    private init() { byteCount = nil }

    /// What is left free where nobody says otherwise.
    public static let standard = DiskReserve()
    /// Nothing: for what makes room, and for files on other disks.
    package static let none = DiskReserve(byteCount: 0)

    /// Refuses to write to a folder whose disk has no more free than the reserve, or would not once some bytes have come.
    ///
    /// Asked for each megabyte that is written, not for each write: who writes at the same time may go below the reserve by that.
    package func require(in folder: String, for coming: Int = 0) throws(TripstoreError) {
        if byteCount == 0, coming == 0 { return }
        // A disk of which nothing can be said refuses by itself, and says why.
        guard let disk = try? FileSystem.space(folder) else { return }
        let kept = byteCount ?? min(Limits.diskReserveByteCountMax, disk.total / Limits.diskReserveDivisor)
        guard disk.free - coming < kept else { return }
        let needed = coming > 0 ? "\(coming.grouped) bytes are to come, " : ""
        throw TripstoreError(
            .diskFull,
            "The disk is full: \(needed)\(disk.free.grouped) bytes are free on the disk of the data directory, and \(kept.grouped) of them are kept "
                + "for the catalog and for deletions; free some space, delete jobs, or set DISK_RESERVE.",
            cause: disk.free < kept ? .machine : nil)
    }
}
