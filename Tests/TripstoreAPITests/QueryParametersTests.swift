import Bucketing
import Testing
import TripModel
import TripstoreAPI

/// Named values to queries, and the sentence for each that is wrong.
@Suite(.timeLimit(.minutes(10)))
struct QueryParametersTests {
    typealias Pairs = [(name: String, value: String)]

    @Test func allParametersArrive() throws {
        let query = try TripGroupsQuery(
            parameters: [
                ("region", "São Paulo"), ("datasource", "a,b"), ("from", "2018-05-28"), ("to", "2018-05-29T09:30"),
                ("min_lat", "-1.5"), ("max_lat", "2"), ("min_lng", "-3e-7"), ("max_lng", "180"), ("within", "either"),
                ("limit", "7"), ("offset", "3"), ("precision", "12"), ("bucket_minutes", "15"), ("bucket", "absolute"),
            ], defaults: QueryDefaults())
        #expect(query.filter.region == "São Paulo" && query.filter.datasource == "a,b")
        #expect(query.filter.from == 1_527_465_600_000_000 && query.filter.to == 1_527_586_200_000_000)
        #expect(
            query.filter.box == BoundingBox(minLongitude: -3e-7, minLatitude: -1.5, maxLongitude: 180, maxLatitude: 2))
        #expect(query.filter.within == .either && query.bucket == .absolute)
        #expect(query.limit == 7 && query.offset == 3 && query.precision == 12 && query.bucketMinutes == 15)
    }

    @Test func whatIsLeftOutHasItsDefault() throws {
        let query = try TripGroupsQuery(parameters: [], defaults: QueryDefaults(geohashPrecision: 6, bucketMinutes: 30))
        #expect(query.precision == 6 && query.bucketMinutes == 30 && query.limit == 50 && query.offset == 0)
        #expect(query.bucket == .timeOfDay && query.filter == TripFilter())
        #expect(try WeeklyAverageQuery(parameters: []).weeks == .calendar)
    }

    static let box = [("min_lat", "1"), ("max_lat", "2"), ("min_lng", "3"), ("max_lng", "4")]

    @Test(arguments: [
        ([("colour", "red")], "colour"), ([("region", "")], "region"), ([("region", "a"), ("region", "b")], "twice"),
        ([("limit", "0")], "limit"), ([("limit", "10001")], "limit"), ([("limit", "x")], "limit"),
        ([("offset", "-1")], "offset"),
        ([("precision", "0")], "precision"), ([("precision", "13")], "precision"), ([("precision", "5.0")], "precision"),
        ([("bucket_minutes", "7")], "bucket_minutes"), ([("bucket_minutes", "0")], "bucket_minutes"),
        ([("bucket", "hour")], "bucket"), ([("from", "yesterday")], "from"), ([("to", "2018-02-30")], "to"),
        ([("from", "2018-05-28T09:03:40Z")], "from"), ([("from", "2018-05-29"), ("to", "2018-05-28")], "from"),
        ([("min_lat", "1")], "max_lat, min_lng, max_lng"), ([("min_lat", "x")], "min_lat"), ([("max_lat", "91")], "max_lat"),
        ([("min_lng", "-180.5")], "min_lng"), ([("max_lng", "nan")], "max_lng"), ([("max_lng", "inf")], "max_lng"),
        ([("within", "origin")], "within"), (box + [("within", "nowhere")], "within"),
    ])
    func aWrongParameterIsNamed(pairs: [(String, String)], mentions: String) {
        let error = #expect(throws: TripstoreError.self) {
            try TripGroupsQuery(parameters: pairs.map { (name: $0.0, value: $0.1) }, defaults: QueryDefaults())
        }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(mentions) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [("2", "1", "3", "4"), ("1", "2", "4", "3")])
    func aBoxThatIsInsideOutHasTheContractsSentence(south: String, north: String, west: String, east: String) {
        let error = #expect(throws: TripstoreError.self) {
            try WeeklyAverageQuery(parameters: [
                ("min_lat", south), ("max_lat", north), ("min_lng", west), ("max_lng", east),
            ])
        }
        #expect(error?.message == "Invalid bounding box coordinates")
    }

    @Test(
        "Flags are named as they were typed",
        arguments: [
            (
                [("min_lat", "50.2"), ("max_lat", "50.0"), ("min_lng", "1"), ("max_lng", "2")],
                "--min-lat 50.2 is north of --max-lat 50.0; swap them."
            ),
            (
                [("min_lat", "1"), ("max_lat", "2"), ("min_lng", "15"), ("max_lng", "-1e1")],
                "--min-lng 15 is east of --max-lng -1e1; swap them, or query each side of the 180th meridian separately."
            ),
            ([("bucket_minutes", "7")], "--bucket-minutes must divide a day of 1440 minutes; 7 does not."),
            ([("from", "2018-05-29"), ("to", "2018-05-28")], "--from is after --to; swap them."),
            (
                [("max_lat", "1")],
                "A bounding box needs --min-lat, --max-lat, --min-lng and --max-lng; missing: --min-lat, --min-lng, --max-lng."
            ),
        ])
    func spelling(pairs: [(String, String)], message: String) {
        let error = #expect(throws: TripstoreError.self) {
            try TripGroupsQuery(
                parameters: pairs.map { (name: $0.0, value: $0.1) }, defaults: QueryDefaults(), spelling: .flags)
        }
        #expect(error?.code == .invalidArgument && error?.message == message)
    }

    @Test(arguments: [
        ("plain", "\"plain\""), ("a\"b\\c", "\"a\\\"b\\\\c\""), ("a\nb\tc\r", "\"a\\nb\\tc\\r\""), ("\u{1}", "\"\\u0001\""),
        ("São Paulo 🚲", "\"São Paulo 🚲\""),
    ])
    func jsonTextIsEscaped(text: String, expected: String) {
        var writer = JSONWriter()
        writer.value(text)
        #expect(writer.text == expected)
    }

    @Test func jsonHasItsCommas() {
        var writer = JSONWriter()
        writer.object {
            $0.key("a")
            $0.array([1, 2, 3]) { $0.value($1) }
            $0.key("b")
            $0.object { _ in }
            $0.key("c")
            $0.value(nil as Int?)
            $0.key("d")
            $0.array([] as [Int]) { $0.value($1) }
            $0.key("e")
            $0.value(20.0)
            $0.key("f")
            $0.value(true)
        }
        #expect(writer.text == #"{"a":[1,2,3],"b":{},"c":null,"d":[],"e":20.0,"f":true}"#)
    }
}
