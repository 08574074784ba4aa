/// Between which kinds of places people travel, by the hour: to work in the morning, home in the evening, elsewhere at
/// weekends.
struct Journey: Sendable {
    /// Purpose of the trip's start and of its end.
    let origin: CityMap.Purpose
    let destination: CityMap.Purpose

    /// All journeys, in the order of the weights below.
    static let all = [
        Journey(origin: .home, destination: .work), Journey(origin: .work, destination: .home),
        Journey(origin: .home, destination: .leisure), Journey(origin: .leisure, destination: .home),
        Journey(origin: .work, destination: .leisure), Journey(origin: .leisure, destination: .leisure),
        Journey(origin: .work, destination: .work), Journey(origin: .home, destination: .home),
    ]

    /// Weights of the journeys in an hour of the week, 0 to 167 from Monday on.
    static func weights(ofHour hour: Int) -> CumulativeWeights {
        let isWeekend = hour / 24 >= 5
        return switch (isWeekend, hour % 24) {
        case (false, 5...9): CumulativeWeights([72, 3, 6, 3, 1, 2, 8, 5])
        case (false, 10...15): CumulativeWeights([16, 12, 18, 12, 9, 9, 18, 6])
        case (false, 16...19): CumulativeWeights([4, 64, 9, 7, 9, 3, 2, 2])
        case (false, 20...22): CumulativeWeights([2, 17, 22, 38, 5, 11, 1, 4])
        case (true, 6...11): CumulativeWeights([8, 2, 52, 8, 1, 15, 1, 13])
        case (true, 12...18): CumulativeWeights([3, 5, 33, 30, 2, 18, 1, 8])
        case (true, 19...23): CumulativeWeights([1, 3, 26, 48, 2, 14, 0, 6])
        default: CumulativeWeights([4, 8, 6, 62, 2, 12, 0, 6])  // the night
        }
    }
}
