import Ingestion
import TestSupport
import Testing
import TripModel

/// The hot loop: usual rows, plain or with quotes around whole fields, wherever blocks and buffers end.
@Suite(.timeLimit(.minutes(10)))
struct RowLoopTests {
    /// One row's values as they are written, in the order of `CSVColumn`.
    private static let values = ["Prague", "POINT (14.5 50.25)", "POINT(-1.5 2.125)", "2018-05-28 09:03:40", "funny_car"]

    private static func trip(region: String = "Prague", time: Int64 = 1_527_498_220_000_000) -> ReferenceTrip {
        ReferenceTrip(
            region: Array(region.utf8), origin: [14.5, 50.25].map(\.bitPattern), destination: [-1.5, 2.125].map(\.bitPattern),
            time: time, datasource: Array("funny_car".utf8))
    }

    private static func quoted(_ text: String) -> String { text.replacing("'", with: "\"") }

    /// All orders of 0..<count.
    private static func orders(_ count: Int) -> [[Int]] {
        if count == 0 { return [[]] }
        return orders(count - 1).flatMap { order in
            (0...order.count).map { position in
                var longer = order
                longer.insert(count - 1, at: position)
                return longer
            }
        }
    }

    /// How a row's fields are written.
    enum Writing: CaseIterable {
        case plain, quoted, firstQuoted, lastQuoted, everyOtherQuoted, emptyNotes, quotedNotes, commasInNotes
    }

    @Test(
        "Columns may be in any order, each field plain or quoted, at the end of a line or of the file",
        arguments: Writing.allCases)
    func everyOrder(writing: Writing) throws {
        for order in Self.orders(5) {
            for noteField in [nil, 0, 5] {
                var names = order.map { CSVColumn.ownForm[$0].name }
                var fields = order.map { Self.values[$0] }
                if let noteField {
                    names.insert("note", at: noteField)
                    let note =
                        [Writing.emptyNotes: "", .quotedNotes: "\"\"", .commasInNotes: "\"a,b,\"\"c\"\",\n\""][writing] ?? "x"
                    fields.insert(note, at: noteField)
                }
                let last = fields.count - 1
                for index in fields.indices where index != noteField {
                    let isQuoted =
                        switch writing {
                        case .quoted: true
                        case .firstQuoted: index == 0
                        case .lastQuoted: index == last
                        case .everyOtherQuoted: index % 2 == 0
                        default: false
                        }
                    if isQuoted { fields[index] = "\"\(fields[index])\"" }
                }
                let row = fields.joined(separator: ",")
                let header = try CSVLayout(names.joined(separator: ",") + "\n")
                for text in ["\(row)\n\(row)\n", "\(row)\r\n\(row)\r\n", "\(row)\n\(row)", "\(row)\r\n\(row)\r"] {
                    let decoding = FastDecoding.everyWay(Array(text.utf8), header: header, blockByteCounts: [64, 1000])
                    #expect(decoding.trips == [Self.trip(), Self.trip()] && decoding.rejects.isEmpty, "\(names): \(text)")
                }
            }
        }
    }

    @Test(
        "Rows with quotes around fields are read wherever a block of marks ends",
        arguments: [  // With ' for a quote.
            ("'A','POINT (14.5 50.25)','POINT(-1.5 2.125)','2018-05-28 09:03:40','funny_car'\n", "A"),
            ("'A','POINT (14.5 50.25)','POINT(-1.5 2.125)','2018-05-28 09:03:40','funny_car'\r\n", "A"),
            ("'New York, NY',POINT (14.5 50.25),POINT(-1.5 2.125),2018-05-28 09:03:40,'funny_car'\r\n", "New York, NY"),
            ("'a,b,,,c,',POINT (14.5 50.25),POINT(-1.5 2.125),'2018-05-28 09:03:40',funny_car\r\n", "a,b,,,c,"),
            (
                "'the ''Ruhr''','POINT (14.5 50.25)',POINT(-1.5 2.125),2018-05-28 09:03:40,'funny_car'\n",
                "the 'Ruhr'"
            ),
            ("'''',POINT (14.5 50.25),'POINT(-1.5 2.125)',2018-05-28 09:03:40,funny_car\n", "'"),
            ("'a\rb',POINT (14.5 50.25),POINT(-1.5 2.125),2018-05-28 09:03:40,'funny_car'\r\n", nil),
            ("'a\nb',POINT (14.5 50.25),POINT(-1.5 2.125),2018-05-28 09:03:40,'funny_car'\r\n", nil),
        ])
    func blockEnds(row: String, region: String?) throws {
        let (row, region) = (Self.quoted(row), region.map(Self.quoted))
        let header = try CSVLayout(CSVLayout.usualText)
        let plain = "Prague\(CSVLayout.usualRest)\n".replacing(",car", with: ",funny_car")
        // Alone, after and before others, and with a last line that has no end.
        for (text, count) in [
            (row, 1), (plain + row + plain, 1), (row + row + plain + row, 3), (plain + String(row.dropLast()), 1),
        ] {
            let decoding = FastDecoding.everyWay(
                Array(text.utf8), header: header, blockByteCounts: Array(1...row.utf8.count + 2) + [150, 200, 1 << 16])
            #expect(decoding.trips.count { $0 == Self.trip(region: region ?? "") } == (region == nil ? 0 : count))
            let rejectCount = decoding.rejects.count { $0.reason == RejectReason.regionControlCharacter.rawValue }
            #expect(decoding.rejects.count == rejectCount && rejectCount == (region == nil ? count : 0))
        }
    }

    @Test(
        "A row with quotes that is not usual is left to the full rules",
        arguments: [  // With ' for a quote, and … for the rest of a row after its region.
            ("'A'x…", "text after a closing quote"), ("'A…", "unterminated quote"),
            ("A'…", "quote inside an unquoted field"),
            ("x'A'…", "quote inside an unquoted field"),
            ("'A','''POINT (1 2)',POINT (1 2),2018-05-28 09:03:40,c", "origin is not POINT (longitude latitude)"),
            ("'A',POINT (1 2),POINT (1 2),'2018-05-28 09:03:40''',c", "datetime is not a date and time"),
            ("'A','POINT (1 2),',POINT (1 2),2018-05-28 09:03:40,c", "origin is not POINT (longitude latitude)"),
            ("'A'…'", "quote inside an unquoted field"),
            ("'A'…,", "more fields than the header"),
            ("'A'…,'x'", "more fields than the header"),
            ("'A',POINT (1 2),POINT (1 2),'2018-05-28 09:03:40'", "fewer fields than the header"),
            ("A,POINT (1 2),POINT (1 2),2018-05-28 09:03:40,''", "datasource is empty"),
            ("''…", "region is empty"),
            ("A,POINT (1 2),POINT (1 2),2018-05-28 09:03:40,'c'\r", "text after a closing quote"),
            ("A,POINT (1 2),POINT (1 2),2018-05-28 09:03:40,'c' ", "text after a closing quote"),
            ("A,'POINT (1 2)'\r,POINT (1 2),2018-05-28 09:03:40,c", "text after a closing quote"),
            ("'A',POINT (1 2),POINT (1 2),2018-05-28 09:03:40,c\r", "datasource has a control character"),
            ("'A',POINT (1 2),POINT (1 2),2018-05-28 09:03:40,\r", "datasource has a control character"),
            ("'A',POINT (1 2),POINT (1 2),2018-05-28 09:03:40,", "datasource is empty"),
        ])
    func unusual(row: String, reason: String) throws {
        let row = Self.quoted(row).replacing("…", with: CSVLayout.usualRest)
        let good = "\"Turin\"\(CSVLayout.usualRest)\r\n"
        let decoding = try FastDecoding.everyWay(good + row + "\r\n" + good + good)
        #expect(decoding.rejectLines == ["2: \(reason): \(row)"])
        #expect(decoding.regions == ["Turin", "Turin", "Turin"])
    }

    @Test(
        "Rows keep their order past the size of the row buffer, unusual ones at its edge or not",
        arguments: [1023, 1024, 1025, 2047, 2048, 2049, 5000])
    func rowBuffer(count: Int) throws {
        let header = try CSVLayout(CSVLayout.usualText)
        for unusualRows in [
            [], [0], [1022, 1023], [1023, 1024, 1025], [1024, 2048], Array(0..<count), Array(stride(from: 0, to: count, by: 3)),
        ] {
            let isUnusual = Set(unusualRows)
            var records = ""
            for row in 0..<count {
                let second = row % 60 < 10 ? "0\(row % 60)" : "\(row % 60)"
                let region = isUnusual.contains(row) ? "\"say \"\"\(row)\"\"\"" : "plain \(row)"
                records += "\(region),POINT (14.5 50.25),POINT(-1.5 2.125),2018-05-28 09:03:\(second),funny_car\n"
            }
            // The last row has no line end, so that it comes to a full buffer by another way.
            let decoding = FastDecoding.everyWay(
                Array(records.utf8.dropLast()), header: header, blockByteCounts: [500, 64 << 10])
            let expected = (0..<count).map { row in
                Self.trip(
                    region: isUnusual.contains(row) ? "say \"\(row)\"" : "plain \(row)",
                    time: 1_527_498_180_000_000 + Int64(row % 60) * 1_000_000)
            }
            #expect((decoding.trips == expected) == true, "unusual rows: \(unusualRows.prefix(5))")
            #expect(decoding.rejects.isEmpty && decoding.lineCount == count)
        }
    }

    @Test("Reading ends 64 bytes after a chunk, wherever a row is cut off")
    func guardedEnd() throws {
        let header = try CSVLayout(CSVLayout.usualText)
        let rows = [
            "Prague,POINT (-114.4973794438195123 -50.00136875782316123),POINT(1 2),2018-05-28 09:03:40,car\n",
            Self.quoted(
                "'A','POINT (14.5 50.25)','POINT(-114.497379443819512 50.001368757823161)','2018-05-28 09:03:40','car'\r\n"),
        ]
        for row in rows {
            for count in 0...row.utf8.count {
                let records = Array(row.utf8.prefix(count))
                // Padding that looks as if the row went on, digit after digit.
                for padding in [Array(row.utf8.dropFirst(count)), [], Array("POINT (1.5 ".utf8)] {
                    let behind = (padding + [UInt8](repeating: UInt8(ascii: "7"), count: 64)).prefix(64)
                    let decoding = GuardedBytes(records + behind).withBytes { span in
                        var decoder = CSVDecoder(layout: header)
                        var decoding = FastDecoding()
                        decoding.append(decoder.decode(padded: span, count: count))
                        return decoding
                    }
                    let expected = ReferenceCSVDecoder(records, header: header)
                    #expect(decoding.trips == expected.trips && decoding.rejects == expected.rejects)
                }
            }
        }
    }
}
