/// One trip as plain values: what the slow references work on.
package struct Trip: Hashable, Sendable {
    package var region: String
    package var datasource: String
    package var originLongitude: Double
    package var originLatitude: Double
    package var destinationLongitude: Double
    package var destinationLatitude: Double
    package var time: Int64

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
