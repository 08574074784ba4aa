import Bucketing

/// The distinct cells of some rows in ascending order, and each row's position among them.
///
/// Trips of some hours go between few cells, so a small hash table finds a cell's number in the order of appearance; the
/// distinct cells are then sorted and the numbers exchanged.
package struct CellDictionary {
    /// Geohash texts, ascending.
    package let geohashes: [String]
    /// The position in `geohashes` of each row's cell.
    package let codes: [UInt32]

    /// Bits of a Morton key below those of a stored geohash.
    private static let shift = UInt64(MortonKey.bitCount - 5 * Limits.storedGeohashPrecision)

    /// Finds the cells of points by their Morton keys.
    package init(keys: Span<UInt64>) {
        var cells = [UInt32](repeating: 0, count: keys.count)
        var span = cells.mutableSpan
        for row in keys.indices { span[row] = UInt32(truncatingIfNeeded: keys[row] &>> Self.shift) }
        self.init(cells: cells)
    }

    /// Finds the cells of points; degrees, one of each a row.
    package init(longitude: Span<Double>, latitude: Span<Double>) {
        self.init(keys: SortKeys.keys(longitude: longitude, latitude: latitude).span)
    }

    /// - Parameter cells: geohash bits of `Limits.storedGeohashPrecision` characters, one a row.
    package init(cells: [UInt32]) {
        var numbers = CellNumbers()
        var codes = cells
        var span = codes.mutableSpan
        for row in 0..<span.count { span[row] = numbers.number(of: span[row]) }
        let ascending = numbers.cells.indices.sorted { numbers.cells[$0] < numbers.cells[$1] }
        var positions = [UInt32](repeating: 0, count: ascending.count)
        for (position, number) in ascending.enumerated() { positions[number] = UInt32(position) }
        for row in 0..<span.count { span[row] = positions[Int(span[row])] }
        self.codes = codes
        geohashes = ascending.map {
            Geohash.text(bits: UInt64(numbers.cells[$0]), precision: Limits.storedGeohashPrecision)
        }
    }
}

/// Numbers of cells in the order in which they appear: open addressing with linear probing, at most half full.
private struct CellNumbers {
    /// The cells by number.
    private(set) var cells: [UInt32] = []
    /// Number plus one; 0 is free.
    private var slots: [UInt32]
    private var bitCount = 12
    /// Rows in the order of a segment often have the cell of the row before.
    private var last: (cell: UInt32, number: UInt32)?

    init() { slots = Array(repeating: 0, count: 1 << bitCount) }

    @inline(__always)
    mutating func number(of cell: UInt32) -> UInt32 {
        if let last, last.cell == cell { return last.number }
        var slot = place(of: cell)
        while slots[slot] != 0 {
            let number = slots[slot] - 1
            if cells[Int(number)] == cell {
                last = (cell, number)
                return number
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return insert(cell, at: slot)
    }

    /// Multiplicative hashing: the high bits of the product depend on all bits of the cell.
    @inline(__always)
    private func place(of cell: UInt32) -> Int { Int((cell &* 0x9E37_79B1) >> UInt32(32 - bitCount)) }

    @inline(never)
    private mutating func insert(_ cell: UInt32, at slot: Int) -> UInt32 {
        let number = UInt32(cells.count)
        cells.append(cell)
        slots[slot] = number + 1
        last = (cell, number)
        if cells.count * 2 > slots.count { grow() }
        return number
    }

    private mutating func grow() {
        bitCount += 2
        slots = Array(repeating: 0, count: 1 << bitCount)
        for (number, cell) in cells.enumerated() {
            var slot = place(of: cell)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(number) + 1
        }
    }
}
