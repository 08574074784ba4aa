import Ingestion
import TripModel

/// A ZIP archive's directory: whatever it says, entries are inside of the file and do not overlap.
enum ArchiveEntry {
    static func run(_ bytes: [UInt8]) {
        guard
            let directory = try? ArchiveDirectory(
                byteCount: bytes.count,
                read: { offset, count in
                    precondition(offset >= 0 && count >= 0 && offset + count <= bytes.count, "a read outside of the file")
                    return Array(bytes[offset..<offset + count])
                })
        else { return }
        precondition(directory.offset <= bytes.count && directory.entries.count <= Limits.archiveEntryCountMax)
        var end = 0
        for entry in directory.entries.sorted(by: { $0.headerOffset < $1.headerOffset }) {
            precondition(entry.headerOffset >= end && entry.storedByteCount >= 0 && entry.plainByteCount >= 0)
            end = entry.headerOffset + 30 + entry.storedByteCount
            precondition(end <= directory.offset, "an entry ends in the directory")
            precondition(!entry.name.hasControlCharacter, "a name has control characters")
            _ = (ArchiveName.isHidden(entry.name), ArchiveName.isOfCSV(entry.name), ArchiveName.mayBeOfCSV(entry.name))
        }
    }
}
