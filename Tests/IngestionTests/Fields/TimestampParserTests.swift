import Ingestion
import Testing
import TripModel

/// Local times as text to microseconds.
@Suite(.timeLimit(.minutes(10)))
struct TimestampParserTests {
    private static func microseconds(_ text: [UInt8]) throws(TimestampProblem) -> Int64 {
        try TimestampParser.microseconds(of: text.span)
    }

    private static func records(_ texts: [String]) -> [UInt8] {
        var records: [UInt8] = []
        for text in texts { records += "r,POINT (1 2),POINT (1 2),\(text),d\n".utf8 }
        return records
    }

    /// Decodes rows with these times.
    private static func decode(_ texts: [String]) throws -> DecodedChunk {
        var decoder = CSVDecoder(layout: try CSVLayout(CSVLayout.usualText))
        return decoder.decode(records(texts))
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    private static func dayCount(_ year: Int, _ month: Int) -> Int {
        let isLeap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0)
        return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }

    @Test(
        "Every documented shape is read",
        arguments: [
            ("1970-01-01 00:00:00", 0), ("1970-01-01 00:00", 0), ("1970-01-01T00:00:01", 1_000_000),
            ("1970-01-01t00:01", 60_000_000),
            ("1969-12-31 23:59:59", -1_000_000), ("1969-12-31 23:59:59.999999", -1),
            ("2018-05-28 09:03:40", 1_527_498_220_000_000),
            ("2018-05-28T09:03:40", 1_527_498_220_000_000), ("2018-05-28t09:03:40", 1_527_498_220_000_000),
            ("2018-05-28T09:03", 1_527_498_180_000_000), ("  2018-05-28 09:03:40\t", 1_527_498_220_000_000),
            (" 2018-05-28 09:03", 1_527_498_180_000_000), ("0001-01-01 00:00:00", -62_135_596_800_000_000),
            ("9999-12-31 23:59:59.999999", 253_402_300_799_999_999), ("2000-02-29 12:00:00", 951_825_600_000_000),
        ] as [(String, Int64)])
    func shapes(text: String, expected: Int64) throws {
        #expect(try Self.microseconds(Array(text.utf8)) == expected)
        #expect(try ReferenceCSVDecoder.time(Array(text.utf8)) == expected)
        let decoding = try FastDecoding.everyWay(
            "r,POINT (1 2),POINT (1 2),\(text),d\nr,POINT (1 2),POINT (1 2),\"\(text)\",d\r\n")
        #expect(decoding.trips.map(\.time) == [expected, expected])
    }

    @Test("A fraction has one to nine digits, of which those past the microsecond are dropped", arguments: 0...12)
    func fractions(digitCount: Int) throws {
        for digits in ["123456789123", "000000999999", "999999999999", "500000000000", "000000000000"] {
            let text = "2018-05-28 09:03:40." + digits.prefix(digitCount)
            let decoding = try FastDecoding.everyWay("r,POINT (1 2),POINT (1 2),\(text),d\n")
            if (1...9).contains(digitCount) {
                let microseconds = Int64((digits.prefix(digitCount) + "000000").prefix(6))!
                #expect(try Self.microseconds(Array(text.utf8)) == 1_527_498_220_000_000 + microseconds)
                #expect(decoding.trips.map(\.time) == [1_527_498_220_000_000 + microseconds])
            } else {
                #expect(throws: TimestampProblem.malformed) { try Self.microseconds(Array(text.utf8)) }
                #expect(decoding.rejects.map(\.reason) == [RejectReason.timeMalformed.rawValue])
            }
        }
    }

    @Test(
        "Text that is not a local time is refused with a reason",
        arguments: [
            ("", .empty), (" \t ", .empty),
            ("2018-05-28", .malformed), ("2018-05-28 ", .malformed), ("2018-05-28 09", .malformed),
            ("2018-05-28 09:", .malformed),
            ("2018-05-28 09:0", .malformed), ("2018-05-28 09:03:", .malformed), ("2018-05-28 09:03:4", .malformed),
            ("2018-05-28 9:03:40", .malformed), ("2018-5-28 09:03:40", .malformed), ("18-05-28 09:03:40", .malformed),
            ("02018-05-28 09:03:40", .malformed), ("+2018-05-28 09:03:40", .malformed), ("-2018-05-28 09:03:40", .malformed),
            ("2018/05/28 09:03:40", .malformed), ("28.05.2018 09:03", .malformed), ("2018-05-28_09:03:40", .malformed),
            ("2018-05-28  09:03:40", .malformed), ("2018-05-28\t09:03:40", .malformed), ("20180528T090340", .malformed),
            ("2018-05-28 09:03:40,5", .malformed), ("2018-05-28 09:03.5", .malformed), ("2018-05-28 09:03:40:00", .malformed),
            ("2018-05-28 09:03:40.", .malformed), ("2018-05-28 09:03:40.Z", .malformed), ("2018-05-28 09:03:40 AM", .malformed),
            ("2018-05-28 09:03:40 CEST", .malformed), ("2018-05-28 09:03:40 EST", .malformed),
            ("2018-05-28 09:03:40+2", .malformed),
            ("2018-05-28 09:03:40+020", .malformed), ("2018-05-28 09:03:40+02:0", .malformed),
            ("2018-05-28 09:03:40+02:000", .malformed),
            ("2018-05-28 09:03:40+02-00", .malformed), ("2018-05-28 09:03:40*02:00", .malformed),
            ("2018-05-28 09:03:40UTX", .malformed),
            ("1527498220", .malformed), ("yesterday", .malformed), ("2018-W22-1 09:03", .malformed),
            ("٢٠١٨-05-28 09:03:40", .malformed),
            ("2018-05-28 09:03:40Z", .hasZone), ("2018-05-28 09:03:40z", .hasZone), ("2018-05-28T09:03Z", .hasZone),
            ("2018-05-28 09:03:40.5Z", .hasZone), ("2018-05-28 09:03:40 Z", .hasZone), ("2018-05-28 09:03:40 UTC", .hasZone),
            ("2018-05-28 09:03:40utc", .hasZone), ("2018-05-28 09:03:40 GMT", .hasZone), ("2018-05-28 09:03:40 gmt ", .hasZone),
            ("2018-05-28 09:03:40+02", .hasZone), ("2018-05-28 09:03:40-0500", .hasZone),
            ("2018-05-28 09:03:40\t+02:00", .hasZone),
            ("2018-05-28 09:03+02:00", .hasZone), ("2018-02-30 09:03:40Z", .hasZone),
            ("0000-01-01 00:00:00", .impossible), ("2018-00-10 01:01:01", .impossible), ("2018-13-01 01:01:01", .impossible),
            ("2018-99-01 01:01", .impossible), ("2018-05-00 01:01:01", .impossible), ("2018-05-32 01:01:01", .impossible),
            ("2018-04-31 01:01:01", .impossible), ("2018-02-29 01:01:01", .impossible), ("1900-02-29 01:01:01", .impossible),
            ("2018-05-28 24:00:00", .impossible), ("2018-05-28 24:00", .impossible), ("2018-05-28 23:60:00", .impossible),
            ("2018-05-28 23:59:60", .impossible), ("2018-05-28 99:99:99", .impossible), ("2016-12-31 23:59:60.5", .impossible),
        ] as [(String, TimestampProblem)])
    func problems(text: String, problem: TimestampProblem) throws {
        #expect(throws: problem) { try Self.microseconds(Array(text.utf8)) }
        #expect(throws: problem) { try ReferenceCSVDecoder.time(Array(text.utf8)) }
        let decoding = try FastDecoding.everyWay("r,POINT (1 2),POINT (1 2),\"\(text)\",d\n")
        let reasons: [TimestampProblem: RejectReason] = [
            .empty: .timeEmpty, .malformed: .timeMalformed, .hasZone: .timeHasZone, .impossible: .timeImpossible,
        ]
        #expect(decoding.rejects.map(\.reason) == [reasons[problem]!.rawValue])
    }

    @Test("Every day from 1600 to 2400 follows the one before, and days that months don't have are refused")
    func everyDay() throws {
        var texts: [String] = []
        var expected: [Int64] = []
        // 1600-01-01; the years from there to 1970 have 90 leap days.
        var day = Int64(-(370 * 365 + 90))
        for year in 1600...2400 {
            for month in 1...12 {
                for dayOfMonth in 0...33 {
                    let text = "\(year)-\(Self.two(month))-\(Self.two(dayOfMonth)) 09:03:40"
                    texts.append(text)
                    if (1...Self.dayCount(year, month)).contains(dayOfMonth) {
                        expected.append((day * 86_400 + 9 * 3600 + 3 * 60 + 40) * 1_000_000)
                        if try Self.microseconds(Array(text.utf8)) != expected.last! { Issue.record("\(text)") }
                        day += 1
                    } else {
                        #expect(throws: TimestampProblem.impossible) { try Self.microseconds(Array(text.utf8)) }
                    }
                }
            }
        }
        #expect((try Self.decode(texts).batch.rows.map(\.time) == expected) == true)
    }

    @Test("In rows, whose months are remembered, a month is not taken for another one, however they follow each other")
    func rememberedMonths() throws {
        var texts: [String] = []
        for lastDigit in 0...9 {
            for month in 1...12 {
                // Years with the same last digit share what their months are found by.
                for decade in [190, 191, 192, 200, 201, 202, 203, 220, 240, 201, 199, 200] {
                    for day in [1, 28, 29, 30, 31] {
                        texts.append("\(decade)\(lastDigit)-\(Self.two(month))-\(day < 10 ? "01" : "\(day)") 00:00:00")
                    }
                }
            }
        }
        let chunk = try Self.decode(texts)
        #expect(chunk.batch.rows.map(\.time) == texts.compactMap { try? Self.microseconds(Array($0.utf8)) })
        #expect(chunk.rowCount == texts.count)
    }

    @Test("Every second of a day is read, and no second is that the clock doesn't have")
    func everySecond() throws {
        var texts: [String] = []
        for hour in 0..<24 {
            for minute in 0..<60 {
                for second in 0..<60 { texts.append("1970-01-01 \(Self.two(hour)):\(Self.two(minute)):\(Self.two(second))") }
            }
        }
        #expect(try Self.decode(texts).batch.rows.map(\.time) == (0..<86_400).map { $0 * 1_000_000 })
        let beyond =
            (24...99).map { "1970-01-01 \($0):00:00" } + (60...99).map { "1970-01-01 00:\($0):00" }
            + (60...99).map { "1970-01-01 00:00:\($0)" } + (34...99).map { "1970-01-\($0) 00:00:00" }
            + (13...99).map { "1970-\($0)-01 00:00:00" }
        let chunk = try Self.decode(beyond)
        #expect(chunk.batch.count == 0)
        #expect(chunk.rejects.map(\.reason) == beyond.map { _ in RejectReason.timeImpossible.rawValue })
    }

    @Test(
        "Any byte anywhere in a time is treated as by the reference", arguments: ["2018-05-28 09:03:40", "1999-12-31T23:59:59"])
    func everyByte(text: String) throws {
        let header = try CSVLayout(CSVLayout.usualText)
        var records: [UInt8] = []
        for position in 0..<19 {
            for byte in UInt8.min...UInt8.max {
                var bytes = Array(text.utf8)
                bytes[position] = byte
                let actual = Result { () throws(TimestampProblem) in try Self.microseconds(bytes) }
                let expected = Result { () throws(TimestampProblem) in try ReferenceCSVDecoder.time(bytes) }
                if actual != expected { Issue.record("byte \(byte) at \(position): \(actual), not \(expected)") }
                records += Array("r,POINT (1 2),POINT (1 2),".utf8) + bytes + Array(",d\n".utf8)
            }
        }
        var decoder = CSVDecoder(layout: header)
        var decoding = FastDecoding()
        decoding.append(decoder.decode(records))
        CSVDecoderPropertyTests.compare(decoding, ReferenceCSVDecoder(records, header: header), "a byte of \(text)")
    }
}
