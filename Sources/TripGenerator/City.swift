/// A city: its location, its share of trips and which apps report them.
struct City: Sendable {
    /// The region's name in the file.
    let name: String
    /// Centre in millionths of a degree.
    let longitude: Int64
    let latitude: Int64
    /// Half the city's width and height in millionths of a degree: about the same in metres.
    let longitudeRadius: Int64
    let latitudeRadius: Int64
    /// Share of all trips, in thousandths.
    let weight: Int
    /// Weights of `Datasource.names`, in order.
    let datasourceWeights: [Int]

    private init(
        _ name: String, _ longitude: Int64, _ latitude: Int64, _ longitudeRadius: Int64, _ latitudeRadius: Int64, _ weight: Int,
        _ datasourceWeights: [Int]
    ) {
        self.name = name
        self.longitude = longitude
        self.latitude = latitude
        self.longitudeRadius = longitudeRadius
        self.latitudeRadius = latitudeRadius
        self.weight = weight
        self.datasourceWeights = datasourceWeights
    }

    /// The cities, the three of the sample first.
    ///
    /// None is so near the equator or Greenwich that a coordinate could be zero.
    static let all: [City] = [
        City("Prague", 14_437_800, 50_075_500, 160_000, 103_000, 190, [13, 12, 34, 14, 18, 3, 4, 2]),
        City("Turin", 7_686_900, 45_070_300, 120_000, 85_000, 150, [11, 21, 30, 20, 12, 2, 3, 1]),
        City("Hamburg", 9_993_700, 53_551_100, 190_000, 113_000, 120, [17, 10, 31, 16, 20, 3, 2, 1]),
        City("Berlin", 13_405_000, 52_520_000, 220_000, 134_000, 75, [12, 6, 25, 8, 34, 9, 5, 1]),
        City("Paris", 2_352_200, 48_856_600, 150_000, 99_000, 70, [9, 8, 22, 13, 30, 12, 5, 1]),
        City("New York", -73_985_700, 40_748_400, 190_000, 144_000, 65, [8, 4, 30, 9, 14, 7, 27, 1]),
        City("Madrid", -3_703_800, 40_416_800, 140_000, 107_000, 48, [14, 15, 28, 22, 11, 5, 4, 1]),
        City("São Paulo", -46_633_300, -23_550_500, 220_000, 202_000, 45, [10, 22, 35, 17, 6, 2, 7, 1]),
        City("Vienna", 16_373_800, 48_208_200, 140_000, 93_000, 38, [10, 7, 21, 9, 41, 6, 5, 1]),
        City("Warsaw", 21_012_200, 52_229_700, 170_000, 104_000, 32, [13, 19, 31, 14, 16, 3, 3, 1]),
        City("Tokyo", 139_691_700, 35_689_500, 240_000, 195_000, 30, [5, 3, 17, 4, 58, 4, 8, 1]),
        City("Mexico City", -99_133_200, 19_432_600, 190_000, 179_000, 26, [9, 26, 33, 21, 5, 1, 4, 1]),
        City("Lisbon", -9_139_300, 38_722_300, 110_000, 86_000, 22, [16, 14, 29, 18, 13, 6, 3, 1]),
        City("Toronto", -79_383_200, 43_653_200, 180_000, 130_000, 20, [9, 6, 32, 11, 20, 5, 16, 1]),
        City("Buenos Aires", -58_381_600, -34_603_700, 160_000, 132_000, 18, [12, 24, 30, 20, 8, 1, 4, 1]),
        City("Sydney", 151_209_300, -33_868_800, 190_000, 158_000, 15, [8, 5, 34, 10, 19, 4, 19, 1]),
        City("San Francisco", -122_419_400, 37_774_900, 90_000, 71_000, 13, [7, 2, 24, 3, 15, 21, 27, 1]),
        City("Zürich", 8_541_700, 47_376_900, 100_000, 68_000, 10, [9, 3, 16, 7, 52, 8, 4, 1]),
        City("Cape Town", 18_424_100, -33_924_900, 130_000, 108_000, 7, [11, 28, 36, 17, 3, 1, 3, 1]),
        City("Nairobi", 36_821_900, -1_292_100, 120_000, 120_000, 4, [8, 34, 40, 12, 2, 1, 2, 1]),
        City("Reykjavík", -21_942_600, 64_146_600, 90_000, 39_000, 2, [20, 4, 31, 6, 25, 9, 4, 1]),
    ]
}

/// The apps that report trips; the first five are the sample's.
enum Datasource {
    static let names = [
        "funny_car", "baba_car", "cheap_mobile", "bad_diesel_vehicles", "pt_search_app", "electric_scooter", "taxi_meter",
        "night_bus_tracker",
    ]
}
