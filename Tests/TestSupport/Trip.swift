/// One trip as plain values: what the slow references work on.
package struct Trip: Hashable, Sendable {
    package var region: String
    package var datasource: String
    package var originLongitude: Double
    package var originLatitude: Double
    package var destinationLongitude: Double
    package var destinationLatitude: Double
    package var time: Int64

    /// Whether it is known where the trip ended; its destination is NaN otherwise.
    package var hasDestination: Bool { !destinationLongitude.isNaN }

    /// The trip with a destination that can be compared: far off the world if it has none.
    package var comparable: Trip {
        var trip = self
        if !hasDestination { (trip.destinationLongitude, trip.destinationLatitude) = (1000, 1000) }
        return trip
    }

    /// Makes a trip of its values.
    package init(
        region: String, datasource: String, originLongitude: Double, originLatitude: Double, destinationLongitude: Double,
        destinationLatitude: Double, time: Int64
    ) {
        self.region = region
        self.datasource = datasource
        self.originLongitude = originLongitude
        self.originLatitude = originLatitude
        self.destinationLongitude = destinationLongitude
        self.destinationLatitude = destinationLatitude
        self.time = time
    }
}
