/// The areas of a city between which its trips go: clusters of homes, of work and of leisure, and everywhere.
///
/// The map is the same for every seed, as cities don't move.
struct CityMap: Sendable {
    /// What people do at an end of a trip.
    enum Purpose: Int, CaseIterable { case home, work, leisure }

    /// A point with trips scattered around it.
    private struct Place {
        /// Centre in units of `Coordinate`.
        let longitude: Int64
        let latitude: Int64
        /// The size of one unit of the scatter's 16-bit integers, in units of `Coordinate`.
        let longitudeStep: Int64
        let latitudeStep: Int64
    }

    private let places: [[Place]]
    private let weights: [CumulativeWeights]
    /// The whole city.
    private let everywhere: Place

    /// Per cent of trip ends that are anywhere in the city.
    private static let backgroundPercent: UInt32 = 9

    /// Makes the map of a city; `index` distinguishes it from the others.
    init(_ city: City, index: Int) {
        var generator = SplitMix64(seed: 0x7472_6970, row: index)
        /// Returns an integer from `low` to `high`, in thousandths of the radius.
        func share(_ low: Int64, _ high: Int64) -> Int64 { low + Int64(generator.next(below: UInt32(high - low + 1))) }

        /// Returns clusters of a purpose: how many, how far from the centre, and how wide they may be.
        func cluster(_ count: Int, distanceMax: Int64, widths: ClosedRange<Int64>) -> [Place] {
            (0..<count).map { _ in
                let width = share(widths.lowerBound, widths.upperBound)
                return Place(
                    longitude: (city.longitude * 1000 + share(-distanceMax, distanceMax) * city.longitudeRadius) * 1_000_000,
                    latitude: (city.latitude * 1000 + share(-distanceMax, distanceMax) * city.latitudeRadius) * 1_000_000,
                    longitudeStep: width * city.longitudeRadius * 1_000_000 / Self.standardDeviation,
                    latitudeStep: width * city.latitudeRadius * 1_000_000 / Self.standardDeviation)
            }
        }
        places = [
            cluster(6, distanceMax: 620, widths: 60...150),
            cluster(4, distanceMax: 300, widths: 25...80),
            cluster(4, distanceMax: 550, widths: 15...60),
        ]
        weights = [
            CumulativeWeights([28, 22, 18, 14, 11, 7]), CumulativeWeights([48, 26, 16, 10]),
            CumulativeWeights([40, 30, 20, 10]),
        ]
        everywhere = Place(
            longitude: city.longitude * Coordinate.unitsPerMicrodegree,
            latitude: city.latitude * Coordinate.unitsPerMicrodegree,
            longitudeStep: city.longitudeRadius * Coordinate.unitsPerMicrodegree / 32_768,
            latitudeStep: city.latitudeRadius * Coordinate.unitsPerMicrodegree / 32_768)
    }

    /// Returns where a trip with this purpose begins or ends, in units of `Coordinate`.
    func point(_ purpose: Purpose, using generator: inout SplitMix64) -> (longitude: Int64, latitude: Int64) {
        if generator.next(below: 100) < Self.backgroundPercent {
            let (x, y) = Self.uniformInDisc(using: &generator)
            return Self.point(x, y, of: everywhere, using: &generator)
        }
        let index = weights[purpose.rawValue].choose(using: &generator)
        let x = Self.normal(using: &generator)
        let y = Self.normal(using: &generator)
        return Self.point(x, y, of: places[purpose.rawValue][index], using: &generator)
    }

    /// Scales a scatter to an area and fills the digits between its whole steps.
    private static func point(
        _ x: Int64, _ y: Int64, of place: Place, using generator: inout SplitMix64
    ) -> (longitude: Int64, latitude: Int64) {
        let bits = generator.next()
        // 30 bits each, as steps are below 2^33 and the products signed.
        let (xFill, yFill) = (Int64(bits >> 34), Int64(bits & 0x3fff_ffff))
        return (
            place.longitude + x * place.longitudeStep + ((xFill * place.longitudeStep) >> 30),
            place.latitude + y * place.latitudeStep + ((yFill * place.latitudeStep) >> 30)
        )
    }

    /// Standard deviation of `normal`: 2^16 times the square root of 4 / 12.
    private static let standardDeviation: Int64 = 37_837

    /// The sum of four uniform numbers of 16 bits, around zero: close to normal, bounded, and the same on every machine, as
    /// logarithms and cosines aren't.
    private static func normal(using generator: inout SplitMix64) -> Int64 {
        let bits = generator.next()
        let sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48)
        return Int64(sum) - 131_070
    }

    /// Returns a pair in the disc of radius 2^15 around zero.
    private static func uniformInDisc(using generator: inout SplitMix64) -> (Int64, Int64) {
        while true {
            let bits = generator.next()
            let x = Int64(bits & 0xffff) - 32_768
            let y = Int64(bits >> 16 & 0xffff) - 32_768
            if x * x + y * y < 1 << 30 { return (x, y) }
        }
    }
}
