import Bucketing

/// The distinct cells of some rows in ascending order, and each row's position among them.
///
/// For many rows a bitmap of all 2^25 cells of the stored precision gives both: the set bits are the dictionary, and a cell's
/// code is the number of set bits before it. For few rows that would cost more than all the rest of a small segment, and they
/// are sorted.
package struct CellDictionary {
    /// Geohash texts, ascending.
    package let geohashes: [String]
    /// The position in `geohashes` of each row's cell.
    package let codes: [UInt32]

    /// - Parameter cells: geohash bits of `Limits.storedGeohashPrecision` characters, one a row.
    init(cells: [UInt32]) { self.init(cells: cells, usesBitmap: cells.count > Self.sortedRowCountMax) }

    private static let sortedRowCountMax = 1 << 15

    private static func text(_ cell: UInt64) -> String {
        Geohash.text(bits: cell, precision: Limits.storedGeohashPrecision)
    }

    /// Makes the same dictionary in the way told.
    package init(cells: [UInt32], usesBitmap: Bool) {
        guard usesBitmap else {
            let distinct = Set(cells).sorted()
            let places = Dictionary(uniqueKeysWithValues: distinct.enumerated().map { ($1, UInt32($0)) })
            geohashes = distinct.map { Self.text(UInt64($0)) }
            codes = cells.map { places[$0]! }
            return
        }
        let wordCount = 1 << (5 * Limits.storedGeohashPrecision - 6)
        var words = [UInt64](repeating: 0, count: wordCount)
        for cell in cells { words[Int(cell >> 6)] |= 1 << UInt64(cell & 63) }
        var ranks = [UInt32](repeating: 0, count: wordCount)
        var distinct: [String] = []
        for index in 0..<wordCount where words[index] != 0 {
            ranks[index] = UInt32(distinct.count)
            var rest = words[index]
            while rest != 0 {
                let cell = UInt64(index << 6 + rest.trailingZeroBitCount)
                distinct.append(Self.text(cell))
                rest &= rest - 1
            }
        }
        geohashes = distinct
        codes = cells.map { cell in
            let below = words[Int(cell >> 6)] & (1 << UInt64(cell & 63) - 1)
            return ranks[Int(cell >> 6)] + UInt32(below.nonzeroBitCount)
        }
    }
}
