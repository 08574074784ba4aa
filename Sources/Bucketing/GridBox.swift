/// How a box covers a block of cells, axis by axis; the block contains at least one point of the box.
@frozen
public struct BoxCoverage: Hashable, Sendable {
    /// Whether the longitudes of all points of the block are between the edges.
    public var longitudes: Bool
    /// Whether the latitudes of all points of the block are between the edges.
    public var latitudes: Bool

    /// Makes a coverage.
    @inlinable
    public init(longitudes: Bool, latitudes: Bool) {
        self.longitudes = longitudes
        self.latitudes = latitudes
    }

    /// Whether every point of the block lies in the box, so that no point needs a test of its own.
    @inlinable public var isInside: Bool { longitudes && latitudes }
}

/// A box in cell indexes of the finest grid, where integer comparisons decide exactly as comparisons of doubles would.
///
/// A cell counts as inside only if every double in it lies in the box, as decided by exact comparison.
public struct GridBox: Sendable {
    /// The cells that contain a point of the box, per axis.
    @usableFromInline let touchedLongitudes: ClosedRange<UInt32>
    @usableFromInline let touchedLatitudes: ClosedRange<UInt32>
    /// The cells whose points all lie between the edges, per axis; half-open, as there may be none.
    @usableFromInline let insideLongitudes: Range<UInt32>
    @usableFromInline let insideLatitudes: Range<UInt32>

    /// Quantizes a box, which must not be empty.
    public init(_ box: BoundingBox) {
        touchedLongitudes =
            MortonKey.quantize(longitude: box.minLongitude)...MortonKey.quantize(longitude: box.maxLongitude)
        touchedLatitudes = MortonKey.quantize(latitude: box.minLatitude)...MortonKey.quantize(latitude: box.maxLatitude)
        insideLongitudes = Self.inside(
            touchedLongitudes, min: box.minLongitude, max: box.maxLongitude, end: 180, border: MortonKey.longitude(ofCell:))
        insideLatitudes = Self.inside(
            touchedLatitudes, min: box.minLatitude, max: box.maxLatitude, end: 90, border: MortonKey.latitude(ofCell:))
    }

    /// Returns the cells whose points all lie between two edges; the first and the last touched cell may extend beyond the box.
    ///
    /// The largest double of a cell is the one before its upper border, and in the last cell the end of the axis.
    private static func inside(
        _ touched: ClosedRange<UInt32>, min: Double, max: Double, end: Double, border: (UInt32) -> Double
    ) -> Range<UInt32> {
        let lower = border(touched.lowerBound) >= min ? touched.lowerBound : touched.lowerBound + 1
        let upperBorder = border(touched.upperBound + 1)
        let largest = upperBorder == end ? end : upperBorder.nextDown
        let upper = largest <= max ? touched.upperBound + 1 : touched.upperBound
        return lower..<Swift.max(lower, upper)
    }

    /// Returns how the box covers a block; nil if the block contains no point of it.
    @inlinable @inline(__always)
    public func coverage(of block: MortonBlock) -> BoxCoverage? {
        let (lastLongitude, lastLatitude) = (block.lastLongitude, block.lastLatitude)
        guard
            block.longitude <= touchedLongitudes.upperBound, lastLongitude >= touchedLongitudes.lowerBound,
            block.latitude <= touchedLatitudes.upperBound, lastLatitude >= touchedLatitudes.lowerBound
        else { return nil }
        return BoxCoverage(
            longitudes: block.longitude >= insideLongitudes.lowerBound && lastLongitude < insideLongitudes.upperBound,
            latitudes: block.latitude >= insideLatitudes.lowerBound && lastLatitude < insideLatitudes.upperBound)
    }
}
