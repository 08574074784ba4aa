/// A rectangle of longitudes and latitudes, edges included: the area of a query or of a geohash cell.
///
/// It doesn't cross the antimeridian. Comparisons are those of doubles, without tolerance.
@frozen
public struct BoundingBox: Hashable, Sendable {
    /// Western edge in degrees.
    public var minLongitude: Double
    /// Southern edge in degrees.
    public var minLatitude: Double
    /// Eastern edge in degrees.
    public var maxLongitude: Double
    /// Northern edge in degrees.
    public var maxLatitude: Double

    /// The whole Earth.
    public static let world = BoundingBox(minLongitude: -180, minLatitude: -90, maxLongitude: 180, maxLatitude: 90)

    /// Makes a box from edges that the caller has checked; a box whose minimum exceeds its maximum contains no point.
    @inlinable
    public init(minLongitude: Double, minLatitude: Double, maxLongitude: Double, maxLatitude: Double) {
        self.minLongitude = minLongitude
        self.minLatitude = minLatitude
        self.maxLongitude = maxLongitude
        self.maxLatitude = maxLatitude
    }

    /// Returns whether the box contains no point.
    @inlinable
    public var isEmpty: Bool { !(minLongitude <= maxLongitude && minLatitude <= maxLatitude) }

    /// Returns whether a point lies in the box or on its edge.
    @inlinable @inline(__always)
    public func contains(longitude: Double, latitude: Double) -> Bool {
        minLongitude <= longitude && longitude <= maxLongitude && minLatitude <= latitude && latitude <= maxLatitude
    }

    /// Returns whether every point of the other box lies in this one.
    @inlinable
    public func contains(_ other: BoundingBox) -> Bool {
        if other.isEmpty { return true }
        return minLongitude <= other.minLongitude && other.maxLongitude <= maxLongitude
            && minLatitude <= other.minLatitude && other.maxLatitude <= maxLatitude
    }
}

extension BoundingBox {
    /// The box that contains no point.
    package static let nothing = BoundingBox(
        minLongitude: .infinity, minLatitude: .infinity, maxLongitude: -.infinity, maxLatitude: -.infinity)

    package mutating func extend(by other: BoundingBox) {
        minLongitude = min(minLongitude, other.minLongitude)
        minLatitude = min(minLatitude, other.minLatitude)
        maxLongitude = max(maxLongitude, other.maxLongitude)
        maxLatitude = max(maxLatitude, other.maxLatitude)
    }
}
