import Bucketing
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct LocalDateTimeTests {
    private static let seed: UInt64 = 5
    private static let may28: Int64 = 17_679 * 86_400_000_000

    @Test(
        arguments: [
            ("2018-05-28", 0), ("2018-05-28T09:03", 32_580_000_000), ("2018-05-28 09:03", 32_580_000_000),
            ("2018-05-28 09:03:40", 32_620_000_000), ("2018-05-28T09:03:40", 32_620_000_000),
            ("2018-05-28T09:03:40.5", 32_620_500_000), ("2018-05-28T09:03:40.000001", 32_620_000_001),
            ("2018-05-28T09:03:40.123456789", 32_620_123_456), ("2018-05-28T09:03:40.0000009", 32_620_000_000),
            ("2018-05-28T23:59:59.999999999", 86_399_999_999), ("1970-01-01", -may28),
            ("1969-12-31T23:59:59.25", -may28 - 750_000),
        ] as [(String, Int64)])
    func formsAreRead(text: String, sinceMay28: Int64) {
        #expect(LocalDateTime.microseconds(parsing: text) == Self.may28 + sinceMay28)
    }

    @Test(arguments: [
        "", "2018", "2018-05", "2018-5-28", "18-05-28", "2018-05-28T", "2018-05-28 ", " 2018-05-28", "2018-05-28T09",
        "2018-05-28T9:03",
        "2018-05-28T09:03:", "2018-05-28T09:03:4", "2018-05-28T09:03:40.", "2018-05-28T09:03:40.1234567890",
        "2018-05-28T09:03:40,5",
        "2018-05-28T09:03.5", "2018-05-28T09:03:40Z", "2018-05-28T09:03:40+01:00", "2018-05-28t09:03", "2018-05-28T24:00:00",
        "2018-05-28T09:60:00", "2018-05-28T09:03:60", "2018-02-29", "2018-13-01", "2018-00-01", "2018-01-00", "0000-01-01",
        "12018-05-28", "-018-05-28", "2018/05/28", "20180528", "2018-05-28  09:03", "2018-05-28T09:03:40.-5", "２018-05-28",
        "2018-05-28T09:03:40.0000000000000000000000000000000",
    ])
    func otherTextsAreRefused(text: String) {
        #expect(LocalDateTime.microseconds(parsing: text) == nil)
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00"), (-1, "1969-12-31T23:59:59.999999"), (500_000, "1970-01-01T00:00:00.5"),
            (10, "1970-01-01T00:00:00.00001"), (may28 + 32_620_000_000, "2018-05-28T09:03:40"), (may28, "2018-05-28T00:00:00"),
        ] as [(Int64, String)])
    func textsAreWritten(microseconds: Int64, text: String) {
        #expect(LocalDateTime.text(microseconds: microseconds) == text)
        let blank = LocalDateTime.text(microseconds: microseconds, separator: " ")
        #expect(blank == text.split(separator: "T").joined(separator: " "))
    }

    @Test func textReadsBack() {
        var generator = SeededGenerator(seed: Self.seed)
        for _ in 0..<20_000 {
            var time = Int64.random(in: -62_135_596_800_000_000..<253_402_300_800_000_000, using: &generator)
            if Bool.random(using: &generator) { time -= LocalDateTime.timeOfDay(of: time) % 1_000_000 }
            let text = LocalDateTime.text(microseconds: time, separator: Bool.random(using: &generator) ? "T" : " ")
            #expect(LocalDateTime.microseconds(parsing: text) == time, "\(text) (seed \(Self.seed))")
        }
    }

    @Test(arguments: [Int64.min, .max, -1, 0, 1])
    func partsMakeUpTheTime(microseconds: Int64) {
        let timeOfDay = LocalDateTime.timeOfDay(of: microseconds)
        #expect((0..<86_400_000_000).contains(timeOfDay))
        let (start, _) = Int64(LocalDateTime.day(of: microseconds)).multipliedReportingOverflow(by: 86_400_000_000)
        #expect(start &+ timeOfDay == microseconds)
        #expect(!LocalDateTime.text(microseconds: microseconds).isEmpty)
    }
}
