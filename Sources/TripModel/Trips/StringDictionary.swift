/// Distinct strings and their codes, in order of first appearance.
///
/// Codes are dense from 0, so a column of names is an array of `UInt32` and a table by name is an array.
///
/// Strings are distinct if their bytes are: `String`'s own equality treats texts that are canonically equivalent in Unicode as
/// equal, and a name must come out as it went in.
package struct StringDictionary: Sendable {
    /// The strings by code.
    package private(set) var strings: [String] = []
    /// Open addressing: the upper half of a slot is half of the hash, the lower the code plus one; 0 is empty.
    ///
    /// A power of two of slots, at most half of them used; none until the first lookup table is needed.
    private var slots: [UInt64] = []

    /// Makes an empty dictionary.
    package init() {}

    /// Makes a dictionary of distinct strings, with codes in their order.
    package init(_ strings: [String]) {
        self.strings = strings
        rebuildSlots()
    }

    /// Makes a dictionary of distinct strings that is mostly read by code.
    ///
    /// Its lookup table is not built before the first insertion, and until then `code(of:)` compares string by string.
    package init(distinct strings: [String]) {
        self.strings = strings
    }

    /// Count of distinct strings.
    package var count: Int { strings.count }

    /// Returns the code of a string, or nil if it has none.
    package func code(of string: String) -> UInt32? {
        if slots.isEmpty {
            return strings.firstIndex { $0.utf8.elementsEqual(string.utf8) }.map { UInt32($0) }
        }
        return find(string, hash: Self.hash(string)).code
    }

    /// Returns the code of a string, and assigns the next one if it has none.
    package mutating func insert(_ string: String) -> UInt32 {
        if (strings.count + 1) * 2 > slots.count { rebuildSlots() }
        let hash = Self.hash(string)
        let (code, slot) = find(string, hash: hash)
        if let code { return code }
        let newCode = UInt32(strings.count)
        strings.append(string)
        slots[slot] = hash & ~0xffff_ffff | UInt64(newCode + 1)
        return newCode
    }

    /// Inserts all strings of another dictionary and returns their codes here by their codes there.
    package mutating func insert(contentsOf other: StringDictionary) -> [UInt32] {
        other.strings.map { insert($0) }
    }

    package subscript(code: UInt32) -> String { strings[Int(code)] }

    // MARK: Lookup table

    /// Returns the code of a string, or the empty slot for it.
    private func find(_ string: String, hash: UInt64) -> (code: UInt32?, slot: Int) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            if (slots[slot] ^ hash) >> 32 == 0 {
                let code = Int(slots[slot] & 0xffff_ffff) - 1
                if strings[code].utf8.elementsEqual(string.utf8) { return (UInt32(code), slot) }
            }
            slot = (slot + 1) & mask
        }
        return (nil, slot)
    }

    private mutating func rebuildSlots() {
        var slotCount = 16
        while slotCount < (strings.count + 1) * 4 { slotCount *= 2 }
        slots = Array(repeating: 0, count: slotCount)
        for (code, string) in strings.enumerated() {
            let hash = Self.hash(string)
            var slot = Int(truncatingIfNeeded: hash) & (slotCount - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slotCount - 1) }
            slots[slot] = hash & ~0xffff_ffff | UInt64(code + 1)
        }
    }

    /// Depends only on the bytes; the standard hasher is seeded, so that no input can be made to collide.
    private static func hash(_ string: String) -> UInt64 {
        var hasher = Hasher()
        var copy = string
        copy.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        return UInt64(truncatingIfNeeded: Int64(hasher.finalize()))
    }
}
