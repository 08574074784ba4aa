import Testing
import TripModel

/// Reading options as texts and as JSON, and the sentence for each text that is wrong.
@Suite(.timeLimit(.minutes(10)))
struct ReadingOptionsTests {
    /// Options from `NAME=VALUE`.
    private static func options(_ texts: [String]) throws(TripstoreError) -> ReadingOptions {
        var options = ReadingOptions()
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            try options.set(ReadingOptions.Option(rawValue: parts[0])!, to: parts[1], named: "--\(parts[0])")
        }
        return options
    }

    private static let all = [
        "map=time=Start Time", "map=origin_lng=Lng (°)", "map=origin_lat=a=b", "map=destination=7", "map=region=Area",
        "region=São Paulo", "datasource=a,b", "time_zone=America/Argentina/Buenos_Aires", "date_order=day-first",
        "missing_destination=keep", "null_island=reject", "delimiter=tab", "encoding=windows-1252", "decimal_comma=false",
        "header=none", "places=0123456789abcdef0123456789abcdef",
    ]

    @Test func everyOptionArrivesAndIsToldAgain() throws {
        let options = try Self.options(Self.all)
        #expect(options.map[.time] == "Start Time" && options.map[.originLongitude] == "Lng (°)")
        #expect(options.map[.originLatitude] == "a=b" && options.map[.destination] == "7")
        #expect(options.region == "São Paulo" && options.datasource == "a,b" && options.dateOrder == .dayFirst)
        #expect(options.timeZone == "America/Argentina/Buenos_Aires" && options.missingDestination == .keep)
        #expect(options.nullIsland == .reject && options.delimiter == "tab" && options.encoding == "windows-1252")
        #expect(
            options.decimalComma == false && options.hasHeader == false && options.places?.hasPrefix("0123") == true
                && !options.isEmpty)
        #expect(Set(options.values.map(\.option)) == Set(ReadingOptions.Option.allCases))
        #expect(Set(options.values.map { "\($0.option.rawValue)=\($0.text)" }) == Set(Self.all))
    }

    @Test func jsonIsTheSameForTheSameOptionsInAnyOrder() throws {
        let options = try Self.options(Self.all)
        #expect(try Self.options(Self.all.reversed()).json == options.json)
        #expect(ReadingOptions(json: options.json) == options)
        #expect(ReadingOptions().json == "{}" && ReadingOptions(json: "{}") == ReadingOptions())
        #expect(
            try Self.options(["decimal_comma=true", "region=R", "map=time=T", "header=present"]).json
                == #"{"map":["time=T"],"region":"R","decimal_comma":true,"header":"present"}"#)
        for broken in ["", "[]", #"{"date_order":"x"}"#, #"{"map":"time=T"}"#] { #expect(ReadingOptions(json: broken) == nil) }
    }

    @Test(
        "Other spellings of a value are stored as one",
        arguments: [
            ("delimiter=\t", "delimiter=tab"), ("delimiter=\\t", "delimiter=tab"),
            ("delimiter=semicolon", "delimiter=;"), ("delimiter=pipe", "delimiter=|"), ("delimiter=comma", "delimiter=,"),
            ("encoding=UTF8", "encoding=utf-8"),
            ("encoding=Latin-1", "encoding=iso-8859-1"), ("encoding=cp1252", "encoding=windows-1252"),
            ("map= time =T", "map=time=T"),
        ])
    func spellings(given: String, stored: String) throws {
        #expect(try Self.options([given]) == Self.options([stored]))
    }

    private static let targets =
        "time, date, time_of_day, origin, origin_lng, origin_lat, origin_place, destination, destination_lng, destination_lat, "
        + "destination_place, region, datasource"

    @Test(
        "A wrong value is refused with the allowed ones",
        arguments: [
            (["map=Start"], "--map must be TARGET=COLUMN, such as time=started_at, not 'Start'."),
            (["map=time="], "--map must be TARGET=COLUMN, such as time=started_at, not 'time='."),
            (["map=start=T"], "--map has the unknown target 'start' in 'start=T'; use one of \(targets)."),
            (["map=time=A", "map=time=B"], "--map gives time two columns, 'A' and 'B'; give it one."),
            (
                ["map=origin_lng=A", "map=origin=B"],
                "--map gives columns for origin_lng and for origin, which say the same in two ways; give one of them."
            ),
            (
                ["map=time=A", "map=date=B"],
                "--map gives columns for time and for date, which say the same in two ways; give one of them."
            ),
            (
                ["region=a\u{7}"],
                "--region must be a name of 1 to 1,024 bytes without control characters (U+0000 to U+001F, U+007F to U+009F)."
            ),
            (
                ["time_zone=GMT+1:00"],
                "--time_zone must be the name of a time zone such as Europe/Oslo, UTC or as-written, not 'GMT+1:00'."
            ),
            (
                ["time_zone=../../etc/passwd"],
                "--time_zone must be the name of a time zone such as Europe/Oslo, UTC or as-written, not '../../etc/passwd'."
            ),
            (["date_order=mdy"], "--date_order must be month-first or day-first, not 'mdy'."),
            (["missing_destination=drop"], "--missing_destination must be reject or keep, not 'drop'."),
            (["null_island=no"], "--null_island must be reject or keep, not 'no'."),
            (["delimiter=:"], "--delimiter must be one of , ; | tab, not ':'; in words: comma, semicolon, pipe, tab."),
            (
                ["encoding=koi8-r"],
                "--encoding must be one of utf-8, utf-16, utf-16le, utf-16be, iso-8859-1, windows-1252, not 'koi8-r'; convert a file in "
                    + "another encoding: iconv -f koi8-r -t UTF-8 FILE > NEW.csv."
            ),
            (["decimal_comma=yes"], "--decimal_comma must be true or false, not 'yes'."),
            (["header=no"], "--header must be none or present, not 'no'."),
        ])
    func refusals(texts: [String], sentence: String) {
        let error = #expect(throws: TripstoreError.self) { try Self.options(texts) }
        #expect(error?.code == .invalidArgument && error?.message == sentence)
    }

    @Test("A column may be given again, and a name that is too long is given by its number")
    func columns() throws {
        #expect(try Self.options(["map=time=A", "map=time=A"]).map == [.time: "A"])
        let long = String(repeating: "x", count: 1025)
        let error = #expect(throws: TripstoreError.self) { try Self.options(["map=time=\(long)"]) }
        #expect(error?.message.hasSuffix("give its number instead, counted from 1.") == true)
    }

    @Test(
        "Saved options complete given ones, which win; another way to say where or when replaces all columns of the saved one")
    func merging() throws {
        let saved = try Self.options([
            "map=origin_lng=X", "map=origin_lat=Y", "map=date=D", "map=time_of_day=H", "map=region=R", "time_zone=UTC",
            "region=Oslo",
        ])
        let given = try Self.options(["map=origin=P", "map=date=Day", "region=Bergen", "header=none"])
        let merged = given.completed(by: saved)
        #expect(merged.map == [.origin: "P", .date: "Day", .timeOfDay: "H", .region: "R"])
        #expect(merged.region == "Bergen" && merged.timeZone == "UTC" && merged.hasHeader == false)
        #expect(ReadingOptions().completed(by: saved) == saved && saved.completed(by: ReadingOptions()) == saved)
    }

    @Test("Zones of the system's database are known, other files of its folder and misspelt names are not")
    func zones() {
        for name in ["UTC", "as-written", "Europe/Oslo", "America/Argentina/Buenos_Aires"] {
            #expect(TimeZoneName.isKnown(name))
        }
        for name in ["Europe/Olso", "Europe", "zone.tab", "../zoneinfo/UTC", ""] {
            #expect(!TimeZoneName.isKnown(name), "\(name)")
        }
    }
}
