package import TripModel

/// The list of files in a ZIP archive, as its central directory has it
/// (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT).
///
/// Sizes and checksums are those of the central directory, so it does not matter whether an entry has a data descriptor instead. What it
/// says is checked against the bounds of the file: entries are inside of it and do not overlap.
package struct ArchiveDirectory: Sendable {
    /// What an archive with files begins with.
    package static let fileMagic: [UInt8] = [0x50, 0x4B, 0x03, 0x04]
    /// What an archive without files begins with.
    package static let emptyMagic: [UInt8] = [0x50, 0x4B, 0x05, 0x06]

    /// One file.
    package struct Entry: Hashable, Sendable {
        /// With its folders; characters that cannot be shown are replaced.
        package var name: String
        /// How it is compressed, as a number of the specification.
        package var method: UInt16
        package var isEncrypted: Bool
        /// Whether it is a symbolic link, whose bytes are a path.
        package var isLink = false
        package var storedByteCount: Int
        package var plainByteCount: Int
        /// CRC-32 of its plain bytes.
        package var checksum: UInt32
        /// Where its local header begins.
        package var headerOffset: Int
    }

    /// Reads bytes of the file: offset and count, which are inside of it.
    package typealias Reader = (_ offset: Int, _ count: Int) throws(TripstoreError) -> [UInt8]

    /// In the order of the directory.
    package let entries: [Entry]
    /// Where the directory begins: all entries end before.
    package let offset: Int

    /// Reads the directory of a file.
    package init(byteCount: Int, read: Reader) throws(TripstoreError) {
        let end = try ArchiveEnd(byteCount: byteCount, read: read)
        guard end.entryCount <= Limits.archiveEntryCountMax, end.directoryByteCount <= Limits.archiveDirectoryByteCountMax
        else {
            throw TripstoreError(
                .badInput,
                "The ZIP archive has more than \(Limits.archiveEntryCountMax.grouped) files; extract it and load the files that have trips."
            )
        }
        offset = end.directoryOffset
        let bytes = try read(end.directoryOffset, end.directoryByteCount)
        var entries: [Entry] = []
        var position = 0
        while entries.count < end.entryCount {
            let entry = try Self.entry(bytes, &position, shift: end.shift)
            guard entry.headerOffset >= 0, entry.headerOffset <= end.directoryOffset - ArchiveEnd.localHeaderByteCount,
                entry.storedByteCount >= 0, entry.plainByteCount >= 0,
                entry.storedByteCount <= end.directoryOffset - entry.headerOffset - ArchiveEnd.localHeaderByteCount
            else { throw ArchiveEnd.damage }
            entries.append(entry)
        }
        // One more than the count says: the count is wrong, and so may be what else it says.
        if bytes.count - position >= 4, bytes.number(4, at: position) == Self.entrySignature { throw ArchiveEnd.damage }
        // Overlapping entries would make few bytes many (https://www.bamsoftware.com/hacks/zipbomb/).
        let ordered = entries.sorted { $0.headerOffset < $1.headerOffset }
        for (entry, next) in zip(ordered, ordered.dropFirst()) {
            guard entry.headerOffset + ArchiveEnd.localHeaderByteCount + entry.storedByteCount <= next.headerOffset else {
                throw ArchiveEnd.damage
            }
        }
        self.entries = entries
    }

    private static let entrySignature = 0x0201_4B50

    private static func entry(_ bytes: [UInt8], _ position: inout Int, shift: Int) throws(TripstoreError) -> Entry {
        let fixedByteCount = 46
        guard bytes.count - position >= fixedByteCount, bytes.number(4, at: position) == Self.entrySignature else {
            throw ArchiveEnd.damage
        }
        let start = position
        let nameCount = bytes.number(2, at: start + 28)
        let extraCount = bytes.number(2, at: start + 30)
        let commentCount = bytes.number(2, at: start + 32)
        position = start + fixedByteCount + nameCount + extraCount + commentCount
        guard position <= bytes.count else { throw ArchiveEnd.damage }
        let nameEnd = start + fixedByteCount + nameCount
        var entry = Entry(
            name: ArchiveName.text(Array(bytes[(start + fixedByteCount)..<nameEnd])),
            method: UInt16(bytes.number(2, at: start + 10)),
            isEncrypted: bytes.number(2, at: start + 8) & 0x2041 != 0,
            storedByteCount: bytes.number(4, at: start + 20), plainByteCount: bytes.number(4, at: start + 24),
            checksum: UInt32(bytes.number(4, at: start + 16)), headerOffset: bytes.number(4, at: start + 42))
        // Made under Unix: the mode of the file is in the upper half of its attributes.
        entry.isLink = bytes[start + 5] == 3 && bytes.number(2, at: start + 40) & 0xF000 == 0xA000
        try readLargeSizes(Array(bytes[nameEnd..<nameEnd + extraCount]), of: &entry)
        guard entry.headerOffset <= Int.max - shift else { throw ArchiveEnd.damage }
        entry.headerOffset += shift
        return entry
    }

    /// Takes from the ZIP64 extra field what does not fit into 32 bits.
    private static func readLargeSizes(_ extra: [UInt8], of entry: inout Entry) throws(TripstoreError) {
        let large = 0xFFFF_FFFF
        var position = 0
        while extra.count - position >= 4 {
            let id = extra.number(2, at: position)
            let end = position + 4 + extra.number(2, at: position + 2)
            // Some programs pad the last field with less than a header.
            guard end <= extra.count else { break }
            if id == 1 {
                var field = position + 4
                for size in [\Entry.plainByteCount, \.storedByteCount, \.headerOffset] where entry[keyPath: size] == large {
                    guard end - field >= 8 else { throw ArchiveEnd.damage }
                    entry[keyPath: size] = extra.number(8, at: field)
                    field += 8
                }
            }
            position = end
        }
        guard entry.storedByteCount >= 0, entry.plainByteCount >= 0, entry.headerOffset >= 0 else { throw ArchiveEnd.damage }
    }
}

/// The end of an archive: where its directory is.
private struct ArchiveEnd {
    static let localHeaderByteCount = 30
    static let damage = TripstoreError(
        .badInput, "The ZIP archive is damaged or was cut off; fetch it again.")

    var entryCount: Int
    var directoryByteCount: Int
    var directoryOffset: Int
    /// Bytes before the archive that its own offsets do not count, as in one that extracts itself.
    var shift: Int

    init(byteCount: Int, read: ArchiveDirectory.Reader) throws(TripstoreError) {
        let fixedByteCount = 22
        let tailCount = min(byteCount, fixedByteCount + 0xFFFF)
        let tail = try read(byteCount - tailCount, tailCount)
        guard tail.count == tailCount, tailCount >= fixedByteCount,
            let position = (0...(tailCount - fixedByteCount)).reversed().first(where: { start in
                tail[start] == 0x50 && tail.number(4, at: start) == 0x0605_4B50
                    && start + fixedByteCount + tail.number(2, at: start + 20) <= tailCount
            })
        else { throw Self.damage }
        var end = byteCount - tailCount + position
        guard tail.number(2, at: position + 4) == tail.number(2, at: position + 6) else {
            throw TripstoreError(.badInput, "The ZIP archive is one part of several; put them together and extract them.")
        }
        entryCount = tail.number(2, at: position + 10)
        directoryByteCount = tail.number(4, at: position + 12)
        directoryOffset = tail.number(4, at: position + 16)
        if let large = try Self.largeEnd(before: end, read) {
            entryCount = large.bytes.number(8, at: 32)
            directoryByteCount = large.bytes.number(8, at: 40)
            directoryOffset = large.bytes.number(8, at: 48)
            end = large.offset
        }
        guard entryCount >= 0, directoryByteCount >= 0, directoryOffset >= 0, directoryByteCount <= end,
            directoryOffset <= end - directoryByteCount
        else { throw Self.damage }
        shift = end - directoryByteCount - directoryOffset
        directoryOffset = end - directoryByteCount
        // What an entry takes at least.
        guard entryCount <= directoryByteCount / 46 else { throw Self.damage }
    }

    /// Returns the ZIP64 record, if its locator precedes the end.
    private static func largeEnd(
        before end: Int, _ read: ArchiveDirectory.Reader
    ) throws(TripstoreError) -> (bytes: [UInt8], offset: Int)? {
        let (locatorCount, recordCount) = (20, 56)
        guard end >= locatorCount + recordCount else { return nil }
        let locator = try read(end - locatorCount, locatorCount)
        guard locator.count == locatorCount, locator.number(4, at: 0) == 0x0706_4B50 else { return nil }
        // Where the record says that it is, or right before its locator if something precedes the archive.
        for offset in [locator.number(8, at: 8), end - locatorCount - recordCount]
        where offset >= 0 && offset <= end - locatorCount - recordCount {
            let record = try read(offset, recordCount)
            if record.count == recordCount, record.number(4, at: 0) == 0x0606_4B50 { return (record, offset) }
        }
        throw damage
    }
}

extension [UInt8] {
    /// A number of some bytes, the low one first; negative if it has 64 bits.
    fileprivate func number(_ byteCount: Int, at position: Int) -> Int {
        var number: UInt64 = 0
        for index in 0..<byteCount { number |= UInt64(self[position + index]) << (8 * UInt64(index)) }
        return Int(truncatingIfNeeded: number)
    }
}
