import Bucketing
import Testing
import TripGenerator

@Suite(.timeLimit(.minutes(10)))
struct TripGeneratorTests {
    private static let trips = lines(of: TripGenerator(rowCount: 100_000, seed: 1)).compactMap(Trip.init)

    @Test func sameSeedGivesTheSameBytesOnEveryMachine() {
        // Changing this number changes every published measurement that rests on generated files.
        #expect(Self.fingerprint(TripGenerator(rowCount: 100_000, seed: 1)) == 5_943_810_783_993_448_725)
    }

    @Test func otherSeedsAndLengthsGiveOtherBytes() {
        let fingerprints = [(1000, 1), (1000, 2), (1000, 0), (1001, 1)].map {
            Self.fingerprint(TripGenerator(rowCount: $0.0, seed: $0.1))
        }
        #expect(Set(fingerprints).count == fingerprints.count)
    }

    @Test func chunksDoNotDependOnOneAnother() {
        let whole = TripGenerator(rowCount: 150_000, seed: 7)
        let backwards = (0..<whole.chunkCount).reversed().map { TripGenerator(rowCount: 150_000, seed: 7).chunk($0) }
        #expect(Array(backwards.reversed()) == (0..<whole.chunkCount).map(whole.chunk))
    }

    @Test(arguments: [0, 1, 2, TripGenerator.rowsPerChunk, TripGenerator.rowsPerChunk + 1, 150_000])
    func chunksHoldAllRows(rowCount: Int) {
        let generator = TripGenerator(rowCount: rowCount, seed: 3)
        let counts = (0..<generator.chunkCount).map { index in
            let bytes = generator.chunk(index)
            #expect(bytes.last == UInt8(ascii: "\n"))
            return bytes.count { $0 == UInt8(ascii: "\n") }
        }
        #expect(counts.reduce(0, +) == rowCount)
        #expect(counts.dropLast().allSatisfy { $0 == TripGenerator.rowsPerChunk })
    }

    @Test func linesHaveTheFormOfTheSample() throws {
        #expect(TripGenerator.header == "region,origin_coord,destination_coord,datetime,datasource\n")
        let generator = TripGenerator(rowCount: 100_000, seed: 1)
        let first = try #require(Self.lines(of: generator).first)
        #expect(first.contains(try Regex(#"^[^,]+,POINT \(-?\d+\.\d+ -?\d+\.\d+\),POINT \(-?\d+\.\d+ -?\d+\.\d+\),"#)))
        #expect(first.contains(try Regex(#"\),2018-01-01 00:00:00,\w+$"#)))
        #expect(Self.trips.count == 100_000)
    }

    @Test func coordinatesAreShortestTextsOfDoublesInRange() {
        for trip in Self.trips.prefix(20_000) {
            for text in trip.coordinates {
                #expect(Double(text)?.description == text)
            }
            #expect(abs(trip.origin.longitude) <= 180 && abs(trip.origin.latitude) <= 90)
            #expect(abs(trip.destination.longitude) <= 180 && abs(trip.destination.latitude) <= 90)
        }
    }

    @Test func timesAscendThroughTheYear() throws {
        #expect(zip(Self.trips, Self.trips.dropFirst()).allSatisfy { $0.time <= $1.time })
        let weeks = Set(Self.trips.map { ISOWeek(microseconds: $0.time) })
        #expect(weeks.count == 52)
        #expect(weeks.min()?.text == "2018-W01" && weeks.max()?.text == "2018-W52")
    }

    @Test func theLargestFileEndsInTheSameWeek() throws {
        let generator = TripGenerator(rowCount: 100_000_000_000, seed: 1)
        let last = String(decoding: generator.chunk(generator.chunkCount - 1), as: UTF8.self).split(separator: "\n")
        #expect(last.count == 100_000_000_000 % TripGenerator.rowsPerChunk)
        #expect(try #require(last.last).contains(",2018-12-30 23:59:59,"))
    }

    @Test func citiesAndSourcesAreUnequal() {
        let cities = Dictionary(grouping: Self.trips, by: \.region).mapValues(\.count)
        #expect(cities.count >= 20)
        #expect(cities.values.allSatisfy { $0 > 50 })
        #expect((cities["Prague"] ?? 0) > 10_000 && cities["Prague"] == cities.values.max())
        for name in ["Turin", "Hamburg", "New York", "São Paulo"] { #expect(cities[name] != nil, "\(name)") }

        let sources = Dictionary(grouping: Self.trips, by: \.datasource).mapValues(\.count)
        for name in ["funny_car", "baba_car", "cheap_mobile", "bad_diesel_vehicles", "pt_search_app"] {
            #expect((sources[name] ?? 0) > 5000, "\(name)")
        }
        let tokyo = Self.trips.filter { $0.region == "Tokyo" }
        #expect(tokyo.count { $0.datasource == "pt_search_app" } * 2 > tokyo.count)
        #expect((sources["pt_search_app"] ?? 0) * 3 < Self.trips.count)
    }

    @Test func peopleGoToWorkInTheMorningAndHomeInTheEvening() {
        let workdays = Self.trips.filter { (LocalDateTime.day(of: $0.time) + 3) % 7 < 5 && $0.region == "Prague" }
        let perHour = Dictionary(grouping: workdays) { Int(LocalDateTime.timeOfDay(of: $0.time) / 3_600_000_000) }
        let morning = perHour[8] ?? []
        let evening = perHour[17] ?? []
        #expect(morning.count > 5 * (perHour[3]?.count ?? 0) && evening.count > 5 * (perHour[3]?.count ?? 0))
        // Work is around the centre, homes are further out.
        func spread(_ points: [(longitude: Double, latitude: Double)]) -> Double {
            points.reduce(0) { $0 + abs($1.longitude - 14.4378) + abs($1.latitude - 50.0755) } / Double(points.count)
        }
        #expect(spread(morning.map(\.origin)) > 1.3 * spread(morning.map(\.destination)))
        #expect(spread(evening.map(\.destination)) > 1.3 * spread(evening.map(\.origin)))
    }

    @Test func tripsGatherInClusters() {
        // Spread evenly, the 57,000 ends of Prague's trips would leave no fine cell with ten times the average.
        let cells = Self.trips.filter { $0.region == "Prague" }.map {
            Geohash(longitude: $0.destination.longitude, latitude: $0.destination.latitude, precision: 6)
        }
        let counts = Dictionary(grouping: cells) { $0 }.mapValues(\.count).values.sorted(by: >)
        #expect((counts.first ?? 0) > 10 * cells.count / counts.count)
        #expect(counts.count > 400)
    }

    // MARK: Reading

    private struct Trip {
        let region: String
        let coordinates: [String]
        let origin: (longitude: Double, latitude: Double)
        let destination: (longitude: Double, latitude: Double)
        let time: Int64
        let datasource: String

        init?(_ line: Substring) {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            guard fields.count == 5, let time = LocalDateTime.microseconds(parsing: fields[3]) else { return nil }
            let points = fields[1...2].flatMap { field -> [String] in
                guard field.hasPrefix("POINT ("), field.hasSuffix(")") else { return [] }
                return field.dropFirst(7).dropLast().split(separator: " ").map(String.init)
            }
            let degrees = points.compactMap(Double.init)
            guard points.count == 4, degrees.count == 4 else { return nil }
            region = String(fields[0])
            coordinates = points
            origin = (degrees[0], degrees[1])
            destination = (degrees[2], degrees[3])
            self.time = time
            datasource = String(fields[4])
        }
    }

    private static func lines(of generator: TripGenerator) -> [Substring] {
        (0..<generator.chunkCount).flatMap { String(decoding: generator.chunk($0), as: UTF8.self).split(separator: "\n") }
    }

    /// FNV-1a of the whole file.
    private static func fingerprint(_ generator: TripGenerator) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ bytes: some Sequence<UInt8>) {
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        add(TripGenerator.header.utf8)
        for index in 0..<generator.chunkCount { add(generator.chunk(index)) }
        return hash
    }
}
