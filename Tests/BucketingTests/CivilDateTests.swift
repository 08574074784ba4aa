import Bucketing
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct CivilDateTests {
    @Test func pythonAgrees() throws {
        for row in try Fixture.rows("iso_weeks.csv") {
            let days = try #require(Int(row[1]))
            let date = CivilDate(daysSince1970: days)
            #expect(date.text == row[0])
            #expect(date.daysSince1970 == days)
        }
    }

    @Test func everyDayOfTheValidYearsFollowsTheOneBefore() throws {
        let first = try #require(CivilDate(year: 1, month: 1, day: 1))
        let last = try #require(CivilDate(year: 9999, month: 12, day: 31))
        var expected = (year: 1, month: 1, day: 1)
        for days in first.daysSince1970...last.daysSince1970 {
            let date = CivilDate(daysSince1970: days)
            let isNext = (date.year, date.month, date.day) == expected && date.daysSince1970 == days
            guard isNext, CivilDate.isValid(year: date.year, month: date.month, day: date.day) else {
                Issue.record("day \(days) is \(date), not \(expected)")
                return
            }
            expected.day += 1
            if expected.day > Self.daysInMonth(expected.year, expected.month) {
                expected = (expected.year, expected.month + 1, 1)
            }
            if expected.month > 12 { expected = (expected.year + 1, 1, 1) }
        }
        #expect(expected == (10_000, 1, 1))
    }

    @Test func daysInMonthFollowsTheTable() {
        for year in 1...2400 {
            for month in 1...12 {
                #expect(CivilDate.daysInMonth(year: year, month: month) == Self.daysInMonth(year, month), "\(year)-\(month)")
            }
        }
    }

    @Test(arguments: [
        (0, 1, 1), (10_000, 1, 1), (-5, 1, 1), (2018, 0, 1), (2018, 13, 1), (2018, 1, 0), (2018, 1, 32), (2018, 2, 29),
        (1900, 2, 29), (2018, 4, 31), (2018, -1, 1), (2018, 1, -1),
    ])
    func daysThatDoNotExistAreRefused(year: Int, month: Int, day: Int) {
        #expect(CivilDate(year: year, month: month, day: day) == nil)
    }

    @Test(arguments: [(2000, 2, 29), (2020, 2, 29), (1, 1, 1), (9999, 12, 31)])
    func daysThatExistAreMade(year: Int, month: Int, day: Int) throws {
        let date = try #require(CivilDate(year: year, month: month, day: day))
        #expect(CivilDate(daysSince1970: date.daysSince1970) == date)
    }

    private static func daysInMonth(_ year: Int, _ month: Int) -> Int {
        let isLeap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0)
        return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }
}
