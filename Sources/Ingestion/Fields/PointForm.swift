/// The form of a point in one column.
package enum PointForm: String, Hashable, Sendable, Codable {
    /// `POINT (longitude latitude)`
    case wkt
    /// `[longitude, latitude]`, also as the coordinates of a GeoJSON object
    case longitudeFirst = "lng,lat"
    /// `latitude,longitude`, with or without parentheses
    case latitudeFirst = "lat,lng"
    /// The same in the other order of axes
    case longitudeFirstText = "lng,lat text"
    case latitudeFirstList = "[lat,lng]"
    /// `{"lat": latitude, "lng": longitude}`, the keys in any usual spelling and either order
    case object = "{lat, lng}"
}
