import Foundation
import Ingestion
import TestSupport
import Testing

/// Clocks of time zones, from the system's database.
@Suite(.timeLimit(.minutes(10)))
struct ZoneRulesTests {
    @Test(
        "Clocks change at the known moments, also in years past the listed ones",
        arguments: [
            ("Europe/Oslo", "2024-03-31T01:00:00Z", 3600, 7200), ("Europe/Oslo", "2024-10-27T01:00:00Z", 7200, 3600),
            ("Europe/Oslo", "2050-03-27T01:00:00Z", 3600, 7200), ("America/New_York", "2024-03-10T07:00:00Z", -18_000, -14_400),
            ("America/New_York", "2006-04-02T07:00:00Z", -18_000, -14_400),
            ("America/Chicago", "2013-11-03T07:00:00Z", -18_000, -21_600),
            ("America/Mexico_City", "2022-10-30T07:00:00Z", -18_000, -21_600),
            ("Australia/Sydney", "2024-04-06T16:00:00Z", 39_600, 36_000),
            ("Australia/Sydney", "2101-04-02T16:00:00Z", 39_600, 36_000),
            ("Asia/Singapore", "1981-12-31T16:00:00Z", 27_000, 28_800),
        ])
    func changes(name: String, moment: String, before: Int, after: Int) throws {
        let rules = try #require(ZoneRules(named: name))
        let second = Int64(try Date(moment, strategy: .iso8601).timeIntervalSince1970)
        #expect((rules.offset(atSecond: second - 1), rules.offset(atSecond: second)) == (before, after))
    }

    @Test(
        "Offsets are those of Foundation",
        arguments: ["Europe/Lisbon", "America/Toronto", "America/Sao_Paulo", "Asia/Seoul", "UTC"])
    func foundation(name: String) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        let rules = try #require(ZoneRules(named: name))
        let zone = try #require(TimeZone(identifier: name))
        for _ in 0..<2000 {
            // 1990 to 2020: every edition of the database has the same rules for these years.
            let second = Int64.random(in: 631_152_000..<1_577_836_800, using: &random)
            let expected = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(second)))
            #expect(rules.offset(atSecond: second) == expected, "seed \(seed): \(second)")
        }
    }

    @Test(
        "A name that is none of the database has no rules",
        arguments: ["", "Europe/Olso", "/etc/passwd", "../zoneinfo/UTC", "a\u{0}b"])
    func unknown(name: String) { #expect(ZoneRules(named: name) == nil) }
}
