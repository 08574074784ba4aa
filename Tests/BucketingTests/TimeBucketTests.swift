import Bucketing
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5)))
struct TimeBucketTests {
    private static let seed: UInt64 = 4

    @Test(
        arguments: [
            ("2018-05-28T09:03:40", 60, 9, "09:00:00", "2018-05-28T09:00:00"),
            ("2018-05-28T09:03:40", 15, 36, "09:00:00", "2018-05-28T09:00:00"),
            ("2018-05-28T23:59:59.999999", 1, 1439, "23:59:00", "2018-05-28T23:59:00"),
            ("2018-05-28T23:59:59.999999", 1440, 0, "00:00:00", "2018-05-28T00:00:00"),
            ("2018-05-28T00:00:00", 480, 0, "00:00:00", "2018-05-28T00:00:00"),
            ("1969-12-31T23:59:59", 60, 23, "23:00:00", "1969-12-31T23:00:00"),
            ("1969-12-31T00:00:00", 90, 0, "00:00:00", "1969-12-31T00:00:00"),
            ("0001-01-01T08:15:00", 5, 99, "08:15:00", "0001-01-01T08:15:00"),
        ] as [(String, Int, Int32, String, String)])
    func timesFallIntoBuckets(time: String, minutes: Int, index: Int32, ofDay: String, start: String) throws {
        let bucket = try #require(TimeBucket(minutes: minutes))
        let microseconds = try #require(LocalDateTime.microseconds(parsing: time))
        #expect(bucket.indexOfDay(microseconds: microseconds) == index)
        #expect(bucket.text(indexOfDay: index) == ofDay)
        #expect(LocalDateTime.text(microseconds: bucket.start(microseconds: microseconds)) == start)
    }

    @Test func bucketsTileTheDay() throws {
        var generator = SeededGenerator(seed: Self.seed)
        for minutes in 1...1440 where 1440 % minutes == 0 {
            let bucket = try #require(TimeBucket(minutes: minutes))
            let width = Int64(minutes) * 60_000_000
            #expect(bucket.countPerDay * minutes == 1440)
            for _ in 0..<200 {
                let time = Int64.random(in: -62_135_596_800_000_000..<253_402_300_800_000_000, using: &generator)
                let start = bucket.start(microseconds: time)
                #expect(start <= time && time < start + width, "\(time) in \(minutes) min (seed \(Self.seed))")
                let midnight = Int64(LocalDateTime.day(of: time)) * 86_400_000_000
                let index = bucket.indexOfDay(microseconds: time)
                #expect(midnight + Int64(index) * width == start, "\(time) in \(minutes) min (seed \(Self.seed))")
            }
        }
    }

    @Test(arguments: [0, -60, 7, 1441, 2880, .max, .min])
    func lengthsThatDoNotDivideTheDayAreRefused(minutes: Int) {
        #expect(TimeBucket(minutes: minutes) == nil)
    }
}
