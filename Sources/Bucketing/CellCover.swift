/// A run of adjacent cells as the closed range of their 60-bit Morton keys.
@frozen
public struct CellRange: Hashable, Sendable {
    /// The smallest key.
    public var lower: UInt64
    /// The largest key.
    public var upper: UInt64
    /// Whether every point of the cells lies in the box, so that they need not be looked at one by one.
    public var isInside: Bool

    /// Makes a range of keys.
    @inlinable
    public init(lower: UInt64, upper: UInt64, isInside: Bool) {
        self.lower = lower
        self.upper = upper
        self.isInside = isInside
    }
}

/// The cells that together hold every point of a box: those wholly inside it and those on its edge.
///
/// The descent halves cells level by level, one bit of the key at a time, and keeps halving only those on the edge:
///
///     depth 0   the world
///     depth 1   west, east               a cell outside the box is dropped,
///     depth 2   each south, north        one inside is final,
///     ...                                one on the edge is halved again
///
/// It ends at the asked depth, or before the level that would take more ranges than allowed; the cells on the edge are then
/// larger, which costs the reader time and never an answer.
public enum CellCover {
    /// Returns the ranges of the cells of a box in Z-order, adjacent ones merged, with a precision of at most 12 characters.
    ///
    /// A cell counts as inside only where each double that belongs to it lies in the box, as decided by exact comparison.
    /// There are at most `rangeCountMax` ranges (which counts as 1 where it is less), and none for an empty box.
    public static func ranges(of box: BoundingBox, precision: Int, rangeCountMax: Int) -> [CellRange] {
        guard !box.isEmpty else { return [] }
        let grid = GridBox(box)
        var pieces: [CellRange] = []
        if let world = grid.piece(lower: 0, upper: MortonKey.max) { pieces.append(world) }
        for depth in 0..<max(0, min(5 * precision, MortonKey.bitCount)) {
            guard let next = halve(pieces, depth: depth, in: grid, rangeCountMax: rangeCountMax) else { break }
            pieces = next
        }
        return merge(pieces)
    }

    /// Halves the cells on the edge; nil where the ranges would be too many.
    private static func halve(_ pieces: [CellRange], depth: Int, in grid: GridBox, rangeCountMax: Int) -> [CellRange]? {
        var next: [CellRange] = []
        next.reserveCapacity(2 * pieces.count)
        var rangeCount = 0
        /// Adds a piece; those inside are merged at once, those on the edge stay cells, to be halved again.
        func add(_ piece: CellRange) {
            let last = next.count - 1
            if last < 0 || !continues(next[last], piece) {
                rangeCount += 1
            } else if piece.isInside {
                next[last].upper = piece.upper
                return
            }
            next.append(piece)
        }
        let half: UInt64 = 1 << UInt64(MortonKey.bitCount - 1 - depth)
        for piece in pieces {
            if piece.isInside {
                add(piece)
            } else {
                if let low = grid.piece(lower: piece.lower, upper: piece.lower + (half - 1)) { add(low) }
                if let high = grid.piece(lower: piece.lower + half, upper: piece.upper) { add(high) }
            }
            if rangeCount > rangeCountMax { return nil }
        }
        return next
    }

    private static func merge(_ pieces: [CellRange]) -> [CellRange] {
        var ranges: [CellRange] = []
        for piece in pieces {
            if let last = ranges.last, continues(last, piece) {
                ranges[ranges.count - 1].upper = piece.upper
            } else {
                ranges.append(piece)
            }
        }
        return ranges
    }

    private static func continues(_ a: CellRange, _ b: CellRange) -> Bool {
        a.isInside == b.isInside && a.upper + 1 == b.lower
    }
}

/// A box in cell numbers of the finest grid, where comparisons of integers decide exactly what those of doubles would.
private struct GridBox {
    /// The cells that hold a point of the box, per axis.
    let touchedLongitudes: ClosedRange<UInt32>
    let touchedLatitudes: ClosedRange<UInt32>
    /// The cells whose points all lie between the edges, per axis; half-open, as there may be none.
    let insideLongitudes: Range<UInt32>
    let insideLatitudes: Range<UInt32>

    init(_ box: BoundingBox) {
        touchedLongitudes =
            MortonKey.quantize(longitude: box.minLongitude)...MortonKey.quantize(longitude: box.maxLongitude)
        touchedLatitudes = MortonKey.quantize(latitude: box.minLatitude)...MortonKey.quantize(latitude: box.maxLatitude)
        insideLongitudes = Self.inside(
            touchedLongitudes, min: box.minLongitude, max: box.maxLongitude, end: 180, border: MortonKey.longitude(ofCell:))
        insideLatitudes = Self.inside(
            touchedLatitudes, min: box.minLatitude, max: box.maxLatitude, end: 90, border: MortonKey.latitude(ofCell:))
    }

    /// The first and the last touched cell may stick out of the box.
    ///
    /// The largest double of a cell is the one before its upper border, and on the last cell the end of the axis.
    private static func inside(
        _ touched: ClosedRange<UInt32>, min: Double, max: Double, end: Double, border: (UInt32) -> Double
    ) -> Range<UInt32> {
        let lower = border(touched.lowerBound) >= min ? touched.lowerBound : touched.lowerBound + 1
        let upperBorder = border(touched.upperBound + 1)
        let largest = upperBorder == end ? end : upperBorder.nextDown
        let upper = largest <= max ? touched.upperBound + 1 : touched.upperBound
        return lower..<Swift.max(lower, upper)
    }

    /// Returns a cell with whether it is inside; nil where it holds no point of the box.
    func piece(lower: UInt64, upper: UInt64) -> CellRange? {
        let low = MortonKey.deinterleave(lower)
        let high = MortonKey.deinterleave(upper)
        guard
            low.longitude <= touchedLongitudes.upperBound, high.longitude >= touchedLongitudes.lowerBound,
            low.latitude <= touchedLatitudes.upperBound, high.latitude >= touchedLatitudes.lowerBound
        else { return nil }
        let isInside =
            low.longitude >= insideLongitudes.lowerBound && high.longitude < insideLongitudes.upperBound
            && low.latitude >= insideLatitudes.lowerBound && high.latitude < insideLatitudes.upperBound
        return CellRange(lower: lower, upper: upper, isInside: isInside)
    }
}
