import Ingestion
import TestSupport
import Testing
import TripModel

/// Files of stations and zones, and how trips find the places that they name.
@Suite(.timeLimit(.minutes(10)))
struct PlacesFileTests {
    private static func file(_ text: String) throws -> PlacesFile {
        try PlacesFile(bytes: Array(text.utf8).span.bytes, named: "places.csv")
    }

    @Test(
        "Columns are found under publishers' names, those of ids first",
        arguments: [
            (
                "id,name,latitude,longitude,dpcapacity,landmark,online date\n2,Canal St,41.8,-87.6,27,30,6/28/2013\n",
                ["id", "name"]
            ),
            (
                "StationNum,StationName,RackQnty,Latitude,Longitude\n1000,Liberty,16,40.4,-79.9\n",
                ["StationNum", "StationName"]
            ),
            (
                "station_id,name,lat,lon,short_name,external_id,capacity\na1,Dock,40.7,-74,6001.1,b2,9\n",
                ["station_id", "external_id", "name", "short_name"]
            ),
            ("대여소번호,대여소명,위도,경도\n101,역,37.5,127.0\n", ["대여소번호", "대여소명"]),
            ("TERMINAL_NUMBER,ADDRESS,LONGITUDE,LATITUDE\n31000,Eads St,-77,38.8\n", ["TERMINAL_NUMBER", "ADDRESS"]),
            ("7;Plaza;?;24;-103.3;20.6\n8;Parque;?;20;-103.4;20.7\n", ["column 1", "column 2"]),
        ])
    func columns(text: String, keys: [String]) throws {
        // A column of one value in one place tells nothing, so `?` counts for one place only.
        #expect(try Self.file(text).columns.filter { $0 != "column 3" } == keys)
    }

    @Test("What is kept is read as it was, and damage is noticed")
    func kept() throws {
        for seed in 0..<50 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var text = "id;name;lon;lat\n"
            for index in 0..<Int.random(in: 1...60, using: &random) {
                let name = ["", "Ø \(index)", "\"a;b\"", "NA", "tab\t\(index)"].randomElement(using: &random)!
                text +=
                    "\(index);\(name);\(Double.random(in: -180...180, using: &random));\(Double.random(in: -90...90, using: &random))\n"
            }
            let file = try Self.file(text)
            let read = try #require(PlacesFile(text: file.text))
            #expect(read.places == file.places && read.columns == file.columns, "seed \(seed)")
            #expect(PlacesFile(text: String(file.text.dropLast())) == nil)
        }
        #expect(PlacesFile(text: "") == nil && PlacesFile(text: "places 1\nid\n1\t2\n") == nil)
    }

    @Test("Any bytes are places or an error in a sentence")
    func garbage() {
        for seed in 0..<300 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let words = [
                "id", "name", "lon", "lat", ",", ";", "\t", "\n", "\"", "1.5", "-200", "é", "{", "[", "\"data\":", "}", "]",
                "\u{0}", "\r",
            ]
            let text = (0..<Int.random(in: 0...80, using: &random)).map { _ in words.randomElement(using: &random)! }.joined()
            do {
                let file = try Self.file(text)
                #expect(!file.places.isEmpty && !file.columns.isEmpty, "seed \(seed)")
            } catch let error as TripstoreError {
                #expect(error.code == .badInput && error.message.hasSuffix("."), "seed \(seed): \(error.message)")
            } catch { Issue.record("seed \(seed): \(error)") }
        }
    }
}
