import Bucketing
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ISOWeekTests {
    private static let day: Int64 = 86_400_000_000

    @Test func pythonAgrees() throws {
        for row in try Fixture.rows("iso_weeks.csv") {
            let days = try #require(Int64(row[1]))
            for microseconds in [days * Self.day, (days + 1) * Self.day - 1] {
                let week = ISOWeek(microseconds: microseconds)
                #expect(week.text == row[2], "\(row)")
                #expect(week.startText == row[3], "\(row)")
            }
        }
    }

    @Test(
        arguments: [
            // days since 1970, microseconds, week
            (0, 0, 0), (-1, 0, 0), (-3, 0, 0), (-3, -1, -1), (-10, 0, -1), (-11, 0, -2), (3, day - 1, 0), (4, 0, 1), (11, 0, 2),
        ] as [(Int64, Int64, Int32)])
    func weeksStartOnMondays(days: Int64, microseconds: Int64, index: Int32) {
        #expect(ISOWeek(microseconds: days * Self.day + microseconds).index == index)
    }

    @Test func weekNamesItsParts() {
        let week = ISOWeek(microseconds: 1_527_498_220_000_000)
        #expect(week.text == "2018-W22" && week.startText == "2018-05-28")
        #expect(week.isoYear == 2018 && week.isoWeek == 22)
        #expect(week.mondayDay == 17_679)
        #expect(week.startMicroseconds == 17_679 * Self.day)
        #expect(week < ISOWeek(index: week.index + 1))
    }

    @Test(arguments: [Int64.min, .max])
    func theEndsOfTimeDoNotTrap(microseconds: Int64) {
        let week = ISOWeek(microseconds: microseconds)
        #expect((week.startMicroseconds < 0) == (microseconds < 0))
        #expect(week.startMicroseconds <= microseconds)
        #expect(!week.text.isEmpty)
    }
}
