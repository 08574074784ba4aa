import TripModel

/// Stations or zones by their ids and names: the points of trips whose file has no coordinates.
///
/// A place has a key in each of some columns, such as its id and its name; a column of trips is looked up in one of these. Keys are
/// compared byte by byte, except that a number may be written with a fraction of zeros or thousands separators (`key`). Immutable, and read
/// by all workers.
///
///     key ─ hash ─> slots [half of the hash | entry] ──> entries [32 bytes of the key | length | longitude, latitude]
///
/// Unsafe code: slots and entries are raw memory, so that the row loop can read them without retains and bounds checks.
package final class PlaceTable: Sendable, Hashable {
    /// A place in a file of places.
    package struct Place: Hashable, Sendable {
        package var point: PointParser.Point
        /// In each column of keys; empty if it has none there.
        package var keys: [String]

        package init(point: PointParser.Point, keys: [String]) {
            self.point = point
            self.keys = keys
        }
    }

    /// The names of the columns of keys, for messages.
    package let columns: [String]
    package let placeCount: Int
    let indices: [PlaceIndex]
    /// Identifies the places.
    package let id: String

    /// - Parameters:
    ///   - columns: names of the columns of keys.
    ///   - id: differs between tables of different places.
    package init(columns: [String], places: [Place], id: String) {
        self.columns = columns
        self.id = id
        placeCount = places.count
        indices = columns.indices.map { column in
            PlaceIndex(places.lazy.compactMap { $0.keys[column].isEmpty ? nil : (Array($0.keys[column].utf8), $0.point) })
        }
    }

    deinit { for index in indices { index.deallocate() } }

    /// Returns the point of a key in a column; nil if no place has it.
    ///
    /// Throws `.ambiguousPlace` if places at several points have it.
    package func point(of text: Span<UInt8>, column: Int) throws(PointProblem) -> PointParser.Point? {
        let key = Self.key(of: text)
        guard let found = indices[column].find(key) else { return nil }
        if found.longitude.isNaN { throw .ambiguousPlace }
        return PointParser.Point(longitude: found.longitude, latitude: found.latitude)
    }

    /// The same for a string; nil also for a key of several points.
    func point(of text: String, column: Int) -> PointParser.Point? {
        (try? point(of: text.utf8Span.span, column: column)) ?? nil
    }

    /// Returns the bytes by which a text is looked up.
    ///
    /// Without blanks and a pair of single quotes around it, and a whole number plainly written (`3052.0` and `3,052` as
    /// `3052`). Zeros in front count.
    static func key(of text: Span<UInt8>) -> [UInt8] {
        var (first, end) = (0, text.count)
        while first < end, TimestampParser.isBlank(text[first]) { first += 1 }
        while end > first, TimestampParser.isBlank(text[end - 1]) { end -= 1 }
        if end - first >= 2, text[first] == UInt8(ascii: "'"), text[end - 1] == UInt8(ascii: "'") {
            first += 1
            end -= 1
        }
        let bytes = (first..<end).map { text[$0] }
        return plainNumber(bytes) ?? bytes
    }

    /// Returns a number's digits without separators and zeros after a point; nil if the text is nothing of that.
    private static func plainNumber(_ text: [UInt8]) -> [UInt8]? {
        func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") <= 9 }
        guard text.count <= 32, let first = text.first, isDigit(first), text.contains(where: { !isDigit($0) }) else {
            return nil
        }
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        if parts.count == 2 {
            guard !parts[1].isEmpty, parts[1].allSatisfy({ $0 == UInt8(ascii: "0") }) else { return nil }
        } else if parts.count > 2 {
            return nil
        }
        let groups = parts[0].split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        let isGrouped = groups.count > 1
        guard groups.allSatisfy({ $0.allSatisfy(isDigit) }), groups.dropFirst().allSatisfy({ $0.count == 3 }),
            !isGrouped || (1...3).contains(groups[0].count) && groups[0].first != UInt8(ascii: "0")
        else { return nil }
        return Array(groups.joined())
    }

    package static func == (a: PlaceTable, b: PlaceTable) -> Bool { a === b || a.id == b.id }

    package func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

/// The keys of one column, for lookups without allocation.
struct PlaceIndex: @unchecked Sendable {
    private struct Entry {
        var words: (UInt64, UInt64, UInt64, UInt64)
        var longitude: Double
        var latitude: Double
        var length: UInt32
        /// Where in `texts` the whole key is.
        var text: UInt32
        /// Pads to the size of a cache line.
        var padding: UInt64 = 0
    }

    /// Bytes of a key that are compared as words; a longer one is compared with its text as well.
    private static let prefixByteCount = 32

    private let slots: UnsafeMutablePointer<UInt64>
    private let slotBitCount: Int
    private let entries: UnsafeMutablePointer<Entry>
    private let texts: UnsafeMutablePointer<UInt8>
    /// 32 bytes of ones, then 32 of zeros: a mask for any length.
    private let masks: UnsafeMutableRawPointer
    private let seed: (UInt64, UInt64, UInt64, UInt64)

    /// - Parameter places: keys as written and their points; a key of several points is ambiguous.
    init(_ places: some Sequence<(key: [UInt8], point: PointParser.Point)>) {
        var points: [[UInt8]: PointParser.Point] = [:]
        var ambiguous: Set<[UInt8]> = []
        for (text, point) in places {
            let key = PlaceTable.key(of: text.span)
            if let other = points[key], other != point { ambiguous.insert(key) }
            points[key] = point
        }
        var bitCount = 9
        while 1 << bitCount < points.count * 4 { bitCount += 1 }
        slotBitCount = bitCount
        slots = .allocate(capacity: 1 << bitCount)
        slots.initialize(repeating: 0, count: 1 << bitCount)
        entries = .allocate(capacity: max(1, points.count))
        texts = .allocate(capacity: points.keys.reduce(0) { $0 + $1.count } + Self.prefixByteCount)
        masks = .allocate(byteCount: 2 * Self.prefixByteCount, alignment: 8)
        masks.initializeMemory(as: UInt8.self, repeating: 0xff, count: Self.prefixByteCount)
        (masks + Self.prefixByteCount).initializeMemory(as: UInt8.self, repeating: 0, count: Self.prefixByteCount)
        var generator = SystemRandomNumberGenerator()
        seed = (generator.next(), generator.next(), generator.next(), generator.next())
        var textCount = 0
        for (index, (key, point)) in points.enumerated() {
            let start = texts + textCount
            start.initialize(from: key, count: key.count)
            // What is read past a key's end is masked.
            (start + key.count).initialize(repeating: 0, count: Self.prefixByteCount)
            let words = words(UnsafeRawPointer(start), key.count)
            let isAmbiguous = ambiguous.contains(key)
            (entries + index).initialize(
                to: Entry(
                    words: words, longitude: isAmbiguous ? .nan : point.longitude,
                    latitude: isAmbiguous ? .nan : point.latitude, length: UInt32(key.count), text: UInt32(textCount)))
            let hash = hash(words, key.count)
            var slot = firstSlot(hash)
            while slots[slot] != 0 { slot = nextSlot(slot) }
            slots[slot] = (hash & 0xffff_ffff) &<< 32 | UInt64(index &+ 1)
            textCount += key.count
        }
    }

    func deallocate() {
        slots.deallocate()
        entries.deallocate()
        texts.deallocate()
        masks.deallocate()
    }

    /// Returns the point of a key, which is NaN if it is ambiguous; nil if no place has it.
    func find(_ key: [UInt8]) -> (longitude: Double, latitude: Double)? {
        let padded = key + [UInt8](repeating: 0, count: Self.prefixByteCount)
        return padded.withUnsafeBytes { find($0.baseAddress!, length: key.count) }
    }

    /// The same for bytes at `start`, as they are; reads 32 bytes from there, of which those past `length` have no effect.
    @inline(__always)
    func find(_ start: UnsafeRawPointer, length: Int) -> (longitude: Double, latitude: Double)? {
        let words = words(start, length)
        let hash = hash(words, length)
        var slot = firstSlot(hash)
        while true {
            let found = slots[slot]
            if found == 0 { return nil }
            if found &>> 32 == hash & 0xffff_ffff {
                let entry = entries + Int(UInt32(truncatingIfNeeded: found) &- 1)
                let other = entry.pointee.words
                let difference =
                    (other.0 ^ words.0) | (other.1 ^ words.1) | (other.2 ^ words.2) | (other.3 ^ words.3)
                    | UInt64(entry.pointee.length ^ UInt32(truncatingIfNeeded: length))
                if difference == 0, length <= Self.prefixByteCount || isEqual(start, length, entry.pointee.text) {
                    return (entry.pointee.longitude, entry.pointee.latitude)
                }
            }
            slot = nextSlot(slot)
        }
    }

    /// The same for what `find` has not found, but might be a number with a fraction of one zero, as statistics packages write it.
    @inline(never)
    func findFloat(_ start: UnsafeRawPointer, length: Int) -> (longitude: Double, latitude: Double)? {
        func byte(_ position: Int) -> UInt8 { start.load(fromByteOffset: position, as: UInt8.self) }
        guard (3...20).contains(length), byte(length - 1) == UInt8(ascii: "0"), byte(length - 2) == UInt8(ascii: ".") else {
            return nil
        }
        for position in 0..<length - 2 where byte(position) &- UInt8(ascii: "0") > 9 { return nil }
        return find(start, length: length - 2)
    }

    @inline(never)
    private func isEqual(_ start: UnsafeRawPointer, _ length: Int, _ text: UInt32) -> Bool {
        let other = UnsafeRawBufferPointer(start: texts + Int(text), count: length)
        return UnsafeRawBufferPointer(start: start, count: length).elementsEqual(other)
    }

    @inline(__always)
    private func words(_ start: UnsafeRawPointer, _ length: Int) -> (UInt64, UInt64, UInt64, UInt64) {
        let mask = UnsafeRawPointer(masks) + (Self.prefixByteCount &- min(length, Self.prefixByteCount))
        return (
            Self.word(start, 0) & Self.word(mask, 0), Self.word(start, 8) & Self.word(mask, 8),
            Self.word(start, 16) & Self.word(mask, 16), Self.word(start, 24) & Self.word(mask, 24)
        )
    }

    @inline(__always)
    private func hash(_ words: (UInt64, UInt64, UInt64, UInt64), _ length: Int) -> UInt64 {
        let first = Self.folded(words.0 ^ seed.0, words.1 ^ seed.1)
        let second = Self.folded(words.2 ^ seed.2, words.3 ^ seed.3)
        return first &+ second &+ UInt64(truncatingIfNeeded: length) &* 0x9e37_79b9_7f4a_7c15
    }

    @inline(__always)
    private func firstSlot(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash &>> UInt64(64 &- slotBitCount)) }

    @inline(__always)
    private func nextSlot(_ slot: Int) -> Int { (slot &+ 1) & ((1 &<< slotBitCount) &- 1) }

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
