import TripModel

/// Why a text is not a name.
package enum NameProblem: Error, Hashable, Sendable { case empty, tooLong, controlCharacter, notUTF8 }

/// Bytes of names to codes, without making a string for each row.
///
/// A name that was seen before costs one hash of its bytes and one comparison, whatever its length up to 32 bytes, as both work
/// on four masked words; only a new name is validated and becomes a `String`. Names stay in the table between batches, but
/// codes start over with each batch: its dictionary then has only the names that occur in it, so what a batch costs its reader
/// depends on the batch, whether there are three names or a hundred thousand.
///
///     slots   [half of the hash | entry]  open addressing, at most an eighth full: a second probe is a mispredicted branch
///     entries [32 bytes of the name | hash | length | code | batch of the code]
///
/// Unsafe code: reads the 32 bytes from a name's start; slots and entries are raw memory, so that the row loop can read them
/// without retains and bounds checks.
struct NameTable {
    private struct Entry {
        var words: (UInt64, UInt64, UInt64, UInt64)
        var hash: UInt64
        var length: UInt32
        /// The code in the batch with the ordinal `batch`.
        var code: UInt32
        var batch: UInt64
        /// Pads to the size of a cache line, so that an entry takes one.
        var padding: UInt64 = 0
    }

    /// The entry of no name.
    static let noEntry = UInt32.max
    /// Bytes that are read from a name's start.
    @inline(__always)
    private static var prefixByteCount: Int { 32 }
    private static let slotBitCountMin = 9
    /// Slots per entry, as a power of two.
    private static let slotsPerEntryBitCount = 3
    /// Names that are kept from batch to batch: a file whose names never repeat must not fill the memory.
    private static let keptCountMax = 1 << 18

    private var slots: UnsafeMutablePointer<UInt64>
    private var slotBitCount = Self.slotBitCountMin
    private var entries: UnsafeMutablePointer<Entry>
    private var capacity: Int
    /// 32 bytes of ones, then 32 of zeros: a mask for any length.
    private let masks: UnsafeMutableRawPointer
    /// Differs between processes, so that no file can be made to collide.
    private let seed: (UInt64, UInt64, UInt64, UInt64)

    private var strings: [String] = []
    /// Entries that have a code, in the order of their codes.
    private var batchEntries: [UInt32] = []
    /// Ordinal of the batch; 0, the initial value of entries, stands for none.
    private var batch: UInt64 = 1

    init() {
        slots = .allocate(capacity: 1 << slotBitCount)
        slots.initialize(repeating: 0, count: 1 << slotBitCount)
        capacity = 1 << (slotBitCount - Self.slotsPerEntryBitCount)
        entries = Self.allocateEntries(capacity)
        masks = .allocate(byteCount: 2 * Self.prefixByteCount, alignment: 8)
        masks.initializeMemory(as: UInt8.self, repeating: 0xff, count: Self.prefixByteCount)
        (masks + Self.prefixByteCount).initializeMemory(as: UInt8.self, repeating: 0, count: Self.prefixByteCount)
        var generator = SystemRandomNumberGenerator()
        seed = (generator.next(), generator.next(), generator.next(), generator.next())
    }

    /// Frees the memory; the table must not be used again.
    func deallocate() {
        slots.deallocate()
        entries.deallocate()
        masks.deallocate()
    }

    // MARK: Batches

    /// Ends a batch: returns its dictionary, and starts the next one.
    mutating func takeDictionary() -> StringDictionary {
        let dictionary = StringDictionary(distinct: batchEntries.map { strings[Int($0)] })
        batchEntries.removeAll(keepingCapacity: true)
        batch += 1
        if strings.count > Self.keptCountMax { removeAll() }
        return dictionary
    }

    private static func allocateEntries(_ count: Int) -> UnsafeMutablePointer<Entry> {
        UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<Entry>.stride, alignment: 64)
            .bindMemory(to: Entry.self, capacity: count)
    }

    private mutating func removeAll() {
        strings.removeAll()
        slots.deallocate()
        entries.deallocate()
        slotBitCount = Self.slotBitCountMin
        slots = .allocate(capacity: 1 << slotBitCount)
        slots.initialize(repeating: 0, count: 1 << slotBitCount)
        capacity = 1 << (slotBitCount - Self.slotsPerEntryBitCount)
        entries = Self.allocateEntries(capacity)
    }

    // MARK: Lookup

    /// Returns the code of an entry in this batch, and assigns the next one if it has none.
    @inline(__always)
    mutating func code(ofEntry entry: UInt32) -> UInt32 {
        let known = entries + Int(entry)
        return _fastPath(known.pointee.batch == batch) ? known.pointee.code : giveCode(entry)
    }

    /// Returns the entry of a name, creating it if there is none, or `noEntry` if the bytes are not a name.
    ///
    /// Reads 32 bytes from `start`, of which those past `length` have no effect.
    @inline(__always)
    mutating func entry(_ start: UnsafeRawPointer, length: Int) -> UInt32 {
        guard _fastPath(UInt(bitPattern: length &- 1) < 32) else { return entryOfUnusual(start, length: length) }
        let mask = UnsafeRawPointer(masks) + (Self.prefixByteCount &- length)
        let words = (
            Self.word(start, 0) & Self.word(mask, 0), Self.word(start, 8) & Self.word(mask, 8),
            Self.word(start, 16) & Self.word(mask, 16), Self.word(start, 24) & Self.word(mask, 24)
        )
        let hash = mixed(words, UInt64(truncatingIfNeeded: length))
        var slot = firstSlot(hash)
        while true {
            let found = slots[slot]
            if found == 0 { return insert(start, length: length, words: words, hash: hash) }
            if found &>> 32 == hash & 0xffff_ffff {
                let index = UInt32(truncatingIfNeeded: found) &- 1
                let entry = entries + Int(index)
                let other = entry.pointee.words
                let difference =
                    (other.0 ^ words.0) | (other.1 ^ words.1) | (other.2 ^ words.2) | (other.3 ^ words.3)
                    | UInt64(entry.pointee.length ^ UInt32(truncatingIfNeeded: length))
                if _fastPath(difference == 0) { return index }
            }
            slot = nextSlot(slot)
        }
    }

    /// Returns why a text is not a name, or nil if it is one.
    static func problem(of name: Span<UInt8>) -> NameProblem? {
        if name.isEmpty { return .empty }
        if name.count > Limits.nameByteCountMax { return .tooLong }
        var previous: UInt8 = 0
        for index in name.indices {
            let byte = name[index]
            // U+0000...U+001F, U+007F, and U+0080...U+009F, which are C2 80 to C2 9F.
            if byte < 0x20 || byte == 0x7F || previous == 0xC2 && 0x80...0x9F ~= byte { return .controlCharacter }
            previous = byte
        }
        let isUTF8 = name.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) != nil }
        return isUTF8 ? nil : .notUTF8
    }

    /// The same for names of more than 32 bytes, and for texts that are not names.
    @inline(never)
    private mutating func entryOfUnusual(_ start: UnsafeRawPointer, length: Int) -> UInt32 {
        guard length > Self.prefixByteCount, length <= Limits.nameByteCountMax else { return Self.noEntry }
        let words = (Self.word(start, 0), Self.word(start, 8), Self.word(start, 16), Self.word(start, 24))
        var hash = mixed(words, UInt64(truncatingIfNeeded: length))
        var position = Self.prefixByteCount
        while position < length {
            // The last 32 bytes, some of them again, rather than bytes past the end.
            let part = start + min(position, length &- Self.prefixByteCount)
            hash = mixed((Self.word(part, 0) ^ hash, Self.word(part, 8), Self.word(part, 16), Self.word(part, 24)), hash)
            position &+= Self.prefixByteCount
        }
        var slot = firstSlot(hash)
        while slots[slot] != 0 {
            let index = UInt32(truncatingIfNeeded: slots[slot]) &- 1
            if slots[slot] &>> 32 == hash & 0xffff_ffff, entries[Int(index)].length == UInt32(length) {
                var string = strings[Int(index)]
                let name = UnsafeRawBufferPointer(start: start, count: length)
                if string.withUTF8({ $0.elementsEqual(name) }) { return index }
            }
            slot = nextSlot(slot)
        }
        return insert(start, length: length, words: words, hash: hash)
    }

    // MARK: New names

    @inline(never)
    private mutating func giveCode(_ entry: UInt32) -> UInt32 {
        let code = UInt32(batchEntries.count)
        entries[Int(entry)].code = code
        entries[Int(entry)].batch = batch
        batchEntries.append(entry)
        return code
    }

    @inline(never)
    private mutating func insert(
        _ start: UnsafeRawPointer, length: Int, words: (UInt64, UInt64, UInt64, UInt64), hash: UInt64
    ) -> UInt32 {
        let bytes = UnsafeRawBufferPointer(start: start, count: length).assumingMemoryBound(to: UInt8.self)
        guard Self.problem(of: bytes.span) == nil, let string = String(validating: bytes, as: UTF8.self) else {
            return Self.noEntry
        }
        if strings.count == capacity { grow() }
        let index = strings.count
        strings.append(string)
        (entries + index).initialize(to: Entry(words: words, hash: hash, length: UInt32(length), code: 0, batch: 0))
        place(index, hash: hash)
        return UInt32(index)
    }

    private func place(_ index: Int, hash: UInt64) {
        var slot = firstSlot(hash)
        while slots[slot] != 0 { slot = nextSlot(slot) }
        slots[slot] = (hash & 0xffff_ffff) &<< 32 | UInt64(index &+ 1)
    }

    @inline(__always)
    private func firstSlot(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash &>> UInt64(64 &- slotBitCount)) }

    @inline(__always)
    private func nextSlot(_ slot: Int) -> Int { (slot &+ 1) & ((1 &<< slotBitCount) &- 1) }

    private mutating func grow() {
        let oldEntries = entries
        entries = Self.allocateEntries(capacity * 2)
        entries.moveInitialize(from: oldEntries, count: strings.count)
        oldEntries.deallocate()
        capacity *= 2

        slots.deallocate()
        slotBitCount += 1
        slots = .allocate(capacity: 1 << slotBitCount)
        slots.initialize(repeating: 0, count: 1 << slotBitCount)
        for index in strings.indices { place(index, hash: entries[index].hash) }
    }

    // MARK: Hashing

    @inline(__always)
    private func mixed(_ words: (UInt64, UInt64, UInt64, UInt64), _ length: UInt64) -> UInt64 {
        let first = Self.folded(words.0 ^ seed.0, words.1 ^ seed.1)
        let second = Self.folded(words.2 ^ seed.2, words.3 ^ seed.3)
        return first &+ second &+ length &* 0x9e37_79b9_7f4a_7c15
    }

    /// Both halves of a product, exclusive-or'd: each bit of it depends on each bit of the factors.
    @inline(__always)
    private static func folded(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    @inline(__always)
    private static func word(_ start: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        start.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
}
