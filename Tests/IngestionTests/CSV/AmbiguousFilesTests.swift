import Ingestion
import Testing
import TripModel

/// Files that look as if they could be read and cannot be without a word from their user, and the same ones once the word is given.
@Suite(.timeLimit(.minutes(10)))
struct AmbiguousFilesTests {
    /// What is open: the option that settles it, and words of the sentence; no answer for what no option settles.
    struct Case: Sendable, CustomTestStringConvertible {
        var header: String
        var rows: [String]
        var option: String
        var says: String
        var isAnswerable = true
        var testDescription: String { header }
    }

    private static let ends = "start_lng,start_lat,end_lng,end_lat"
    private static let places = "1.5,2.5,3.5,4.5"

    private static func error(
        _ header: String, _ rows: [String], _ change: (inout ReadingOptions) -> Void = { _ in }
    ) throws -> TripstoreError? {
        do {
            _ = try CSVRecognitionTests.recognition(header + "\n" + rows.map { $0 + "\n" }.joined(), change).recognized()
            return nil
        } catch let error as TripstoreError { return error }
    }

    @Test(
        "What can be read in two ways is a question",
        arguments: [
            // Places of something else.
            Case(
                header: "vehicle_lat,vehicle_lng,started_at,end_lng,end_lat", rows: ["1,2,2020-01-13 08:00,3,4"], option: "map",
                says: "origins"),
            Case(
                header: "home_lat,home_lng,started_at,end_lng,end_lat", rows: ["1,2,2020-01-13 08:00,3,4"], option: "map",
                says: "origins"),
            // Times of something else.
            Case(header: "completed_at,\(ends)", rows: ["2020-01-13 08:00,\(places)"], option: "map", says: "start times"),
            Case(header: "invoice_date,\(ends)", rows: ["2020-01-13 08:00,\(places)"], option: "map", says: "start times"),
            Case(
                header: "payment_time,created_at,\(ends)", rows: ["2020-01-13 08:00,2020-01-13 08:00,\(places)"], option: "map",
                says: "start times"),
            // Dates that a program wrote with a midnight.
            Case(
                header: "start_date,start_hour,\(ends)", rows: ["2020-01-13 00:00:00,8,\(places)"], option: "map",
                says: "without a time of day", isAnswerable: false),
            Case(
                header: "start_date,\(ends)", rows: Array(repeating: "2020-01-13T00:00:00,\(places)", count: 20), option: "map",
                says: "without a time of day", isAnswerable: false),
            Case(
                header: "start_time,am_pm,\(ends)", rows: ["2020-01-13 06:15,PM,\(places)"], option: "map",
                says: "before or after noon", isAnswerable: false),
            // Clocks of several places.
            Case(
                header: "start_time,\(ends)", rows: ["2020-01-13T08:00:00Z,\(places)", "2020-01-13T08:00:00+02:00,\(places)"],
                option: "time_zone", says: "in UTC"),
            Case(
                header: "start_time_utc,\(ends)", rows: ["2020-01-13 08:00,\(places)"], option: "time_zone", says: "by its name"
            ),
            Case(
                header: "start_time,timezone,\(ends)", rows: ["2020-01-13 08:00,UTC,\(places)"], option: "time_zone",
                says: "another column"),
            Case(
                header: "start_time,utc_offset,\(ends)", rows: ["2020-01-13 08:00,-5,\(places)"], option: "time_zone",
                says: "another column"),
            Case(header: "start_time,\(ends)", rows: ["1653343831220,\(places)"], option: "time_zone", says: "count from 1970"),
            // Years first or last.
            Case(
                header: "start_time,\(ends)", rows: ["19-06-20 08:00,\(places)", "19-06-21 08:00,\(places)"],
                option: "date_order", says: "begin or end with the year"),
            Case(
                header: "start_time,\(ends)", rows: ["15/04/23 08:00,\(places)", "15/04/24 08:00,\(places)"],
                option: "date_order", says: "begin or end with the year"),
            // Two orders, and an option that the file contradicts.
            Case(
                header: "start_time,\(ends)", rows: ["06/13/2019 08:00,\(places)", "14/06/2019 08:00,\(places)"],
                option: "date_order", says: "06/13/2019 08:00 (line 2) has the month first, 14/06/2019 08:00 (line 3) the day",
                isAnswerable: false),
            Case(
                header: "start_time,\(ends)", rows: ["06-13-2019 08:00,\(places)", "14/06/2019 08:00,\(places)"],
                option: "date_order", says: "in two orders", isAnswerable: false),
            // Lines above the names.
            Case(
                header: "Trips of 2019", rows: ["start_time,\(ends)", "2020-01-13 08:00,\(places)"], option: "map",
                says: "delete the lines above", isAnswerable: false),
            Case(header: "start_time,start,\(ends)", rows: ["2019062023,x,\(places)"], option: "map", says: "start times"),
        ])
    func question(test: Case) throws {
        let error = try #require(try Self.error(test.header, test.rows), "\(test.header): no question")
        #expect(error.message.contains(test.says), "\(error.message)")
        #expect((error.question?.option == test.option) == test.isAnswerable, "\(error.message)")
    }

    @Test("An option that the file contradicts is a question, not an order to misread it")
    func contradiction() throws {
        let rows = ["04/06/2019 08:00,\(Self.places)", "13/06/2019 08:00,\(Self.places)"]
        let error = try #require(try Self.error("start_time,\(Self.ends)", rows) { $0.dateOrder = .monthFirst })
        #expect(
            error.question?.answers == [["day-first"]] && error.message.contains("13/06/2019 08:00 (line 3)"),
            "\(error.message)")
        #expect(try Self.error("start_time,\(Self.ends)", rows) == nil)
        let both = ["06/13/2019 08:00,\(Self.places)", "14/06/2019 08:00,\(Self.places)"]
        #expect(try Self.error("start_time,\(Self.ends)", both) { $0.dateOrder = .monthFirst } != nil)
    }

    @Test(
        "What looks ambiguous and is not",
        arguments: [
            ("start_date,start_time,start_lng,start_lat,end_lng,end_lat", ["2020-01-13T00:00:00,08:00,1.5,2.5,3.5,4.5"]),
            ("StartDate,StartTime,start_lng,start_lat,end_lng,end_lat", ["01/13/2020 12:00:00 AM,08:00,1.5,2.5,3.5,4.5"]),
            ("StartDate,StartTime,start_lng,start_lat,end_lng,end_lat", ["2020/01/13 00:00:00+00,08:00,1.5,2.5,3.5,4.5"]),
            ("date,start,end,start_lng,start_lat,end_lng,end_lat", ["2020-01-13,08:00,09:00,1.5,2.5,3.5,4.5"]),
            ("vehicle_lat,vehicle_lng,started_at,origin,destination", ["9,9,2020-01-13 08:00,POINT (1.5 2.5),POINT (3.5 4.5)"]),
            ("started_at,trip_lat,trip_lng,end_lng,end_lat", ["2020-01-13 08:00,2.5,1.5,3.5,4.5"]),
            ("start_time,start_lng,start_lat,end_lng,end_lat", ["202001130800,1.5,2.5,3.5,4.5"]),
            ("start_time,start_lng,start_lat,end_lng,end_lat", ["1/13/20 8:00,1.5,2.5,3.5,4.5"]),
            ("start_time,start_lng,start_lat,end_lng,end_lat", ["2020-01-13 08:00,'1.5','2.5','3.5','4.5'"]),
            (
                "start_time,start_lng,start_lat,end_lng,end_lat",
                ["2020-01-13 08:00:00+00:00,1.5,2.5,3.5,4.5", "2020-06-13 08:00:00+01:00,9,9,9,9"]
            ),
            ("Fecha y hora,start_lng,start_lat,end_lng,end_lat", ["2020-01-13 08:00,1.5,2.5,3.5,4.5"]),
        ])
    func unambiguous(header: String, rows: [String]) throws {
        let trips = try CSVRecognitionTests.trips(header + "\n" + rows.map { $0 + "\n" }.joined())
        #expect(trips.first == "default csv 1.5 2.5 3.5 4.5 1578902400" && trips.count == rows.count)
    }

    @Test("Two numbers in a cell are read in the order that they, or the column's name, prove")
    func pointOrders() throws {
        for (header, a, b) in [
            ("start_location", "(-97.5, 30.25)", "-97.75,30.5"), ("start_location", "[30.25, -97.5]", "[30.5,-97.75]"),
            ("start_location", "[-97.5, 30.25]", "[-97.75,30.5]"), ("start_location", "30.25,-97.5", "30.5, -97.75"),
            ("start_lng_lat", "-7.5,30.25", "-7.75,30.5"), ("start_lat_lng", "[30.25,-7.5]", "[30.5,-7.75]"),
        ] {
            let text = "time,\(header),end_lng,end_lat\n2020-01-13 08:00,\"\(a)\",1.5,2.5\n2020-01-13 08:00,\"\(b)\",1.5,2.5\n"
            let degrees = header == "start_location" ? "-97" : "-7"
            let time = "1.5 2.5 1578902400"
            #expect(
                try CSVRecognitionTests.trips(text) == [
                    "default csv \(degrees).5 30.25 \(time)", "default csv \(degrees).75 30.5 \(time)",
                ],
                "\(a)")
        }
    }

    @Test("Times that are said to be in UTC are converted to the zone that is given, or kept")
    func utc() throws {
        let text = "start_time_utc,\(Self.ends)\n2020-06-13 08:00:00,\(Self.places)\n"
        let written = Int64(1_592_035_200)
        for (zone, hours) in [("Europe/Oslo", 2), ("as-written", 0), ("UTC", 0), ("America/New_York", -4)] as [(String, Int64)]
        {
            let trips = try CSVRecognitionTests.trips(text) { $0.timeZone = zone }
            #expect(trips == ["default csv 1.5 2.5 3.5 4.5 \(written + hours * 3600)"], "\(zone)")
        }
    }
}
