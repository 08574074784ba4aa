import Ingestion
import TestSupport
import Testing
import TripModel

/// Lookups of places, next to a dictionary.
@Suite(.timeLimit(.minutes(10)))
struct PlaceTableTests {
    private static func point(_ longitude: Double, _ latitude: Double) -> PointParser.Point {
        PointParser.Point(longitude: longitude, latitude: latitude)
    }

    private static func table(_ keys: [String]) -> PlaceTable {
        let places = keys.enumerated().map { PlaceTable.Place(point: point(Double($0) / 100, 1), keys: [$1]) }
        return PlaceTable(columns: ["id"], places: places, id: "test")
    }

    private static func find(_ text: String, _ table: PlaceTable) throws -> Double? {
        try table.point(of: Array(text.utf8).span, column: 0).map { ($0.longitude * 100).rounded() }
    }

    @Test(
        "Whole numbers are found as publishers write them, and zeros in front count",
        arguments: [
            ("3052", 0), ("3052.0", 0), ("3052.00", 0), ("3,052", 0), (" 3052 ", 0), ("3,052.0", 0), ("03052", nil),
            ("3052.5", nil),
            ("3052.", nil), ("30,52", nil), ("0031", 1), ("31", nil), ("0031.0", 1), ("Elm, St", 2), ("elm, st", nil),
            ("Elm, St ", 2),
            ("0", 3), ("0.0", 3), ("", nil), ("1234567", 4), ("1,234,567", 4), ("12,34,567", nil), ("0,001", nil),
        ] as [(String, Double?)])
    func spellings(text: String, found: Double?) throws {
        #expect(try Self.find(text, Self.table(["3052", "0031", "Elm, St", "0", "1,234,567.0"])) == found)
    }

    @Test("Keys of any length are found, and no others")
    func random() throws {
        for seed in 0..<50 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            func text() -> String {
                let count = Int.random(in: 1...80, using: &generator)
                return String((0..<count).map { _ in "ab1é\u{20AC}".randomElement(using: &generator)! })
            }
            // Prefixes of each other, so that the first 32 bytes are often equal.
            var keys: [String] = []
            for _ in 0..<Int.random(in: 1...400, using: &generator) {
                let key =
                    keys.isEmpty || Bool.random(using: &generator) ? text() : keys.randomElement(using: &generator)! + text()
                if !keys.contains(key) { keys.append(key) }
            }
            let known = Dictionary(uniqueKeysWithValues: keys.enumerated().map { ($1, Double($0)) })
            let table = Self.table(keys)
            for key in keys + keys.map({ String($0.dropLast()) }) + (0..<200).map({ _ in text() }) {
                #expect(try Self.find(key, table) == known[key], "seed \(seed): \(key)")
            }
        }
    }

    @Test("A key of several points is ambiguous, one of several places at a point is not")
    func ambiguous() throws {
        let places = [(1.0, "A"), (2.0, "A"), (3.0, "B"), (3.0, "B")].map {
            PlaceTable.Place(point: Self.point($0, 0), keys: [$1])
        }
        let table = PlaceTable(columns: ["name"], places: places, id: "test")
        #expect(throws: PointProblem.ambiguousPlace) { try table.point(of: Array("A".utf8).span, column: 0) }
        #expect(try table.point(of: Array("B".utf8).span, column: 0) == Self.point(3, 0))
    }
}
