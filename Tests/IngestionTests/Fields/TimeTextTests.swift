import Foundation
import Ingestion
import TestSupport
import Testing
import TripModel

/// Times in every form that publishers write, and what no form is.
@Suite(.timeLimit(.minutes(10)))
struct TimeTextTests {
    private static func microseconds(_ text: String, _ format: TimeFormat) throws(TimestampProblem) -> Int64 {
        try format.microseconds(of: TimeText(text.utf8Span.span))
    }

    /// What a text is: its microseconds, or what is wrong with it.
    private static func result(_ text: String, _ format: TimeFormat) -> Result<Int64, TimestampProblem> {
        Result { () throws(TimestampProblem) in try microseconds(text, format) }
    }

    @Test(
        "Every form of the catalogue is read",
        arguments: [
            "2015-01-09 17:03:16", "2015-01-09T17:03:16", "2015-01-09t17:03:16", " 2015-01-09 17:03:16 ",
            "'2015-01-09 17:03:16'",
            "2015-01-09 17:03:16.0", "2015-01-09 17:03:16.0000", "2015-01-09T17:03:16.000000000", "2015-1-9 17:03:16",
            "2015/01/09 17:03:16", "2015.01.09 17:03:16", "20150109170316", "20150109 170316", "1/9/2015 17:03:16",
            "01/09/2015 05:03:16 PM", "01-09-2015 5:03:16pm", "1/9/15 17:03:16", "1.9.2015 17:03:16", "1/9/2015 05:03:16 p.m.",
            "2015 January 09 05:03:16 PM", "2015 Jan 9 17:03:16", "9 Jan 2015 17:03:16", "09-Jan-15 17:03:16",
            "Fri, Jan 09, 2015, 5:03:16 PM", "Jan 9, 2015 17:03:16", "Friday, January 9, 2015 17:03:16",
        ])
    func forms(text: String) throws {
        #expect(try Self.microseconds(text, TimeFormat(dateOrder: .monthFirst)) == 1_420_822_996_000_000)
    }

    @Test(
        "What is not a time, or none that exists, is refused",
        arguments: [
            ("", .empty), (" \t", .empty), ("''", .empty), ("x", .malformed), ("2015", .malformed), ("17:03:16", .malformed),
            ("2015-01-09", .malformed), ("2015-01-09 ", .malformed), ("2015-01-09 17", .malformed), ("25:51.4", .malformed),
            ("2015-01-09 17:3", .malformed), ("2015-01-09 17:03:1", .malformed), ("2015-01/09 17:03", .malformed),
            ("2015-01-09 17:03:16.", .malformed), ("2015-01-09 17:03 XM", .malformed), ("9 Foo 2015 17:03", .malformed),
            ("2015-13-09 17:03", .impossible), ("2015-02-29 17:03", .impossible), ("2015-01-09 24:00", .impossible),
            ("2015-01-09 17:60", .impossible), ("2015-01-09 13:00 PM", .impossible), ("0/9/2015 17:03", .impossible),
            ("32/1/2015 17:03", .impossible), ("20150109176016", .impossible), ("12345678", .malformed), ("-1", .malformed),
            ("2015-01-09 17:03+99", .impossible), ("2015-01-09 17:03 CET", .malformed),
        ] as [(String, TimestampProblem)])
    func refused(text: String, problem: TimestampProblem) {
        #expect(Self.result(text, TimeFormat(dateOrder: .monthFirst, clock: .asWritten)) == .failure(problem))
    }

    @Test(
        "A moment becomes the clock that is asked for",
        arguments: [
            // text, open, as written, in UTC and in Kathmandu (+05:45), as seconds after 2015-01-09T17:00:00
            ("2015-01-09T17:00:00Z", nil, 0, 0, 20_700), ("2015-01-09 17:00:00 UTC", nil, 0, 0, 20_700),
            ("2015-01-09 17:00:00+00:00", nil, 0, 0, 20_700), ("2015-01-09 17:00:00 +0000 UTC", nil, 0, 0, 20_700),
            ("2015-01-09 17:00:00+02", 0, 0, -7200, 13_500), ("2015-01-09 17:00:00 -0330", 0, 0, 12_600, 33_300),
            ("1420822800", nil, 0, 0, 20_700), ("1420822800.5", nil, 0, 0, 20_700), ("1420822800250", nil, 0, 0, 20_700),
            ("1420822800000000", nil, 0, 0, 20_700),
        ] as [(String, Int64?, Int64, Int64, Int64)])
    func clocks(text: String, open: Int64?, asWritten: Int64, utc: Int64, kathmandu: Int64) throws {
        func second(_ clock: TimeFormat.Clock) throws -> Int64 {
            try Self.microseconds(text, TimeFormat(clock: clock)) / 1_000_000 - 1_420_822_800
        }
        if let open {
            #expect(try second(.open) == open)
        } else {
            #expect(throws: TimestampProblem.hasZone) { try second(.open) }
        }
        #expect(try second(.asWritten) == asWritten)
        #expect(try second(.zone(#require(ZoneRules(named: "UTC")))) == utc)
        #expect(try second(.zone(#require(ZoneRules(named: "Asia/Kathmandu")))) == kathmandu)
    }

    @Test("A date and a time of day in two columns are one time")
    func twoColumns() throws {
        func time(_ date: String, _ clock: String) throws -> Int64 {
            try TimeFormat(dateOrder: .dayFirst)
                .microseconds(date: TimeText(date.utf8Span.span), clock: TimeText(clock.utf8Span.span))
        }
        #expect(try time("31/08/22", "23:55:30") == 1_661_990_130_000_000)
        #expect(try time("2022-08-31", "11:55:30 PM") == 1_661_990_130_000_000)
        // The clock's column may repeat the date, but not have another.
        #expect(try time("2022-08-31", "2022-08-31 23:55:30") == 1_661_990_130_000_000)
        #expect(throws: TimestampProblem.malformed) { try time("2022-08-31", "2022-08-30 23:55:30") }
        #expect(throws: TimestampProblem.malformed) { try time("2022-08-31", "2022-08-31") }
    }

    @Test("Random moments in random forms are read as they were written")
    func roundTrip() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<20_000 {
            let second = Int64.random(in: 0..<3_000_000_000, using: &random)
            let (date, clock) = (ReferenceCalendar.date(day: Int(second / 86_400)), Int(second % 86_400))
            func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
            let isShort = Bool.random(using: &random)
            func some(_ number: Int) -> String { isShort ? "\(number)" : two(number) }
            let (month, day) = (some(date.month), some(date.day))
            let order = Bool.random(using: &random) ? ReadingOptions.DateOrder.monthFirst : .dayFirst
            let separator = ["/", "-", "."].randomElement(using: &random)!
            let dateText =
                [
                    [String(date.year), month, day],
                    order == .monthFirst ? [month, day, "\(date.year)"] : [day, month, "\(date.year)"],
                ].randomElement(using: &random)!.joined(separator: separator)
            let (hour, minute, seconds) = (clock / 3600, clock / 60 % 60, clock % 60)
            let digits = String(Int.random(in: 0..<1_000_000, using: &random) + 1_000_000).dropFirst()
            let count = Int.random(in: 1...6, using: &random)
            let fraction = Bool.random(using: &random) ? ".\(digits.prefix(count))" : ""
            let clockText =
                Bool.random(using: &random)
                ? "\(some(hour)):\(two(minute)):\(two(seconds))\(fraction)"
                : "\(some(hour % 12 == 0 ? 12 : hour % 12)):\(two(minute)):\(two(seconds))\(fraction) \(hour < 12 ? "AM" : "PM")"
            let text = dateText + " " + clockText
            let micro = fraction.isEmpty ? 0 : Int64(fraction.dropFirst().padding(toLength: 6, withPad: "0", startingAt: 0))!
            let result = Self.result(text, TimeFormat(dateOrder: order))
            #expect(result == .success(second * 1_000_000 + micro), "seed \(seed): \(text)")
        }
    }

    @Test("Where our own form's parser reads a time, this one reads the same")
    func ownForm() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        let alphabet = Array("0123456789--::  TtZ.+/".utf8)
        for _ in 0..<50_000 {
            var bytes = Array("2018-05-28 09:03:40.25".utf8)
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                bytes[.random(in: 0..<bytes.count, using: &random)] = alphabet.randomElement(using: &random)!
            }
            bytes = Array(bytes.prefix(.random(in: 0...bytes.count, using: &random)))
            guard let own = try? TimestampParser.microseconds(of: bytes.span) else { continue }
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(Self.result(text, TimeFormat()) == .success(own), "seed \(seed): \(text)")
        }
    }

    @Test("Any bytes are read or refused")
    func anyBytes() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        let alphabet = Array("0123456789-/:. ,'TZAPMapmjanJANUTC+".utf8) + [0, 0xFF, 0xC3]
        for _ in 0..<200_000 {
            let bytes = (0..<Int.random(in: 0...30, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
            guard let text = try? TimeText(bytes.span) else { continue }
            for format in [TimeFormat(dateOrder: .dayFirst, clock: .asWritten), TimeFormat()] {
                guard let time = try? format.microseconds(of: text) else { continue }
                #expect(abs(time) < 400_000_000_000_000_000, "seed \(seed): \(bytes)")
            }
        }
    }
}

/// What the values of a column prove.
@Suite(.timeLimit(.minutes(10)))
struct TimeFactsTests {
    private static func format(_ values: [String], _ change: (inout ReadingOptions) -> Void = { _ in }) throws -> TimeFormat {
        var facts = TimeFacts()
        for (index, value) in values.enumerated() { facts.note(value.utf8Span.span, line: index + 2) }
        var options = ReadingOptions()
        change(&options)
        return try facts.format(column: "Start Time", options: options)
    }

    @Test("One value proves the order of all")
    func proven() throws {
        #expect(try Self.format(["1/2/2020 8:00", "1/13/2020 8:00"]) == TimeFormat(dateOrder: .monthFirst))
        #expect(try Self.format(["13-01-2020 8:00", "01-02-2020 8:00"]) == TimeFormat(dateOrder: .dayFirst))
        #expect(try Self.format(["2020-01-02 8:00", "Jan 2, 2020 8:00"]) == TimeFormat())
        #expect(try Self.format(["1/2/2020 8:00"]) { $0.dateOrder = .dayFirst } == TimeFormat(dateOrder: .dayFirst))
        // Two forms, each proven.
        #expect(try Self.format(["1/13/2020 8:00", "01-14-2020 8:00"]) == TimeFormat(dateOrder: .monthFirst))
    }

    @Test(
        "What no value proves is a question that shows one, and both orders are an error that shows two",
        arguments: [
            (["1/2/2020 8:00"], "date_order", "1/2/2020 8:00", "no value proves either"),
            (["1/13/2020 8:00", "13/1/2020 8:00"], "date_order", "1/13/2020 8:00", "13/1/2020 8:00 (line 3)"),
            (["1/13/2020 8:00", "13-1-2020 8:00"], "date_order", "1/13/2020 8:00", "13-1-2020 8:00 (line 3)"),
            (["1500000000"], "time_zone", "1500000000", "count from 1970"),
            (["2020-01-01 00:00:00", "2020-01-01 00:00:00Z"], "time_zone", "2020-01-01 00:00:00Z", "are in UTC"),
            (["2020-01-01 00:00 UTC"], "time_zone", "2020-01-01 00:00 UTC", "counted by local time"),
        ] as [([String], String, String?, String)])
    func questions(values: [String], option: String, example: String?, part: String) throws {
        let question = try #require(throws: FormatQuestion.self) { try Self.format(values) }
        #expect(
            question.option == option && question.column == "Start Time" && question.isAnswerable != part.contains("(line 3)"))
        if let example { #expect(question.example == example) }
        #expect(question.sentence.contains(part))
    }

    @Test("A zone is the answer, if the system knows it; an offset needs none")
    func zones() throws {
        #expect(try Self.format(["1500000000"]) { $0.timeZone = "as-written" }.clock == .asWritten)
        let oslo = try #require(ZoneRules(named: "Europe/Oslo"))
        #expect(try Self.format(["1500000000"]) { $0.timeZone = "Europe/Oslo" }.clock == .zone(oslo))
        #expect(throws: FormatQuestion.self) { try Self.format([]) { $0.timeZone = "Europe/Olso" } }
        // In a column with +01:00, +00:00 is the same city's in another season; with +02:00 it is not.
        #expect(try Self.format(["2020-01-01 00:00+01:00", "2020-01-01 00:00+00:00"]).clock == .asWritten)
        #expect(try Self.format(["2020-01-01 00:00+02:00", "2020-01-01 00:00+03:00"]).clock == .asWritten)
        #expect(throws: FormatQuestion.self) { try Self.format(["2020-01-01 00:00+02:00", "2020-01-01 00:00Z"]) }
    }
}
