import Ingestion
import Testing
import TripModel

/// How files of publishers are read, from their beginning and what their user says.
@Suite(.timeLimit(.minutes(10)))
struct CSVRecognitionTests {
    /// Recognizes a whole file.
    static func recognition(
        _ text: String, mayBeQuoted: Bool = true, _ change: (inout ReadingOptions) -> Void = { _ in }
    ) throws -> CSVRecognition {
        var options = ReadingOptions()
        change(&options)
        let bytes = Array(text.utf8)
        var recognition = try CSVRecognition(
            beginning: bytes.span.bytes, isWholeFile: true, options: options, mayBeQuoted: mayBeQuoted)
        let padded = bytes + [UInt8](repeating: UInt8(ascii: "7"), count: Limits.chunkPaddingByteCount)
        recognition.surveyTimes(padded: padded.span.bytes, count: bytes.count, isWholeFile: true)
        return recognition
    }

    /// Decodes a whole file; trips as `region datasource longitude latitude longitude latitude time`.
    static func trips(_ text: String, _ change: (inout ReadingOptions) -> Void = { _ in }) throws -> [String] {
        let layout = try recognition(text, change).layout()
        var decoder = CSVDecoder(layout: layout)
        let batch = decoder.decode(Array(text.utf8.dropFirst(layout.byteCount))).batch
        return batch.rows.map { row in
            "\(batch.regions[row.region]) \(batch.datasources[row.datasource]) \(row.originLongitude) \(row.originLatitude) "
                + "\(row.destinationLongitude) \(row.destinationLatitude) \(row.time / 1_000_000)"
        }
    }

    /// The names of the columns that hold the origin, the destination and the time.
    private static func columns(_ text: String) throws -> [String] {
        let recognition = try recognition(text)
        let format = try #require(recognition.format)
        func columns(_ place: TripFormat.Place?) -> [Int] {
            switch place {
            case .pair(let longitude, let latitude): [longitude, latitude]
            case .point(let column, _), .place(let column, _): [column]
            case nil: []
            }
        }
        let time =
            switch format.time {
            case .one(let column): [column]
            case .dateAndClock(let date, let clock): [date, clock]
            }
        return (columns(format.origin) + columns(format.destination) + time).map { recognition.names[$0] }
    }

    @Test(
        "Columns are found under every publisher's names",
        arguments: [
            "lpep_pickup_datetime,Pickup_longitude,Pickup_latitude,Dropoff_longitude,Dropoff_latitude",
            " pickup_datetime, pickup_longitude, pickup_latitude, dropoff_longitude, dropoff_latitude",
            "Trip_Pickup_DateTime,Start_Lon,Start_Lat,End_Lon,End_Lat", "started_at,start_lng,start_lat,end_lng,end_lat",
            "starttime,start station longitude,start station latitude,end station longitude,end station latitude",
            "STARTTIMEMS,STARTSTATIONLONGITUDE,STARTSTATIONLATITUDE,ENDSTATIONLONGITUDE,ENDSTATIONLATITUDE",
            "Trip Start Timestamp,Pickup Centroid Longitude,Pickup Centroid Latitude,Dropoff Centroid Longitude,"
                + "Dropoff Centroid Latitude",
            "Start Time and Date,Start Station Long,Start Station Lat,Stop Station Long,Stop Station Lat",
            "StartTime,StartLongitude,StartLatitude,EndLongitude,EndLatitude",
            "unlock_date,unlock_lon,unlock_lat,lock_lon,lock_lat",
            "Inicio_del_viaje,long_estacion_origen,lat_estacion_origen,long_estacion_destino,lat_estacion_destino",
            "departure,departure_long,departure_lat,return_station_long,return_station_lat",
            "대여일시,대여_경도,대여_위도,반납_경도,반납_위도", "startTime,startLon,startLat,endLon,endLat",
            "time,OriginLongitude,OriginLatitude,DestinationLongitude,DestinationLatitude",
        ])
    func names(header: String) throws {
        let names = header.split(separator: ",").map(String.init)
        let row = "2020-01-13 08:00,-73.9,40.7,-73.8,40.8"
        #expect(try Self.columns("\(header)\n\(row)\n") == [1, 2, 3, 4, 0].map { names[$0] })
        // In another order, with others among them that look like it.
        let others = ",id,trip_duration,birth year,end_time,start_hour,usertype\n"
        let reversed = names.reversed().joined(separator: ",") + others
        let otherRow = row.split(separator: ",").reversed().joined(separator: ",") + ",7,12,1980,2020-01-13 09:00,8,member\n"
        #expect(try Self.columns(reversed + otherRow) == [1, 2, 3, 4, 0].map { names[$0] })
    }

    @Test(
        "Forms of values",
        arguments: [
            ("time,start_location,end_location\n2020-01-13 08:00,POINT (1.5 2.5),POINT(3.5 4.5)\n", ""),
            ("time,start_location,end_location\n2020-01-13 08:00,\"2.5,1.5\",\"4.5, 3.5\"\n", ""),
            ("time,start_location,end_location\n2020-01-13 08:00,\"[1.5, 2.5]\",\"[3.5,4.5]\"\n", ""),
            (
                "time;start_location;end_location\n2020-01-13 08:00;{'type': 'Point', 'coordinates': [1.5, 2.5]};"
                    + "\"{\"\"coordinates\"\":[3.5,4.5]}\"\n", ""
            ),
            ("time|start_location|end_location\n2020-01-13 08:00|{'lat': 2.5, 'lng': 1.5}|{lon: 3.5, lat: 4.5}\n", ""),
            ("time\tstart_lat\tstart_lng\tend_lat\tend_lng\n2020-01-13 08:00\t2.5\t1.5\t4.5\t3.5\n", ""),
            ("\u{FEFF}\n\ntime,start_lat,start_lng,end_lat,end_lng\r\n\r\n\r\n1/13/2020 8:00 AM,2.5,1.5,4.5,3.5\r\n\r\n", ""),
            ("StartDate,StartTime,start_lat,start_lng,end_lat,end_lng\n2020-01-13,08:00,2.5,1.5,4.5,3.5\n", ""),
            ("time,start_lat,start_lng,end_lat,end_lng\n2020-01-13 08:00,2.5,1.5,4.5,3.5,,\n", ""),
            ("region,time,start_lat,start_lng,end_lat,end_lng,Datasource\nA,2020-01-13 08:00,2.5,1.5,4.5,3.5,b\n", "A b"),
            ("region,time,start_lat,start_lng,end_lat,end_lng,Datasource\nNA,2020-01-13 08:00,2.5,1.5,4.5,3.5,\n", ""),
            (
                "region,origin_coord,destination_coord,datetime,datasource\nA,POINT(1.5 2.5),POINT(3.5 4.5),2020-01-13 08:00,b\n",
                "A b"
            ),
            (
                "region,origin_coord,destination_coord,datetime,datasource\nA,POINT(1.5 2.5),POINT(3.5 4.5),1/13/2020 8:00,b\n",
                "A b"
            ),
            (
                "region;origin_coord;destination_coord;datetime;datasource\nA;POINT(1.5 2.5);POINT(3.5 4.5);2020-01-13 08:00;b\n",
                "A b"
            ),
            // Degrees before WKT, and before metres; quotes first in a late row.
            (
                "X,Y,time,start_lat,start_lng,end_lat,end_lng,Start Location\n-8e6,5e6,2020-01-13 08:00,2.5,1.5,4.5,3.5,"
                    + "POINT (9 9)\n", ""
            ),
        ])
    func values(text: String, names: String) throws {
        let expected = (names.isEmpty ? "default csv" : names) + " 1.5 2.5 3.5 4.5 1578902400"
        #expect(try Self.trips(text) == [expected])
    }

    @Test("Our own form stays our own form, whatever some rows have")
    func ownForm() throws {
        let header = "region,origin_coord,destination_coord,datetime,datasource\n"
        let good = "A,POINT (1 2),POINT (3 4),2020-01-13 08:00:00,b\n"
        for rows in ["", good, good + good + "A,POINT (1 2),POINT (3 4),1/13/2020 8:00,b\n", "x\n", "A,nowhere,x,never,b\n"] {
            let recognition = try Self.recognition(header + rows)
            #expect(try recognition.layout().form == nil && recognition.format == nil && !recognition.needsSurvey)
        }
        #expect(try Self.recognition(header + good) { $0.nullIsland = .reject }.layout().form != nil)
    }

    @Test("A file without destinations is read if such trips are kept, and later destinations are not overlooked")
    func missingDestinations() throws {
        let keep: (inout ReadingOptions) -> Void = { $0.missingDestination = .keep }
        let none = "nan nan 1578902400"
        // Without such columns.
        let bare = "time,lng,lat\n2020-01-13 08:00,1.5,2.5\n"
        #expect(try Self.trips(bare, keep) == ["default csv 1.5 2.5 \(none)"])
        #expect(throws: TripstoreError.self) { try Self.trips(bare) }
        // Columns that are empty at first.
        let row = "2020-01-13 08:00:00"
        let empty = String(repeating: "A,POINT (1.5 2.5),,\(row),b\n", count: 600)
        let own = "region,origin_coord,destination_coord,datetime,datasource\n"
        let late = "A,POINT (1.5 2.5),POINT (3.5 4.5),\(row),b\n"
        let trips = try Self.trips(own + empty + late, keep)
        #expect(trips.count == 601 && trips.first == "A b 1.5 2.5 \(none)" && trips.last == "A b 1.5 2.5 3.5 4.5 1578902400")
        let reading = try #require(try Self.recognition(own + empty + late, keep).recognized().reading?.format)
        #expect(reading.map[.destination] == "destination_coord")
        #expect(try Self.trips(own + empty + late) { $0 = reading }.last == "A b 1.5 2.5 3.5 4.5 1578902400")
        let pair = "time,start_lng,start_lat,end_lng,end_lat\n" + String(repeating: "\(row),1.5,2.5,,\n", count: 600)
        #expect(try Self.trips(pair + "\(row),1.5,2.5,3.5,4.5\n", keep).last == "default csv 1.5 2.5 3.5 4.5 1578902400")
        // Axes of a plane prove nothing while they are empty.
        let plane = "time,start_x,start_y,end_x,end_y\n\(row),120.5,2.5,,\n"
        #expect(throws: TripstoreError.self) { try Self.trips(plane, keep) }
        // Places by id are asked for: their trips do have destinations.
        let places = "time,start_lng,start_lat,end_station_id\n\(row),1.5,2.5,17\n"
        #expect(throws: TripstoreError.self) { try Self.trips(places, keep) }
    }

    @Test("Fields without a name are ignored where they are empty, and cost the rows where they are not")
    func surplus() throws {
        let own = "region,origin_coord,destination_coord,datetime,datasource\n"
        let row = "NA,POINT (1 2),POINT (3 4),2020-01-13 08:00:00,b"
        let text = own + String(repeating: row + ",,\n", count: 5) + row + ",,x\n" + row + "\n"
        #expect(try Self.trips(text) == Array(repeating: "NA b 1.0 2.0 3.0 4.0 1578902400", count: 6))
        let pair = "time,start_lng,start_lat,end_lng,end_lat\n" + String(repeating: "2020-01-13 08:00,1,2,3,4,,,\n", count: 3)
        #expect(try Self.trips(pair + "2020-01-13 08:00,1,2,3,4,,,x\n").count == 3)
    }

    @Test("A row without a region or a datasource takes the constant, also in our own form")
    func emptyNames() throws {
        let header = "region,origin_coord,destination_coord,datetime,datasource\n"
        let rows = ",POINT (1 2),POINT (3 4),2020-01-13 08:00:00,\n\"\",POINT (1 2),POINT (3 4),2020-01-13 08:00:00,b\n"
        let rest = "1.0 2.0 3.0 4.0 1578902400"
        #expect(try Self.trips(header + rows) == ["default csv \(rest)", "default b \(rest)"])
        #expect(try Self.trips(header + rows) { $0.region = "Paris" } == ["Paris csv \(rest)", "Paris b \(rest)"])
    }

    @Test("Options say what looking can't tell")
    func options() throws {
        let bare = "1,2020-01-13 08:00,1.5,2.5,3.5,4.5\n"
        let trips = try Self.trips(bare) {
            $0.hasHeader = false
            $0.map = [
                .time: "2", .originLongitude: "3", .originLatitude: "4", .destinationLongitude: "5", .destinationLatitude: "6",
            ]
            $0.region = "Paris"
        }
        #expect(trips == ["Paris csv 1.5 2.5 3.5 4.5 1578902400"])
        let commas = "time;start_lng;start_lat;end_lng;end_lat\n01.02.2020 08:00;1,5;2,5;3,5;4,5\n"
        let other = try Self.trips(commas) { ($0.decimalComma, $0.dateOrder, $0.datasource) = (true, .dayFirst, "stadtrad") }
        #expect(other == ["default stadtrad 1.5 2.5 3.5 4.5 1580544000"])
        let names = "when,a,b,end_lng,end_lat\n2020-01-13 08:00,1.5,2.5,3.5,4.5\n"
        let mapped = try Self.trips(names) { $0.map = [.time: "When", .originLongitude: "a", .originLatitude: " b"] }
        #expect(mapped == ["default csv 1.5 2.5 3.5 4.5 1578902400"])
        for wrong in ["", ";;", "\"", "\n"] {
            #expect(throws: TripstoreError.self) { try Self.recognition(names) { $0.delimiter = wrong } }
        }
        #expect(throws: TripstoreError.self) { try Self.recognition(names) { $0.region = "a\nb" } }
    }

    @Test("What was understood, as options that read the file without being inferred")
    func understood() throws {
        let text =
            "Region;Start Time;start_lng;start_lat;end_lng;end_lat;Start Location\nA;1/13/2020 8:00;1.5;2.5;3.5;4.5;POINT (9 9)\n"
        let reading = try #require(try Self.recognition(text).recognized().reading)
        let format = try #require(reading.format)
        #expect(
            format.map == [
                .region: "Region", .time: "Start Time", .originLongitude: "start_lng", .originLatitude: "start_lat",
                .destinationLongitude: "end_lng", .destinationLatitude: "end_lat",
            ])
        #expect(
            format.delimiter == ";" && format.dateOrder == .monthFirst && format.region == nil && format.datasource == "csv")
        #expect(reading.notes.map(\.text) == ["Another column holds places too and was left out (Start Location)."])
        // The next file, in which nothing proves the order.
        let next = text.replacing("1/13/", with: "2/1/")
        #expect(throws: TripstoreError.self) { try Self.recognition(next).layout() }
        #expect(try Self.trips(next) { $0 = format } == ["A csv 1.5 2.5 3.5 4.5 1580544000"])
        let silent = try Self.recognition(text, mayBeQuoted: false).recognized().reading
        #expect(silent?.format?.map == [:] && silent?.notes.first?.text.contains("Location") == false)
    }

    // MARK: Questions

    private static let header = "started_at,start_lng,start_lat,end_lng,end_lat\n"

    @Test(
        "What can be read in two ways is a question with the option to add",
        arguments: [
            (
                header + "1/2/2020 8:00,1,2,3,4\n", "date_order",
                "no value proves either. One of its values is 1/2/2020 8:00. Add --date-order month-first or --date-order day-first (curl: -F date_order=month-first or "
                    + "-F date_order=day-first)."
            ),
            (
                header + "1500000000,1,2,3,4\n", "time_zone",
                "Add --time-zone as-written or --time-zone UTC (curl: -F time_zone=as-written or -F time_zone=UTC), or the zone of "
                    + "the city, such as --time-zone Europe/Oslo."
            ),
            (
                "Start Time,unlock_time,start_lng,start_lat,end_lng,end_lat\n2020-01-13 08:00,2020-01-13 08:01,1,2,3,4\n",
                "map",
                "Several columns may hold the start times of trips. Add --map 'time=Start Time' or --map time=unlock_time "
                    + "(curl: -F 'map=time=Start Time' or -F map=time=unlock_time)."
            ),
            (
                "time,start_x,start_y,end_x,end_y\n2020-01-13 08:00,1,2,3,4\n", "map",
                "Add --map origin_lng=start_x --map origin_lat=start_y or --map origin_lng=start_y --map origin_lat=start_x"
            ),
            (
                "time,from_station_id,to_station_id\n2020-01-13 08:00,85,28\n", "places",
                "by station or zone (from_station_id), without coordinates. One of its values is 85. Add --places FILE (curl: -F places=@FILE)"
            ),
            (
                "time;start_lng;start_lat;end_lng;end_lat\n2020-01-13 08:00;1,5;2,5;3,5;4,5\n", "decimal_comma",
                "Add --decimal-comma (curl: -F decimal_comma=true)."
            ),
            ("2020-01-13 08:00,1.5,2.5,3.5,4.5\n", "header", "Add --header none (curl: -F header=none)."),
            (
                "time,a,b\n2020-01-13 08:00,1.5,2.5\n", "map",
                "of trips; its columns are time, a, b. Name their columns: --map origin_lng=COLUMN --map origin_lat=COLUMN"
            ),
            ("region,Region,time,start_lng,start_lat,end_lng,end_lat\na,b,2020-01-13 08:00,1,2,3,4\n", "map", "--map region=2"),
        ])
    func questions(text: String, option: String, part: String) throws {
        let error = try #require(throws: TripstoreError.self) { try Self.recognition(text).layout() }
        #expect(error.code == .badInput && error.question?.option == option && error.question?.isAnswerable == true)
        #expect(error.message.contains(part), "\(error.message)")
        #expect(error.message.hasSuffix(".") && !error.message.contains("\n"))
        // A file that only this process can read is not quoted.
        let silent = try #require(throws: TripstoreError.self) { try Self.recognition(text, mayBeQuoted: false).layout() }
        #expect(silent.question?.option == option && silent.question?.column == nil && silent.question?.example == nil)
        for secret in ["start", "unlock", "station", "1500000000", "1/2/2020"] { #expect(!silent.message.contains(secret)) }
    }

    @Test(
        "What no option makes readable is an error without a question",
        arguments: [
            (header + "2020-01-13,1,2,3,4\n", "has dates without a time of day"),
            (header + "25:51.4,1,2,3,4\n", "lost their hours"),
            (header + "2020-01-13 08:00,-8234567.1,4975000.2,-8234567.1,4975000.2\n", "coordinates of a plane"),
            ("\(header.dropLast())\r\r\n2020-01-13 08:00,1,2,3,4\r\r\n", "two carriage returns and a line feed"),
            ("abc\u{0}d\n", "not text"), ("", "empty"),
        ])
    func refused(text: String, part: String) throws {
        let error = try #require(throws: TripstoreError.self) { try Self.recognition(text).layout() }
        #expect(error.code == .badInput && error.question == nil)
        #expect(error.message.contains(part), "\(error.message)")
    }

    @Test("All times of the sample count, wherever they are: the last of many proves the order of all")
    func survey() throws {
        // Longer than a piece of the survey, with lines of every kind among the records.
        let row = "1/2/2020 8:00,1.5,2.5,3.5,4.5\n"
        let odd = [
            "\n", "x\n", "\"1/3/2020 8:00\",1,2,\"3\",4\r\n", "\"2/2/2020\n8:00\",1,2,3,4\n", "a\"b,,,,\n", "1,2,3,4,5,6\n",
        ]
        let text = Self.header + (0..<30_000).map { $0 % 50 == 7 ? odd[$0 / 50 % odd.count] : row }.joined()
        #expect(throws: TripstoreError.self) { try Self.recognition(text).layout() }
        for last in ["1/13/2020 8:00,1,2,3,4", "\"1/13/2020 8:00\",1,2,\"a \"\"b\"\"\",4\n", "1/13/2020 8:00,1,2,3,4\r\n"] {
            #expect(try Self.recognition(text + last).layout().form?.time.dateOrder == .monthFirst)
        }
        let both = try #require(throws: TripstoreError.self) {
            try Self.recognition(text + "1/13/2020 8:00,1,2,3,4\n\n13/1/2020 8:00,1,2,3,4\n").layout()
        }
        // A header, and one line more for each record with a newline in it.
        let lines = text.utf8.count { $0 == UInt8(ascii: "\n") }
        #expect(both.message.contains("(line \(lines + 1))") && both.message.contains("(line \(lines + 3))"), "\(both.message)")
    }

    @Test("Columns without a name are numbered, and one that names a column by its number is found")
    func namelessColumns() throws {
        let text = ",start_lng,start_lat,end_lng,end_lat,\n0,1.5,2.5,3.5,4.5,2020-01-13 08:00\n"
        #expect(try Self.trips(text) { $0.map = [.time: "6"] } == ["default csv 1.5 2.5 3.5 4.5 1578902400"])
        let error = try #require(throws: TripstoreError.self) { try Self.recognition(text) { $0.map = [.time: "7"] } }
        #expect(error.message.contains("has no column 7") && error.question?.choices.last == "6")
    }

    @Test(
        "Trips that end before they start, or weeks later, are noted if most are such",
        arguments: [
            // Buenos Aires 2011: a program took the day of ISO dates for the month.
            ((4...12).map { ("2011-\($0)-03 10:00:00", "\($0)/03/2011 10:20") }, 20, true),
            ((4...12).map { ("2011-\($0)-03 10:00:00", "\($0)/03/2011 10:20") }, 20, false),
            ([("2011-05-07 10:00:00", "2011-05-07 10:10:00"), ("2011-05-07 10:00:00", "2011-05-07 09:10:00")], 50, false),
            ([("2011-05-07 10:00:00", "")], 50, false), ([("2011-05-07 10:00:00", "2011-05-07 09:10:00")], 9, false),
            ([("2011-05-07 10:00:00", "2011-05-07 09:10:00")], 10, true),
            ([("2011-05-07 10:00:00", "2011-05-07 09:10:00"), ("2011-05-07 10:00:00", "5")], 20, true),
        ] as [([(String, String)], Int, Bool)])
    func durations(times: [(String, String)], count: Int, isOdd: Bool) throws {
        func padded(_ text: String) -> String { text.replacing(/-(\d)-/) { "-0\($0.1)-" }.replacing(/^(\d)\//) { "0\($0.1)/" } }
        let rows = (0..<count).map { number in
            let (start, end) = times[number % times.count]
            return "\(padded(start)),\(padded(end)),1.5,2.5,3.5,4.5\n"
        }
        // The order of the end times is proven by one of them.
        let proof = "2011-03-20 10:00:00,\(isOdd ? "20/03/2011" : "03/20/2011") 10:20,1.5,2.5,3.5,4.5\n"
        let text =
            "fecha_origen,fecha_destino,start_lng,start_lat,end_lng,end_lat\n" + rows.joined() + (count == 20 ? proof : "")
        let notes = try #require(try Self.recognition(text).recognized().reading).notes
        #expect(notes.map(\.kind) == (isOdd ? ["odd_durations"] : []), "\(notes)")
        if isOdd { #expect(notes[0].text.contains("(fecha_origen, fecha_destino)")) }
    }
}
