import Ingestion
import TestSupport
import Testing
import TripModel

/// Columns are found by their words and values, wherever they stand and however they are spelled.
@Suite(.timeLimit(.minutes(10)))
struct FormatRecognizerTests {
    /// Words of a name, and values of its column.
    private typealias Column = (words: [String], values: [String])

    private static let values = ["-73.99", "-73.95", "-74.01"]
    private static let latitudes = ["40.71", "40.75", "40.78"]
    private static let times = ["2024-05-25 15:52:42", "2024-05-14 15:11:51", "2024-05-02 08:00:00"]

    /// The trips of a publisher, and columns that look like a part of one.
    private static let trip: [Column] = [
        (["start", "lng"], values), (["start", "lat"], latitudes), (["end", "lng"], values), (["end", "lat"], latitudes),
        (["started", "at"], times), (["ended", "at"], times), (["ride", "id"], ["A1", "B2", "C3"]),
        (["trip", "duration"], ["600", "700", "80"]), (["birth", "year"], ["1980", "1990", "2001"]),
        (["member", "casual"], ["member", "casual", "member"]),
    ]

    private static func spelled(_ words: [String], _ style: Int) -> String {
        switch style {
        case 0: words.joined(separator: "_")
        case 1: words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        case 2: words.map { $0.uppercased() }.joined(separator: "  ")
        case 3: " " + words.joined(separator: "-")
        default: words[0] + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        }
    }

    private static func format(_ columns: [Column], _ names: [String]) throws -> TripFormat {
        let records = columns[0].values.indices.map { row in columns.map { $0.values[row] } }
        return try FormatRecognizer.format(of: TripSample(names: names, records: records), options: ReadingOptions())
    }

    @Test("The same columns are found in any order and spelling", arguments: 0..<200)
    func anyOrder(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let order = Self.trip.indices.shuffled(using: &random)
        let columns = order.map { Self.trip[$0] }
        let names = columns.map { Self.spelled($0.words, Int.random(in: 0..<5, using: &random)) }
        let format = try Self.format(columns, names)
        func position(_ column: Int) throws -> Int { try #require(order.firstIndex(of: column)) }
        #expect(try format.origin == .pair(longitude: position(0), latitude: position(1)), "\(names)")
        #expect(try format.destination == .pair(longitude: position(2), latitude: position(3)), "\(names)")
        #expect(try format.time == .one(position(4)), "\(names)")
        #expect(format.region == nil && format.datasource == nil && format.ignored.isEmpty, "\(names)")
    }

    @Test("A name that is part of another word is not that word")
    func wordsAreWhole() throws {
        // `lock` ends `unlock`, `to` begins `total`.
        let columns: [Column] = [
            (["unlock", "longitude"], Self.values), (["unlock", "latitude"], Self.latitudes),
            (["lock", "longitude"], Self.values),
            (["lock", "latitude"], Self.latitudes), (["unlock", "time"], Self.times), (["total", "latitude"], Self.latitudes),
        ]
        let format = try Self.format(columns, columns.map { Self.spelled($0.words, 0) })
        #expect(format.origin == .pair(longitude: 0, latitude: 1))
        #expect(format.destination == .pair(longitude: 2, latitude: 3))
        #expect(format.time == .one(4))
    }

    @Test("Degrees come before a point in one column, which is listed as left out")
    func degreesFirst() throws {
        let points = zip(Self.values, Self.latitudes).map { "POINT (\($0) \($1))" }
        let columns = Self.trip + [(["start", "location"], points), (["end", "location"], points)]
        let format = try Self.format(columns, columns.map { Self.spelled($0.words, 2) })
        #expect(format.origin == .pair(longitude: 0, latitude: 1))
        #expect(format.ignored == [Self.trip.count, Self.trip.count + 1])
    }

    @Test(
        "What is missing is asked for by its option",
        arguments: [([2, 3], "missing_destination"), ([0, 1], "map"), ([4, 5], "map")])
    func missing(left out: [Int], option: String) throws {
        let columns = Self.trip.indices.filter { !out.contains($0) }.map { Self.trip[$0] }
        do {
            _ = try Self.format(columns, columns.map { Self.spelled($0.words, 0) })
            Issue.record("columns \(out) are missing, and nothing is asked")
        } catch let question as FormatQuestion {
            #expect(question.option == option && question.isAnswerable, "\(question)")
        }
    }
}
