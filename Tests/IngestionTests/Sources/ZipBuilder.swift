/// Writes ZIP archives byte by byte, right ones and wrong ones.
struct ZipBuilder {
    struct Entry {
        var name: [UInt8]
        var method: UInt16 = 0
        var flags: UInt16 = 0
        var stored: [UInt8]
        var plainByteCount: Int
        var checksum: UInt32
        /// Sizes in the local header are zero, and follow the data.
        var hasDescriptor = false
        var isLarge = false
    }

    var entries: [Entry] = []
    var prefix: [UInt8] = []
    var comment: [UInt8] = []
    /// Adds to every offset that the directory has.
    var shift = 0
    var isLarge = false

    private static func number(_ value: Int, _ byteCount: Int) -> [UInt8] {
        (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    func bytes() -> [UInt8] {
        var file = prefix
        var directory: [UInt8] = []
        for entry in entries {
            let offset = file.count - prefix.count + shift
            let sizes = [Int(entry.checksum), entry.stored.count, entry.plainByteCount]
            let common =
                Self.number(20, 2) + Self.number(Int(entry.flags) | (entry.hasDescriptor ? 8 : 0), 2)
                + Self.number(Int(entry.method), 2) + Self.number(0, 4)
            let local = entry.hasDescriptor ? [0, 0, 0] : sizes
            file += [0x50, 0x4B, 3, 4] + common + local.flatMap { Self.number($0, 4) }
            file += Self.number(entry.name.count, 2) + Self.number(3, 2) + entry.name + [1, 2, 3] + entry.stored
            if entry.hasDescriptor { file += [0x50, 0x4B, 7, 8] + sizes.flatMap { Self.number($0, 4) } }
            let extra =
                entry.isLarge
                ? Self.number(0x7075, 2) + Self.number(1, 2) + [9] + Self.number(1, 2) + Self.number(24, 2)
                    + [sizes[2], sizes[1], offset].flatMap { Self.number($0, 8) } : []
            let shown = entry.isLarge ? [sizes[0], 0xFFFF_FFFF, 0xFFFF_FFFF] : sizes
            directory += [0x50, 0x4B, 1, 2] + Self.number(20, 2) + common + shown.flatMap { Self.number($0, 4) }
            directory += Self.number(entry.name.count, 2) + Self.number(extra.count, 2) + Self.number(2, 2)
            directory += Self.number(0, 8) + Self.number(entry.isLarge ? 0xFFFF_FFFF : offset, 4)
            directory += entry.name + extra + [7, 7]
        }
        let start = file.count - prefix.count + shift
        file += directory
        if isLarge {
            let end = file.count - prefix.count + shift
            file += [0x50, 0x4B, 6, 6] + Self.number(44, 8) + Self.number(45, 2) + Self.number(45, 2) + Self.number(0, 8)
            file += [entries.count, entries.count, directory.count, start].flatMap { Self.number($0, 8) }
            file += [0x50, 0x4B, 6, 7] + Self.number(0, 4) + Self.number(end, 8) + Self.number(1, 4)
        }
        let count = isLarge ? 0xFFFF : entries.count
        file += [0x50, 0x4B, 5, 6] + Self.number(0, 4) + Self.number(count, 2) + Self.number(count, 2)
        file += Self.number(isLarge ? 0xFFFF_FFFF : directory.count, 4) + Self.number(isLarge ? 0xFFFF_FFFF : start, 4)
        return file + Self.number(comment.count, 2) + comment
    }
}
