import Ingestion
import Testing
import TripModel

/// Well-known text to points on the globe.
@Suite(.timeLimit(.minutes(10)))
struct PointParserTests {
    private static func point(_ text: String) throws(PointProblem) -> [Double] {
        let bytes = Array(text.utf8)
        let point = try PointParser.point(of: bytes.span)
        return [point.longitude, point.latitude]
    }

    /// Decodes rows with the text as origin, then as destination, each plain and in quotes.
    private static func rows(_ text: String) throws -> FastDecoding {
        var records = ""
        for field in text.contains(where: { $0 == "," || $0.isNewline }) ? ["\"\(text)\""] : [text, "\"\(text)\""] {
            records += "r,\(field),POINT (1 2),2018-05-28 09:03:40,d\nr,POINT (1 2),\(field),2018-05-28 09:03:40,d\n"
        }
        return try FastDecoding.everyWay(records)
    }

    @Test(
        "A point is read in every way in which it may be written",
        arguments: [
            ("POINT (14.5 50.25)", 14.5, 50.25), ("POINT(14.5 50.25)", 14.5, 50.25), ("point (14.5 50.25)", 14.5, 50.25),
            ("Point(14.5 50.25)", 14.5, 50.25), ("pOiNt (14.5 50.25)", 14.5, 50.25), ("POINT  (14.5 50.25)", 14.5, 50.25),
            ("POINT\t(14.5\t50.25)", 14.5, 50.25), ("POINT ( 14.5 50.25 )", 14.5, 50.25), ("POINT (14.5   50.25)", 14.5, 50.25),
            ("POINT(\t 14.5 \t 50.25\t)", 14.5, 50.25), ("  POINT (14.5 50.25)\t", 14.5, 50.25),
            ("POINT (-14.5 -50.25)", -14.5, -50.25),
            ("POINT (+14.5 +50.25)", 14.5, 50.25), ("POINT (14 50)", 14, 50), ("POINT (14. .25)", 14, 0.25),
            ("POINT (0 0)", 0, 0),
            ("POINT (014.5 0050.25)", 14.5, 50.25), ("POINT (7.5e-7 5.025E+1)", 7.5e-7, 50.25), ("POINT (1e0 1e1)", 1, 10),
            ("POINT (14.4973794438195 50.00136875782316)", 14.4973794438195, 50.00136875782316),
            ("POINT (14.50000000000000000000000000 50.25000000000000000000000000)", 14.5, 50.25),
            // The edges of the globe belong to it.
            ("POINT (180 90)", 180, 90), ("POINT (-180 -90)", -180, -90), ("POINT (180.0 90.0)", 180, 90),
            ("POINT (-180.0 -90.0)", -180, -90),
            ("POINT (1.8e2 9e1)", 180, 90),
            ("POINT (179.99999999999997 89.99999999999999)", 179.99999999999997, 89.99999999999999),
            // Nearer to the edge than to the next double.
            ("POINT (180.00000000000001 90.000000000000007)", 180, 90),
        ])
    func points(text: String, longitude: Double, latitude: Double) throws {
        #expect(try Self.point(text) == [longitude, latitude])
        #expect(try ReferenceCSVDecoder.point(Array(text.utf8)) == [longitude, latitude])
        let decoding = try Self.rows(text)
        #expect(decoding.rejects.isEmpty)
        for (row, trip) in decoding.trips.enumerated() {
            let bits = [longitude.bitPattern, latitude.bitPattern]
            #expect((row % 2 == 0 ? trip.origin : trip.destination) == bits)
            #expect((row % 2 == 0 ? trip.destination : trip.origin) == [Double(1).bitPattern, Double(2).bitPattern])
        }
    }

    @Test(
        "A text that is not a point on the globe is refused with a reason",
        arguments: [
            ("", .empty), ("  \t", .empty),
            ("POINT", .notPoint), ("POINT 14.5 50.25", .notPoint), ("POINT (14.5 50.25", .notPoint),
            ("POINT 14.5 50.25)", .notPoint),
            ("(14.5 50.25)", .notPoint), ("14.5 50.25", .notPoint), ("14.5,50.25", .notPoint), ("POINTS (1 2)", .notPoint),
            ("POIN (1 2)", .notPoint),
            ("MULTIPOINT ((1 2))", .notPoint), ("LINESTRING (1 2)", .notPoint), ("POINT (1 2))x", .notPoint),
            ("POINT (1 2) x", .notPoint),
            ("POINT [1 2]", .notPoint), ("POINT (14.5)", .notPoint), ("SRID=4326;POINT (1 2)", .notPoint),
            ("POINT(", .notPoint),
            ("POINT )", .notPoint), ("POINTZ", .notPoint), ("POINT EMPTYX", .notPoint), ("POINT ZM", .notPoint),
            ("POINT EMPTY ()", .notPoint),
            ("PO\nINT (1 2)", .notPoint), ("\u{A0}POINT (1 2)", .notPoint),
            ("POINT EMPTY", .emptyPoint), ("point empty", .emptyPoint), ("POINT \t EMPTY", .emptyPoint),
            ("POINTEMPTY", .emptyPoint),
            ("POINT ()", .emptyPoint), ("POINT (  )", .emptyPoint),
            ("POINT (a b)", .notNumber), ("POINT (1 b)", .notNumber), ("POINT (a 2)", .notNumber), ("POINT (1, 2)", .notNumber),
            ("POINT (nan inf)", .notNumber), ("POINT (0x1p3 1)", .notNumber), ("POINT (1.5.2 3)", .notNumber),
            ("POINT (--1 2)", .notNumber),
            ("POINT (1e 2)", .notNumber), ("POINT (1 .)", .notNumber), ("POINT ((1 2))", .notNumber),
            ("POINT (1 2))", .notNumber),
            ("POINT (1° 2°)", .notNumber), ("POINT (- 2)", .notNumber), ("POINT (1\n 2)", .notNumber),
            ("POINT (1.5x 2.5)", .notNumber),
            ("POINT (1.5 2.5x)", .notNumber), ("POINT (1.5-2.5 3)", .notNumber), ("POINT (200 b)", .notNumber),
            ("POINT (1 2 3)", .tooManyCoordinates), ("POINT (1.5 2.5 )3)", .tooManyCoordinates),
            ("POINT Z (1 2 3)", .tooManyCoordinates),
            ("POINT M (1 2 3)", .tooManyCoordinates), ("POINT ZM (1 2 3 4)", .tooManyCoordinates),
            ("POINTZ(1 2 3)", .tooManyCoordinates),
            ("point zm(1 2 3 4)", .tooManyCoordinates), ("POINT Z (1 2)", .tooManyCoordinates),
            ("POINT Z EMPTY", .tooManyCoordinates),
            ("POINT (1 2, 3 4)", .tooManyCoordinates), ("POINT (a b c)", .tooManyCoordinates),
            ("POINT (181 50)", .longitudeOutOfRange), ("POINT (-180.00000000000003 0)", .longitudeOutOfRange),
            ("POINT (180.0000001 0)", .longitudeOutOfRange), ("POINT (180.0000001 0.5)", .longitudeOutOfRange),
            ("POINT(-180.00000000000003 0.5)", .longitudeOutOfRange), ("POINT (1e400 0)", .longitudeOutOfRange),
            ("POINT (181 91)", .longitudeOutOfRange),
            ("POINT (999.5 0.5)", .longitudeOutOfRange), ("POINT (1e3 200)", .longitudeOutOfRange),
            ("POINT (95 120)", .latitudeOutOfRange), ("POINT (90.5 90.0000001)", .latitudeOutOfRange),
            ("POINT(90.5 -90.00000000000002)", .latitudeOutOfRange),
            ("POINT (14.5 181)", .latitudeOutOfRange),
            ("POINT (14.5 -180.5)", .latitudeOutOfRange), ("POINT (0 1e400)", .latitudeOutOfRange),
            ("POINT (-91 -91)", .latitudeOutOfRange),
            ("POINT (45 122)", .axesSwapped), ("POINT (14.5 90.0000001)", .axesSwapped),
            ("POINT (14.5 -90.00000000000003)", .axesSwapped),
            ("POINT (90 180)", .axesSwapped), ("POINT (-37.8 144.9)", .axesSwapped),
            ("POINT (0.0 90.00000000000002)", .axesSwapped),
        ] as [(String, PointProblem)])
    func problems(text: String, problem: PointProblem) throws {
        #expect(throws: problem) { try Self.point(text) }
        #expect(throws: problem) { try ReferenceCSVDecoder.point(Array(text.utf8)) }
        let decoding = try Self.rows(text)
        #expect(decoding.trips.isEmpty)
        let reasons = (RejectReasonTests.origin[problem]!.rawValue, RejectReasonTests.destination[problem]!.rawValue)
        for (row, reject) in decoding.rejects.enumerated() {
            #expect(reject.reason == (row % 2 == 0 ? reasons.0 : reasons.1))
        }
        #expect(decoding.rejects.count >= 2)
    }
}
