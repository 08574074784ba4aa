import Bucketing
import Parquet
import TripModel

/// The distinct cells of some rows in ascending order, and the index of each row's cell among them.
///
/// Trips of a few hours use few cells, so a small hash table maps each cell to its index in order of appearance; the distinct
/// cells are then sorted and the indexes replaced. Unchecked subscripts: a slot's index has as many bits as the table.
package struct CellDictionary {
    /// Geohash texts, ascending.
    package let geohashes: [String]
    /// The index in `geohashes` of each row's cell; `ParquetColumn.missingCode` for a row without one.
    package let codes: [UInt32]

    /// Bits of a Morton key below those of a stored geohash.
    private static let shift = UInt64(MortonKey.bitCount - 5 * Limits.storedGeohashPrecision)

    /// The cell of rows without a point, larger than every other.
    private static let noCell = UInt32(truncatingIfNeeded: MortonKey.none >> shift)

    /// Finds the cells of points by their Morton keys.
    ///
    /// - Parameter mayLack: whether keys may be `MortonKey.none`.
    package init(keys: Span<UInt64>, mayLack: Bool = false) {
        var cells = [UInt32](repeating: 0, count: keys.count)
        var span = cells.mutableSpan
        for row in keys.indices { span[row] = UInt32(truncatingIfNeeded: keys[row] &>> Self.shift) }
        let all = CellDictionary(cells: cells)
        guard mayLack, let row = cells.firstIndex(of: Self.noCell) else {
            self = all
            return
        }
        let none = all.codes[row]
        geohashes = Array(all.geohashes[..<Int(none)])
        codes = all.codes.map { $0 == none ? ParquetColumn.missingCode : $0 }
    }

    /// - Parameter cells: geohash bits of `Limits.storedGeohashPrecision` characters, one per row.
    package init(cells: [UInt32]) {
        var numbers = CellNumbers()
        var codes = cells
        numbers.exchange(&codes)
        let distinct = numbers.cells
        let ascending = distinct.indices.sorted { distinct[$0] < distinct[$1] }
        var positions = [UInt32](repeating: 0, count: ascending.count)
        for (position, number) in ascending.enumerated() { positions[number] = UInt32(position) }
        var span = codes.mutableSpan
        for row in 0..<span.count { span[unchecked: row] = positions[Int(span[unchecked: row])] }
        self.codes = codes
        geohashes = ascending.map {
            Geohash.text(bits: UInt64(distinct[$0]), precision: Limits.storedGeohashPrecision)
        }
    }
}

/// Indexes of cells in the order in which they appear: open addressing with linear probing, at most a quarter full, since a
/// second probe is a mispredicted branch.
private struct CellNumbers {
    /// The cells by index.
    private(set) var cells: [UInt32] = []
    /// The cell in the upper half, its index in the lower.
    private var slots: [UInt64]
    private var bitCount: UInt32 = 12

    /// No cell has this value, since cells have 25 bits.
    private static let free = UInt64.max

    init() { slots = Array(repeating: Self.free, count: 1 << bitCount) }

    /// Replaces cells by their indexes.
    mutating func exchange(_ cells: inout [UInt32]) {
        var span = cells.mutableSpan
        var row = 0
        while true {
            row = Self.exchangeKnown(&span, from: row, slots.span, shift: 32 - bitCount)
            if row == span.count { break }
            insert(span[row])
        }
    }

    /// Does the same up to the first cell that has no index yet; returns its position.
    private static func exchangeKnown(
        _ cells: inout MutableSpan<UInt32>, from start: Int, _ slots: Span<UInt64>, shift: UInt32
    ) -> Int {
        precondition(slots.count == 1 << (32 - shift))
        let mask = slots.count &- 1
        var row = start
        while row < cells.count {
            let cell = cells[unchecked: row]
            var slot = place(of: cell, shift)
            var known = slots[unchecked: slot]
            while known &>> 32 != UInt64(cell) {
                if known == free { return row }
                slot = (slot &+ 1) & mask
                known = slots[unchecked: slot]
            }
            cells[unchecked: row] = UInt32(truncatingIfNeeded: known)
            row &+= 1
        }
        return row
    }

    /// Multiplicative hashing: the high bits of the product depend on all bits of the cell.
    @inline(__always)
    private static func place(of cell: UInt32, _ shift: UInt32) -> Int { Int((cell &* 0x9E37_79B1) &>> shift) }

    private mutating func insert(_ cell: UInt32) {
        cells.append(cell)
        if cells.count * 4 <= slots.count {
            place(cells.count - 1)
        } else {
            bitCount += 2
            slots = Array(repeating: Self.free, count: 1 << bitCount)
            for number in cells.indices { place(number) }
        }
    }

    private mutating func place(_ number: Int) {
        var slot = Self.place(of: cells[number], 32 - bitCount)
        while slots[slot] != Self.free { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = UInt64(cells[number]) << 32 | UInt64(number)
    }
}
